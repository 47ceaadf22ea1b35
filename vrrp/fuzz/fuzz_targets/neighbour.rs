//! Any frame is read without a panic, exactly the right ones are understood, and what is asked is read as asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp::{Neighbour, who_has};

#[path = "../../tests/neighbour/predicate.rs"]
mod predicate;

fuzz_target!(|frame: &[u8]| {
    read(frame);
    // A fuzzer finds no checksums, and takes long to find headers: behind right ones more is to be explored.
    if (36..=1_400).contains(&frame.len()) {
        let [high, low] = u16::try_from(frame.len() - 32).expect("at most 1400").to_be_bytes();
        let header = [0x86, 0xdd, 0x60, 0, 0, 0, high, low, 58, 255];
        let mut sealed = [&[0; 12][..], &header, frame].concat();
        seal(&mut sealed);
        read(&sealed);
    }
    let arp = [&[0; 12][..], &[8, 6, 0, 1, 8, 0, 6, 4, 0], frame].concat();
    read(&arp);
});

fn read(frame: &[u8]) {
    let heard = Neighbour::decode(frame);
    assert_eq!(heard.is_some(), predicate::is_understood(frame));
    let Some(heard) = heard else { return };
    // Addresses that nobody can have are no question.
    let Some(asked) = heard.asks.or(heard.claims).filter(|ip| !ip.is_unspecified()) else { return };
    if asked.is_multicast() {
        return;
    }
    let sender = heard.claims.filter(|ip| ip.is_ipv4() == asked.is_ipv4() && *ip != asked);
    let again = Neighbour::decode(&who_has(heard.mac, sender, asked));
    assert_eq!(again, Some(Neighbour { mac: heard.mac, claims: sender, asks: Some(asked) }));
}

fn seal(frame: &mut [u8]) {
    frame[56..58].fill(0);
    let message_len = frame.len() as u64 - 54;
    let words = frame[22..].chunks(2);
    let sum = words.map(|w| u64::from(w[0]) << 8 | w.get(1).copied().map_or(0, u64::from));
    // 65535 is 0 in one's complement.
    let sum = (sum.sum::<u64>() + message_len + 58) % 0xffff;
    let checksum = !u16::try_from(sum).expect("a remainder");
    frame[56..58].copy_from_slice(&checksum.to_be_bytes());
}
