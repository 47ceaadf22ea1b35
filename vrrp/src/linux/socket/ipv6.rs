//! Advertisements over IPv6: the kernel keeps the header to itself and tells of it beside the payload.

use std::io::{self, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg};
use socket2::{Domain, Socket};

use super::{Read, TOS, TTL, raw_socket};
use crate::envelope::Envelope;
use crate::family::MULTICAST_GROUP_V6;

/// Room for the one control message that is asked for, the hop limit.
const CONTROL_MAX: usize = 64;

/// The receiver, the sender, and where it sends to.
///
/// The receiver is bound to the group, so that it gets nothing that was sent elsewhere: the destination, which
/// the checksum covers, is known.
pub(super) fn open(
    interface: &str,
    index: u32,
    source: Ipv6Addr,
) -> io::Result<(Socket, Socket, SocketAddr)> {
    let group = SocketAddr::from(SocketAddrV6::new(MULTICAST_GROUP_V6, 0, 0, index));
    let receiver = raw_socket(Domain::IPV6, interface)?;
    receiver.set_recv_hoplimit_v6(true)?;
    receiver.bind(&group.into())?;
    receiver.join_multicast_v6(&MULTICAST_GROUP_V6, index)?;
    receiver.set_multicast_all_v6(false)?;

    let sender = raw_socket(Domain::IPV6, interface)?;
    sender.bind(&SocketAddrV6::new(source, 0, 0, index).into())?;
    sender.set_multicast_if_v6(index)?;
    sender.set_multicast_loop_v6(false)?;
    sender.set_multicast_hops_v6(TTL)?;
    sender.set_tclass_v6(TOS)?;
    Ok((receiver, sender, group))
}

pub(super) fn read(socket: BorrowedFd<'_>, group: Ipv6Addr, buffer: &mut [u8]) -> io::Result<Read> {
    let mut parts = [IoSliceMut::new(buffer)];
    let mut control = [0; CONTROL_MAX];
    let received = recvmsg::<SockaddrIn6>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::empty(),
    )?;
    let hop_limit = received.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::Ipv6HopLimit(limit) => u8::try_from(limit).ok(),
        _ => None,
    });
    let source = received.address.map_or(Ipv6Addr::UNSPECIFIED, |address| address.ip());
    let envelope = Envelope {
        source: source.into(),
        destination: group.into(),
        // Decoding refuses 0, as it does any packet of which this is not known.
        ttl: hop_limit.unwrap_or(0),
    };
    Ok(Read { length: received.bytes, envelope: Some(envelope) })
}
