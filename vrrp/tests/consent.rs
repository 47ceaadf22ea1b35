//! A claim that needs the consent of somebody else.

use vrrp::router::CONSENT_BACKOFF;
use vrrp::{Event, LinkState, Preempt, Priority, Role, RouterConfig};

use crate::subject::{
    ACTIVE_DOWN, PREEMPTS, SECOND, SKEW, Subject, TAKES_OVER, advert, link_is, ms, settings,
};

fn asking() -> RouterConfig {
    settings().with_consent(SECOND * 10)
}

/// A backup that waits for the answer to its first question.
fn asked() -> Subject {
    let mut router = Subject::in_backup(asking());
    router.after(ACTIVE_DOWN).nothing();
    assert_eq!(number(&router), Some(1));
    router
}

fn number(router: &Subject) -> Option<u64> {
    router.router.question().map(|question| question.number)
}

fn yes(number: u64) -> Event {
    Event::Consent { number, answer: Ok(()) }
}

fn no(number: u64) -> Event {
    Event::Consent { number, answer: Err("not now".to_owned()) }
}

#[test]
fn who_needs_no_consent_does_not_ask() {
    let mut router = Subject::in_backup(settings());
    router.after(ACTIVE_DOWN).does(TAKES_OVER);
    assert_eq!(number(&router), None);
}

#[test]
fn a_claim_waits_for_the_answer() {
    let mut router = asked();
    let question = router.router.question().expect("asked");
    assert_eq!(question.reason.to_string(), "no advertisement for 3609 ms");
    router.after(SECOND).nothing();
    router.is(Role::Backup);
    router.on(yes(1)).does(TAKES_OVER);
    assert_eq!(number(&router), None);
}

#[test]
fn a_refusal_keeps_the_router_a_backup_until_it_asks_again() {
    let mut router = asked();
    router.on(no(1)).nothing();
    assert_eq!(router.router.refusal(), Some("not now"));
    assert_eq!(router.wait(), Some(CONSENT_BACKOFF));
    router.after(CONSENT_BACKOFF - ms(1)).nothing();
    assert_eq!(number(&router), None);
    router.after(ms(1)).nothing();
    assert_eq!((number(&router), router.router.refusal()), (Some(2), None));
    router.on(yes(1)).nothing();
    router.on(yes(2)).does(TAKES_OVER);
}

#[test]
fn silence_is_a_refusal() {
    let mut router = asked();
    router.after(SECOND * 10).nothing();
    assert_eq!(router.router.refusal(), Some("no answer within 10000 ms"));
    router.on(yes(1)).nothing();
    router.is(Role::Backup);
}

#[test]
fn an_active_router_that_is_heard_voids_the_question() {
    let mut router = asked();
    router.hears(advert(20, 150)).nothing();
    assert_eq!(number(&router), None);
    router.on(yes(1)).nothing();
    router.is(Role::Backup);
    router.after(ACTIVE_DOWN).nothing();
    assert_eq!(number(&router), Some(2));
}

#[test]
fn an_active_router_that_is_heard_ends_the_refusal() {
    let mut router = asked();
    router.on(no(1)).nothing();
    router.hears(advert(20, 150)).nothing();
    assert_eq!(router.router.refusal(), None);
    router.hears(advert(20, 0)).nothing();
    router.after(SKEW).nothing();
    assert_eq!(number(&router), Some(2));
}

#[test]
fn who_preempts_asks_before_the_weaker_router_notices() {
    let mut router = Subject::in_backup(asking().with_preempt(Preempt::Immediate));
    router.hears(advert(20, 50)).nothing();
    router.after(ACTIVE_DOWN).nothing();
    router.hears(advert(20, 50)).nothing();
    assert_eq!(number(&router), Some(1));
    router.on(yes(1)).does(PREEMPTS);
}

#[test]
fn an_owner_asks_as_well() {
    let config = asking().with_priority(Priority::OWNER).expect("not 0");
    let mut router = Subject::in_backup(config);
    let _ = router.after(SECOND * 4);
    assert_eq!(number(&router), Some(1));
    router.is(Role::Backup);
}

#[test]
fn who_leaves_the_election_has_no_question() {
    for event in [Event::Shutdown, link_is(LinkState::Down)] {
        let mut router = asked();
        router.on(event).nothing();
        assert_eq!(number(&router), None);
        router.on(yes(1)).nothing();
    }
}

#[test]
fn settings_without_consent_claim_at_once() {
    let mut router = asked();
    router.on(Event::Reconfigure(settings())).nothing();
    router.after(ms(0)).does("advertise 100, add .100, announce .100");
}
