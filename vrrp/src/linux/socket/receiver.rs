//! Advertisements in.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrIn6, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use socket2::Socket;
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::{filter, ipv4, ipv6};
use crate::advertisement::DecodeError;
use crate::envelope::Envelope;
use crate::family::Family;
use crate::types::Vrid;

/// An advertisement with 255 IPv6 addresses and the longest IPv4 header fits.
const PACKET_MAX: usize = 4608;
/// Octets that wait in the socket: 64 of the longest packets find room, each with what the kernel keeps beside it.
const BUFFER: usize = 512 * 1024;
/// Room for the one control message that is asked for, the hop limit.
const CONTROL_MAX: usize = 64;

/// A socket that gets what is sent to the group on one interface.
#[derive(Debug)]
pub(in crate::linux) struct Receiver {
    /// To the runtime it is a datagram socket like any other.
    socket: UdpSocket,
    group: IpAddr,
    buffer: Vec<u8>,
}

/// A packet as the kernel delivers it.
#[derive(Debug)]
pub(in crate::linux) struct Packet<'a> {
    octets: &'a [u8],
    /// What the kernel told of the header, over IPv6; over IPv4 the packet has it.
    envelope: Option<Envelope>,
}

impl Packet<'_> {
    /// Envelope and message.
    pub(in crate::linux) fn open(&self) -> Result<(Envelope, &[u8]), DecodeError> {
        match self.envelope {
            None => Envelope::from_ipv4(self.octets),
            Some(envelope) => Ok((envelope, self.octets)),
        }
    }
}

impl Receiver {
    /// Joins the group on the interface. The socket gets the advertisements of this VRID.
    pub(in crate::linux) fn open(
        interface: &str,
        index: u32,
        family: Family,
        vrid: Vrid,
    ) -> io::Result<Self> {
        let socket = match family {
            Family::Ipv4 => ipv4::receiver(interface, index)?,
            Family::Ipv6 => ipv6::receiver(interface, index)?,
        };
        filter::attach(&socket, family, vrid)?;
        set_buffer(&socket)?;
        let socket = UdpSocket::from_std(socket.into())?;
        let buffer = vec![0; PACKET_MAX];
        Ok(Self { socket, group: family.multicast_group(), buffer })
    }

    /// The next packet. Cancel-safe.
    pub(in crate::linux) async fn receive(&mut self) -> io::Result<Packet<'_>> {
        let Self { socket, group, buffer } = self;
        let read = || Read::from(socket.as_fd(), *group, buffer);
        let read = socket.async_io(Interest::READABLE, read).await?;
        Ok(read.packet(buffer))
    }

    /// A packet that waits already, if there is one, even if the runtime does not know of it yet.
    pub(in crate::linux) fn try_receive(&mut self) -> Option<Packet<'_>> {
        let Self { socket, group, buffer } = self;
        let read = Read::from(socket.as_fd(), *group, buffer).ok()?;
        Some(read.packet(buffer))
    }
}

/// How much of the buffer a packet takes, and what came beside it.
struct Read {
    len: usize,
    envelope: Option<Envelope>,
}

impl Read {
    fn from(socket: BorrowedFd<'_>, group: IpAddr, buffer: &mut [u8]) -> io::Result<Self> {
        let mut parts = [IoSliceMut::new(buffer)];
        let mut control = [0; CONTROL_MAX];
        let flags = MsgFlags::empty();
        let received =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
        // Decoding refuses a hop limit of 0, as it does any packet of which it is not known.
        let mut ttl = 0;
        for message in received.cmsgs()? {
            if let ControlMessageOwned::Ipv6HopLimit(limit) = message {
                ttl = u8::try_from(limit).unwrap_or(0);
            }
        }
        let source = received.address.as_ref().and_then(SockaddrStorage::as_sockaddr_in6);
        let envelope = group.is_ipv6().then(|| Envelope {
            source: source.map_or(Ipv6Addr::UNSPECIFIED, SockaddrIn6::ip).into(),
            destination: group,
            ttl,
        });
        Ok(Self { len: received.bytes, envelope })
    }

    fn packet(self, buffer: &[u8]) -> Packet<'_> {
        let Self { len, envelope } = self;
        Packet { octets: &buffer[..len], envelope }
    }
}

/// Without privileges the buffer is as large as the host allows.
fn set_buffer(socket: &Socket) -> io::Result<()> {
    setsockopt(socket, sockopt::RcvBufForce, &BUFFER)
        .or_else(|_| setsockopt(socket, sockopt::RcvBuf, &BUFFER))
        .map_err(io::Error::from)
}
