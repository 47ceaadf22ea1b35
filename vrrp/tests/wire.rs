//! The message as bytes: golden vectors, round trips, garbage, and what exactly is accepted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use vrrp::{
    Advertisement, Auth, ChecksumForm, DecodeError, DecodeErrors, Envelope, Interval, Password,
    Priority, Vrid,
};

const FORMS: [ChecksumForm; 3] =
    [ChecksumForm::Rfc9568, ChecksumForm::Rfc5798, ChecksumForm::Rfc5798Multicast];

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn envelope(source: &str, destination: &str) -> Envelope {
    Envelope { source: address(source), destination: address(destination), ttl: 255 }
}

fn multicast() -> Envelope {
    envelope("192.0.2.10", "224.0.0.18")
}

fn advert(addresses: &[&str]) -> Advertisement {
    Advertisement {
        vrid: Vrid::new(51).expect("not 0"),
        priority: Priority::new(200),
        interval: Interval::DEFAULT,
        addresses: addresses.iter().map(|text| address(text)).collect(),
    }
}

fn encode(advert: &Advertisement, envelope: &Envelope, form: ChecksumForm) -> Vec<u8> {
    advert.encode(envelope.source, envelope.destination, form)
}

/// The message of version 3 with VRID 51, priority 200, 1 s and 192.0.2.100.
fn golden(checksum: u16) -> Vec<u8> {
    let [high, low] = checksum.to_be_bytes();
    vec![0x31, 51, 200, 1, 0, 100, high, low, 192, 0, 2, 100]
}

// ---- golden vectors

#[test]
fn ipv4_has_three_checksums() {
    let unicast = envelope("192.0.2.10", "192.0.2.11");
    let cases = [
        (multicast(), ChecksumForm::Rfc9568, 0x4402),
        (multicast(), ChecksumForm::Rfc5798, 0xa168),
        (unicast, ChecksumForm::Rfc9568, 0x4402),
        (unicast, ChecksumForm::Rfc5798, 0xbf6f),
        (unicast, ChecksumForm::Rfc5798Multicast, 0xa168),
    ];
    let advert = advert(&["192.0.2.100"]);
    for (envelope, form, checksum) in cases {
        assert_eq!(encode(&advert, &envelope, form), golden(checksum), "{form}");
        assert_eq!(Advertisement::decode(&golden(checksum), &envelope), Ok((advert.clone(), form)));
    }
}

#[test]
fn ipv6_always_has_its_pseudo_header() {
    let envelope = envelope("fe80::1", "ff02::12");
    let advert = advert(&["fe80::50", "2001:db8::50"]);
    for form in FORMS {
        let message = encode(&advert, &envelope, form);
        assert_eq!(message[..8], [0x31, 51, 200, 2, 0, 100, 0xdb, 0x5c]);
        assert_eq!(message.len(), 8 + 2 * 16);
        let decoded = Advertisement::decode(&message, &envelope);
        assert_eq!(decoded, Ok((advert.clone(), ChecksumForm::Rfc9568)));
    }
}

/// The message of version 2 with VRID 51, priority 200, 1 s and 192.0.2.100.
fn golden_v2(auth_type: u8, checksum: u16, auth_data: [u8; 8]) -> Vec<u8> {
    let [high, low] = checksum.to_be_bytes();
    let mut message = vec![0x21, 51, 200, 1, auth_type, 1, high, low, 192, 0, 2, 100];
    message.extend(auth_data);
    message
}

fn password(text: &str) -> ChecksumForm {
    ChecksumForm::Rfc3768(Auth::Password(Password::new(text).expect("1 to 8 octets")))
}

#[test]
fn version_2_covers_its_authentication() {
    let advert = advert(&["192.0.2.100"]);
    let cases = [
        (ChecksumForm::Rfc3768(Auth::None), golden_v2(0, 0x5465, [0; 8])),
        (password("secret"), golden_v2(1, 0x1719, *b"secret\0\0")),
        (password("12345678"), golden_v2(1, 0x8290, *b"12345678")),
    ];
    for (form, message) in cases {
        assert_eq!(encode(&advert, &multicast(), form), message, "{form:?}");
        assert_eq!(Advertisement::decode(&message, &multicast()), Ok((advert.clone(), form)));
    }
}

#[test]
fn version_2_without_authentication_ignores_its_data() {
    let form = ChecksumForm::Rfc3768(Auth::None);
    let message = resummed(golden_v2(0, 0, [7; 8]));
    let decoded = Advertisement::decode(&message, &multicast());
    assert_eq!(decoded, Ok((advert(&["192.0.2.100"]), form)));
}

#[test]
fn version_2_has_no_pseudo_header() {
    let mut message = golden_v2(0, 0, [0; 8]);
    let pseudo = pseudo(&multicast(), address("224.0.0.18"), message.len());
    let sum = !ones_complement_sum(&[&pseudo, &message]);
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(Advertisement::decode(&message, &multicast()), Err(DecodeError::Checksum));
}

#[test]
fn version_2_is_for_ipv4() {
    let envelope = envelope("fe80::1", "ff02::12");
    let message = golden_v2(0, 0x5465, [0; 8]);
    assert_eq!(Advertisement::decode(&message, &envelope), Err(DecodeError::Version(2)));
}

/// The message with the right checksum of version 2.
fn resummed(mut message: Vec<u8>) -> Vec<u8> {
    message[6..8].fill(0);
    let sum = !ones_complement_sum(&[&message]);
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    message
}

// ---- the order of checks

/// A message that is wrong in every way, repaired check by check.
#[test]
fn checks_come_in_the_order_of_the_rfc() {
    let mut envelope = envelope("fe80::1", "ff02::12");
    envelope.ttl = 254;
    let mut message = vec![0x42, 0, 100, 0, 0xf0, 0, 0, 0];
    let mut count = DecodeErrors::default();
    let mut fails = |message: &[u8], envelope: &Envelope, expected: DecodeError| {
        assert_eq!(Advertisement::decode(message, envelope), Err(expected));
        count.count(&expected);
    };
    let resum = |message: &mut Vec<u8>| {
        message[6..8].fill(0);
        let sum = !ones_complement_sum(&[&pseudo_v6(message.len()), message]);
        message[6..8].copy_from_slice(&sum.to_be_bytes());
    };
    fails(&message, &envelope, DecodeError::Ttl(254));
    envelope.ttl = 255;
    fails(&message[..7], &envelope, DecodeError::Length { expected: 8, actual: 7 });
    fails(&message, &envelope, DecodeError::Version(4));
    message[0] = 0x32;
    message[3] = 1;
    fails(&message, &envelope, DecodeError::Length { expected: 24, actual: 8 });
    message[3] = 0;
    fails(&message, &envelope, DecodeError::Checksum);
    resum(&mut message);
    fails(&message, &envelope, DecodeError::Type(2));
    message[0] = 0x31;
    resum(&mut message);
    fails(&message, &envelope, DecodeError::Vrid);
    message[1] = 51;
    resum(&mut message);
    fails(&message, &envelope, DecodeError::NoAddress);
    message[3] = 1;
    message.extend([0x20; 16]);
    resum(&mut message);
    fails(&message, &envelope, DecodeError::Interval);
    message[5] = 1;
    resum(&mut message);
    fails(&message, &envelope, DecodeError::FirstAddress(Ipv6Addr::from([0x20; 16])));
    message[8..10].copy_from_slice(&[0xfe, 0x80]);
    resum(&mut message);
    assert!(Advertisement::decode(&message, &envelope).is_ok());

    let counted = [count.ip_ttl_errors, count.version_errors, count.packet_length_errors];
    assert_eq!(counted, [1, 1, 2]);
    let counted = [count.checksum_errors, count.invalid_type, count.vrid_errors];
    assert_eq!(counted, [1, 1, 1]);
    assert_eq!([count.address_list_errors, count.interval_errors], [2, 1]);
}

/// A message of version 2 that is wrong in every way, repaired check by check.
#[test]
fn checks_of_version_2_come_in_the_order_of_its_rfc() {
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
fn octets_behind_version_2_are_ignored() {
    let mut message = golden_v2(1, 0x1719, *b"secret\0\0");
    message.extend([0xaa; 20]);
    let decoded = Advertisement::decode(&message, &multicast());
    assert_eq!(decoded, Ok((advert(&["192.0.2.100"]), password("secret"))));
}

#[test]
fn reserved_bits_and_trailing_octets_are_ignored() {
    let advert = advert(&["192.0.2.100"]);
    let mut message = golden(0);
    message[4] = 0xf0;
    let sum = !ones_complement_sum(&[&message]);
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    message.extend([0xaa; 28]);
    let decoded = Advertisement::decode(&message, &multicast());
    assert_eq!(decoded, Ok((advert, ChecksumForm::Rfc9568)));
}

// ---- the IPv4 header

fn ipv4(header_words: u8, total_len: u16, protocol: u8) -> Vec<u8> {
    let [high, low] = total_len.to_be_bytes();
    let mut packet = vec![0x40 | header_words, 0xc0, high, low, 0, 0, 0x40, 0, 255, protocol];
    packet.extend([0, 0, 192, 0, 2, 10, 224, 0, 0, 18]);
    packet.resize(usize::from(header_words.max(5)) * 4, 0);
    packet
}

#[test]
fn payload_is_what_the_header_says_despite_options_and_padding() {
    for words in [5, 6, 15] {
        let mut packet = ipv4(words, u16::from(words) * 4 + 12, 112);
        packet.extend(golden(0x4402));
        packet.resize(80, 0);
        let payload = golden(0x4402);
        assert_eq!(Envelope::from_ipv4(&packet), Ok((multicast(), &payload[..])));
    }
}

#[test]
fn broken_headers_are_refused() {
    let header = |change: fn(&mut Vec<u8>)| {
        let mut packet = ipv4(5, 20, 112);
        change(&mut packet);
        Envelope::from_ipv4(&packet).map(|(envelope, _)| envelope)
    };
    assert_eq!(header(|_| ()), Ok(multicast()));
    assert_eq!(header(|packet| packet.truncate(19)), Err(DecodeError::IpHeader));
    assert_eq!(header(|packet| packet[0] = 0x65), Err(DecodeError::IpHeader));
    assert_eq!(header(|packet| packet[0] = 0x44), Err(DecodeError::IpHeader));
    assert_eq!(header(|packet| packet[0] = 0x46), Err(DecodeError::IpHeader));
    assert_eq!(header(|packet| packet[3] = 21), Err(DecodeError::IpHeader));
    assert_eq!(header(|packet| packet[3] = 19), Err(DecodeError::IpHeader));
    assert_eq!(header(|packet| packet[6] = 0x20), Err(DecodeError::IpHeader));
    assert_eq!(header(|packet| packet[7] = 1), Err(DecodeError::IpHeader));
    assert_eq!(header(|packet| packet[9] = 6), Err(DecodeError::Protocol(6)));
}

// ---- properties

/// A different way to add up than the crate's: end-around carry at every step.
fn ones_complement_sum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u16;
    for part in parts {
        for word in part.chunks(2) {
            let word = u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)]);
            let (wrapped, carry) = sum.overflowing_add(word);
            sum = wrapped + u16::from(carry);
        }
    }
    sum
}

fn pseudo_v6(len: usize) -> Vec<u8> {
    pseudo(&envelope("fe80::1", "ff02::12"), address("ff02::12"), len)
}

fn pseudo(envelope: &Envelope, destination: IpAddr, len: usize) -> Vec<u8> {
    let len = u16::try_from(len).expect("short").to_be_bytes();
    match (envelope.source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            [&source.octets()[..], &destination.octets(), &[0, 112], &len].concat()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            [&source.octets()[..], &destination.octets(), &[0, 0], &len, &[0, 0, 0, 112]].concat()
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => unreachable!(),
    }
}

/// What RFC 3768 §7.1 accepts, in the plainest words.
fn is_acceptable_v2(payload: &[u8], envelope: &Envelope) -> bool {
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

/// What RFC 9568 §7.1 and its errata accept, in the plainest words.
fn is_acceptable(payload: &[u8], envelope: &Envelope) -> bool {
    if payload.len() >= 8 && payload[0] == 0x21 {
        return is_acceptable_v2(payload, envelope);
    }
    let size = if envelope.source.is_ipv4() { 4 } else { 16 };
    if payload.len() < 8 || payload.len() < 8 + usize::from(payload[3]) * size {
        return false;
    }
    let message = &payload[..8 + usize::from(payload[3]) * size];
    let sums_up = |parts: &[&[u8]]| ones_complement_sum(parts) == 0xffff;
    let checksum = if envelope.source.is_ipv4() {
        let real = pseudo(envelope, envelope.destination, message.len());
        let group = pseudo(envelope, address("224.0.0.18"), message.len());
        sums_up(&[message]) || sums_up(&[&real, message]) || sums_up(&[&group, message])
    } else {
        sums_up(&[&pseudo(envelope, envelope.destination, payload.len()), payload])
    };
    let interval = u16::from_be_bytes([payload[4] & 0x0f, payload[5]]);
    let link_local_first = size == 4
        || is_global_unicast(envelope)
        || (message.len() >= 24 && message[8] == 0xfe && message[9] & 0xc0 == 0x80);
    envelope.ttl == 255
        && payload[0] == 0x31
        && payload[1] != 0
        && payload[3] != 0
        && interval != 0
        && checksum
        && link_local_first
}

/// RFC 9568 knows no such packet of IPv6.
fn is_global_unicast(envelope: &Envelope) -> bool {
    let is_link_local = |address: Ipv6Addr| address.segments()[0] & 0xffc0 == 0xfe80;
    match (envelope.source, envelope.destination) {
        (IpAddr::V6(source), IpAddr::V6(to)) => !is_link_local(source) && to.octets()[0] != 0xff,
        _ => false,
    }
}

fn envelopes() -> impl Strategy<Value = Envelope> {
    let v4 = (any::<u32>(), any::<u32>(), prop::bool::ANY).prop_map(|(source, other, group)| {
        let destination = if group { Ipv4Addr::new(224, 0, 0, 18) } else { other.into() };
        (IpAddr::V4(source.into()), IpAddr::V4(destination))
    });
    let v6 = (any::<u128>(), any::<u128>())
        .prop_map(|(source, other)| (IpAddr::V6(source.into()), IpAddr::V6(other.into())));
    prop_oneof![3 => v4, 1 => v6].prop_map(|(source, destination)| Envelope {
        source,
        destination,
        ttl: 255,
    })
}

fn adverts(v4: bool) -> impl Strategy<Value = Advertisement> {
    let address = any::<u128>().prop_map(move |bits| {
        let [a, b, c, d, ..] = bits.to_be_bytes();
        if v4 { IpAddr::from([a, b, c, d]) } else { IpAddr::from(bits.to_be_bytes()) }
    });
    let link_local = "fe80::50".parse().expect("an address");
    let addresses = prop::collection::vec(address, 1..=255).prop_map(move |mut addresses| {
        if !v4 {
            addresses[0] = link_local;
        }
        addresses
    });
    (1..=255u8, any::<u8>(), 1..=4095u16, addresses).prop_map(
        |(vrid, priority, interval, addresses)| Advertisement {
            vrid: Vrid::new(vrid).expect("not 0"),
            priority: Priority::new(priority),
            interval: Interval::from_centiseconds(interval).expect("in range"),
            addresses,
        },
    )
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

fn envelope_and_advert() -> impl Strategy<Value = (Envelope, Advertisement)> {
    envelopes().prop_flat_map(|envelope| (Just(envelope), adverts(envelope.source.is_ipv4())))
}

proptest! {
    #[test]
    fn decode_reads_what_encode_wrote(
        (envelope, advert) in envelope_and_advert(),
        form in prop::sample::select(&FORMS[..]),
    ) {
        let message = encode(&advert, &envelope, form);
        let (decoded, heard) = Advertisement::decode(&message, &envelope).expect("our own message");
        prop_assert_eq!(&decoded, &advert);
        // The form heard gives the same message: two forms may agree, then either name will do.
        prop_assert_eq!(encode(&decoded, &envelope, heard), message);
    }

    #[test]
    fn decode_reads_what_encode_wrote_in_version_2(
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
    fn exactly_the_acceptable_is_accepted_in_version_2(
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
            is_acceptable(&payload, &multicast())
        );
    }

    #[test]
    fn decode_never_panics(
        payload in prop::collection::vec(any::<u8>(), 0..600),
        envelope in envelopes(),
    ) {
        let _ = Advertisement::decode(&payload, &envelope);
        let _ = Envelope::from_ipv4(&payload);
    }

    /// Valid messages with some octets changed, and with a checksum that is repaired or not.
    #[test]
    fn exactly_the_acceptable_is_accepted(
        (mut envelope, advert) in envelope_and_advert(),
        form in prop::sample::select(&FORMS[..]),
        changes in prop::collection::vec((0..12usize, any::<u8>()), 0..3),
        repair in any::<bool>(),
        cut in prop_oneof![4 => Just(0usize), 1 => 1..20usize],
        tail in prop_oneof![4 => Just(0usize), 1 => 1..40usize],
        ttl in prop_oneof![9 => Just(255u8), 1 => any::<u8>()],
    ) {
        envelope.ttl = ttl;
        let mut payload = encode(&advert, &envelope, form);
        for (at, octet) in changes {
            payload[at] = octet;
        }
        if repair {
            payload[6..8].fill(0);
            let destination = match form {
                ChecksumForm::Rfc5798Multicast if envelope.source.is_ipv4() => address("224.0.0.18"),
                ChecksumForm::Rfc5798Multicast
                | ChecksumForm::Rfc9568
                | ChecksumForm::Rfc5798
                | ChecksumForm::Rfc3768(_) => envelope.destination,
            };
            let size = if envelope.source.is_ipv4() { 4 } else { 16 };
            let len = payload.len().min(8 + usize::from(payload[3]) * size);
            let mut header = pseudo(&envelope, destination, len);
            if form == ChecksumForm::Rfc9568 && envelope.source.is_ipv4() {
                header.clear();
            }
            let sum = !ones_complement_sum(&[&header, &payload[..len]]);
            payload[6..8].copy_from_slice(&sum.to_be_bytes());
        }
        payload.truncate(payload.len() - cut.min(payload.len()));
        payload.resize(payload.len() + tail, 0x55);
        prop_assert_eq!(
            Advertisement::decode(&payload, &envelope).is_ok(),
            is_acceptable(&payload, &envelope)
        );
    }
}
