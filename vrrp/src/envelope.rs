//! What the IP header says about a message.

use std::net::{IpAddr, Ipv4Addr};

use crate::advertisement::DecodeError;

/// The fields of the IP header that matter to VRRP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The sender.
    pub source: IpAddr,
    /// The group or the receiver; some checksums cover it. Of the same family as `source`.
    pub destination: IpAddr,
    /// TTL (IPv4) or hop limit (IPv6) as received.
    pub ttl: u8,
}

impl Envelope {
    /// Splits a packet, as a raw IPv4 socket delivers it, into envelope and payload.
    ///
    /// The header's total length counts, not the packet's: Ethernet pads short frames. Options are skipped.
    /// The header's own checksum is left to the kernel.
    ///
    /// # Errors
    /// [`DecodeError::IpHeader`] or [`DecodeError::Protocol`].
    pub fn from_ipv4(packet: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let header: &[u8; IPV4_HEADER_LEN] = packet.first_chunk().ok_or(DecodeError::IpHeader)?;
        let header_len = usize::from(header[0] & 0x0f) * 4;
        let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let fragment = u16::from_be_bytes([header[6], header[7]]) & FRAGMENT_MASK != 0;
        if header[0] >> 4 != 4 || header_len < IPV4_HEADER_LEN || fragment {
            return Err(DecodeError::IpHeader);
        }
        let payload = packet.get(header_len..total_len).ok_or(DecodeError::IpHeader)?;
        if header[9] != PROTOCOL {
            return Err(DecodeError::Protocol(header[9]));
        }
        let [.., s0, s1, s2, s3, d0, d1, d2, d3] = *header;
        let envelope = Self {
            source: Ipv4Addr::new(s0, s1, s2, s3).into(),
            destination: Ipv4Addr::new(d0, d1, d2, d3).into(),
            ttl: header[8],
        };
        Ok((envelope, payload))
    }

    /// Whether it is of RFC 9568, which knows the group and, over IPv6, link-local sources only (§5.1.2.1).
    pub(crate) fn is_of_one_link(&self) -> bool {
        let is_link_local =
            matches!(self.source, IpAddr::V6(source) if source.is_unicast_link_local());
        is_link_local || self.destination.is_multicast()
    }
}

/// VRRP's number among the IP protocols (RFC 9568 §5.1.1.4).
pub(crate) const PROTOCOL: u8 = 112;

/// An IPv4 header without options.
const IPV4_HEADER_LEN: usize = 20;

/// "More fragments" and the offset. A raw socket delivers whole datagrams, so a fragment is none of ours.
const FRAGMENT_MASK: u16 = 0x3fff;
