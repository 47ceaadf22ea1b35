//! The first sign that an interface receives.

use std::io;
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, recv};
use socket2::{SockFilter, SockRef};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::bpf::{LOAD_HALF, LOAD_WORD, OUTGOING, PACKET_TYPE, drop, jump, op, pass};
use super::frames::packet_socket;

/// A packet socket that wakes for the first frame from another host. Lives no longer, so that it costs nothing.
///
/// What the switch itself says (spanning tree, LLDP) is none: it does so while its port forwards nothing.
#[derive(Debug)]
pub(super) struct EvidenceSocket(UdpSocket);

impl EvidenceSocket {
    pub(super) fn open(name: &str) -> io::Result<Self> {
        let socket = packet_socket(name, EVERYTHING)?;
        SockRef::from(&socket).attach_filter(&filter())?;
        Ok(Self(UdpSocket::from_std(socket.into())?))
    }

    /// Returns when something was received. Cancel-safe.
    pub(super) async fn received(&self) {
        let read = || Ok(recv(self.0.as_raw_fd(), &mut [0; 1], MsgFlags::empty())?);
        // An error, for example ENETDOWN, has a cause of which the watch of the interface tells; the next is evidence.
        while self.0.async_io(Interest::READABLE, read).await.is_err() {}
    }
}

/// Lets IP and its neighbour protocols through, from others.
fn filter() -> [SockFilter; 8] {
    [
        op(LOAD_WORD, PACKET_TYPE),
        jump(OUTGOING, 5, 0),
        op(LOAD_HALF, ETHERTYPE),
        jump(IPV4, 2, 0),
        jump(ARP, 1, 0),
        jump(IPV6, 0, 1),
        pass(),
        drop(),
    ]
}

const EVERYTHING: u16 = 3; // ETH_P_ALL
const ETHERTYPE: u32 = 12;
const IPV4: u32 = 0x0800;
const ARP: u32 = 0x0806;
const IPV6: u32 = 0x86dd;
