//! The checksum of the internet (RFC 1071).

/// Over all octets; of a message in which it stands already, 0.
#[must_use]
pub fn checksum(message: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    let sum: u32 = message.chunks(2).map(word).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    u16::try_from(folded).map_or(0, |sum| !sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_with_its_checksum_has_none() {
        // An ICMP echo request.
        let mut message = [8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 7];
        let sum = checksum(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(checksum(&message), 0);
    }
}
