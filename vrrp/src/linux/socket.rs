//! Raw sockets of IP protocol 112: advertisements in and out of one interface.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, Socket, Type};
use tokio::net::UdpSocket;

use crate::checksum::MULTICAST_GROUP;

/// The protocol number of VRRP (RFC 9568 §5.1.1.4).
const VRRP: i32 = 112;
/// Receivers discard advertisements that crossed a router (RFC 9568 §5.1.1.3).
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
    buffer: Vec<u8>,
}

impl AdvertSocket {
    /// Joins the group on the interface; what is sent bears `source`.
    pub(super) fn open(interface: &str, index: u32, source: Ipv4Addr) -> io::Result<Self> {
        let receiver = raw_socket(interface)?;
        receiver.join_multicast_v4_n(&MULTICAST_GROUP, &InterfaceIndexOrAddress::Index(index))?;
        receiver.set_multicast_all_v4(false)?;

        let sender = raw_socket(interface)?;
        sender.bind(&SocketAddrV4::new(source, 0).into())?;
        sender.set_multicast_if_v4(&source)?;
        sender.set_multicast_loop_v4(false)?;
        sender.set_multicast_ttl_v4(TTL)?;
        sender.set_ttl_v4(TTL)?;
        sender.set_tos_v4(TOS)?;
        sender.set_priority(QUEUE_PRIORITY)?;
        sender.set_recv_buffer_size(0)?;
        let receiver = UdpSocket::from_std(receiver.into())?;
        Ok(Self { receiver, sender, buffer: vec![0; PACKET_MAX] })
    }

    /// The next packet with its IP header. Cancel-safe.
    pub(super) async fn receive(&mut self) -> io::Result<&[u8]> {
        let length = self.receiver.recv(&mut self.buffer).await?;
        Ok(&self.buffer[..length])
    }

    /// A packet that waits already, if there is one.
    pub(super) fn try_receive(&mut self) -> Option<&[u8]> {
        let length = self.receiver.try_recv(&mut self.buffer).ok()?;
        Some(&self.buffer[..length])
    }

    pub(super) fn send(&self, message: &[u8]) -> io::Result<()> {
        let group: SockAddr = SocketAddrV4::new(MULTICAST_GROUP, 0).into();
        self.sender.send_to(message, &group)?;
        Ok(())
    }

    /// The socket that sends, for the process that says goodbye when this one dies.
    pub(super) fn sender(&self) -> BorrowedFd<'_> {
        self.sender.as_fd()
    }
}

fn raw_socket(interface: &str) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(VRRP)))?;
    socket.set_nonblocking(true)?;
    socket.bind_device(Some(interface.as_bytes()))?;
    Ok(socket)
}
