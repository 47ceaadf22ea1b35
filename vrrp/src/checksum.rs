//! The checksum of VRRP, and its three readings in version 3 over IPv4.
//!
//! In version 2 it covers the message with its authentication data, and there is one reading (RFC 3768 §5.3.8). In
//! version 3, RFC 9568 §5.2.8 covers the message alone. RFC 5798 was read as asking for a pseudo-header too: so do
//! keepalived and FRR by default, and some write the multicast group into it even in unicast packets. We accept all
//! of them, and can send all of them. Over IPv6 there is one reading: the pseudo-header of RFC 8200 §8.1.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

use crate::auth::Auth;
use crate::envelope::{Envelope, PROTOCOL};
use crate::family::MULTICAST_GROUP;

/// Where the checksum stands in a message.
pub(crate) const CHECKSUM: Range<usize> = 6..8;

/// Which octets a checksum covers over IPv4, and so the version. Over IPv6 all forms of version 3 are the same, and
/// decoding says [`Rfc9568`](Self::Rfc9568).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChecksumForm {
    /// Version 2, IPv4 only: the message and, as its end, this authentication.
    Rfc3768(Auth),
    /// Version 3: the message.
    Rfc9568,
    /// Version 3: the message and a pseudo-header with the packet's destination.
    Rfc5798,
    /// Version 3: the message and a pseudo-header with 224.0.0.18, whatever the packet's destination.
    Rfc5798Multicast,
}

impl ChecksumForm {
    /// The first of the forms by which the checksum in the message is right. The message is the first `len` octets of
    /// the payload.
    pub(crate) fn recognize(
        forms: &[Self],
        payload: &[u8],
        len: usize,
        envelope: &Envelope,
    ) -> Option<Self> {
        let Envelope { source, destination, .. } = *envelope;
        // The kernel checks the whole IPv6 payload, so what follows the message counts.
        let covered = if source.is_ipv4() { &payload[..len] } else { payload };
        forms.iter().copied().find(|form| form.compute(covered, source, destination) == 0)
    }

    /// The checksum of a message: 0 when the message already contains the right one.
    pub(crate) fn compute(self, message: &[u8], source: IpAddr, destination: IpAddr) -> u16 {
        !fold(self.pseudo_header(message.len(), source, destination) + sum(message))
    }

    fn pseudo_header(self, len: usize, source: IpAddr, destination: IpAddr) -> u64 {
        let tail = u64::from(PROTOCOL) + len as u64;
        match (source, destination, self) {
            (IpAddr::V4(_), _, Self::Rfc3768(_) | Self::Rfc9568) => 0,
            (IpAddr::V4(source), IpAddr::V4(destination), Self::Rfc5798) => {
                sum(&source.octets()) + sum(&destination.octets()) + tail
            }
            (IpAddr::V4(source), _, Self::Rfc5798 | Self::Rfc5798Multicast) => {
                sum(&source.octets()) + sum(&MULTICAST_GROUP.octets()) + tail
            }
            (IpAddr::V6(source), destination, _) => {
                sum(&source.octets()) + sum_address(destination) + tail
            }
        }
    }
}

impl fmt::Display for ChecksumForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rfc3768(_) => "rfc3768",
            Self::Rfc9568 => "rfc9568",
            Self::Rfc5798 => "rfc5798",
            Self::Rfc5798Multicast => "rfc5798-multicast",
        })
    }
}

/// The checksum of an ICMPv6 message, which covers a pseudo-header as well (RFC 4443 §2.3).
pub(crate) fn icmpv6(message: &[u8], source: Ipv6Addr, destination: Ipv6Addr) -> u16 {
    let pseudo_header = sum(&source.octets()) + sum(&destination.octets());
    !fold(pseudo_header + u64::from(ICMPV6) + message.len() as u64 + sum(message))
}

/// ICMPv6's number among the IP protocols.
pub(crate) const ICMPV6: u8 = 58;

fn sum_address(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => sum(&address.octets()),
        IpAddr::V6(address) => sum(&address.octets()),
    }
}

/// The sum of 16-bit words; an odd last octet is padded with zero.
fn sum(octets: &[u8]) -> u64 {
    let (words, rest) = octets.as_chunks::<2>();
    let last = rest.first().map_or(0, |&octet| u64::from(octet) << 8);
    words.iter().map(|&word| u64::from(u16::from_be_bytes(word))).sum::<u64>() + last
}

/// Adds the carries back in (RFC 1071).
fn fold(mut sum: u64) -> u16 {
    loop {
        match u16::try_from(sum) {
            Ok(sum) => return sum,
            Err(_) => sum = (sum & 0xffff) + (sum >> 16),
        }
    }
}
