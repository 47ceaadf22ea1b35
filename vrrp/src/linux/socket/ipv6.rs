//! Advertisements over IPv6: the kernel keeps the header to itself and tells of it beside the payload.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};

use socket2::{Domain, Socket};

use super::{TOS, TTL, raw_socket};

/// Bound to the group, or to an address of ours: it gets nothing that was sent elsewhere, so the
/// destination, which the checksum covers, is known.
pub(super) fn receiver(interface: &str, index: u32, local: Ipv6Addr) -> io::Result<Socket> {
    let receiver = raw_socket(Domain::IPV6, interface)?;
    receiver.set_recv_hoplimit_v6(true)?;
    receiver.bind(&SocketAddrV6::new(local, 0, 0, index).into())?;
    if local.is_multicast() {
        receiver.join_multicast_v6(&local, index)?;
        receiver.set_multicast_all_v6(false)?;
    }
    Ok(receiver)
}

/// Bears the source. Refused while the interface does not have it.
pub(super) fn sender(interface: &str, index: u32, source: Ipv6Addr) -> io::Result<Socket> {
    bind(raw_socket(Domain::IPV6, interface)?, index, source)
}

/// Bears the source, which another interface has.
pub(super) fn sender_for(interface: &str, index: u32, source: Ipv6Addr) -> io::Result<Socket> {
    let sender = raw_socket(Domain::IPV6, interface)?;
    sender.set_freebind_v6(true)?;
    bind(sender, index, source)
}

fn bind(sender: Socket, index: u32, source: Ipv6Addr) -> io::Result<Socket> {
    sender.bind(&SocketAddrV6::new(source, 0, 0, index).into())?;
    sender.set_multicast_if_v6(index)?;
    sender.set_multicast_loop_v6(false)?;
    sender.set_multicast_hops_v6(TTL)?;
    sender.set_unicast_hops_v6(TTL)?;
    sender.set_tclass_v6(TOS)?;
    Ok(sender)
}
