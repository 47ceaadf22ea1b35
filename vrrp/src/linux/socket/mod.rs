//! Raw sockets of IP protocol 112: advertisements in and out of one interface.

mod ipv4;
mod ipv6;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::envelope::Envelope;

/// The protocol number of VRRP (RFC 9568 §5.1.1.4).
const VRRP: i32 = 112;
/// TTL and hop limit: receivers discard advertisements that crossed a router (RFC 9568 §5.1.1.3, §5.1.2.3).
const TTL: u32 = 255;
/// Network control: DSCP CS6, and the band that the interface's queue serves first.
const TOS: u32 = 0xc0;
const QUEUE_PRIORITY: u32 = 6;
/// An advertisement with 255 IPv6 addresses and the longest IPv4 header fits.
const PACKET_MAX: usize = 4608;

/// Two sockets, because one that is bound to the source address would not receive multicast.
#[derive(Debug)]
pub(super) struct AdvertSocket {
    /// To the runtime it is a datagram socket like any other.
    receiver: UdpSocket,
    sender: Socket,
    /// Where to, with the interface for IPv6.
    group: SocketAddr,
    buffer: Vec<u8>,
}

/// A packet as the kernel delivers it.
pub(super) enum Packet<'a> {
    /// IPv4: with its header.
    Whole(&'a [u8]),
    /// IPv6: the payload, and what the kernel told of the header.
    Opened(Envelope, &'a [u8]),
}

impl AdvertSocket {
    /// Joins the group on the interface; what is sent bears `source`.
    pub(super) fn open(interface: &str, index: u32, source: IpAddr) -> io::Result<Self> {
        let (receiver, sender, group) = match source {
            IpAddr::V4(source) => ipv4::open(interface, index, source)?,
            IpAddr::V6(source) => ipv6::open(interface, index, source)?,
        };
        sender.set_priority(QUEUE_PRIORITY)?;
        sender.set_recv_buffer_size(0)?;
        let receiver = UdpSocket::from_std(receiver.into())?;
        Ok(Self { receiver, sender, group, buffer: vec![0; PACKET_MAX] })
    }

    /// The next packet. Cancel-safe.
    pub(super) async fn receive(&mut self) -> io::Result<Packet<'_>> {
        let Self { receiver, group, buffer, .. } = self;
        let read = || Read::from(receiver.as_fd(), *group, buffer);
        let read = receiver.async_io(Interest::READABLE, read).await?;
        Ok(read.packet(buffer))
    }

    /// A packet that waits already, if there is one.
    pub(super) fn try_receive(&mut self) -> Option<Packet<'_>> {
        let Self { receiver, group, buffer, .. } = self;
        let read = || Read::from(receiver.as_fd(), *group, buffer);
        let read = receiver.try_io(Interest::READABLE, read).ok()?;
        Some(read.packet(buffer))
    }

    pub(super) fn send(&self, message: &[u8]) -> io::Result<()> {
        self.sender.send_to(message, &self.group.into())?;
        Ok(())
    }

    /// The socket that sends, for the process that says goodbye when this one dies.
    pub(super) fn sender(&self) -> BorrowedFd<'_> {
        self.sender.as_fd()
    }

    /// Where [`sender`](Self::sender) is to send to.
    pub(super) fn group(&self) -> SocketAddr {
        self.group
    }
}

/// How much of the buffer a packet takes, and what came beside it.
struct Read {
    length: usize,
    envelope: Option<Envelope>,
}

impl Read {
    fn from(socket: BorrowedFd<'_>, group: SocketAddr, buffer: &mut [u8]) -> io::Result<Self> {
        match group {
            SocketAddr::V4(_) => ipv4::read(socket, buffer),
            SocketAddr::V6(group) => ipv6::read(socket, *group.ip(), buffer),
        }
    }

    fn packet(self, buffer: &[u8]) -> Packet<'_> {
        let octets = &buffer[..self.length];
        match self.envelope {
            None => Packet::Whole(octets),
            Some(envelope) => Packet::Opened(envelope, octets),
        }
    }
}

fn raw_socket(domain: Domain, interface: &str) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(VRRP)))?;
    socket.set_nonblocking(true)?;
    socket.bind_device(Some(interface.as_bytes()))?;
    Ok(socket)
}
