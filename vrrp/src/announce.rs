//! Gratuitous ARP and unsolicited neighbor advertisement as bytes: they tell hosts and switches on the link who
//! holds an IPv4 or an IPv6 address.
//!
//! Only the frames; when to send one is decided by the [router](crate::VirtualRouter), how by the host.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::mac::Mac;
use crate::neighbour::{ALL_NODES, ARP_FRAME_LEN, Arp, Body, Ndp, OVERRIDE, Operation, ROUTER};

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
/// use vrrp::{ArpForm, Mac, gratuitous_arp};
///
/// let frame = gratuitous_arp(Mac([2, 0, 0, 0, 0, 1]), [192, 0, 2, 1].into(), ArpForm::Request);
/// assert_eq!(frame[..6], [0xff; 6]);
/// ```
#[must_use]
pub fn gratuitous_arp(mac: Mac, address: Ipv4Addr, form: ArpForm) -> [u8; ARP_FRAME_LEN] {
    let request = Arp::request(mac, address, address);
    match form {
        ArpForm::Request => request,
        // RFC 5944 §4.6: the target hardware address is the one that caches should learn.
        ArpForm::Reply => Arp { operation: Operation::Reply, target_mac: mac, ..request },
    }
    .encode()
}

/// An Ethernet frame to all nodes that says: `address` is at `mac`, whatever you knew before (RFC 9568 §8.2.2; RFC 4861
/// §7.2.6). `forwards` says that it is a router's: hosts stop to use as their router whoever says that he is none.
///
/// ```
/// use vrrp::{Mac, unsolicited_na};
///
/// let frame = unsolicited_na(Mac([2, 0, 0, 0, 0, 1]), "fe80::1".parse()?, true);
/// assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 1]);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn unsolicited_na(mac: Mac, address: Ipv6Addr, forwards: bool) -> Vec<u8> {
    let router = if forwards { ROUTER } else { 0 };
    Ndp {
        ethernet_source: mac,
        source: address,
        destination: ALL_NODES,
        body: Body::Advertisement { flags: router | OVERRIDE },
        target: address,
        link_layer: Some(mac),
    }
    .encode()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([0x02, 0, 0, 0xaa, 0xbb, 0xcc]);
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
        let frame = unsolicited_na(MAC, vip, true);
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
        let host = unsolicited_na(MAC, vip, false);
        assert_eq!(host[58..62], [0x20, 0, 0, 0], "a box that does not forward is no router");
    }

    /// Adds up what a receiver does: both addresses, the length, the protocol and the message (RFC 8200 §8.1).
    #[test]
    fn neighbor_advertisement_has_the_right_checksum() {
        for address in ["fe80::1", "2001:db8::50", "ffff:ffff:ffff::ffff"] {
            let frame = unsolicited_na(MAC, address.parse().expect("an address"), true);
            let words = frame[22..].as_chunks::<2>().0;
            let sum: u32 = words.iter().map(|&word| u32::from(u16::from_be_bytes(word))).sum();
            let sum = sum + 32 + 58;
            assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "{address}");
        }
    }
}
