//! Gratuitous ARP as bytes: tells hosts and switches on the link who holds an IPv4 address.
//!
//! Only the frame; when to send one is decided by the [router](crate::VirtualRouter), how by the host.

use std::net::Ipv4Addr;

/// Length of an Ethernet header and an ARP packet for IPv4. Shorter than the 60 octets that Ethernet asks for; drivers pad.
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
}
