//! Every state meets every event (RFC 9568 §6.4). The tables are in `transitions.txt` and, for a router with two links,
//! `transitions_group.txt`.
//!
//! Each row: a state, an event, the role afterwards, the time until the next timer in ms, and the actions.
//! The router has priority 100, an interval of 1 s, source .10 and address .100.

use std::fmt::Write;

use vrrp::{Event, Health, LinkConfig, LinkId, LinkState, Preempt, RouterConfig, Vrid};

use crate::subject::{
    ACTIVE_DOWN, LAN, Subject, VIP, advert, group, host, host_on, in_short, knowing, lan_advert,
    link_is, lost, ms, settings, with_preempt, with_priority,
};

/// States worth telling apart, each as it is 200 ms after it was entered.
fn states() -> Vec<(&'static str, Subject)> {
    let mut stopped_without_link = Subject::stopped(settings());
    stopped_without_link.on(link_is(LinkState::Down)).nothing();
    let mut fault = Subject::in_active(settings());
    let _ = fault.on(Event::ActionFailed("no such device".to_owned()));
    let mut unhealthy = Subject::in_backup(settings());
    unhealthy.on(health(0, Some("track `a`: link down"))).nothing();
    let mut unhealthy_owner = Subject::stopped(with_priority(255));
    unhealthy_owner.on(health(0, Some("track `a`: link down"))).nothing();
    unhealthy_owner.on(Event::Startup).nothing();
    let mut released = Subject::in_backup(settings());
    released.hears(advert(9, 0)).nothing();
    let mut preempting = Subject::in_backup(with_preempt(Preempt::After(ms(500))));
    preempting.hears(advert(9, 50)).nothing();

    let mut states = vec![
        ("stopped", Subject::stopped(settings())),
        ("stopped owner", Subject::stopped(with_priority(255))),
        ("stopped, no link", stopped_without_link),
        ("link down", Subject::without_link(settings())),
        ("link down owner", Subject::without_link(with_priority(255))),
        ("fault", fault),
        ("unhealthy", unhealthy),
        ("unhealthy owner", unhealthy_owner),
        ("backup", Subject::in_backup(settings())),
        ("backup released", released),
        ("backup preempts", Subject::in_backup(with_preempt(Preempt::Immediate))),
        ("backup delays", preempting),
        ("active", Subject::in_active(settings())),
        ("active owner", Subject::in_active(with_priority(255))),
    ];
    for (_, subject) in &mut states {
        let _ = subject.after(ms(200));
    }
    let mut yielding = Subject::in_backup(with_preempt(Preempt::Immediate));
    yielding.hears(advert(9, 50)).nothing();
    let _ = yielding.after(ACTIVE_DOWN + ms(10));
    states.push(("active, yields", yielding));
    let mut late = Subject::in_active(settings());
    late.frozen_for(ms(3000));
    states.push(("active late", late));
    states.push(("leaving", Subject::leaving(knowing(settings()))));
    states
}

/// Events worth telling apart.
fn events() -> Vec<(&'static str, Event)> {
    let elsewhere = {
        let vrid = Vrid::new(52).expect("52 is not 0");
        let link = LinkConfig::new(vrid, host(10), vec![VIP]).expect("valid settings");
        RouterConfig::new(link)
    };
    vec![
        ("startup", Event::Startup),
        ("shutdown", Event::Shutdown),
        ("leave", Event::Leave),
        ("timer, early", Event::Timer),
        ("timer, due", Event::Timer),
        ("hears 0", advert(9, 0).event()),
        ("hears 50", advert(9, 50).event()),
        ("hears 100 of .9", advert(9, 100).event()),
        ("hears 100 of .11", advert(11, 100).event()),
        ("hears 200", advert(9, 200).event()),
        ("hears 200 of .10", advert(10, 200).event()),
        ("link up", link_is(LinkState::Up)),
        ("link down", link_is(LinkState::Down)),
        ("source lost", Event::SourceLost { link: LinkId::FIRST }),
        ("address lost", lost(VIP)),
        ("MAC changed", Event::MacChanged { link: LinkId::FIRST }),
        ("action failed", Event::ActionFailed("no such device".to_owned())),
        ("check fails", health(0, Some("track `a`: link down"))),
        ("checks are good", health(0, None)),
        ("priority -20", health(-20, None)),
        ("reload, other VRID", Event::Reconfigure(elsewhere)),
    ]
}

/// States of a router with two links, each as it is 200 ms after it was entered.
fn group_states() -> Vec<(&'static str, Subject)> {
    let heard_on_both = |config: RouterConfig, priority| {
        let mut backup = Subject::in_backup(config);
        backup.hears(advert(9, priority)).nothing();
        backup.hears(lan_advert(9, priority)).nothing();
        backup
    };
    let mut released = heard_on_both(group(), 150);
    let _ = released.after(ms(500));
    released.hears(advert(9, 0)).nothing();
    let mut cut_off = Subject::in_backup(group());
    let lan_down = Event::Link { link: LAN, state: LinkState::Down };
    cut_off.on(lan_down).nothing();
    let preempting = group().with_preempt(Preempt::Immediate);

    let mut states = vec![
        ("link down", cut_off),
        ("backup", heard_on_both(group(), 150)),
        ("backup released", released),
        ("backup preempts", heard_on_both(preempting, 50)),
        ("active", Subject::in_active(group())),
        ("leaving", Subject::leaving(knowing(group()))),
    ];
    for (_, subject) in &mut states {
        let _ = subject.after(ms(200));
    }
    states
}

/// Those that concern one link, on either, and those that concern all.
fn group_events() -> Vec<(&'static str, Event)> {
    let lan_is = |state| Event::Link { link: LAN, state };
    vec![
        ("shutdown", Event::Shutdown),
        ("leave", Event::Leave),
        ("timer, due", Event::Timer),
        ("hears 0", advert(9, 0).event()),
        ("lan hears 0", lan_advert(9, 0).event()),
        ("hears 50", advert(9, 50).event()),
        ("lan hears 50", lan_advert(9, 50).event()),
        ("hears 100 of .9", advert(9, 100).event()),
        ("lan hears 100 of .9", lan_advert(9, 100).event()),
        ("hears 100 of .11", advert(11, 100).event()),
        ("lan hears 100 of .11", lan_advert(11, 100).event()),
        ("hears 200", advert(9, 200).event()),
        ("lan hears 200", lan_advert(9, 200).event()),
        ("link up", link_is(LinkState::Up)),
        ("lan link up", lan_is(LinkState::Up)),
        ("link down", link_is(LinkState::Down)),
        ("lan link down", lan_is(LinkState::Down)),
        ("lan source lost", Event::SourceLost { link: LAN }),
        ("lan address lost", Event::AddressLost { link: LAN, address: host_on(LAN, 100) }),
        ("action failed", Event::ActionFailed("no such device".to_owned())),
        ("reload, one link", Event::Reconfigure(settings())),
    ]
}

fn health(offset: i16, fault: Option<&str>) -> Event {
    Event::Health(Health { offset, fault: fault.map(str::to_owned) })
}

fn row(state: &str, mut subject: Subject, event: &str, what: Event) -> String {
    if event == "timer, due" {
        subject.now = subject.router.poll_timeout().unwrap_or(subject.now).max(subject.now);
    }
    let actions = in_short(&subject.on(what).0);
    let timer = subject.wait().map_or_else(|| "-".to_owned(), |wait| wait.as_millis().to_string());
    let role = subject.router.role().to_string();
    format!("{state:16} | {event:20} | {role:10} | {timer:>4} | {actions}").trim_end().to_owned()
}

#[test]
fn every_state_meets_every_event() {
    check(&states(), &events(), include_str!("transitions.txt"));
}

#[test]
fn every_state_of_a_group_meets_every_event_on_either_link() {
    check(&group_states(), &group_events(), include_str!("transitions_group.txt"));
}

fn check(states: &[(&str, Subject)], events: &[(&str, Event)], expected: &str) {
    let mut table = String::new();
    for (state, subject) in states {
        for (event, what) in events {
            let row = row(state, subject.clone(), event, what.clone());
            writeln!(table, "{row}").expect("strings take everything");
        }
    }
    if let Some((actual, expected)) = table.lines().zip(expected.lines()).find(|(a, b)| a != b) {
        panic!("was:  {actual}\nnot:  {expected}\nthe whole table:\n{table}");
    }
    assert_eq!(table.lines().count(), expected.lines().count(), "the whole table:\n{table}");
}

#[test]
fn reload_with_equal_settings_changes_nothing_in_any_state() {
    for (state, mut subject) in states() {
        if state == "active late" {
            continue;
        }
        let (before, timeout) = (subject.router.state().clone(), subject.router.poll_timeout());
        let same = subject.router.config().clone();
        subject.on(Event::Reconfigure(same)).nothing();
        assert_eq!(subject.router.state(), &before, "{state}");
        assert_eq!(subject.router.poll_timeout(), timeout, "{state}");
    }
}

#[test]
fn a_timer_that_comes_early_does_nothing() {
    let mut backup = Subject::in_backup(settings());
    backup.frozen_for(ACTIVE_DOWN - ms(1));
    backup.on(Event::Timer).nothing();
    backup.frozen_for(ms(1));
    backup.on(Event::Timer).does("advertise 100, add .100, announce .100");
}
