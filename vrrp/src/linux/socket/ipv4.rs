//! Advertisements over IPv4: the kernel delivers packets with their header.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use socket2::{Domain, InterfaceIndexOrAddress, Socket};

use super::{TOS, TTL, raw_socket};
use crate::family::MULTICAST_GROUP;

pub(super) fn receiver(interface: &str, index: u32) -> io::Result<Socket> {
    let receiver = raw_socket(Domain::IPV4, interface)?;
    receiver.join_multicast_v4_n(&MULTICAST_GROUP, &InterfaceIndexOrAddress::Index(index))?;
    receiver.set_multicast_all_v4(false)?;
    Ok(receiver)
}

/// The sender, and where it sends to.
pub(super) fn sender(interface: &str, source: Ipv4Addr) -> io::Result<(Socket, SocketAddr)> {
    let sender = raw_socket(Domain::IPV4, interface)?;
    sender.bind(&SocketAddrV4::new(source, 0).into())?;
    sender.set_multicast_if_v4(&source)?;
    sender.set_multicast_loop_v4(false)?;
    sender.set_multicast_ttl_v4(TTL)?;
    sender.set_ttl_v4(TTL)?;
    sender.set_tos_v4(TOS)?;
    Ok((sender, SocketAddrV4::new(MULTICAST_GROUP, 0).into()))
}
