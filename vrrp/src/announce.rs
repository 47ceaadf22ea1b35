//! Gratuitous ARP and unsolicited neighbor advertisement as bytes: they tell hosts and switches on the link who
//! holds an IPv4 or an IPv6 address.
//!
//! Only the frames; when to send one is decided by the [router](crate::VirtualRouter), how by the host.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::checksum::{ICMPV6, icmpv6};

/// Length of an Ethernet header and an ARP packet for IPv4. Shorter than the 60 octets that Ethernet asks for;
/// drivers pad.
pub const ARP_FRAME_LEN: usize = 42;

/// The two forms of a gratuitous ARP. Gear differs in which it believes, so both are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArpForm {
    /// A request for our own address (RFC 9568 §8.1.2; RFC 5227 §3).
    Request,
    /// A reply that nobody asked for (RFC 5944 §4.6).
    Reply,
}

/// A broadcast Ethernet frame that says: `address` is at `mac`.
///
/// ```
/// use vrrp::{ArpForm, gratuitous_arp};
///
/// let frame = gratuitous_arp([2, 0, 0, 0, 0, 1], [192, 0, 2, 1].into(), ArpForm::Request);
/// assert_eq!(frame[..6], [0xff; 6]);
/// ```
#[must_use]
pub fn gratuitous_arp(mac: [u8; 6], address: Ipv4Addr, form: ArpForm) -> [u8; ARP_FRAME_LEN] {
    let (operation, target_mac) = match form {
        ArpForm::Request => (1, [0; 6]),
        // RFC 5944 §4.6: the target hardware address is the one that caches should learn.
        ArpForm::Reply => (2, mac),
    };
    let mut frame = [0; ARP_FRAME_LEN];
    frame[..6].copy_from_slice(&[0xff; 6]);
    frame[6..12].copy_from_slice(&mac);
    frame[12..14].copy_from_slice(&ETHERTYPE_ARP);
    frame[14..20].copy_from_slice(&ARP_ETHERNET_IPV4);
    frame[21] = operation;
    frame[22..28].copy_from_slice(&mac);
    frame[28..32].copy_from_slice(&address.octets());
    frame[32..38].copy_from_slice(&target_mac);
    frame[38..42].copy_from_slice(&address.octets());
    frame
}

/// Length of an Ethernet header, an IPv6 header, a neighbor advertisement and its one option.
pub const NA_FRAME_LEN: usize = 86;

/// An Ethernet frame to all nodes that says: the router with `address` is at `mac`, whatever you knew before
/// (RFC 9568 §8.2.2; RFC 4861 §7.2.6).
///
/// ```
/// use vrrp::unsolicited_na;
///
/// let frame = unsolicited_na([2, 0, 0, 0, 0, 1], "fe80::1".parse()?);
/// assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 1]);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn unsolicited_na(mac: [u8; 6], address: Ipv6Addr) -> [u8; NA_FRAME_LEN] {
    let message = neighbor_advertisement(mac, address);
    let mut frame = [0; NA_FRAME_LEN];
    frame[..6].copy_from_slice(&ALL_NODES_MAC);
    frame[6..12].copy_from_slice(&mac);
    frame[12..14].copy_from_slice(&ETHERTYPE_IPV6);
    frame[14] = 6 << 4;
    frame[19] = NA_LEN;
    frame[20] = ICMPV6;
    frame[21] = HOP_LIMIT;
    frame[22..38].copy_from_slice(&address.octets());
    frame[38..54].copy_from_slice(&ALL_NODES.octets());
    frame[54..].copy_from_slice(&message);
    frame
}

/// The ICMPv6 message (RFC 4861 §4.4), sealed as sent from `address` itself.
fn neighbor_advertisement(mac: [u8; 6], address: Ipv6Addr) -> [u8; NA_LEN as usize] {
    let mut message = [0; NA_LEN as usize];
    message[0] = NEIGHBOR_ADVERTISEMENT;
    message[4] = ROUTER | OVERRIDE;
    message[8..24].copy_from_slice(&address.octets());
    message[24..26].copy_from_slice(&TARGET_LINK_LAYER_ADDRESS);
    message[26..].copy_from_slice(&mac);
    let checksum = icmpv6(&message, address, ALL_NODES);
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    message
}

/// Octets of a neighbor advertisement with one option.
const NA_LEN: u8 = 32;

/// Type of the ICMPv6 message.
const NEIGHBOR_ADVERTISEMENT: u8 = 136;

/// Flag: the sender is a router, as a virtual router is.
const ROUTER: u8 = 0x80;

/// Flag: replaces the link-layer address that is known.
const OVERRIDE: u8 = 0x20;

/// Type of the option, and its length in units of eight octets.
const TARGET_LINK_LAYER_ADDRESS: [u8; 2] = [2, 1];

/// Receivers discard what crossed a router (RFC 4861 §7.1.2).
const HOP_LIMIT: u8 = 255;

/// Every host on the link, and the Ethernet group it listens to (RFC 2464 §7).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];

const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];

const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];

/// Hardware type Ethernet, protocol type IPv4, and the lengths of their addresses.
const ARP_ETHERNET_IPV4: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0x02, 0, 0, 0xaa, 0xbb, 0xcc];
    const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);

    #[test]
    fn request_asks_everyone_for_our_own_address() {
        let expected = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0xaa, 0xbb, 0xcc, 0x08,
            0x06, // Ethernet
            0, 1, 0x08, 0, 6, 4, 0, 1, // Ethernet, IPv4, request
            0x02, 0, 0, 0xaa, 0xbb, 0xcc, 192, 0, 2, 100, // sender
            0, 0, 0, 0, 0, 0, 192, 0, 2, 100, // target
        ];
        assert_eq!(gratuitous_arp(MAC, VIP, ArpForm::Request), expected);
    }

    #[test]
    fn reply_names_us_as_sender_and_target() {
        let frame = gratuitous_arp(MAC, VIP, ArpForm::Reply);
        assert_eq!(frame[20..22], [0, 2]);
        assert_eq!(frame[22..32], frame[32..42]);
    }

    #[test]
    fn neighbor_advertisement_tells_all_nodes() {
        let vip: Ipv6Addr = "2001:db8::50".parse().expect("an address");
        let frame = unsolicited_na(MAC, vip);
        let ethernet =
            [0x33, 0x33, 0, 0, 0, 1, 0x02, 0, 0, 0xaa, 0xbb, 0xcc, 0x86, 0xdd, 0x60, 0, 0, 0];
        assert_eq!(frame[..18], ethernet);
        assert_eq!(frame[18..22], [0, 32, 58, 255]);
        assert_eq!(frame[22..38], vip.octets());
        assert_eq!(frame[38..54], [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(frame[54..56], [136, 0]);
        assert_eq!(frame[58..62], [0xa0, 0, 0, 0]);
        assert_eq!(frame[62..78], vip.octets());
        assert_eq!(frame[78..], [2, 1, 0x02, 0, 0, 0xaa, 0xbb, 0xcc]);
    }

    /// Adds up what a receiver does: both addresses, the length, the protocol and the message (RFC 8200 §8.1).
    #[test]
    fn neighbor_advertisement_has_the_right_checksum() {
        for address in ["fe80::1", "2001:db8::50", "ffff:ffff:ffff::ffff"] {
            let frame = unsolicited_na(MAC, address.parse().expect("an address"));
            let words = frame[22..].as_chunks::<2>().0;
            let sum: u32 = words.iter().map(|&word| u32::from(u16::from_be_bytes(word))).sum();
            let sum = sum + 32 + 58;
            assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "{address}");
        }
    }
}
