//! Stories of one router that yields, is late, or lets go.

use vrrp::{Action, Event, InitializeState, LinkId, LinkState, Preempt, Role, RouterConfig, State};

use crate::subject::{
    ACTIVE_DOWN, PREEMPTS, SECOND, SKEW, Subject, TAKES_OVER, advert, interval, link, link_is, ms,
    settings, with_interval,
};

const LETS_GO: &str = "remove .100, advertise 0";

// ---- two active routers

#[test]
fn an_active_router_yields_to_a_stronger_one() {
    let mut active = Subject::in_active(settings());
    // The address goes first; the advertisement makes the winner announce.
    active.hears(advert(9, 150)).does("remove .100, advertise 100");
    active.because("192.0.2.9 with priority 150 is stronger");
    active.after(ACTIVE_DOWN - ms(1)).nothing();
    active.after(ms(1)).does(TAKES_OVER);
}

#[test]
fn the_higher_source_address_breaks_a_tie() {
    let mut active = Subject::in_active(settings());
    let _ = active.hears(advert(9, 100));
    active.is(Role::Active);
    let _ = active.hears(advert(11, 100));
    active.is(Role::Backup);
}

#[test]
fn addresses_are_compared_as_numbers() {
    // As a text, the second is greater than ours, .10.
    for source in ["10.255.255.255", "192.0.2.9"] {
        let mut active = Subject::in_active(settings());
        let mut lower = advert(9, 100);
        lower.source = source.parse().expect("an address");
        let _ = active.hears(lower);
        active.is(Role::Active);
    }
}

#[test]
fn a_loser_is_contradicted_at_once_and_announced_against_with_pauses() {
    let mut active = Subject::in_active(settings());
    let _ = active.after(ms(10_500));
    active.hears(advert(9, 50)).does("advertise 100, announce .100");
    active.hears(advert(9, 50)).does("advertise 100");
    active.after(ms(99)).nothing();
    active.after(ms(1)).does("announce .100");
}

#[test]
fn priority_zero_heard_by_an_active_router_is_answered() {
    let mut active = Subject::in_active(settings());
    let _ = active.after(ms(10_500));
    active.hears(advert(9, 0)).does("advertise 100, announce .100");
    active.is(Role::Active);
}

#[test]
fn our_own_advertisement_coming_back_is_ignored() {
    let mut active = Subject::in_active(settings());
    active.hears(advert(10, 200)).nothing();
    active.is(Role::Active);
    assert_eq!(active.router.counters(LinkId::FIRST).own_source_received, 1);
    assert_eq!(active.router.peer(LinkId::FIRST), None);
}

// ---- being late

#[test]
fn a_late_active_router_lets_go_and_says_nothing() {
    let mut active = Subject::in_active(settings());
    active.frozen_for(ms(3000));
    active.on(Event::Timer).does("remove .100");
    active.is(Role::Backup);
    active.because("late: did not advertise for 3000 ms");
}

#[test]
fn an_active_router_that_is_only_slow_stays() {
    let mut active = Subject::in_active(settings());
    active.frozen_for(ms(2999));
    let _ = active.on(Event::Timer);
    active.is(Role::Active);
}

#[test]
fn a_late_active_router_still_obeys() {
    let late = || {
        let mut active = Subject::in_active(settings());
        active.frozen_for(ms(3000));
        active
    };
    let mut shut_down = late();
    shut_down.on(Event::Shutdown).does("remove .100");
    shut_down.is(Role::Initialize);
    let mut cut_off = late();
    cut_off.on(link_is(LinkState::Down)).does("remove .100");
    cut_off.is(Role::Initialize);
    let mut replaced = late();
    replaced.hears(advert(9, 0)).does("remove .100");
    replaced.after(SKEW).does(TAKES_OVER);
}

#[test]
fn a_late_backup_that_hears_the_active_router_stays_backup() {
    let mut backup = Subject::in_backup(settings());
    backup.frozen_for(ms(60_000));
    backup.hears(advert(9, 50)).nothing();
    backup.on(Event::Timer).nothing();
    backup.is(Role::Backup);
}

// ---- letting go

#[test]
fn shutdown_removes_the_address_before_it_invites_the_peer() {
    let mut active = Subject::in_active(settings());
    active.on(Event::Shutdown).does(LETS_GO);
    active.because("shut down");
    assert_eq!(active.wait(), None);
}

#[test]
fn a_backup_leaves_without_a_word() {
    let mut backup = Subject::in_backup(settings());
    backup.on(Event::Shutdown).nothing();
    backup.is(Role::Initialize);
}

#[test]
fn link_loss_removes_the_address_and_its_return_waits_like_a_start() {
    let mut active = Subject::in_active(settings());
    active.on(link_is(LinkState::Down)).does("remove .100");
    active.because("link down");
    assert_eq!(active.wait(), None);
    active.on(link_is(LinkState::Up)).nothing();
    active.because("link up");
    active.after(ACTIVE_DOWN - ms(1)).nothing();
    active.after(ms(1)).does(TAKES_OVER);
}

#[test]
fn a_link_that_came_back_settles_unless_something_is_heard() {
    let came_back = || {
        let link = link().with_interval(interval(100)).expect("sayable").with_settle(SECOND);
        let mut active = Subject::in_active(RouterConfig::new(link));
        active.on(link_is(LinkState::Down)).does("remove .100");
        active.on(link_is(LinkState::Up)).nothing();
        active
    };
    let mut deaf = came_back();
    deaf.after(SECOND + ms(60)).nothing();
    deaf.after(ms(1)).does(TAKES_OVER);
    let mut hearing = came_back();
    hearing.hears(advert(9, 0)).nothing();
    hearing.after(ms(61)).does(TAKES_OVER);
    let mut preempting = came_back();
    let stronger = with_interval(100).with_preempt(Preempt::Immediate);
    preempting.on(Event::Reconfigure(stronger)).nothing();
    preempting.hears(advert(9, 50).every(interval(100))).nothing();
    preempting.after(ms(361)).does(PREEMPTS);
}

#[test]
fn a_fault_lets_go_and_is_retried_as_backup() {
    let mut active = Subject::in_active(settings());
    active.on(Event::ActionFailed("no such device".to_owned())).does(LETS_GO);
    active.because("fault: no such device");
    let State::Initialize(InitializeState::Fault { text, .. }) = active.router.state() else {
        panic!("not in fault: {:?}", active.router.state());
    };
    assert_eq!(text, "no such device");
    active.after(ms(4999)).nothing();
    active.is(Role::Initialize);
    active.after(ms(1)).nothing();
    active.because("trying again after a fault");
    active.after(ACTIVE_DOWN).does(TAKES_OVER);
}

#[test]
fn the_farewell_is_what_shutdown_sends() {
    let mut active = Subject::in_active(settings());
    let link = LinkId::FIRST;
    let (advert, form) = active.router.farewell(LinkId::FIRST);
    let actions = active.on(Event::Shutdown).0;
    assert_eq!(actions[1], Action::Advertise { link, advert, form });
}
