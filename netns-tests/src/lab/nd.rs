//! What hosts say of their IPv6 addresses on a link, as Ethernet frames (RFC 4861 §4.3, §4.4).

use std::net::Ipv6Addr;

use super::checksum::checksum;
use super::mac::Mac;

const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// "This address is at `mac`, whatever you knew before": to everybody, or to one host alone.
#[must_use]
pub fn claim(mac: Mac, to: Option<Mac>, address: Ipv6Addr) -> Vec<u8> {
    let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let body = [&[0x20, 0, 0, 0][..], &address.octets(), &[2, 1], &mac.0].concat();
    frame(
        mac,
        to.unwrap_or_else(|| multicast(all_nodes)),
        [address, all_nodes],
        ADVERTISEMENT,
        &body,
    )
}

/// "Who has this address?", from a host whose address is `source`.
#[must_use]
pub fn question(mac: Mac, source: Ipv6Addr, address: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = address.octets();
    let group = Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]);
    let body = [&[0; 4][..], &address.octets(), &[1, 1], &mac.0].concat();
    frame(mac, multicast(group), [source, group], SOLICITATION, &body)
}

/// The Ethernet address of a group (RFC 2464 §7).
const fn multicast(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    Mac([0x33, 0x33, a, b, c, d])
}

fn frame(
    from: Mac,
    to: Mac,
    [source, destination]: [Ipv6Addr; 2],
    kind: u8,
    body: &[u8],
) -> Vec<u8> {
    let mut message = [&[kind, 0, 0, 0][..], body].concat();
    let length = u16::try_from(message.len()).unwrap_or_default().to_be_bytes();
    let addresses = [source.octets(), destination.octets()].concat();
    let pseudo_header = [&addresses[..], &[0, 0], &length, &[0, 0, 0, ICMPV6]].concat();
    let sum = checksum(&[pseudo_header, message.clone()].concat());
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let header = [&[0x60, 0, 0, 0][..], &length, &[ICMPV6, 255], &addresses].concat();
    [&to.0[..], &from.0, &[0x86, 0xdd], &header, &message].concat()
}

const ICMPV6: u8 = 58;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_has_a_right_checksum() {
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let address = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let frame = claim(mac, None, address);
        assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 1]);
        assert_eq!(frame.len(), 14 + 40 + 32);
        let pseudo_header = [&frame[22..54], &[0, 0, 0, 32, 0, 0, 0, 58]].concat();
        assert_eq!(checksum(&[&pseudo_header, &frame[54..]].concat()), 0);
    }
}
