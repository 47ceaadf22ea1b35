//! What others advertise on an interface: a socket beside those of the virtual routers, for whoever has time.
//!
//! The kernel drops what those hear anyway, so it costs nothing while only our own boxes speak.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;

use nix::sys::socket::{SockaddrStorage, recvfrom};
use socket2::SockFilter;
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::bpf::{
    LOAD_OCTET, LOAD_OCTET_AT_X, LOAD_WORD, LOAD_X_HEADER_LEN, NETWORK_HEADER, drop, jump, op, pass,
};
use super::socket::multicast_receiver;
use crate::advertisement::{Advertisement, TTL};
use crate::checksum::ChecksumForm;
use crate::envelope::Envelope;
use crate::family::Family;
use crate::types::Vrid;

/// Hears the routers of an interface that are none of ours.
#[derive(Debug)]
pub struct Overhearing {
    /// To the runtime it is a datagram socket like any other.
    socket: UdpSocket,
    interface: String,
    index: u32,
    family: Family,
    buffer: Vec<u8>,
}

/// Who is not listened to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Our virtual routers of this family on this interface.
    pub vrids: Vec<Vrid>,
    /// Our boxes there. If they are known, whoever else uses one of our VRIDs is overheard; over IPv4 only.
    pub boxes: Vec<Ipv4Addr>,
}

impl Overhearing {
    /// Joins the group of this family on the interface.
    ///
    /// # Errors
    /// When there is no such interface, or it cannot be listened to.
    pub fn open(interface: &str, family: Family, known: &Known) -> io::Result<Self> {
        let index = nix::net::if_::if_nametoindex(interface)?;
        let socket = multicast_receiver(interface, index, family)?;
        socket.attach_filter(&program(family, known))?;
        let socket = UdpSocket::from_std(socket.into())?;
        let interface = interface.to_owned();
        Ok(Self { socket, interface, index, family, buffer: vec![0; PACKET_MAX] })
    }

    /// Whether the interface is gone, or another one has its name.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        nix::net::if_::if_nametoindex(self.interface.as_str()) != Ok(self.index)
    }

    /// The next advertisement, and who sent it; `None` for a packet that is no valid one. Cancel-safe.
    ///
    /// # Errors
    /// When the interface is gone, for example.
    pub async fn next(&mut self) -> io::Result<Option<(IpAddr, Advertisement, ChecksumForm)>> {
        let Self { socket, buffer, family, .. } = self;
        let read = || Ok(recvfrom::<SockaddrStorage>(socket.as_raw_fd(), buffer)?);
        let (len, sender) = socket.async_io(Interest::READABLE, read).await?;
        let packet = &buffer[..len];
        let opened = match family {
            Family::Ipv4 => Envelope::from_ipv4(packet).ok(),
            // The filter has looked at the hop limit; the checksum covers the destination.
            Family::Ipv6 => {
                sender.as_ref().and_then(SockaddrStorage::as_sockaddr_in6).map(|from| {
                    let (source, destination) = (from.ip().into(), Family::Ipv6.multicast_group());
                    (Envelope { source, destination, ttl: TTL }, packet)
                })
            }
        };
        Ok(opened.and_then(|(envelope, payload)| {
            let (advert, form) = Advertisement::decode(payload, &envelope).ok()?;
            Some((envelope.source, advert, form))
        }))
    }
}

fn program(family: Family, known: &Known) -> Vec<SockFilter> {
    let mut program = match family {
        // The packet begins with its IP header, whose length goes into X.
        Family::Ipv4 => vec![op(LOAD_X_HEADER_LEN, 0), op(LOAD_OCTET_AT_X, VRID_AT)],
        // The kernel keeps the IP header to itself, but a filter sees it.
        Family::Ipv6 => vec![
            op(LOAD_OCTET, NETWORK_HEADER + HOP_LIMIT_AT),
            jump(TTL.into(), 1, 0),
            drop(),
            op(LOAD_OCTET, VRID_AT),
        ],
    };
    let mut to_ours = u8::try_from(known.vrids.len()).unwrap_or(u8::MAX);
    for vrid in known.vrids.iter().take(usize::from(u8::MAX)) {
        program.push(jump(vrid.value().into(), to_ours, 0));
        to_ours -= 1;
    }
    program.push(pass());
    if family == Family::Ipv6 || known.boxes.is_empty() {
        program.push(drop());
        return program;
    }
    program.push(op(LOAD_WORD, SOURCE_AT));
    for source in known.boxes.iter().take(BOXES_MAX) {
        program.extend([jump(source.to_bits(), 0, 1), drop()]);
    }
    program.push(pass());
    program
}

/// An advertisement with 255 IPv6 addresses and the longest IPv4 header fits.
const PACKET_MAX: usize = 4608;

/// More boxes than share a virtual router; those beyond count as strangers.
const BOXES_MAX: usize = 64;

// Where things stand.
const VRID_AT: u32 = 1;
const SOURCE_AT: u32 = 12;
const HOP_LIMIT_AT: u32 = 7;
