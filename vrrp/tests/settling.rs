//! Stories of links that have to show that they receive before silence on them means anything.

use std::time::Duration;

use vrrp::{Event, LinkId, LinkState, Mac, Preempt, RouterConfig};

use crate::subject::{
    ACTIVE_DOWN, LAN, SECOND, SKEW, Subject, TAKES_OVER, VIP, advert, host, host_on, lan, link,
    link_is, ms, settings,
};

const SETTLE: Duration = ms(5000);
const RECEIVES: Event = Event::Receives { link: LinkId::FIRST };

/// Of a link that has 5 s, with nobody to ask.
fn config() -> RouterConfig {
    RouterConfig::new(link().with_settle(SETTLE))
}

fn settling() -> Subject {
    Subject::in_backup(config())
}

fn settles_for(subject: &Subject) -> Option<Duration> {
    let until = subject.router.settles_until(LinkId::FIRST);
    until.map(|until| until - subject.now)
}

#[test]
fn who_hears_nothing_at_all_claims_when_the_time_is_over() {
    let mut deaf = settling();
    // The stronger of two boxes that boot together comes first.
    assert_eq!(settles_for(&deaf), Some(SETTLE + SKEW));
    deaf.after(SETTLE + SKEW - ms(1)).nothing();
    assert_eq!(settles_for(&deaf), Some(ms(1)));
    deaf.after(ms(1)).does(TAKES_OVER);
    assert_eq!(settles_for(&deaf), None);
}

#[test]
fn from_the_first_sign_on_silence_counts() {
    let mut hears = settling();
    hears.after(ms(4999)).nothing();
    hears.on(RECEIVES).nothing();
    assert_eq!(settles_for(&hears), None);
    hears.after(ACTIVE_DOWN - ms(1)).nothing();
    hears.on(RECEIVES).nothing();
    hears.after(ms(1)).does(TAKES_OVER);
}

#[test]
fn what_came_before_the_start_is_a_sign_too() {
    let mut early = Subject::stopped(config());
    early.on(RECEIVES).nothing();
    early.on(Event::Startup).nothing();
    early.after(ACTIVE_DOWN).does(TAKES_OVER);
}

#[test]
fn so_are_claims_and_advertisements() {
    let mut claimed = settling();
    let mac = Mac([2, 0, 0, 0, 0, 9]);
    claimed.on(Event::Claimed { link: LinkId::FIRST, address: VIP, mac }).nothing();
    assert_eq!(settles_for(&claimed), None);
    let mut heard = settling();
    heard.hears(advert(9, 150)).nothing();
    heard.after(ACTIVE_DOWN).does(TAKES_OVER);
    let mut released = settling();
    released.hears(advert(9, 0)).nothing();
    released.after(SKEW).does(TAKES_OVER);
}

#[test]
fn a_weaker_router_does_not_start_the_timer_anew() {
    let mut preempts = Subject::in_backup(config().with_preempt(Preempt::Immediate));
    preempts.after(ms(1000)).nothing();
    preempts.hears(advert(9, 50)).nothing();
    assert_eq!(preempts.wait(), Some(ACTIVE_DOWN - ms(1000)));
}

#[test]
fn a_link_that_came_back_has_to_show_it_again() {
    let mut back = settling();
    back.on(RECEIVES).nothing();
    back.on(link_is(LinkState::Down)).nothing();
    back.on(link_is(LinkState::Up)).nothing();
    assert_eq!(settles_for(&back), Some(SETTLE + SKEW));
}

#[test]
fn the_others_are_asked_for_an_answer_every_second() {
    let link = link().with_settle(SETTLE).with_others(vec![host(8), host(9)]);
    let mut asks = Subject::stopped(RouterConfig::new(link));
    asks.on(Event::Startup).does("ask .8 .9");
    asks.after(ms(2000)).does("ask .8 .9, ask .8 .9");
    asks.on(RECEIVES).nothing();
    asks.after(SECOND).nothing();
}

#[test]
fn every_link_of_a_group_has_to_show_it() {
    let group = settings().with_link(lan().with_settle(SETTLE).with_others(vec![host_on(LAN, 9)]));
    let mut backup = Subject::stopped(group);
    backup.on(Event::Startup).does("lan ask .9");
    backup.after(ms(4999)).does("lan ask .9, lan ask .9, lan ask .9, lan ask .9");
    backup.on(Event::Receives { link: LAN }).nothing();
    assert_eq!(backup.wait(), Some(ACTIVE_DOWN));
}
