//! What the boxes say on the wire: every advertisement, with the time at which the kernel had it.

use std::io::{self, IoSliceMut};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::cmsg_space;
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::netlink::Interface;
use super::node::{Node, Running};
use crate::clock::{Clock, Moment};
use crate::failure::{OrFail, Result};

/// An advertisement that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When.
    pub at: Moment,
    /// From whom.
    pub source: Ipv4Addr,
    /// Version of the protocol: 3 for RFC 9568.
    pub version: u8,
    /// Identifies the virtual router.
    pub vrid: u8,
    /// 0 says that the sender lets go.
    pub priority: u8,
}

/// Listens on the wire for as long as it lives.
#[derive(Debug)]
pub struct Wire {
    heard: Arc<Mutex<Vec<Heard>>>,
    _listening: Running,
}

/// An hour of adverts every 100 ms; nothing is noted beyond.
const HEARD_MAX: usize = 36_000;

/// The group that routers advertise to (RFC 9568 §5.1.1.2).
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// VRRP's protocol number (RFC 9568 §5.1.1.4).
const PROTOCOL: i32 = 112;

impl Wire {
    /// Listens on `interface` of `node`, which should be no router.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn listen(clock: Clock, node: &Node, interface: Interface) -> Result<Self> {
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let notes = heard.clone();
        let socket = node.run(move || async move { open(interface) }).await??;
        let listening = node.start(move || listen(socket, clock, notes)).await?;
        Ok(Self { heard, _listening: listening })
    }

    /// What was heard since `since`, in order.
    #[must_use]
    pub fn since(&self, since: Moment) -> Vec<Heard> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter(|heard| heard.at >= since).copied().collect()
    }
}

/// A raw socket; the datagram type of tokio serves any socket that receives whole packets.
fn open(interface: Interface) -> Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(PROTOCOL)))
        .or_fail("cannot open a raw socket")?;
    let index = InterfaceIndexOrAddress::Index(interface.index());
    socket.join_multicast_v4_n(&GROUP, &index).or_fail("cannot join the group of VRRP")?;
    setsockopt(&socket, ReceiveTimestampns, &true).or_fail("cannot have packets stamped")?;
    socket.set_nonblocking(true).or_fail("cannot make a socket non-blocking")?;
    UdpSocket::from_std(socket.into()).or_fail("cannot watch a raw socket")
}

async fn listen(socket: UdpSocket, clock: Clock, notes: Arc<Mutex<Vec<Heard>>>) {
    let mut packet = [0; 1500];
    while let Ok((length, stamp)) = receive(&socket, &mut packet).await {
        let at = stamp.map_or_else(|| clock.now(), |stamp| clock.at(stamp));
        if let Some(heard) = read(&packet[..length], at) {
            let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
            if notes.len() < HEARD_MAX {
                notes.push(heard);
            }
        }
    }
}

/// The length of a packet, and when the kernel had it: to be woken late changes nothing.
async fn receive(socket: &UdpSocket, packet: &mut [u8]) -> io::Result<(usize, Option<Duration>)> {
    let work = || {
        let mut space = cmsg_space!(TimeSpec);
        let mut parts = [IoSliceMut::new(packet)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
        let stamp = message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp.into()),
            _ => None,
        });
        Ok((message.bytes, stamp))
    };
    socket.async_io(Interest::READABLE, work).await
}

/// Reads an IPv4 packet; only the fields that drills look at (RFC 9568 §5.1).
fn read(packet: &[u8], at: Moment) -> Option<Heard> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
    let message = packet.get(header..)?;
    Some(Heard {
        at,
        source: source.into(),
        version: message.first()? >> 4,
        vrid: *message.get(1)?,
        priority: *message.get(2)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advertisement_is_read_behind_the_ip_header() {
        let mut packet = vec![0; 20];
        packet[0] = 0x45;
        packet[12..16].copy_from_slice(&[192, 168, 8, 2]);
        packet.extend([0x31, 51, 150, 1, 0, 10, 0, 0, 192, 168, 8, 1]);
        let heard = read(&packet, Moment::ZERO).expect("complete");
        assert_eq!(heard.source, Ipv4Addr::new(192, 168, 8, 2));
        assert_eq!((heard.version, heard.vrid, heard.priority), (3, 51, 150));
    }

    #[test]
    fn a_truncated_packet_is_no_advertisement() {
        let mut packet = vec![0; 22];
        packet[0] = 0x45;
        assert_eq!(read(&packet, Moment::ZERO), None);
        assert_eq!(read(&[], Moment::ZERO), None);
    }
}
