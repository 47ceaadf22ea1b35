//! Advertisements over IPv4: the kernel delivers packets with their header.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::sys::socket::{MsgFlags, recv};
use socket2::{Domain, InterfaceIndexOrAddress, Socket};

use super::{Read, TOS, TTL, raw_socket};
use crate::family::MULTICAST_GROUP;

/// The receiver, the sender, and where it sends to.
pub(super) fn open(
    interface: &str,
    index: u32,
    source: Ipv4Addr,
) -> io::Result<(Socket, Socket, SocketAddr)> {
    let receiver = raw_socket(Domain::IPV4, interface)?;
    receiver.join_multicast_v4_n(&MULTICAST_GROUP, &InterfaceIndexOrAddress::Index(index))?;
    receiver.set_multicast_all_v4(false)?;

    let sender = raw_socket(Domain::IPV4, interface)?;
    sender.bind(&SocketAddrV4::new(source, 0).into())?;
    sender.set_multicast_if_v4(&source)?;
    sender.set_multicast_loop_v4(false)?;
    sender.set_multicast_ttl_v4(TTL)?;
    sender.set_ttl_v4(TTL)?;
    sender.set_tos_v4(TOS)?;
    Ok((receiver, sender, SocketAddrV4::new(MULTICAST_GROUP, 0).into()))
}

pub(super) fn read(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Read> {
    let length = recv(socket.as_raw_fd(), buffer, MsgFlags::empty())?;
    Ok(Read { length, envelope: None })
}
