//! The HMAC trailer: the draft's vectors, what is refused and why, replays, and how keys are replaced.

use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use vrrp::hmac::{
    Authenticator, Authenticity, HmacError, HmacKey, HmacKeys, HmacMode, Reserved, Sequence,
    TRAILER_LEN,
};
use vrrp::{Advertisement, Auth, ChecksumForm, Envelope, Interval, Priority, Vrid};

/// Octets of the messages below, which carry one address.
const LEN_V4: usize = 12;
const LEN_V6: usize = 24;

/// The draft's vectors: the key 00..1f with number 1, VRID 51, priority 200, one second.
const VECTOR_V4: &str =
    "3133c80100644402c0000264 010100006800000080000000 1b84bc4e8e43892dc6d98448f8ee2265";
const VECTOR_V6: &str = "3133c8010064a2e9fe800000000000000000000000000100 010100006800000080000000 \
                         c8c56146ebfd66ee10ec4d8186461b78";

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
    let octet = |pair: &[u8]| {
        u8::from_str_radix(str::from_utf8(pair).expect("digits"), 16).expect("an octet")
    };
    digits.chunks(2).map(octet).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn key(id: u8, first: u8) -> HmacKey {
    let secret: Vec<u8> = (first..first + 32).collect();
    HmacKey::new(id, &secret).expect("a key")
}

fn authenticator(mode: HmacMode, keys: &[HmacKey]) -> Authenticator {
    Authenticator::new(mode, HmacKeys::new(keys.to_vec()).expect("keys"))
}

fn enforcing() -> Authenticator {
    authenticator(HmacMode::Enforce, &[key(1, 0)])
}

fn advert(vrid: u8, address: &str) -> Advertisement {
    Advertisement {
        vrid: Vrid::new(vrid).expect("not 0"),
        priority: Priority::new(200),
        interval: Interval::DEFAULT,
        addresses: vec![ip(address)],
    }
}

/// An advertisement for 192.0.2.100 from 198.51.100.10.
fn sealed(key: &HmacKey, sequence: u64) -> Vec<u8> {
    let (source, destination) = (ip("198.51.100.10"), ip("198.51.100.20"));
    seal(&advert(51, "192.0.2.100"), source, destination, ChecksumForm::Rfc9568, key, sequence)
}

fn seal(
    advert: &Advertisement,
    source: IpAddr,
    destination: IpAddr,
    form: ChecksumForm,
    key: &HmacKey,
    sequence: u64,
) -> Vec<u8> {
    let mut payload = advert.encode(source, destination, form);
    payload.resize(payload.len() + TRAILER_LEN, 0);
    key.seal(&mut payload, source, destination, sequence.into());
    payload
}

// ---- vectors

#[test]
fn vectors_are_sealed_as_in_the_draft() {
    let sequence = 0x6800_0000_8000_0000;
    assert_eq!(sealed(&key(1, 0), sequence), octets(VECTOR_V4));
    let (source, destination) = (ip("fe80::10"), ip("fe80::20"));
    let advert = advert(51, "fe80::100");
    let payload = seal(&advert, source, destination, ChecksumForm::Rfc9568, &key(1, 0), sequence);
    assert_eq!(payload, octets(VECTOR_V6));
}

#[test]
fn vectors_are_accepted() {
    let cases = [(VECTOR_V4, LEN_V4, "198.51.100.10"), (VECTOR_V6, LEN_V6, "fe80::10")];
    for (vector, len, source) in cases {
        let outcome = enforcing().check(&octets(vector), len, ip(source));
        assert_eq!(outcome, Ok(Authenticity::Proven), "{source}");
    }
}

#[test]
fn the_checksum_over_ipv6_covers_the_trailer_and_over_ipv4_does_not() {
    let cases = [
        (VECTOR_V4, "198.51.100.10", "198.51.100.20", Ok(())),
        (VECTOR_V6, "fe80::10", "fe80::20", Err(vrrp::DecodeError::Checksum)),
    ];
    for (vector, source, destination, without_trailer) in cases {
        let envelope = Envelope { source: ip(source), destination: ip(destination), ttl: 255 };
        let payload = octets(vector);
        Advertisement::decode(&payload, &envelope).expect("a valid advertisement");
        let message = &payload[..payload.len() - TRAILER_LEN];
        let decoded = Advertisement::decode(message, &envelope);
        assert_eq!(decoded.map(|_| ()), without_trailer, "{source}");
    }
}

// ---- what is refused

#[test]
fn each_changed_octet_is_noticed() {
    let vector = octets(VECTOR_V6);
    let trailer = LEN_V6;
    for place in 0..vector.len() {
        let mut payload = vector.clone();
        payload[place] ^= 1;
        let expected = match place {
            // The kernel writes the checksum, after the HMAC.
            6 | 7 => Ok(Authenticity::Proven),
            place if place == trailer => Err(HmacError::Malformed),
            place if place == trailer + 1 => Err(HmacError::UnknownKey(0)),
            place if place == trailer + 2 || place == trailer + 3 => Err(HmacError::Malformed),
            _ => Err(HmacError::Mismatch),
        };
        // The low four bits of the first octet are the type, which the decoder judges first.
        assert_eq!(enforcing().check(&payload, LEN_V6, ip("fe80::10")), expected, "octet {place}");
    }
}

#[test]
fn neither_the_sender_nor_the_virtual_router_can_be_exchanged() {
    let payload = octets(VECTOR_V6);
    let outcome = enforcing().check(&payload, LEN_V6, ip("fe80::20"));
    assert_eq!(outcome, Err(HmacError::Mismatch));
    // The same octets as a message of IPv4.
    let outcome = enforcing().check(&octets(VECTOR_V4), LEN_V4, ip("198.51.100.11"));
    assert_eq!(outcome, Err(HmacError::Mismatch));
}

#[test]
fn modes_differ_in_what_they_sign_and_in_what_they_take_without_a_trailer() {
    let bare = &octets(VECTOR_V4)[..LEN_V4];
    let mut padded = octets(VECTOR_V4);
    padded.push(0);
    let cases = [
        (HmacMode::ReceiveOnly, false, Ok(Authenticity::Unsigned)),
        (HmacMode::Permissive, true, Ok(Authenticity::Unsigned)),
        (HmacMode::Enforce, true, Err(HmacError::Missing)),
    ];
    let source = ip("198.51.100.10");
    for (mode, signs, unsigned) in cases {
        let mut authenticator = authenticator(mode, &[key(1, 0), key(2, 32)]);
        assert_eq!(authenticator.signing_key().map(HmacKey::id), signs.then_some(1), "{mode:?}");
        assert_eq!(authenticator.check(bare, LEN_V4, source), unsigned, "{mode:?}");
        assert_eq!(authenticator.check(&padded, LEN_V4, source), unsigned, "{mode:?}");
        let mut wrong = octets(VECTOR_V4);
        wrong[2] = 255;
        let outcome = authenticator.check(&wrong, LEN_V4, source);
        assert_eq!(outcome, Err(HmacError::Mismatch), "{mode:?}");
        let outcome = authenticator.check(&octets(VECTOR_V4), LEN_V4, source);
        assert_eq!(outcome, Ok(Authenticity::Proven), "{mode:?}");
    }
}

#[test]
fn keys_have_32_to_64_octets_and_numbers_of_their_own() {
    for (id, len, right) in
        [(1, 31, false), (1, 32, true), (255, 64, true), (1, 65, false), (0, 32, false)]
    {
        assert_eq!(HmacKey::new(id, &vec![7; len]).is_some(), right, "{id} {len}");
    }
    assert!(HmacKeys::new(vec![]).is_none());
    assert!(HmacKeys::new(vec![key(1, 0), key(2, 0)]).is_some());
    assert!(HmacKeys::new(vec![key(1, 0), key(1, 32)]).is_none());
    assert!(HmacKeys::new((1..=9).map(|id| key(id, id)).collect()).is_none());
}

#[test]
fn no_secret_is_shown() {
    let shown = format!("{:?}", authenticator(HmacMode::Enforce, &[key(7, 0)]));
    assert!(shown.contains("id: 7") && !shown.contains("31"), "{shown}");
}

// ---- replays

#[test]
fn a_sequence_must_grow_for_each_sender_and_key() {
    let mut receiver = authenticator(HmacMode::Enforce, &[key(1, 0), key(2, 32)]);
    let mut hears = |key: &HmacKey, sequence| {
        receiver.check(&sealed(key, sequence), LEN_V4, ip("198.51.100.10")).is_ok()
    };
    let (first, second) = (key(1, 0), key(2, 32));
    let heard = [(&first, 10), (&first, 10), (&first, 9), (&first, 11), (&second, 5)];
    assert_eq!(heard.map(|(key, at)| hears(key, at)), [true, false, false, true, true]);
    assert!(!hears(&second, 4) && !hears(&first, 11) && hears(&first, u64::MAX / 2));
}

#[test]
fn what_is_forged_moves_no_mark() {
    let mut receiver = enforcing();
    let source = ip("198.51.100.10");
    let mut forged = sealed(&key(1, 0), u64::MAX / 4);
    forged[2] = 0;
    assert_eq!(receiver.check(&forged, LEN_V4, source), Err(HmacError::Mismatch));
    assert!(receiver.check(&sealed(&key(1, 0), 1), LEN_V4, source).is_ok());
}

#[test]
fn the_table_of_senders_is_bounded_and_forgets_the_one_silent_for_longest() {
    let mut receiver = enforcing();
    let mut hears = |host: u8, sequence| {
        let (source, destination) = (IpAddr::from([198, 51, 100, host]), ip("198.51.100.200"));
        let advert = advert(51, "192.0.2.100");
        let payload =
            seal(&advert, source, destination, ChecksumForm::Rfc9568, &key(1, 0), sequence);
        receiver.check(&payload, LEN_V4, source).is_ok()
    };
    for host in 0..32 {
        assert!(hears(host, 10));
    }
    assert!(hears(0, 11), "so that 1 is the one silent for longest");
    assert!(hears(32, 10));
    assert!(hears(1, 10), "forgotten");
    assert!(!hears(0, 11) && !hears(31, 10), "remembered");
}

#[test]
fn a_key_is_replaced_without_a_message_being_refused() {
    let [old, new] = [key(1, 0), key(2, 32)];
    let steps =
        [vec![old.clone()], vec![old.clone(), new.clone()], vec![new.clone(), old], vec![new]];
    let source = ip("198.51.100.10");
    let mut boxes = [enforcing(), enforcing()];
    let mut sequence = 0;
    // The file is changed on one box after the other; each is heard by the other one all the time.
    for keys in steps {
        for changed in 0..2 {
            let keys = HmacKeys::new(keys.clone()).expect("keys");
            boxes[changed].replace(HmacMode::Enforce, keys);
            for (sender, receiver) in [(0, 1), (1, 0)] {
                sequence += 1;
                let key = boxes[sender].signing_key().expect("it signs").clone();
                let outcome = boxes[receiver].check(&sealed(&key, sequence), LEN_V4, source);
                assert_eq!(outcome, Ok(Authenticity::Proven), "{key:?}");
            }
        }
    }
}

// ---- sequences

#[test]
fn a_sequence_is_the_time_and_grows_all_the_same_if_the_clock_does_not() {
    let at = |ms| Sequence::at(Duration::from_millis(ms));
    assert_eq!(at(1_500).value(), 0x0000_0001_8000_0000);
    assert_eq!(at(1_000).next(at(2_000)), at(2_000));
    assert_eq!(at(2_000).next(at(2_000)).value(), at(2_000).value() + 1);
    assert_eq!(at(2_000).next(at(1_000)).value(), at(2_000).value() + 1);
    assert_eq!(at(2_000).plus(Duration::from_secs(3)), at(5_000));
}

#[test]
fn a_sequence_is_after_what_was_used_before_and_follows_the_clock_as_far_as_is_reserved() {
    let at = |secs| Sequence::at(Duration::from_secs(secs));
    let one_more = |sequence: Sequence| Some(sequence.next(sequence));
    let life = |after, until| Reserved { after, until };
    // What is reserved, the last one, the clock, and what is next; `None`: the clock.
    let cases = [
        (life(None, None), None, at(10), None),
        (life(None, None), Some(at(20)), at(10), one_more(at(20))),
        (life(Some(at(20)), Some(at(50))), None, at(10), one_more(at(20))),
        (life(Some(at(20)), Some(at(50))), None, at(30), None),
        (life(Some(at(20)), Some(at(50))), Some(at(31)), at(30), one_more(at(31))),
        (life(Some(at(20)), Some(at(50))), Some(at(31)), at(60), one_more(at(31))),
        (life(Some(at(20)), Some(at(50))), None, at(60), one_more(at(20))),
        (life(Some(at(20)), None), Some(at(31)), at(60), None),
    ];
    for (reserved, last, clock, next) in cases {
        let expected = next.unwrap_or(clock);
        assert_eq!(reserved.next(last, clock), expected, "{reserved:?} {last:?} {clock:?}");
    }
}

#[test]
fn sequences_survive_the_end_of_their_seconds() {
    let last = Sequence::from(u64::MAX);
    let first = last.next(last);
    assert_eq!(first.value(), 0);
    assert!(first.is_after(last) && !last.is_after(first) && !last.is_after(last));
}

proptest! {
    #[test]
    fn what_is_sealed_is_accepted_once(
        version_2: bool,
        sequence: u64,
        secret in proptest::collection::vec(any::<u8>(), 32..=64),
        vrid in 1..=255u8,
        hosts in proptest::collection::vec(any::<[u8; 4]>(), 1..=255),
    ) {
        let addresses = hosts.into_iter().map(IpAddr::from).collect();
        let advert = Advertisement { addresses, ..advert(vrid, "192.0.2.100") };
        let form = if version_2 { ChecksumForm::Rfc3768(Auth::None) } else { ChecksumForm::Rfc5798 };
        let key = HmacKey::new(9, &secret).expect("a key");
        let (source, destination) = (ip("198.51.100.10"), ip("198.51.100.20"));
        let payload = seal(&advert, source, destination, form, &key, sequence);

        let envelope = Envelope { source, destination, ttl: 255 };
        prop_assert_eq!(Advertisement::decode(&payload, &envelope), Ok((advert.clone(), form)));
        let len = advert.message_len(form);
        prop_assert_eq!(payload.len(), len + TRAILER_LEN);
        let mut receiver = authenticator(HmacMode::Enforce, &[key]);
        prop_assert_eq!(receiver.check(&payload, len, source), Ok(Authenticity::Proven));
        prop_assert_eq!(receiver.check(&payload, len, source), Err(HmacError::Replay));
    }

    #[test]
    fn any_payload_is_judged(payload: Vec<u8>, len: usize) {
        let len = len % (payload.len() + 1);
        let outcome = enforcing().check(&payload, len, ip("198.51.100.10"));
        prop_assert!(outcome.is_err(), "{outcome:?}");
    }
}
