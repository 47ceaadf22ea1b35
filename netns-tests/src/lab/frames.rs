//! What the boxes put on the wire: advertisements and announcements, as frames.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::net::UdpSocket;

use super::node::{Node, Running};
use super::observer::Observer;
use crate::clock::{Clock, Moment};
use crate::failure::{OrFail, Result};

/// A frame, from its Ethernet header on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When it passed.
    pub at: Moment,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Listens on every interface of a machine for as long as it lives.
#[derive(Debug)]
pub struct Frames {
    heard: Arc<Mutex<Vec<Frame>>>,
    _listening: Running,
}

/// A minute of two routers with adverts every 10 ms, and 200 addresses announced ten times; nothing is noted beyond.
const FRAMES_MAX: usize = 16_000;

/// Every protocol (ETH_P_ALL), in the byte order of the network.
const EVERYTHING: u16 = 3_u16.to_be();

impl Frames {
    /// Listens on `node`: to what reaches it, and what it sends.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn listen(observer: &Observer, node: &Node) -> Result<Self> {
        Self::note(observer, node, &[], Frame::is_of_interest).await
    }

    /// Listens on `node` to what it sends from the MACs of virtual routers (RFC 9568 §7.3), whatever that is.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn from_virtual_macs(observer: &Observer, node: &Node) -> Result<Self> {
        Self::note(observer, node, &FROM_VIRTUAL_MACS, |_| true).await
    }

    async fn note(
        observer: &Observer,
        node: &Node,
        filter: &'static [SockFilter],
        is_of_interest: fn(&Frame) -> bool,
    ) -> Result<Self> {
        let heard = Arc::<Mutex<Vec<Frame>>>::default();
        let (notes, clock) = (heard.clone(), observer.clock);
        let start = move || {
            let socket = open(filter)?;
            Ok(Running::start(listen(socket, clock, notes, is_of_interest)))
        };
        Ok(Self { heard, _listening: observer.at(node, start).await? })
    }

    /// What was heard since `since`, in order.
    #[must_use]
    pub fn since(&self, since: Moment) -> Vec<Frame> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter(|frame| frame.at >= since).cloned().collect()
    }
}

/// A packet socket for what this filter lets through; the datagram type of tokio serves any socket that receives whole
/// packets. No filter lets everything through.
fn open(filter: &[SockFilter]) -> Result<UdpSocket> {
    let protocol = Protocol::from(i32::from(EVERYTHING));
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))
        .or_fail("cannot open a packet socket")?;
    socket.set_nonblocking(true).or_fail("cannot make a socket non-blocking")?;
    if !filter.is_empty() {
        socket.attach_filter(filter).or_fail("cannot filter a packet socket")?;
    }
    let socket = std::net::UdpSocket::from(socket);
    // What came before the filter was there.
    while !filter.is_empty() && socket.recv(&mut [0; 1]).is_ok() {}
    UdpSocket::from_std(socket).or_fail("cannot watch a packet socket")
}

/// Sent by this machine, from a MAC that begins with 00-00-5E-00.
const FROM_VIRTUAL_MACS: [SockFilter; 6] = [
    SockFilter::new(0x20, 0, 0, 0xffff_f004), // the type of the packet
    SockFilter::new(0x15, 0, 3, 4),           // outgoing
    SockFilter::new(0x20, 0, 0, 6),           // the source
    SockFilter::new(0x15, 0, 1, 0x0000_5e00),
    SockFilter::new(0x06, 0, 0, u32::MAX),
    SockFilter::new(0x06, 0, 0, 0),
];

async fn listen(
    socket: UdpSocket,
    clock: Clock,
    notes: Arc<Mutex<Vec<Frame>>>,
    is_of_interest: fn(&Frame) -> bool,
) {
    let mut bytes = [0; 1600];
    while let Ok(length) = socket.recv(&mut bytes).await {
        let frame = Frame { at: clock.now(), bytes: bytes[..length].to_vec() };
        if is_of_interest(&frame) {
            let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
            if notes.len() < FRAMES_MAX {
                notes.push(frame);
            }
        }
    }
}

/// VRRP's number among the protocols of IP (RFC 9568 §5.1.1.4).
const VRRP: u8 = 112;

/// That of ICMPv6.
const ICMPV6: u8 = 58;

impl Frame {
    fn kind(&self) -> Option<[u8; 2]> {
        self.bytes.get(12..14)?.try_into().ok()
    }

    /// The number of the protocol above IP.
    fn protocol(&self) -> Option<u8> {
        match self.kind()? {
            [0x08, 0x00] => self.bytes.get(23).copied(),
            [0x86, 0xdd] => self.bytes.get(20).copied(),
            _ => None,
        }
    }

    /// From whom, if it is a packet.
    #[must_use]
    pub fn source(&self) -> Option<IpAddr> {
        match self.kind()? {
            [0x08, 0x00] => <[u8; 4]>::try_from(self.bytes.get(26..30)?).ok().map(IpAddr::from),
            [0x86, 0xdd] => <[u8; 16]>::try_from(self.bytes.get(22..38)?).ok().map(IpAddr::from),
            _ => None,
        }
    }

    fn is_arp(&self) -> bool {
        self.kind() == Some([0x08, 0x06])
    }

    fn is_of_interest(&self) -> bool {
        self.is_arp() || matches!(self.protocol(), Some(VRRP | ICMPV6))
    }

    /// Is it an advertisement?
    #[must_use]
    pub fn is_advertisement(&self) -> bool {
        self.protocol() == Some(VRRP)
    }

    /// The address that a gratuitous ARP announces: the sender's and the target's.
    #[must_use]
    pub fn announced(&self) -> Option<IpAddr> {
        let address = |at: usize| <[u8; 4]>::try_from(self.bytes.get(at..at + 4)?).ok();
        let (sender, target) = (address(28)?, address(38)?);
        let gratuitous = self.is_arp() && sender == target;
        gratuitous.then(|| Ipv4Addr::from(sender).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gratuitous_arp_announces_its_address() {
        let mut bytes = vec![0; 42];
        bytes[12..14].copy_from_slice(&[0x08, 0x06]);
        bytes[28..32].copy_from_slice(&[10, 51, 1, 7]);
        let mut frame = Frame { at: Moment::ZERO, bytes };
        assert_eq!(frame.announced(), None, "a request for another address");
        frame.bytes[38..42].copy_from_slice(&[10, 51, 1, 7]);
        assert_eq!(frame.announced(), Some(IpAddr::from([10, 51, 1, 7])));
    }

    #[test]
    fn a_packet_has_a_source() {
        let mut frame = Frame { at: Moment::ZERO, bytes: vec![0; 60] };
        assert_eq!(frame.source(), None);
        frame.bytes[12..14].copy_from_slice(&[0x08, 0x00]);
        frame.bytes[26..30].copy_from_slice(&[192, 168, 8, 2]);
        assert_eq!(frame.source(), Some(IpAddr::from([192, 168, 8, 2])));
        frame.bytes[12..14].copy_from_slice(&[0x86, 0xdd]);
        frame.bytes[37] = 7;
        assert!(frame.source().is_some_and(|source| source.is_ipv6()));
    }

    #[test]
    fn a_short_frame_is_nothing() {
        let frame = Frame { at: Moment::ZERO, bytes: vec![0; 13] };
        assert!(!frame.is_of_interest());
        assert_eq!(frame.announced(), None);
    }
}
