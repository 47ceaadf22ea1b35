//! Advertisements over IPv6: the kernel keeps the header to itself and tells of it beside the payload.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

use socket2::{Domain, Socket};

use super::{TOS, TTL, raw_socket};
use crate::family::MULTICAST_GROUP_V6;

/// Bound to the group, so that it gets nothing that was sent elsewhere: the destination, which the checksum covers, is
/// known.
pub(super) fn receiver(interface: &str, index: u32) -> io::Result<Socket> {
    let receiver = raw_socket(Domain::IPV6, interface)?;
    receiver.set_recv_hoplimit_v6(true)?;
    receiver.bind(&group(index).into())?;
    receiver.join_multicast_v6(&MULTICAST_GROUP_V6, index)?;
    receiver.set_multicast_all_v6(false)?;
    Ok(receiver)
}

/// The sender, and where it sends to.
pub(super) fn sender(
    interface: &str,
    index: u32,
    source: Ipv6Addr,
) -> io::Result<(Socket, SocketAddr)> {
    let sender = raw_socket(Domain::IPV6, interface)?;
    sender.bind(&SocketAddrV6::new(source, 0, 0, index).into())?;
    sender.set_multicast_if_v6(index)?;
    sender.set_multicast_loop_v6(false)?;
    sender.set_multicast_hops_v6(TTL)?;
    sender.set_tclass_v6(TOS)?;
    Ok((sender, group(index)))
}

fn group(index: u32) -> SocketAddr {
    SocketAddrV6::new(MULTICAST_GROUP_V6, 0, 0, index).into()
}
