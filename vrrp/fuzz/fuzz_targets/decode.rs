//! Any packet is read without a panic, and what was read can be written and read again. What was sealed is accepted
//! once, as long as nobody changed it.
#![no_main]

use std::net::{Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use vrrp::hmac::{Authenticator, HmacError, HmacKey, HmacKeys, HmacMode, Sequence, TRAILER_LEN};
use vrrp::{Advertisement, Envelope};

const V4: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 10), Ipv4Addr::new(224, 0, 0, 18)];
const V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12)];

fuzz_target!(|packet: &[u8]| {
    if let Ok((envelope, payload)) = Envelope::from_ipv4(packet) {
        decode_encode_decode(payload, &envelope);
    }
    let [source, destination] = V4.map(Into::into);
    let v4 = Envelope { source, destination, ttl: 255 };
    let [source, destination] = V6.map(Into::into);
    let v6 = Envelope { source, destination, ttl: 255 };
    decode_encode_decode(packet, &v4);
    decode_encode_decode(packet, &v6);
    // A fuzzer does not find checksums: behind a right one more is to be explored.
    if packet.len() >= 8 {
        let tail = if packet[0] >> 4 == 2 { 8 } else { 0 };
        let message = &packet[..packet.len().min(8 + usize::from(packet[3]) * 4 + tail)];
        decode_encode_decode(&sealed(message, 0), &v4);
        let addresses = V6.iter().flat_map(Ipv6Addr::segments).map(u64::from).sum::<u64>();
        decode_encode_decode(&sealed(packet, addresses + 112 + packet.len() as u64), &v6);
    }
});

fn decode_encode_decode(payload: &[u8], envelope: &Envelope) {
    let Ok((advert, form)) = Advertisement::decode(payload, envelope) else {
        return;
    };
    let len = advert.message_len(form);
    let forged = authenticator().check(payload, len, envelope.source);
    assert!(forged.is_err(), "nobody guesses the key");
    let message = advert.encode(envelope.source, envelope.destination, form);
    assert_eq!(message.len(), len);
    authenticate(message.clone(), envelope);
    assert_eq!(Advertisement::decode(&message, envelope), Ok((advert, form)));
}

/// Seals the message, changes one octet there and back, and sends it twice.
fn authenticate(message: Vec<u8>, envelope: &Envelope) {
    let &Envelope { source, destination, .. } = envelope;
    let len = message.len();
    let mut payload = message;
    payload.resize(len + TRAILER_LEN, 0);
    key().seal(&mut payload, source, destination, Sequence::from(7));
    let mut receiver = authenticator();
    let place = usize::from(payload[len - 1]) * payload.len() / 256;
    payload[place] ^= 0x80;
    let changed = receiver.check(&payload, len, source);
    // The kernel may change the checksum.
    assert_eq!(changed.is_ok(), place == 6 || place == 7);
    payload[place] ^= 0x80;
    let again = receiver.check(&payload, len, source);
    assert_eq!(again.is_ok(), changed.is_err());
    assert_eq!(receiver.check(&payload, len, source), Err(HmacError::Replay));
}

fn key() -> HmacKey {
    HmacKey::new(1, &[0x5a; 32]).expect("32 octets")
}

fn authenticator() -> Authenticator {
    let keys = HmacKeys::new(vec![key()]).expect("one key");
    Authenticator::new(HmacMode::Enforce, keys)
}

/// The message with a right checksum; `sum` is that of the pseudo-header.
fn sealed(message: &[u8], mut sum: u64) -> Vec<u8> {
    let mut message = message.to_vec();
    message[6..8].fill(0);
    for word in message.chunks(2) {
        sum += u64::from(word[0]) << 8 | word.get(1).copied().map_or(0, u64::from);
    }
    // 65535 is 0 in one's complement.
    let checksum = !u16::try_from(sum % 0xffff).expect("a remainder");
    message[6..8].copy_from_slice(&checksum.to_be_bytes());
    message
}
