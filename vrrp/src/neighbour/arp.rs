//! ARP packets for IPv4 over Ethernet (RFC 826).

use std::net::Ipv4Addr;

use crate::mac::Mac;

/// Length of an Ethernet header and an ARP packet for IPv4. Shorter than the 60 octets that Ethernet asks for;
/// drivers pad.
pub const ARP_FRAME_LEN: usize = 42;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Request,
    Reply,
}

/// ```text
///  0      12    14                 20        22          28      32          38      42
///  | MACs | 0806 | 1, 0800, 6, 4   | operation | sender MAC | IPv4 | target MAC | IPv4 |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arp {
    pub(crate) operation: Operation,
    pub(crate) sender_mac: Mac,
    pub(crate) sender: Ipv4Addr,
    pub(crate) target_mac: Mac,
    pub(crate) target: Ipv4Addr,
}

impl Arp {
    /// Asks for `target`; a probe if `sender` is 0.0.0.0.
    pub(crate) fn request(mac: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> Self {
        let operation = Operation::Request;
        Self { operation, sender_mac: mac, sender, target_mac: Mac::UNKNOWN, target }
    }

    pub(crate) fn decode(frame: &[u8]) -> Option<Self> {
        let packet: &[u8; ARP_FRAME_LEN] = frame.first_chunk()?;
        if packet[12..14] != ETHERTYPE || packet[14..20] != ETHERNET_IPV4 {
            return None;
        }
        let operation = match packet[20..22] {
            [0, 1] => Operation::Request,
            [0, 2] => Operation::Reply,
            _ => return None,
        };
        Some(Self {
            operation,
            sender_mac: Mac(octets(packet, 22)),
            sender: octets(packet, 28).into(),
            target_mac: Mac(octets(packet, 32)),
            target: octets(packet, 38).into(),
        })
    }

    /// As a broadcast from the sender.
    pub(crate) fn encode(&self) -> [u8; ARP_FRAME_LEN] {
        let mut frame = [0; ARP_FRAME_LEN];
        frame[..6].copy_from_slice(&Mac::BROADCAST.0);
        frame[6..12].copy_from_slice(&self.sender_mac.0);
        frame[12..14].copy_from_slice(&ETHERTYPE);
        frame[14..20].copy_from_slice(&ETHERNET_IPV4);
        frame[21] = match self.operation {
            Operation::Request => 1,
            Operation::Reply => 2,
        };
        frame[22..28].copy_from_slice(&self.sender_mac.0);
        frame[28..32].copy_from_slice(&self.sender.octets());
        frame[32..38].copy_from_slice(&self.target_mac.0);
        frame[38..42].copy_from_slice(&self.target.octets());
        frame
    }
}

fn octets<const N: usize>(packet: &[u8; ARP_FRAME_LEN], at: usize) -> [u8; N] {
    std::array::from_fn(|i| packet[at + i])
}

const ETHERTYPE: [u8; 2] = [0x08, 0x06];

/// Hardware type Ethernet, protocol type IPv4, and the lengths of their addresses.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];
