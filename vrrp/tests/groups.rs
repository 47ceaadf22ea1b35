//! Stories of one router with two links, which move as one.

use vrrp::{Event, LinkId, LinkState, Preempt, Priority, Role};

use crate::subject::{
    ACTIVE_DOWN, LAN, SECOND, SKEW, Subject, advert, group, host, host_on, interval, lan,
    lan_advert, link, link_is, ms, settings, vrid,
};

const TAKES_OVER: &str = "advertise 100, lan advertise 100, add .100, lan add .100, \
                          announce .100, lan announce .100";
const LETS_GO: &str = "remove .100, lan remove .100, advertise 0, lan advertise 0";

fn lan_is(state: LinkState) -> Event {
    Event::Link { link: LAN, state }
}

/// Both links hear router .9 now.
fn backup_of(priority: u8) -> Subject {
    let mut backup = Subject::in_backup(group());
    backup.hears(advert(9, priority)).nothing();
    backup.hears(lan_advert(9, priority)).nothing();
    backup
}

// ---- claiming

#[test]
fn all_links_are_claimed_at_once() {
    let mut backup = Subject::in_backup(group());
    backup.after(ACTIVE_DOWN - ms(1)).nothing();
    backup.after(ms(1)).does(TAKES_OVER);
    backup.because("no advertisement for 3609 ms");
}

#[test]
fn one_link_that_hears_the_active_router_keeps_all_waiting() {
    for heard in [advert(9, 150), lan_advert(9, 150)] {
        let mut backup = Subject::in_backup(group());
        for _ in 0..20 {
            backup.hears(heard.clone()).nothing();
            backup.after(SECOND).nothing();
        }
        backup.after(ACTIVE_DOWN - SECOND).does(TAKES_OVER);
    }
}

#[test]
fn the_slowest_link_decides() {
    let slow = lan().with_interval(interval(3000)).expect("sayable");
    let mut backup = Subject::in_backup(settings().with_link(slow));
    backup.after(ACTIVE_DOWN * 3 - ms(1)).nothing();
    backup.after(ms(1)).does(TAKES_OVER);
}

#[test]
fn a_release_on_both_links_takes_the_skew() {
    let mut backup = backup_of(150);
    backup.hears(advert(9, 0)).nothing();
    backup.hears(lan_advert(9, 0)).nothing();
    backup.after(SKEW - ms(1)).nothing();
    backup.after(ms(1)).does(TAKES_OVER);
    backup.because("192.0.2.9 let go");
}

#[test]
fn where_the_release_is_lost_an_interval_of_silence_stands_in_for_it() {
    let mut backup = backup_of(150);
    let _ = backup.after(ms(400));
    backup.hears(lan_advert(9, 0)).nothing();
    assert_eq!(backup.wait(), Some(ms(600) + SKEW));
    let mut long_silent = backup_of(150);
    let _ = long_silent.after(ms(1500));
    long_silent.hears(lan_advert(9, 0)).nothing();
    assert_eq!(long_silent.wait(), Some(SKEW));
    backup.after(ms(600) + SKEW).does(TAKES_OVER);
    backup.because("192.0.3.9 let go");
}

#[test]
fn who_is_still_active_on_another_link_is_waited_for() {
    let mut backup = backup_of(150);
    backup.hears(advert(9, 0)).nothing();
    backup.after(ms(999)).nothing();
    backup.hears(lan_advert(8, 150)).nothing();
    assert_eq!(backup.wait(), Some(ACTIVE_DOWN));
}

#[test]
fn who_is_preempted_on_one_link_has_time_to_let_go_of_all() {
    let mut backup = Subject::in_backup(group().with_preempt(Preempt::Immediate));
    backup.hears(lan_advert(9, 50)).nothing();
    backup.after(ACTIVE_DOWN).does("advertise 100, lan advertise 100");
    backup.because("preempted 192.0.3.9 with priority 50");
    backup.after(ms(20)).does("add .100, lan add .100, announce .100, lan announce .100");
}

/// A weaker router is heard on both links, on the second one last.
fn preempting() -> Subject {
    let mut backup = Subject::in_backup(group().with_preempt(Preempt::Immediate));
    backup.hears(advert(9, 50)).nothing();
    let _ = backup.after(ms(900));
    backup.hears(lan_advert(9, 50)).nothing();
    backup
}

#[test]
fn a_weaker_router_that_lets_go_is_not_preempted() {
    let mut backup = preempting();
    let _ = backup.after(ms(100));
    backup.hears(advert(9, 0)).nothing();
    // An interval and the skew after it was heard on the other link.
    assert_eq!(backup.wait(), Some(ms(900) + SKEW));
    backup.after(ms(900) + SKEW).does(TAKES_OVER);
    backup.because("192.0.2.9 let go");
}

#[test]
fn what_stands_in_for_a_release_never_takes_longer_than_silence() {
    let mut backup = preempting();
    let _ = backup.after(ms(2600));
    backup.hears(lan_advert(9, 50)).nothing();
    backup.hears(advert(9, 0)).nothing();
    assert_eq!(backup.wait(), Some(SKEW));
    backup.after(SKEW).does(TAKES_OVER);
}

#[test]
fn delayed_preemption_waits_for_the_last_link() {
    let mut backup = Subject::in_backup(group().with_preempt(Preempt::After(ms(2000))));
    backup.hears(advert(9, 50)).nothing();
    backup.after(ms(500)).nothing();
    backup.hears(lan_advert(9, 50)).nothing();
    backup.after(ms(1000)).nothing();
    backup.hears(advert(9, 50)).nothing();
    backup.after(ms(999)).nothing();
    backup.after(ms(1)).does("advertise 100, lan advertise 100");
    backup.because("preempted 192.0.2.9 with priority 50");
}

#[test]
fn a_stronger_router_on_one_link_forbids_to_preempt_on_the_other() {
    let mut backup = Subject::in_backup(group().with_preempt(Preempt::Immediate));
    for _ in 0..10 {
        backup.hears(advert(9, 50)).nothing();
        backup.hears(lan_advert(8, 150)).nothing();
        backup.after(SECOND).nothing();
    }
}

// ---- letting go

#[test]
fn a_stronger_router_on_one_link_takes_all() {
    let mut active = Subject::in_active(group());
    active
        .hears(lan_advert(9, 150))
        .does("remove .100, lan remove .100, lan advertise 100, advertise 0");
    active.because("192.0.3.9 with priority 150 is stronger");
    active.is(Role::Backup);
}

#[test]
fn ties_are_broken_on_the_first_link_only() {
    let mut active = Subject::in_active(group());
    let _ = active.after(ms(10_500));
    active.hears(lan_advert(11, 100)).nothing();
    active.hears(lan_advert(9, 100)).nothing();
    active.hears(advert(9, 100)).does("advertise 100, announce .100");
    let _ = active.hears(advert(11, 100));
    active.is(Role::Backup);
}

#[test]
fn one_lost_link_lets_go_of_all_and_the_last_to_return_starts_again() {
    let mut active = Subject::in_active(group());
    active.on(lan_is(LinkState::Down)).does("remove .100, lan remove .100, advertise 0");
    active.because("link down");
    active.on(link_is(LinkState::Down)).nothing();
    active.on(lan_is(LinkState::Up)).nothing();
    active.is(Role::Initialize);
    active.on(link_is(LinkState::Up)).nothing();
    active.because("link up");
    active.after(ACTIVE_DOWN).does(TAKES_OVER);
}

#[test]
fn a_fault_on_one_link_is_one_of_all() {
    let mut active = Subject::in_active(group());
    for _ in 0..2 {
        let address = host_on(LAN, 100);
        let restored = "lan add .100, lan announce .100";
        active.on(Event::AddressLost { link: LAN, address }).does(restored);
    }
    active.on(Event::AddressLost { link: LAN, address: host_on(LAN, 100) }).does(LETS_GO);
    active.because("fault: `192.0.3.100` was removed 3 times in 10 s by others");
}

#[test]
fn who_was_late_on_one_link_lets_go_of_all() {
    let fast = lan().with_interval(interval(100)).expect("sayable");
    let mut active = Subject::in_active(settings().with_link(fast));
    active.frozen_for(ms(299));
    let _ = active.on(Event::Timer);
    active.is(Role::Active);
    active.frozen_for(ms(300));
    active.on(Event::Timer).does("remove .100, lan remove .100");
    active.because("late: did not advertise for 300 ms");
}

// ---- staying active

#[test]
fn each_link_advertises_at_its_own_interval_and_says_its_own_addresses() {
    let fast = lan().with_interval(interval(100)).expect("sayable");
    let mut active = Subject::in_active(settings().with_link(fast));
    let _ = active.after(ms(10_000));
    let sent = |link| active.router.counters(link).advertisements_sent;
    assert_eq!((sent(LinkId::FIRST), sent(LAN)), (11, 101));
    let (farewell, _) = active.router.farewell(LAN);
    assert_eq!((farewell.vrid, farewell.interval), (vrid(), interval(100)));
    assert_eq!(farewell.addresses, [host_on(LAN, 100)]);
}

#[test]
fn each_link_answers_where_it_is_contradicted() {
    let mut active = Subject::in_active(group());
    let _ = active.after(ms(10_500));
    active.hears(lan_advert(9, 50)).does("lan advertise 100, lan announce .100");
    active.hears(lan_advert(9, 0)).does("lan advertise 100");
    active.hears(advert(9, 0)).does("advertise 100, announce .100");
    active.after(ms(100)).does("lan announce .100");
}

#[test]
fn each_link_has_its_own_peer() {
    let backup = backup_of(150);
    let peer = |link| backup.router.peer(link).map(|peer| peer.address);
    assert_eq!((peer(LinkId::FIRST), peer(LAN)), (Some(host(9)), Some(host_on(LAN, 9))));
    assert_eq!(backup.router.counters(LAN).advertisements_received, 1);
}

// ---- settings

#[test]
fn one_link_exchanges_addresses_and_the_other_is_not_touched() {
    let mut active = Subject::in_active(group());
    let both = lan().addresses().iter().copied().chain([host_on(LAN, 101)]).collect();
    let more = vrrp::LinkConfig::new(vrid(), host_on(LAN, 10), both).expect("valid");
    active
        .on(Event::Reconfigure(settings().with_link(more)))
        .does("lan add .100 .101, lan advertise 100, lan announce .100 .101");
    active
        .on(Event::Reconfigure(group()))
        .does("lan remove .101, lan add .100, lan advertise 100, lan announce .100");
}

#[test]
fn a_new_priority_is_told_on_all_links() {
    let mut active = Subject::in_active(group());
    let stronger = group().with_priority(Priority::new(120)).expect("not 0");
    active.on(Event::Reconfigure(stronger)).does("advertise 120, lan advertise 120");
}

#[test]
fn a_link_more_or_less_is_another_election() {
    let mut active = Subject::in_active(group());
    active.on(Event::Reconfigure(settings())).does(LETS_GO);
    active.hears(lan_advert(9, 200)).nothing();
    active.on(lan_is(LinkState::Down)).nothing();
    active.after(ACTIVE_DOWN).does("advertise 100, add .100, announce .100");
    active.on(Event::Reconfigure(group())).does("remove .100, advertise 0");
    active.after(ACTIVE_DOWN).does(TAKES_OVER);
    assert_eq!(active.router.config().link(LinkId::FIRST), &link());
}

#[test]
fn the_delay_goes_on_when_a_weaker_group_yields_to_another_weaker_one() {
    let mut backup = Subject::in_backup(group().with_preempt(Preempt::After(ms(2000))));
    backup.hears(advert(9, 50)).nothing();
    backup.hears(lan_advert(9, 50)).nothing();
    backup.after(ms(1500)).nothing();
    // Heard on the first link, the other one makes it let go on the second.
    backup.hears(advert(8, 60)).nothing();
    backup.hears(lan_advert(9, 0)).nothing();
    for hears in [advert(8, 60), lan_advert(8, 60)] {
        backup.hears(hears).nothing();
    }
    backup.after(ms(499)).nothing();
    backup.after(ms(1)).does("advertise 100, lan advertise 100");
    backup.because("preempted 192.0.2.8 with priority 60");
}

#[test]
fn the_delay_begins_anew_after_a_router_that_is_no_weaker() {
    let mut backup = Subject::in_backup(group().with_preempt(Preempt::After(ms(2000))));
    let both = |last, priority| [advert(last, priority), lan_advert(last, priority)];
    for (later, last, priority) in [(0, 9, 50), (1500, 7, 150), (100, 8, 60)] {
        backup.after(ms(later)).nothing();
        for hears in both(last, priority) {
            backup.hears(hears).nothing();
        }
    }
    backup.after(ms(1999)).nothing();
    backup.after(ms(1)).does("advertise 100, lan advertise 100");
}
