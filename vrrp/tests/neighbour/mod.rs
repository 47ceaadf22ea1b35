//! ARP and neighbor discovery as bytes: what Linux sends, round trips, garbage, and what exactly is understood.

mod predicate;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use predicate::is_understood;
use proptest::prelude::*;
use vrrp::{ArpForm, Mac, Neighbour, gratuitous_arp, unsolicited_na, who_has};

const ASKER: Mac = Mac([2, 0, 0, 0xaa, 0xbb, 0xcc]);
const HOLDER: Mac = Mac([2, 0, 0, 0x11, 0x22, 0x33]);

/// As Linux 6.18 sends them.
mod captured {
    pub const ARP_REQUEST: &str =
        "ffffffffffff020000aabbcc0806 0001080006040001 020000aabbccc0000202 000000000000c0000201";
    pub const ARP_REPLY: &str =
        "020000aabbcc0200001122330806 0001080006040002 020000112233c0000201 020000aabbccc0000202";
    /// With a nonce (RFC 7527).
    pub const DETECTION: &str = "3333ff00005002000011223386dd 6000000000203aff00000000000000000000000000000000\
        ff0200000000000000000001ff000050 8700c8530000000020010db8000000000000000000000050 0e01241fcbbf8613";
    pub const SOLICITATION: &str = "3333ff000050020000aabbcc86dd 6000000000203aff20010db8000000000000000000000002\
        ff0200000000000000000001ff000050 87005f140000000020010db8000000000000000000000050 0101020000aabbcc";
    pub const ADVERTISEMENT: &str = "020000aabbcc02000011223386dd 6000000000203aff20010db8000000000000000000000050\
        20010db8000000000000000000000002 880067926000000020010db8000000000000000000000050 0201020000112233";
    /// To a host that asked us alone.
    pub const ADVERTISEMENT_WITHOUT_OPTION: &str = "020000112233020000aabbcc86dd 6000000000183aff20010db8000000000000000000000002\
        fe80000000000000000000fffe112233 8800bc714000000020010db8000000000000000000000002";
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().filter(|c| !c.is_whitespace()).collect();
    let octet = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16);
    digits.chunks(2).map(|pair| octet(pair).expect("a hexadecimal octet")).collect()
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn said(mac: Mac, claims: &str, asks: &str) -> Option<Neighbour> {
    let [claims, asks] = [claims, asks].map(|text| (text != "-").then(|| address(text)));
    Some(Neighbour { mac, claims, asks })
}

#[test]
fn what_linux_says_is_understood() {
    let cases = [
        (captured::ARP_REQUEST, said(ASKER, "192.0.2.2", "192.0.2.1")),
        (captured::ARP_REPLY, said(HOLDER, "192.0.2.1", "-")),
        (captured::DETECTION, said(HOLDER, "-", "2001:db8::50")),
        (captured::SOLICITATION, said(ASKER, "2001:db8::2", "2001:db8::50")),
        (captured::ADVERTISEMENT, said(HOLDER, "2001:db8::50", "-")),
        (captured::ADVERTISEMENT_WITHOUT_OPTION, said(ASKER, "2001:db8::2", "-")),
    ];
    for (frame, expected) in cases {
        assert_eq!(Neighbour::decode(&bytes(frame)), expected, "{frame}");
    }
}

#[test]
fn we_ask_as_linux_does() {
    let v4 = who_has(ASKER, Some(address("192.0.2.2")), address("192.0.2.1"));
    assert_eq!(v4, bytes(captured::ARP_REQUEST));
    let v6 = who_has(ASKER, Some(address("2001:db8::2")), address("2001:db8::50"));
    assert_eq!(v6, bytes(captured::SOLICITATION));
}

#[test]
fn a_probe_names_no_sender() {
    let v4 = bytes(
        "ffffffffffff020000aabbcc0806 0001080006040001 020000aabbcc00000000 000000000000c0000201",
    );
    assert_eq!(who_has(ASKER, None, address("192.0.2.1")), v4);
    // RFC 4862 §5.4.2: from `::`, to the solicited-node group, without a link-layer address.
    let v6 = bytes(
        "3333ff000050020000aabbcc86dd 6000000000183aff00000000000000000000000000000000\
         ff0200000000000000000001ff000050 87004c4f0000000020010db8000000000000000000000050",
    );
    assert_eq!(who_has(ASKER, None, address("2001:db8::50")), v6);
    for probe in [v4, v6] {
        assert_eq!(Neighbour::decode(&probe).expect("understood").claims, None);
    }
}

#[test]
fn an_announcement_only_claims() {
    let claimed = said(HOLDER, "192.0.2.1", "-");
    for form in [ArpForm::Request, ArpForm::Reply] {
        let frame = gratuitous_arp(HOLDER, [192, 0, 2, 1].into(), form);
        assert_eq!(Neighbour::decode(&frame), claimed, "{form:?}");
    }
    let frame = unsolicited_na(HOLDER, "2001:db8::50".parse().expect("an address"), true);
    assert_eq!(Neighbour::decode(&frame), said(HOLDER, "2001:db8::50", "-"));
}

/// Ethernet pads short frames.
#[test]
fn what_follows_does_not_count() {
    for frame in [captured::ARP_REPLY, captured::ADVERTISEMENT_WITHOUT_OPTION] {
        let mut padded = bytes(frame);
        let bare = Neighbour::decode(&padded);
        padded.resize(padded.len() + 18, 0xee);
        assert_eq!(Neighbour::decode(&padded), bare);
    }
}

/// Each row damages one octet of a good frame.
#[test]
fn what_is_not_valid_is_ignored() {
    use captured::{ADVERTISEMENT, ARP_REQUEST, DETECTION};
    let cases = [
        ("ethertype", ARP_REQUEST, 13, 0x00),
        ("hardware type", ARP_REQUEST, 15, 6),
        ("protocol type", ARP_REQUEST, 16, 0x86),
        ("hardware length", ARP_REQUEST, 18, 8),
        ("protocol length", ARP_REQUEST, 19, 16),
        ("operation", ARP_REQUEST, 21, 3),
        ("ip version", ADVERTISEMENT, 14, 0x40),
        ("length beyond the end", ADVERTISEMENT, 19, 33),
        ("length before the option's end", ADVERTISEMENT, 19, 31),
        ("next header", ADVERTISEMENT, 20, 17),
        ("hop limit", ADVERTISEMENT, 21, 254),
        ("checksum", ADVERTISEMENT, 57, 0),
        ("type", ADVERTISEMENT, 54, 134),
        ("code", ADVERTISEMENT, 55, 1),
        ("multicast target", ADVERTISEMENT, 62, 0xff),
        ("solicited, yet to a group", ADVERTISEMENT, 38, 0xff),
        ("empty option", ADVERTISEMENT, 79, 0),
        ("long option", ADVERTISEMENT, 79, 2),
        ("detection to another group", DETECTION, 39, 5),
        ("detection with a link-layer address", DETECTION, 78, 1),
    ];
    for (what, frame, at, octet) in cases {
        let mut frame = bytes(frame);
        frame[at] = octet;
        if what != "checksum" && frame[12] == 0x86 {
            seal(&mut frame);
        }
        assert_eq!(Neighbour::decode(&frame), None, "{what}");
    }
}

/// Makes the ICMPv6 checksum right.
fn seal(frame: &mut [u8]) {
    if frame.len() < 58 {
        return;
    }
    let end = frame.len().min(54 + usize::from(frame[18]) * 256 + usize::from(frame[19]));
    frame[56..58].fill(0);
    let words = frame[22..end].chunks(2);
    let sum: u64 =
        words.map(|w| u64::from(w[0]) << 8 | w.get(1).copied().map_or(0, u64::from)).sum();
    let sum = sum + (end as u64 - 54) + 58;
    let checksum = !u16::try_from(sum % 0xffff).expect("a remainder");
    frame[56..58].copy_from_slice(&checksum.to_be_bytes());
}

#[test]
fn every_prefix_of_a_frame_is_ignored() {
    for frame in [captured::ARP_REPLY, captured::ADVERTISEMENT, captured::DETECTION] {
        let frame = bytes(frame);
        for length in 0..frame.len() {
            assert_eq!(Neighbour::decode(&frame[..length]), None, "{length}");
        }
    }
}

/// Somebody, or nobody, asks for another address of the same family.
fn question() -> impl Strategy<Value = (Option<IpAddr>, IpAddr)> {
    let v4 = (any::<Option<u32>>(), any::<u32>())
        .prop_map(|(sender, asked)| (sender.map(Ipv4Addr::from), Ipv4Addr::from(asked)))
        .prop_map(|(sender, asked)| (sender.map(IpAddr::V4), IpAddr::V4(asked)));
    let v6 = (any::<Option<u128>>(), any::<u128>())
        .prop_map(|(sender, asked)| (sender.map(Ipv6Addr::from), Ipv6Addr::from(asked)))
        .prop_map(|(sender, asked)| (sender.map(IpAddr::V6), IpAddr::V6(asked)));
    prop_oneof![v4, v6].prop_filter("a question", |(sender, asked)| {
        let somebody = |ip: &IpAddr| !ip.is_unspecified();
        *sender != Some(*asked)
            && !asked.is_multicast()
            && sender.iter().chain([asked]).all(somebody)
    })
}

fn good_frame() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        bytes(captured::ARP_REQUEST),
        bytes(captured::ARP_REPLY),
        bytes(captured::DETECTION),
        bytes(captured::SOLICITATION),
        bytes(captured::ADVERTISEMENT),
        bytes(captured::ADVERTISEMENT_WITHOUT_OPTION),
    ])
}

proptest! {
    #[test]
    fn a_question_is_read_as_it_was_asked(mac: [u8; 6], (sender, asked) in question()) {
        let mac = Mac(mac);
        let heard = Neighbour::decode(&who_has(mac, sender, asked));
        prop_assert_eq!(heard, Some(Neighbour { mac, claims: sender, asks: Some(asked) }));
    }

    #[test]
    fn understood_is_what_the_predicate_says(
        mut frame in good_frame(),
        damage in prop::collection::vec((0_usize..100, any::<u8>()), 0..4),
        cut in 0_usize..100,
    ) {
        for (at, octet) in damage {
            if let Some(damaged) = frame.get_mut(at) {
                *damaged = octet;
            }
        }
        frame.truncate(frame.len().max(cut) - cut / 8);
        prop_assert_eq!(Neighbour::decode(&frame).is_some(), is_understood(&frame));
        seal(&mut frame);
        prop_assert_eq!(Neighbour::decode(&frame).is_some(), is_understood(&frame));
    }

    #[test]
    fn garbage_is_read_without_panic(frame in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(Neighbour::decode(&frame).is_some(), is_understood(&frame));
    }
}
