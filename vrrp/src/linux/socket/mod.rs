//! Raw sockets of IP protocol 112: advertisements in and out of one interface.

mod arrivals;
mod filter;
mod ipv4;
mod ipv6;
mod receiver;

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};

use receiver::Receiver;

use crate::family::Family;
use crate::peering::Transport;
use crate::types::Vrid;

/// The protocol number of VRRP (RFC 9568 §5.1.1.4).
const VRRP: i32 = 112;
/// TTL and hop limit: receivers discard advertisements that crossed a router (RFC 9568 §5.1.1.3, §5.1.2.3).
const TTL: u32 = 255;
/// Network control: DSCP CS6, and the band that the interface's queue serves first.
const TOS: u32 = 0xc0;
const QUEUE_PRIORITY: u32 = 6;

/// Two sockets, because one that is bound to the source address would not receive multicast.
#[derive(Debug)]
pub(super) struct AdvertSocket {
    pub(super) receiver: Receiver,
    pub(super) sender: AdvertSender,
}

/// Sends advertisements out of one interface.
#[derive(Debug)]
pub(super) struct AdvertSender {
    socket: Socket,
    index: u32,
}

impl AdvertSocket {
    /// Receives what this VRID sends to the group, or to `source`; what is sent bears `source`.
    pub(super) fn open(
        interface: &str,
        index: u32,
        source: IpAddr,
        vrid: Vrid,
        transport: &Transport,
    ) -> io::Result<Self> {
        let local = match transport {
            Transport::Multicast => Family::of(source).multicast_group(),
            Transport::Unicast(_) => source,
        };
        let receiver = Receiver::open(interface, index, local, vrid)?;
        Ok(Self { receiver, sender: AdvertSender::open(interface, index, source)? })
    }
}

impl AdvertSender {
    /// What is sent bears `source`. Refused while the interface does not have it.
    fn open(interface: &str, index: u32, source: IpAddr) -> io::Result<Self> {
        Self::new(
            index,
            match source {
                IpAddr::V4(source) => ipv4::sender(interface, source)?,
                IpAddr::V6(source) => ipv6::sender(interface, index, source)?,
            },
        )
    }

    /// What is sent out of this interface bears the source of another one.
    pub(super) fn open_for(interface: &str, index: u32, source: IpAddr) -> io::Result<Self> {
        Self::new(
            index,
            match source {
                // The host has it: that suffices.
                IpAddr::V4(source) => ipv4::sender(interface, source)?,
                IpAddr::V6(source) => ipv6::sender_for(interface, index, source)?,
            },
        )
    }

    fn new(index: u32, socket: Socket) -> io::Result<Self> {
        socket.set_priority(QUEUE_PRIORITY)?;
        socket.set_recv_buffer_size(0)?;
        Ok(Self { socket, index })
    }

    pub(super) fn send(&self, message: &[u8], destination: IpAddr) -> io::Result<()> {
        self.socket.send_to(message, &self.socket_address(destination).into())?;
        Ok(())
    }

    /// The socket, for the process that says goodbye when this one dies.
    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// How [`socket`](Self::socket) is told where to send: over IPv6 with the interface.
    pub(super) fn socket_address(&self, destination: IpAddr) -> SocketAddr {
        match destination {
            IpAddr::V4(destination) => SocketAddrV4::new(destination, 0).into(),
            IpAddr::V6(destination) => SocketAddrV6::new(destination, 0, 0, self.index).into(),
        }
    }
}

/// Gets what is sent to the group of all routers, which it joins on the interface.
pub(super) fn multicast_receiver(
    interface: &str,
    index: u32,
    family: Family,
) -> io::Result<Socket> {
    match family.multicast_group() {
        IpAddr::V4(group) => ipv4::receiver(interface, index, group),
        IpAddr::V6(group) => ipv6::receiver(interface, index, group),
    }
}

fn raw_socket(domain: Domain, interface: &str) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(VRRP)))?;
    socket.set_nonblocking(true)?;
    socket.bind_device(Some(interface.as_bytes()))?;
    Ok(socket)
}
