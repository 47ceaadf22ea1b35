//! Neighbor solicitations and advertisements (RFC 4861 §4.3, §4.4) over Ethernet.

use std::net::Ipv6Addr;

use crate::checksum::{ICMPV6, icmpv6};
use crate::mac::Mac;

/// Every host on the link.
pub(crate) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// ```text
///  0      12    14            54     55   56         58     62       78
///  | MACs | 86dd | IPv6 header | type | 0  | checksum | flags | target | options of 8 octets |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ndp {
    pub(crate) ethernet_source: Mac,
    pub(crate) source: Ipv6Addr,
    pub(crate) destination: Ipv6Addr,
    pub(crate) body: Body,
    pub(crate) target: Ipv6Addr,
    /// The option with the link-layer address: of the source of a solicitation, of the target of an advertisement.
    pub(crate) link_layer: Option<Mac>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Solicitation,
    Advertisement { flags: u8 },
}

impl Ndp {
    /// Asks for `target`; duplicate address detection if `source` is `::`.
    pub(crate) fn solicitation(mac: Mac, source: Ipv6Addr, target: Ipv6Addr) -> Self {
        Self {
            ethernet_source: mac,
            source,
            destination: solicited_node(target),
            body: Body::Solicitation,
            target,
            link_layer: (!source.is_unspecified()).then_some(mac),
        }
    }

    /// RFC 4861 §7.1.1, §7.1.2. There are no extension headers: RFC 6980 forbids fragments, and no host sends others.
    pub(crate) fn decode(frame: &[u8]) -> Option<Self> {
        let (ethernet, packet) = frame.split_at_checked(ETHERNET_LEN)?;
        let (header, rest) = packet.split_at_checked(IPV6_LEN)?;
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let right = ethernet[12..] == ETHERTYPE
            && header[0] >> 4 == 6
            && header[6] == ICMPV6
            && header[7] == HOP_LIMIT;
        if !right {
            return None;
        }
        let message = rest.get(..length)?;
        let source = Ipv6Addr::from(octets(header, 8)?);
        let destination = Ipv6Addr::from(octets(header, 24)?);
        if icmpv6(message, source, destination) != 0 {
            return None;
        }
        let body = Body::decode(message)?;
        let ndp = Self {
            ethernet_source: Mac(octets(ethernet, 6)?),
            source,
            destination,
            body,
            target: octets(message, 8)?.into(),
            link_layer: link_layer(message.get(FIXED_LEN..)?, body.option())?,
        };
        ndp.is_valid().then_some(ndp)
    }

    fn is_valid(&self) -> bool {
        let detects_duplicates = self.source.is_unspecified();
        !self.target.is_multicast()
            && match self.body {
                Body::Solicitation if detects_duplicates => {
                    is_solicited_node(self.destination) && self.link_layer.is_none()
                }
                Body::Solicitation => true,
                Body::Advertisement { flags } => {
                    flags & SOLICITED == 0 || !self.destination.is_multicast()
                }
            }
    }

    /// To a group, which its destination must be.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let message = self.message();
        let [.., a, b, c, d] = self.destination.octets();
        let mut frame = Vec::with_capacity(ETHERNET_LEN + IPV6_LEN + message.len());
        // RFC 2464 §7.
        frame.extend([0x33, 0x33, a, b, c, d]);
        frame.extend(self.ethernet_source.0);
        frame.extend(ETHERTYPE);
        frame.extend([6 << 4, 0, 0, 0]);
        frame.extend(u16::try_from(message.len()).expect("at most 32 octets").to_be_bytes());
        frame.extend([ICMPV6, HOP_LIMIT]);
        frame.extend(self.source.octets());
        frame.extend(self.destination.octets());
        frame.extend(message);
        frame
    }

    fn message(&self) -> Vec<u8> {
        let mut message = vec![self.body.icmp_type(), 0, 0, 0, self.body.flags(), 0, 0, 0];
        message.extend(self.target.octets());
        if let Some(mac) = self.link_layer {
            message.extend([self.body.option(), 1]);
            message.extend(mac.0);
        }
        let checksum = icmpv6(&message, self.source, self.destination);
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        message
    }
}

impl Body {
    fn decode(message: &[u8]) -> Option<Self> {
        match *message.first_chunk::<5>()? {
            [SOLICITATION, 0, ..] => Some(Self::Solicitation),
            [ADVERTISEMENT, 0, _, _, flags] => Some(Self::Advertisement { flags }),
            _ => None,
        }
    }

    fn icmp_type(self) -> u8 {
        match self {
            Self::Solicitation => SOLICITATION,
            Self::Advertisement { .. } => ADVERTISEMENT,
        }
    }

    fn flags(self) -> u8 {
        match self {
            Self::Solicitation => 0,
            Self::Advertisement { flags } => flags,
        }
    }

    /// The option that counts: source or target link-layer address (RFC 4861 §4.6.1).
    fn option(self) -> u8 {
        match self {
            Self::Solicitation => 1,
            Self::Advertisement { .. } => 2,
        }
    }
}

/// The first link-layer address of this kind among the options, if there is one. `None` if they are malformed.
fn link_layer(mut options: &[u8], kind: u8) -> Option<Option<Mac>> {
    let mut found = None;
    while !options.is_empty() {
        let length = usize::from(*options.get(1)?) * 8;
        // An option of length 0 would never end.
        let (option, rest) = options.split_at_checked(length).filter(|_| length > 0)?;
        if let [first, 1, mac @ ..] = option
            && *first == kind
        {
            found = found.or_else(|| mac.try_into().ok().map(Mac));
        }
        options = rest;
    }
    Some(found)
}

fn octets<const N: usize>(from: &[u8], at: usize) -> Option<[u8; N]> {
    from.get(at..)?.first_chunk().copied()
}

/// The group that a host with this address listens to (RFC 4291 §2.7.1).
fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    let [high, low] = [u16::from_be_bytes([0xff, a]), u16::from_be_bytes([b, c])];
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, high, low)
}

fn is_solicited_node(address: Ipv6Addr) -> bool {
    address == solicited_node(address)
}

const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// Flag of an advertisement: the sender is a router, as a virtual router is.
pub(crate) const ROUTER: u8 = 0x80;
/// Somebody asked for it.
const SOLICITED: u8 = 0x40;
/// It replaces the link-layer address that is known.
pub(crate) const OVERRIDE: u8 = 0x20;

/// Receivers discard what crossed a router.
const HOP_LIMIT: u8 = 255;

const ETHERNET_LEN: usize = 14;
const IPV6_LEN: usize = 40;
/// A message without its options.
const FIXED_LEN: usize = 24;

const ETHERTYPE: [u8; 2] = [0x86, 0xdd];
