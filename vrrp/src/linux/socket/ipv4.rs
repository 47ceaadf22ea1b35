//! Advertisements over IPv4: the kernel delivers packets with their header.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use socket2::{Domain, InterfaceIndexOrAddress, Socket};

use super::{TOS, TTL, raw_socket};

/// Gets what is sent to the group, or to an address of ours. Refused while the interface does not have it.
pub(super) fn receiver(interface: &str, index: u32, local: Ipv4Addr) -> io::Result<Socket> {
    let receiver = raw_socket(Domain::IPV4, interface)?;
    if local.is_multicast() {
        receiver.join_multicast_v4_n(&local, &InterfaceIndexOrAddress::Index(index))?;
        receiver.set_multicast_all_v4(false)?;
    } else {
        receiver.bind(&SocketAddrV4::new(local, 0).into())?;
    }
    Ok(receiver)
}

/// Bears the source. Refused while the host does not have it.
pub(super) fn sender(interface: &str, source: Ipv4Addr) -> io::Result<Socket> {
    let sender = raw_socket(Domain::IPV4, interface)?;
    sender.bind(&SocketAddrV4::new(source, 0).into())?;
    // The last word leaves even if the source does not exist any more. IPv6 does not ask.
    sender.set_ip_transparent_v4(true)?;
    sender.set_multicast_loop_v4(false)?;
    sender.set_multicast_ttl_v4(TTL)?;
    sender.set_ttl_v4(TTL)?;
    sender.set_tos_v4(TOS)?;
    Ok(sender)
}
