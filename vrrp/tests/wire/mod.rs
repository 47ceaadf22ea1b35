//! The message as bytes: golden vectors, round trips, garbage, and what exactly is accepted.

mod version_2;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use vrrp::{
    Advertisement, ChecksumForm, DecodeError, DecodeErrors, Envelope, Interval, MULTICAST_GROUP_V6,
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

/// What RFC 9568 §7.1 and its errata accept, in the plainest words.
fn is_acceptable(payload: &[u8], envelope: &Envelope) -> bool {
    if payload.len() >= 8 && payload[0] == 0x21 {
        return version_2::is_acceptable(payload, envelope);
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
    let group = MULTICAST_GROUP_V6.to_bits();
    let v6 = (any::<u128>(), prop_oneof![Just(group), any::<u128>()])
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
        // The count, the interval, the first address, or nothing.
        zeros in prop::sample::select(vec![0..0, 0..0, 3..4, 4..6, 8..12]),
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
        payload[zeros].fill(0);
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
