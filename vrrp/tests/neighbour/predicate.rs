//! Which frames say something of a host's addresses, written down a second time. The fuzzer uses it too.

/// Whether `Neighbour::decode` is to understand the frame.
pub fn is_understood(frame: &[u8]) -> bool {
    is_arp(frame) || is_neighbor_discovery(frame)
}

/// Request or reply for IPv4 over Ethernet (RFC 826).
fn is_arp(frame: &[u8]) -> bool {
    frame.len() >= 42
        && frame[12..21] == [8, 6, 0, 1, 8, 0, 6, 4, 0]
        && (frame[21] == 1 || frame[21] == 2)
}

/// Solicitation or advertisement right behind its IPv6 header, as RFC 4861 §7.1 wants them.
fn is_neighbor_discovery(frame: &[u8]) -> bool {
    if frame.len() < 78 || frame[12..14] != [0x86, 0xdd] || frame[14] & 0xf0 != 0x60 {
        return false;
    }
    let end = 54 + usize::from(frame[18]) * 256 + usize::from(frame[19]);
    let (is_solicitation, multicast) = (frame[54] == 135, frame[38] == 0xff);
    if end < 78
        || end > frame.len()
        || frame[20..22] != [58, 255]
        || frame[55] != 0
        || !(is_solicitation || frame[54] == 136)
        || frame[62] == 0xff
        || !adds_up(&frame[22..end])
    {
        return false;
    }
    let Some(options) = options(&frame[78..end]) else { return false };
    let nameless = frame[22..38].iter().all(|&octet| octet == 0);
    if is_solicitation && nameless {
        let solicited_node = frame[38..51] == [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff];
        return solicited_node && !options.contains(&(1, 1));
    }
    is_solicitation || !multicast || frame[58] & 0x40 == 0
}

/// Addresses, message, length and protocol add up to -0 (RFC 8200 §8.1).
fn adds_up(addresses_and_message: &[u8]) -> bool {
    let message_len = addresses_and_message.len() as u64 - 32;
    let octets = addresses_and_message.iter().enumerate();
    let sum: u64 = octets.map(|(i, &octet)| u64::from(octet) << (8 * (1 - i % 2))).sum();
    (sum + message_len + 58).is_multiple_of(0xffff)
}

/// Kind and length of each option; `None` if one is empty or goes beyond the end.
fn options(mut octets: &[u8]) -> Option<Vec<(u8, u8)>> {
    let mut options = Vec::new();
    while let [kind, length, ..] = *octets {
        if length == 0 || usize::from(length) * 8 > octets.len() {
            return None;
        }
        options.push((kind, length));
        octets = &octets[usize::from(length) * 8..];
    }
    octets.is_empty().then_some(options)
}
