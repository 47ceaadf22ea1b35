//! The checksum of the internet (RFC 1071).

/// Over all octets; of a message in which it stands already, 0.
#[must_use]
pub fn checksum(message: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    let sum: u32 = message.chunks(2).map(word).sum();
    // 65535 is 0 in one's complement.
    u16::try_from(sum % 0xffff).map_or(0, |sum| !sum)
}
