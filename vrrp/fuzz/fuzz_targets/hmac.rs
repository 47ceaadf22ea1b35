//! Any payload is checked without a panic; what is signed is accepted once, and what was changed or made up never is.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use vrrp::hmac::{
    Authenticator, Authenticity, HmacError, HmacKey, HmacKeys, HmacMode, TRAILER_LEN,
};

const V4: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10)), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 11))];
const V6: [IpAddr; 2] = [
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2)),
];

/// Octets of the shortest message.
const MESSAGE_MIN: usize = 8;

/// Where the checksum stands, which the HMAC leaves out: it is checked for itself.
const CHECKSUM: std::ops::Range<usize> = 6..8;

fuzz_target!(|input: &[u8]| {
    let [place, change, message @ ..] = input else { return };
    let len = message.len().saturating_sub(TRAILER_LEN);
    for [source, destination] in [V4, V6] {
        assert!(enforcing().check(message, len, source).is_err(), "nobody signed this");
        if message.len() >= MESSAGE_MIN {
            sign_and_change(message, source, destination, usize::from(*place), *change);
        }
    }
});

fn sign_and_change(message: &[u8], source: IpAddr, destination: IpAddr, place: usize, change: u8) {
    let mut payload = message.to_vec();
    payload.resize(message.len() + TRAILER_LEN, 0);
    key().seal(&mut payload, source, destination, u64::from(change).into());
    let mut receiver = enforcing();
    let accepted = receiver.check(&payload, message.len(), source);
    assert_eq!(accepted, Ok(Authenticity::Proven));
    assert_eq!(receiver.check(&payload, message.len(), source), Err(HmacError::Replay));
    let place = place % payload.len();
    if change != 0 && !CHECKSUM.contains(&place) {
        payload[place] ^= change;
        assert!(enforcing().check(&payload, message.len(), source).is_err(), "octet {place}");
    }
}

fn key() -> HmacKey {
    HmacKey::new(1, &[7; 32]).expect("32 octets")
}

fn enforcing() -> Authenticator {
    Authenticator::new(HmacMode::Enforce, HmacKeys::new(vec![key()]).expect("a key"))
}
