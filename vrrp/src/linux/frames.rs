//! Ethernet frames: the announcements and questions that we send, and what others say of addresses that we watch.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockaddrLike, SockaddrStorage, bind, recv, send,
};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::bpf::{LOAD_OCTET, LOAD_WORD, OTHER_HOST, PACKET_TYPE, drop, jump, op, pass};
use crate::announce::{ArpForm, gratuitous_arp, unsolicited_na};
use crate::family::Family;
use crate::mac::Mac;
use crate::neighbour::Neighbour;

/// A packet socket on one interface. It wakes for claims of the addresses that are watched, and for nothing else.
#[derive(Debug)]
pub(super) struct FrameSocket {
    /// To the runtime it is a datagram socket like any other.
    socket: UdpSocket,
    family: Family,
    watched: BTreeSet<IpAddr>,
    /// Frames that may be read before the next pause.
    allowance: usize,
    pause: Interval,
    buffer: [u8; FRAME_MAX],
}

/// A host of the link says that it has this address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) address: IpAddr,
    pub(super) mac: Mac,
}

impl FrameSocket {
    /// Watches nothing at first.
    pub(super) fn open(name: &str, family: Family) -> io::Result<Self> {
        let socket = packet_socket(name, ethertype(family))?;
        let mut pause = interval(PAUSE);
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            socket: UdpSocket::from_std(socket.into())?,
            family,
            watched: BTreeSet::new(),
            allowance: FRAMES_MAX,
            pause,
            buffer: [0; FRAME_MAX],
        })
    }

    pub(super) fn send(&self, frame: &[u8]) -> io::Result<()> {
        send(self.socket.as_raw_fd(), frame, MsgFlags::empty())?;
        Ok(())
    }

    /// Tells the link that `address` is at `mac`, over IPv6 as a router if the interface forwards.
    pub(super) fn announce(&self, mac: Mac, address: IpAddr, forwards: bool) -> io::Result<()> {
        match address {
            IpAddr::V4(address) => [ArpForm::Request, ArpForm::Reply]
                .into_iter()
                .try_for_each(|form| self.send(&gratuitous_arp(mac, address, form))),
            IpAddr::V6(address) => self.send(&unsolicited_na(mac, address, forwards)),
        }
    }

    /// Claims of those of these addresses that are of its family are of interest from now on.
    pub(super) fn watch(&mut self, addresses: &BTreeSet<IpAddr>) -> io::Result<()> {
        if self.watched != *addresses {
            socket2::SockRef::from(&self.socket).attach_filter(&filter(self.family, addresses))?;
            self.watched.clone_from(addresses);
        }
        Ok(())
    }

    /// The next claim. Cancel-safe. A flood of frames costs no more than [`FRAMES_MAX`] in each [`PAUSE`].
    pub(super) async fn claim(&mut self) -> Claim {
        loop {
            if self.allowance == 0 {
                self.pause.tick().await;
                self.allowance = FRAMES_MAX;
            }
            let Self { socket, buffer, .. } = self;
            let result = socket.async_io(Interest::READABLE, || read(socket, buffer)).await;
            if let Some(claim) = self.judge(result) {
                return claim;
            }
        }
    }

    /// A claim that waits already, if there is one, within the allowance.
    pub(super) fn try_claim(&mut self) -> Option<Claim> {
        while self.allowance > 0 {
            let result = read(&self.socket, &mut self.buffer);
            if matches!(&result, Err(error) if error.kind() == ErrorKind::WouldBlock) {
                return None;
            }
            if let Some(claim) = self.judge(result) {
                return Some(claim);
            }
        }
        None
    }

    /// An error, for example ENETDOWN, has a cause of which the watch of the interface tells.
    fn judge(&mut self, read: io::Result<usize>) -> Option<Claim> {
        self.allowance = self.allowance.saturating_sub(1);
        let frame = self.buffer.get(..read.ok()?)?;
        let Neighbour { mac, claims, .. } = Neighbour::decode(frame)?;
        let address = claims.filter(|address| self.watched.contains(address))?;
        Some(Claim { address, mac })
    }
}

/// A socket for frames of this type on one interface. It hears nothing until it gets another filter.
pub(super) fn packet_socket(name: &str, ethertype: u16) -> io::Result<Socket> {
    let protocol = Protocol::from(i32::from(ethertype.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
    socket.attach_filter(&[drop()])?;
    bind(socket.as_raw_fd(), &link_address(name)?)?;
    socket.set_nonblocking(true)?;
    // What came of other interfaces before the filter was there.
    while recv(socket.as_raw_fd(), &mut [0; 1], MsgFlags::empty()).is_ok() {}
    Ok(socket)
}

fn read(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(recv(socket.as_raw_fd(), buffer, MsgFlags::empty())?)
}

/// Lets claims through whose address ends as one of these does, or any if there are too many; who reads them looks again.
///
/// A frame for another host proves nothing: it may be of a VLAN that is not ours.
fn filter(family: Family, addresses: &BTreeSet<IpAddr>) -> Vec<SockFilter> {
    let mut program = vec![op(LOAD_WORD, PACKET_TYPE), jump(OTHER_HOST, 0, 1), drop()];
    match family {
        Family::Ipv4 => program.push(op(LOAD_WORD, ARP_SENDER)),
        Family::Ipv6 => program.extend([
            op(LOAD_OCTET, NEXT_HEADER),
            jump(ICMPV6, 1, 0),
            drop(),
            op(LOAD_OCTET, ICMP_TYPE),
            jump(SOLICITATION, 0, 2),
            op(LOAD_WORD, SOURCE_END),
            jump(0, 3, 3),
            jump(ADVERTISEMENT, 1, 0),
            drop(),
            op(LOAD_WORD, TARGET_END),
        ]),
    }
    let watched = addresses.iter().filter(|address| Family::of(**address) == family);
    if watched.clone().count() > WATCHED_MAX {
        program.push(pass());
        return program;
    }
    for address in watched {
        program.extend([jump(end_of(*address), 0, 1), pass()]);
    }
    program.push(drop());
    program
}

/// The last four octets.
fn end_of(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(address) => address.to_bits(),
        IpAddr::V6(address) => {
            let [.., a, b, c, d] = address.octets();
            u32::from_be_bytes([a, b, c, d])
        }
    }
}

fn ethertype(family: Family) -> u16 {
    match family {
        Family::Ipv4 => 0x0806,
        Family::Ipv6 => 0x86dd,
    }
}

pub(super) fn link_address(name: &str) -> io::Result<LinkAddr> {
    getifaddrs()?
        .filter(|entry| entry.interface_name == name)
        .filter_map(|entry| entry.address)
        .find_map(|address: SockaddrStorage| {
            (address.family() == Some(AddressFamily::Packet))
                .then(|| address.as_link_addr().copied())
                .flatten()
        })
        .ok_or_else(|| io::Error::new(ErrorKind::NotFound, "the interface has no link address"))
}

/// Frames that are read at once; then there is a [`PAUSE`], so that a flood does not keep advertisements waiting.
const FRAMES_MAX: usize = 16;
const PAUSE: Duration = Duration::from_millis(20);

/// Neighbor discovery with a few options; what is longer is cut off and not understood.
const FRAME_MAX: usize = 256;

/// Addresses that a filter can name: with the one before it has to fit into 20 KiB, what older kernels allow a socket
/// (`net.core.optmem_max`).
const WATCHED_MAX: usize = 300;

// Where things stand in a frame.
const ARP_SENDER: u32 = 28;
const NEXT_HEADER: u32 = 20;
const SOURCE_END: u32 = 34;
const ICMP_TYPE: u32 = 54;
const TARGET_END: u32 = 74;

const ICMPV6: u32 = 58;
const SOLICITATION: u32 = 135;
const ADVERTISEMENT: u32 = 136;
