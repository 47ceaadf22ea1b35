//! Requirements of RFC 9568 that no story tells, by the clause. All of them are listed in [`vrrp::conformance`].

use std::net::IpAddr;

use vrrp::{
    Action, Advertisement, Auth, ChecksumForm, DecodeError, Envelope, Event, Interval, LinkConfig,
    LinkId, LinkState, MULTICAST_GROUP, MULTICAST_GROUP_V6, Preempt, Priority, Role, RouterConfig,
    Vrid,
};

use crate::subject::{
    ACTIVE_DOWN, SECOND, SKEW, Subject, TAKES_OVER, VIP, advert, host, interval, link_is, ms,
    settings, vrid, with_preempt, with_priority,
};

fn v4() -> (Envelope, Vec<IpAddr>) {
    let envelope = Envelope { source: host(9), destination: MULTICAST_GROUP.into(), ttl: 255 };
    (envelope, vec![VIP])
}

fn v6() -> (Envelope, Vec<IpAddr>) {
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let destination = MULTICAST_GROUP_V6.into();
    let envelope = Envelope { source: address("fe80::9"), destination, ttl: 255 };
    (envelope, vec![address("fe80::1"), address("2001:db8::1")])
}

fn message_every(interval: Interval, envelope: &Envelope, addresses: Vec<IpAddr>) -> Vec<u8> {
    let (vrid, priority) = (vrid(), Priority::DEFAULT);
    let advert = Advertisement { vrid, priority, interval, addresses };
    advert.encode(envelope.source, envelope.destination, ChecksumForm::Rfc9568)
}

fn messages() -> [(Envelope, Vec<u8>); 2] {
    [v4(), v6()].map(|(envelope, addresses)| {
        (envelope, message_every(Interval::DEFAULT, &envelope, addresses))
    })
}

fn failure(message: &[u8], envelope: &Envelope) -> Option<DecodeError> {
    Advertisement::decode(message, envelope).err()
}

/// Changes an octet and corrects the checksum by the difference, so whatever it covers (RFC 1624).
fn change(message: &mut [u8], at: usize, octet: u8) {
    let pair = at & !1;
    let word = |message: &[u8], at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
    let old = word(message, pair);
    message[at] = octet;
    let sum = u32::from(!word(message, 6)) + u32::from(!old) + u32::from(word(message, pair));
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = u16::try_from((folded & 0xffff) + (folded >> 16)).expect("carries are in");
    message[6..8].copy_from_slice(&(!folded).to_be_bytes());
}

// ---- §5, §7.1: what is not listened to

#[test]
fn only_what_crossed_no_router_is_listened_to() {
    for (mut envelope, message) in messages() {
        for ttl in 0..=255 {
            envelope.ttl = ttl;
            let expected = (ttl != 255).then_some(DecodeError::Ttl(ttl));
            assert_eq!(failure(&message, &envelope), expected);
        }
    }
}

#[test]
fn only_advertisements_are_listened_to() {
    for (envelope, mut message) in messages() {
        for kind in 0..=15 {
            change(&mut message, 0, 0x30 | kind);
            let expected = (kind != 1).then_some(DecodeError::Type(kind));
            assert_eq!(failure(&message, &envelope), expected);
        }
    }
}

#[test]
fn only_the_configured_version_is_listened_to() {
    for (envelope, mut message) in messages() {
        for version in (0..=15).filter(|version| *version != 2) {
            change(&mut message, 0, version << 4 | 1);
            let expected = (version != 3).then_some(DecodeError::Version(version));
            assert_eq!(failure(&message, &envelope), expected);
        }
    }
    // Version 2 can be read, and the router has the last word.
    let mut backup = Subject::in_backup(settings());
    backup.after(SECOND).nothing();
    backup.hears(advert(9, 200).in_form(ChecksumForm::Rfc3768(Auth::None))).nothing();
    assert_eq!(backup.router.counters(LinkId::FIRST).version_errors, 1);
    backup.after(ACTIVE_DOWN - SECOND).does(TAKES_OVER);
}

#[test]
fn nothing_incomplete_is_listened_to() {
    for (envelope, message) in messages() {
        for len in 0..message.len() {
            let failure = failure(&message[..len], &envelope);
            assert!(matches!(failure, Some(DecodeError::Length { actual, .. }) if actual == len));
        }
    }
}

/// One changed bit, whichever it is, is noticed: no other form of the checksum is that near.
#[test]
fn every_octet_is_covered_by_the_checksum() {
    for (envelope, message) in messages() {
        for at in 0..message.len() {
            for bit in 0..8 {
                let mut damaged = message.clone();
                damaged[at] ^= 1 << bit;
                assert!(failure(&damaged, &envelope).is_some(), "octet {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn two_owners_settle_it() {
    let mut lower = Subject::in_active(with_priority(255));
    lower.hears(advert(11, 255)).does("remove .100, advertise 255");
    lower.is(Role::Backup);
    let mut higher = Subject::in_active(with_priority(255));
    let _ = higher.hears(advert(9, 255));
    higher.is(Role::Active);
    assert_eq!(higher.router.counters(LinkId::FIRST).advertisements_received, 1);
}

// ---- §5.2, §7.2: what is sent

#[test]
fn reserved_bits_are_sent_as_zero() {
    for (envelope, addresses) in [v4(), v6()] {
        for centiseconds in 1..=Interval::MAX_V3.centiseconds() {
            let interval = Interval::from_centiseconds(centiseconds).expect("in range");
            let message = message_every(interval, &envelope, addresses.clone());
            assert_eq!(message[4] >> 4, 0, "{centiseconds}");
        }
    }
}

#[test]
fn what_is_sent_says_the_settings() {
    let vrid = Vrid::new(7).expect("not 0");
    let addresses = vec![VIP, host(101)];
    let config = LinkConfig::new(vrid, host(10), addresses.clone())
        .and_then(|link| link.with_interval(interval(250)))
        .and_then(|link| RouterConfig::new(link).with_priority(Priority::new(120)))
        .expect("valid settings");
    let mut router = Subject::in_active(config);
    let sent = router.after(ms(250)).0.into_iter().find_map(|action| match action {
        Action::Advertise { advert, .. } => Some(advert),
        Action::AddAddresses { .. }
        | Action::RemoveAddresses { .. }
        | Action::AddRoutes { .. }
        | Action::RemoveRoutes { .. }
        | Action::Announce { .. }
        | Action::Ask { .. } => None,
    });
    let advert = sent.expect("an interval has passed");
    assert_eq!((advert.vrid, advert.priority), (vrid, Priority::new(120)));
    assert_eq!((advert.interval, advert.addresses), (interval(250), addresses));
}

// ---- §6.4: the timers

#[test]
fn the_owner_advertises_every_interval_from_its_start() {
    let mut owner = Subject::stopped(with_priority(255));
    assert_eq!(owner.on(Event::Startup).adverts(), 1);
    assert_eq!(owner.after(ms(999)).adverts(), 0);
    assert_eq!(owner.after(ms(1)).adverts(), 1);
}

#[test]
fn a_start_forgets_the_interval_of_an_old_peer() {
    let mut router = Subject::in_backup(settings());
    router.hears(advert(9, 150).every(interval(10_000))).nothing();
    for leave in [Event::Shutdown, link_is(LinkState::Down)] {
        router.on(leave).nothing();
        let _ = router.on(link_is(LinkState::Up));
        let _ = router.on(Event::Startup);
        assert_eq!(router.wait(), Some(ACTIVE_DOWN));
    }
}

#[test]
fn a_new_active_router_advertises_after_a_whole_interval() {
    let mut active = Subject::in_backup(settings());
    active.after(ACTIVE_DOWN).does(TAKES_OVER);
    assert_eq!(active.after(ms(999)).adverts(), 0);
    assert_eq!(active.after(ms(1)).adverts(), 1);
}

#[test]
fn a_stopped_router_has_no_timer() {
    for mut router in [Subject::in_backup(settings()), Subject::in_active(settings())] {
        let _ = router.on(Event::Shutdown);
        router.is(Role::Initialize);
        assert_eq!(router.wait(), None);
        router.after(SECOND * 60).nothing();
    }
}

#[test]
fn a_weaker_router_does_not_change_the_timer_of_one_that_preempts() {
    let mut backup = Subject::in_backup(with_preempt(Preempt::Immediate));
    for _ in 0..36 {
        backup.after(ms(100)).nothing();
        backup.hears(advert(9, 99).every(interval(10_000))).nothing();
    }
    assert_eq!(backup.wait(), Some(ACTIVE_DOWN - ms(3600)));
    // An equal one does.
    backup.hears(advert(9, 100)).nothing();
    assert_eq!(backup.wait(), Some(ACTIVE_DOWN));
}

#[test]
fn answering_starts_the_timer_anew() {
    for priority in [0, 1, 99] {
        let mut active = Subject::in_active(settings());
        assert_eq!(active.after(ms(900)).adverts(), 0);
        assert_eq!(active.hears(advert(9, priority)).adverts(), 1);
        assert_eq!(active.after(ms(999)).adverts(), 0, "after priority {priority}");
        assert_eq!(active.after(ms(1)).adverts(), 1);
    }
}

#[test]
fn who_yields_takes_over_the_interval() {
    let mut active = Subject::in_active(settings());
    let _ = active.hears(advert(9, 200).every(interval(10_000)));
    assert_eq!(active.wait(), Some(ms(30_000) + SKEW * 10));
}
