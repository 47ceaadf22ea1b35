//! An address that somebody else has: who is asked when, and what the answers lead to.

use std::net::IpAddr;
use std::time::Duration;

use vrrp::{Action, CONFLICT_OVER, Event, LinkId, Mac, Preempt, Priority, Role, RouterConfig};

use crate::subject::{
    ACTIVE_DOWN, LAN, SKEW, Subject, TAKES_OVER, VIP, advert, group, host, host_on, interval, lan,
    link, link_of, ms, settings, with_preempt,
};

const STRANGER: Mac = Mac([0x02, 0xbb, 0, 0, 0, 1]);
const PEER: Mac = Mac([0x02, 0, 0, 0, 0, 9]);

/// The time before a claim in which it is asked.
const TIME_TO_ASK: Duration = ms(200);

fn asking() -> RouterConfig {
    RouterConfig::new(link().with_duplicate_check())
}

fn claimed_on(link: LinkId, address: IpAddr, mac: Mac) -> Event {
    Event::Claimed { link, address, mac }
}

fn claimed(address: IpAddr, mac: Mac) -> Event {
    claimed_on(LinkId::FIRST, address, mac)
}

/// A backup of the router .9, which has just fallen silent and been asked for.
fn asked() -> Subject {
    let mut backup = Subject::in_backup(asking());
    backup.hears(advert(9, 150)).nothing();
    backup.after(ACTIVE_DOWN - TIME_TO_ASK).does("ask .100 .9");
    backup
}

fn conflict(subject: &Subject) -> Option<String> {
    subject.router.conflict(LinkId::FIRST).map(ToString::to_string)
}

// ---- before a claim

#[test]
fn who_has_the_addresses_is_asked_twice_before_they_are_claimed() {
    let mut backup = Subject::in_backup(asking());
    backup.after(ACTIVE_DOWN - TIME_TO_ASK - ms(1)).nothing();
    backup.after(ms(1)).does("ask .100");
    backup.after(TIME_TO_ASK / 2).does("ask .100");
    backup.after(TIME_TO_ASK / 2 - ms(1)).nothing();
    backup.after(ms(1)).does(TAKES_OVER);
    assert_eq!(conflict(&backup), None);
}

#[test]
fn at_short_intervals_a_quarter_of_the_silence_is_for_asking() {
    let link = link().with_interval(interval(10)).expect("sayable").with_duplicate_check();
    let mut backup = Subject::in_backup(RouterConfig::new(link));
    let active_down = interval(10).active_down(Priority::new(100));
    let rounded = Duration::from_nanos(10);
    backup.after(active_down * 3 / 4 + rounded).does("ask .100");
    backup.after(active_down / 8).does("ask .100");
    backup.after(active_down / 8).does(TAKES_OVER);
}

#[test]
fn after_a_release_part_of_the_skew_is_for_asking() {
    let mut backup = Subject::in_backup(asking());
    backup.hears(advert(9, 0)).nothing();
    backup.after(SKEW * 3 / 4 - ms(1)).nothing();
    backup.after(SKEW / 4).does("ask .100 .9, ask .100 .9");
    backup.after(ms(1)).does(TAKES_OVER);
}

#[test]
fn an_advertisement_ends_the_asking() {
    let mut backup = asked();
    backup.on(claimed(VIP, STRANGER)).nothing();
    backup.hears(advert(9, 150)).nothing();
    backup.after(ACTIVE_DOWN).does(&format!("ask .100 .9, ask .100 .9, {TAKES_OVER}"));
}

#[test]
fn a_late_process_does_not_wait_for_answers() {
    let mut backup = Subject::in_backup(asking());
    backup.frozen_for(ACTIVE_DOWN);
    backup.on(Event::Timer).does(TAKES_OVER);
}

#[test]
fn who_preempts_does_not_ask() {
    for preempt in [Preempt::Immediate, Preempt::After(ms(500))] {
        let mut backup = Subject::in_backup(asking().with_preempt(preempt));
        backup.hears(advert(9, 50)).nothing();
        let did = backup.after(ACTIVE_DOWN);
        assert!(!asks(&did.0), "{preempt:?}");
        backup.is(Role::Active);
    }
    // A weaker router that is dead is nobody to preempt.
    let mut backup = Subject::in_backup(asking().with_preempt(Preempt::After(ms(10_000))));
    backup.hears(advert(9, 50)).nothing();
    assert!(asks(&backup.after(ACTIVE_DOWN).0));
}

fn asks(actions: &[Action]) -> bool {
    actions.iter().any(|action| matches!(action, Action::Ask { .. }))
}

#[test]
fn nothing_is_asked_unless_told_so() {
    for config in [settings(), with_preempt(Preempt::Immediate)] {
        Subject::in_backup(config).after(ACTIVE_DOWN).does(TAKES_OVER);
    }
}

#[test]
fn of_many_addresses_the_first_sixteen_are_asked_for() {
    let addresses: Vec<_> = (100..140).map(host).collect();
    let mut backup =
        Subject::in_backup(RouterConfig::new(link_of(&addresses).with_duplicate_check()));
    let did = backup.after(ACTIVE_DOWN - TIME_TO_ASK);
    assert!(matches!(&did.0[..], [Action::Ask { addresses, .. }] if addresses.len() == 16));
}

#[test]
fn of_the_other_family_as_many_are_asked_for() {
    let addresses: Vec<_> = (100..120).map(host).collect();
    let other = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n]);
    let link = link_of(&addresses).with_excluded((1..=20).map(other).collect()).expect("valid");
    let mut backup = Subject::in_backup(RouterConfig::new(link.with_duplicate_check()));
    let did = backup.after(ACTIVE_DOWN - TIME_TO_ASK);
    let Action::Ask { addresses, .. } = &did.0[0] else { panic!("nobody is asked") };
    assert_eq!(addresses.iter().filter(|it| it.is_ipv4()).count(), 16);
    assert_eq!(addresses.iter().filter(|it| it.is_ipv6()).count(), 16);
    backup.on(claimed(other(3), STRANGER)).nothing();
    let _ = backup.after(TIME_TO_ASK);
    backup.is(Role::Backup);
}

// ---- answers

#[test]
fn what_a_stranger_has_is_not_claimed() {
    let mut backup = asked();
    backup.on(claimed(VIP, STRANGER)).nothing();
    backup.after(TIME_TO_ASK).does("ask .100 .9");
    backup.is(Role::Backup);
    let said = conflict(&backup).expect("a conflict");
    assert_eq!(said, "`192.0.2.100` is in use by 02:bb:00:00:00:01");
    assert_eq!(backup.router.counters(LinkId::FIRST).address_conflicts, 1);
}

#[test]
fn a_stranger_is_asked_in_each_silence_until_it_is_gone() {
    let mut backup = asked();
    for _ in 0..3 {
        backup.on(claimed(VIP, STRANGER)).nothing();
        backup.after(TIME_TO_ASK).does("ask .100 .9");
        backup.after(ACTIVE_DOWN - TIME_TO_ASK).does("ask .100 .9");
    }
    let since = backup.router.conflict(LinkId::FIRST).expect("a conflict").since;
    assert!(backup.now - since > ACTIVE_DOWN * 2, "one conflict, not three");
    backup.after(TIME_TO_ASK).does(&format!("ask .100 .9, {TAKES_OVER}"));
}

#[test]
fn what_the_silent_router_still_has_is_claimed_and_defended() {
    let mut backup = asked();
    backup.on(claimed(VIP, PEER)).nothing();
    backup.on(claimed(host(9), PEER)).nothing();
    backup.after(TIME_TO_ASK).does(&format!("ask .100 .9, {TAKES_OVER}"));
    let _ = backup.after(ms(499));
    backup.after(ms(1)).does("add .100, ask .100");
    backup.on(claimed(VIP, PEER)).does("announce .100");
    // Its address is gone: nothing is asked once nothing was heard for a while.
    let _ = backup.after(CONFLICT_OVER);
    assert!(!asks(&backup.after(CONFLICT_OVER).0));
}

#[test]
fn the_virtual_routers_own_mac_is_known() {
    let mut backup = asked();
    backup.on(claimed(VIP, Mac([0, 0, 0x5e, 0, 1, 51]))).nothing();
    backup.after(TIME_TO_ASK).does(&format!("ask .100 .9, {TAKES_OVER}"));
}

#[test]
fn with_a_virtual_mac_who_answers_from_it_is_no_conflict() {
    const OURS: Mac = Mac([0, 0, 0x5e, 0, 1, 51]);
    let link = link().with_virtual_mac().with_duplicate_check();
    assert_eq!(link.virtual_mac(), Some(OURS));
    let mut backup = Subject::in_backup(RouterConfig::new(link));
    backup.after(ACTIVE_DOWN - TIME_TO_ASK).does("ask .100");
    backup.on(claimed(VIP, OURS)).nothing();
    backup.after(TIME_TO_ASK).does(&format!("ask .100, {TAKES_OVER}"));
    // The silent router's kernel may answer for longer, so the switches are told again; it is not asked.
    assert!(!asks(&backup.after(ms(900)).0));
    backup.on(claimed(VIP, OURS)).does("announce .100");
    assert!(!asks(&backup.after(ms(5000)).0));
    assert_eq!(conflict(&backup), None);
    backup.on(claimed(VIP, STRANGER)).does("announce .100");
    assert!(conflict(&backup).is_some());
}

#[test]
fn a_stranger_beside_the_silent_router_is_a_stranger() {
    let mut backup = asked();
    for claim in [claimed(VIP, PEER), claimed(host(9), PEER), claimed(VIP, STRANGER)] {
        backup.on(claim).nothing();
    }
    backup.after(TIME_TO_ASK).does("ask .100 .9");
    backup.is(Role::Backup);
}

#[test]
fn only_our_addresses_count() {
    let mut backup = asked();
    backup.on(claimed(host(7), STRANGER)).nothing();
    backup.on(claimed(host(9), STRANGER)).nothing();
    backup.after(TIME_TO_ASK).does(&format!("ask .100 .9, {TAKES_OVER}"));
    assert_eq!(conflict(&backup), None);
}

#[test]
fn a_stranger_on_one_link_keeps_all_links() {
    let config = RouterConfig::new(link()).with_link(lan().with_duplicate_check());
    let mut backup = Subject::in_backup(config);
    backup.after(ACTIVE_DOWN - TIME_TO_ASK).does("lan ask .100");
    backup.on(claimed_on(LAN, host_on(LAN, 100), STRANGER)).nothing();
    backup.after(TIME_TO_ASK).does("lan ask .100");
    backup.is(Role::Backup);
}

// ---- while active

/// Active for a minute.
fn active() -> Subject {
    let mut active = Subject::in_active(settings());
    let _ = active.after(ms(60_500));
    active
}

#[test]
fn who_claims_what_we_hold_is_contradicted_at_once() {
    let mut active = active();
    active.on(claimed(VIP, STRANGER)).does("announce .100");
    active.on(claimed(VIP, STRANGER)).nothing();
    active.after(ms(100)).does("announce .100");
    active.is(Role::Active);
    assert_eq!(active.router.counters(LinkId::FIRST).address_conflicts, 2);
    active.after(ms(400)).does("advertise 100, add .100, ask .100");
}

#[test]
fn each_answer_of_a_rival_is_contradicted() {
    let mut active = active();
    let _ = active.on(claimed(VIP, STRANGER));
    for _ in 0..10 {
        assert!(asks(&active.after(ms(500)).0));
        active.on(claimed(VIP, STRANGER)).does("announce .100");
    }
}

#[test]
fn what_was_sent_before_the_old_holder_let_go_is_no_conflict() {
    let mut active = Subject::in_backup(with_preempt(Preempt::Immediate));
    active.hears(advert(9, 50)).nothing();
    let _ = active.after(ACTIVE_DOWN);
    active.on(claimed(VIP, PEER)).nothing();
    let _ = active.after(ms(19));
    active.on(claimed(VIP, PEER)).nothing();
    assert_eq!(conflict(&active), None);
}

#[test]
fn what_was_sent_before_we_took_over_is_no_conflict() {
    let mut active = Subject::in_active(settings());
    let _ = active.after(ms(19));
    active.on(claimed(VIP, PEER)).nothing();
    assert_eq!(conflict(&active), None);
    let _ = active.after(ms(1));
    active.on(claimed(VIP, PEER)).nothing();
    assert!(conflict(&active).is_some());
}

/// The question is not put off by each claim, and does not wait for an advertisement.
#[test]
fn a_rival_is_asked_half_a_second_after_its_first_claim() {
    let mut active = active();
    let _ = active.after(ms(100));
    for _ in 0..2 {
        let _ = active.on(claimed(VIP, STRANGER));
        assert!(!asks(&active.after(ms(249)).0));
    }
    assert!(asks(&active.after(ms(2)).0));
}

#[test]
fn another_rival_begins_another_conflict() {
    let mut active = active();
    let since = |active: &Subject| active.router.conflict(LinkId::FIRST).map(|it| it.since);
    let _ = active.on(claimed(VIP, STRANGER));
    let first = since(&active);
    let _ = active.after(ms(10));
    let _ = active.on(claimed(VIP, STRANGER));
    assert_eq!(since(&active), first);
    let _ = active.on(claimed(VIP, PEER));
    assert_eq!(since(&active), Some(active.now));
}

/// One that keeps us from a claim.
fn refused() -> Subject {
    let mut backup = Subject::in_backup(asking());
    backup.hears(advert(9, 150).every(interval(2000))).nothing();
    let _ = backup.after(ms(6000) + SKEW * 2 - ms(1));
    backup.on(claimed(VIP, STRANGER)).nothing();
    backup.after(ms(1)).nothing();
    assert!(conflict(&backup).is_some());
    backup
}

#[test]
fn a_conflict_ends_with_the_claim_or_with_another_active_router() {
    let mut claims = refused();
    let _ = claims.after(ms(6000) + SKEW * 2);
    claims.is(Role::Active);
    assert_eq!(conflict(&claims), None);
    let mut hears = refused();
    hears.hears(advert(9, 150)).nothing();
    assert_eq!(conflict(&hears), None);
}

#[test]
fn a_refused_router_listens_once_more_at_the_interval_that_it_learned() {
    let mut backup = refused();
    let _ = backup.after(ms(6000) + SKEW * 2 - ms(1));
    backup.is(Role::Backup);
    let _ = backup.after(ms(1));
    backup.is(Role::Active);
}

#[test]
fn claims_of_other_addresses_are_none_of_our_business() {
    let mut active = active();
    active.on(claimed(host(9), PEER)).nothing();
    assert_eq!(conflict(&active), None);
    let mut group = Subject::in_active(group());
    let _ = group.after(ms(500));
    group.on(claimed_on(LAN, VIP, STRANGER)).nothing();
}
