//! The message of version 2 (RFC 3768), which only IPv4 has.

use proptest::prelude::*;
use vrrp::{
    Advertisement, Auth, ChecksumForm, DecodeError, DecodeErrors, Envelope, Interval, Password,
};

use super::{address, advert, adverts, encode, envelope, multicast, ones_complement_sum, pseudo};

/// The message of version 2 with VRID 51, priority 200, 1 s and 192.0.2.100.
fn golden(auth_type: u8, checksum: u16, auth_data: [u8; 8]) -> Vec<u8> {
    let [high, low] = checksum.to_be_bytes();
    let mut message = vec![0x21, 51, 200, 1, auth_type, 1, high, low, 192, 0, 2, 100];
    message.extend(auth_data);
    message
}

fn password(text: &str) -> ChecksumForm {
    ChecksumForm::Rfc3768(Auth::Password(Password::new(text).expect("1 to 8 octets")))
}

#[test]
fn the_checksum_covers_the_authentication() {
    let advert = advert(&["192.0.2.100"]);
    let cases = [
        (ChecksumForm::Rfc3768(Auth::None), golden(0, 0x5465, [0; 8])),
        (password("secret"), golden(1, 0x1719, *b"secret\0\0")),
        (password("12345678"), golden(1, 0x8290, *b"12345678")),
    ];
    for (form, message) in cases {
        assert_eq!(encode(&advert, &multicast(), form), message, "{form:?}");
        assert_eq!(Advertisement::decode(&message, &multicast()), Ok((advert.clone(), form)));
    }
}

#[test]
fn without_authentication_its_octets_are_ignored() {
    let form = ChecksumForm::Rfc3768(Auth::None);
    let message = resummed(golden(0, 0, [7; 8]));
    let decoded = Advertisement::decode(&message, &multicast());
    assert_eq!(decoded, Ok((advert(&["192.0.2.100"]), form)));
}

#[test]
fn there_is_no_pseudo_header() {
    let mut message = golden(0, 0, [0; 8]);
    let pseudo = pseudo(&multicast(), address("224.0.0.18"), message.len());
    let sum = !ones_complement_sum(&[&pseudo, &message]);
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(Advertisement::decode(&message, &multicast()), Err(DecodeError::Checksum));
}

#[test]
fn it_is_for_ipv4() {
    let envelope = envelope("fe80::1", "ff02::12");
    let message = golden(0, 0x5465, [0; 8]);
    assert_eq!(Advertisement::decode(&message, &envelope), Err(DecodeError::Version(2)));
}

/// The message with the right checksum of version 2.
fn resummed(mut message: Vec<u8>) -> Vec<u8> {
    message[6..8].fill(0);
    let sum = !ones_complement_sum(&[&message]);
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    message
}

/// A message of version 2 that is wrong in every way, repaired check by check.
#[test]
fn checks_come_in_the_order_of_the_rfc() {
    let mut count = DecodeErrors::default();
    let mut fails = |message: &[u8], expected: DecodeError| {
        assert_eq!(Advertisement::decode(message, &multicast()), Err(expected));
        count.count(&expected);
    };
    let mut message = vec![0x12, 0, 100, 0, 2, 0, 0, 0];
    fails(&message, DecodeError::Version(1));
    message[0] = 0x22;
    fails(&message, DecodeError::Length { expected: 16, actual: 8 });
    message.extend([0; 7]);
    fails(&message, DecodeError::Length { expected: 16, actual: 15 });
    message.push(0);
    fails(&message, DecodeError::Checksum);
    message = resummed(message);
    fails(&message, DecodeError::Type(2));
    message[0] = 0x21;
    message = resummed(message);
    fails(&message, DecodeError::Vrid);
    message[1] = 51;
    for unknown in [2, 3, 255] {
        message[4] = unknown;
        message = resummed(message);
        fails(&message, DecodeError::AuthType(unknown));
    }
    message[4] = 1;
    message = resummed(message);
    fails(&message, DecodeError::NoAddress);
    message[3] = 1;
    message.extend([0; 4]);
    message = resummed(message);
    fails(&message, DecodeError::Interval);
    message[5] = 255;
    message = resummed(message);
    let (advert, _) = Advertisement::decode(&message, &multicast()).expect("all is repaired");
    assert_eq!(advert.interval, Interval::MAX);

    assert_eq!([count.version_errors, count.packet_length_errors], [1, 2]);
    assert_eq!([count.checksum_errors, count.invalid_type, count.vrid_errors], [1, 1, 1]);
    assert_eq!([count.invalid_auth_type, count.interval_errors], [3, 1]);
    assert_eq!(count.address_list_errors, 1);
}

#[test]
fn trailing_octets_are_ignored() {
    let mut message = golden(1, 0x1719, *b"secret\0\0");
    message.extend([0xaa; 20]);
    let decoded = Advertisement::decode(&message, &multicast());
    assert_eq!(decoded, Ok((advert(&["192.0.2.100"]), password("secret"))));
}

/// What RFC 3768 §7.1 accepts of messages that begin as those of version 2 do, in the plainest words.
pub fn is_acceptable(payload: &[u8], envelope: &Envelope) -> bool {
    let len = 16 + usize::from(payload[3]) * 4;
    envelope.ttl == 255
        && envelope.source.is_ipv4()
        && payload.len() >= len
        && ones_complement_sum(&[&payload[..len]]) == 0xffff
        && payload[1] != 0
        && payload[3] != 0
        && payload[4] <= 1
        && payload[5] != 0
}

fn seconds_and_auth() -> impl Strategy<Value = (Interval, ChecksumForm)> {
    let auth = prop_oneof![
        Just(Auth::None),
        "[!-~]{1,8}".prop_map(|text| Auth::Password(Password::new(&text).expect("in range"))),
    ];
    (1..=255u8, auth).prop_map(|(seconds, auth)| {
        (Interval::from_seconds(seconds).expect("not 0"), ChecksumForm::Rfc3768(auth))
    })
}

proptest! {
    #[test]
    fn decode_reads_what_encode_wrote(
        mut advert in adverts(true),
        (interval, form) in seconds_and_auth(),
    ) {
        advert.interval = interval;
        let message = encode(&advert, &multicast(), form);
        prop_assert_eq!(message.len(), 16 + advert.addresses.len() * 4);
        prop_assert_eq!(Advertisement::decode(&message, &multicast()), Ok((advert, form)));
    }

    /// Valid messages of version 2 with some octets changed, and with a checksum that is repaired or not.
    #[test]
    fn exactly_the_acceptable_is_accepted(
        mut advert in adverts(true),
        (interval, form) in seconds_and_auth(),
        changes in prop::collection::vec((0..12usize, prop_oneof![any::<u8>(), 0..3u8]), 0..3),
        repair in any::<bool>(),
        cut in prop_oneof![4 => Just(0usize), 1 => 1..20usize],
        tail in prop_oneof![4 => Just(0usize), 1 => 1..40usize],
    ) {
        advert.interval = interval;
        let mut payload = encode(&advert, &multicast(), form);
        for (at, octet) in changes {
            payload[at] = octet;
        }
        if repair {
            let len = payload.len().min(16 + usize::from(payload[3]) * 4);
            let repaired = resummed(payload[..len].to_vec());
            payload[..len].copy_from_slice(&repaired);
        }
        payload.truncate(payload.len() - cut.min(payload.len()));
        payload.resize(payload.len() + tail, 0x55);
        prop_assert_eq!(
            Advertisement::decode(&payload, &multicast()).is_ok(),
            super::is_acceptable(&payload, &multicast())
        );
    }
}
