//! Every state meets every event (RFC 9568 §6.4). The table is in `transitions.txt`.
//!
//! Each row: a state, an event, the role afterwards, the time until the next timer in ms, and the actions.
//! The router has priority 100, an interval of 1 s, source .10 and address .100.

use std::fmt::Write;

use vrrp::{Event, LinkState, Preempt, Vrid};

use crate::subject::{
    ACTIVE_DOWN, Subject, VIP, advert, in_short, ms, settings, with_preempt, with_priority,
};

/// States worth telling apart, each as it is 200 ms after it was entered.
fn states() -> Vec<(&'static str, Subject)> {
    let mut stopped_without_link = Subject::stopped(settings());
    stopped_without_link.on(Event::Link(LinkState::Down)).nothing();
    let mut fault = Subject::in_active(settings());
    let _ = fault.on(Event::ActionFailed("no such device".to_owned()));
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
    states
}

/// Events worth telling apart.
fn events() -> Vec<(&'static str, Event)> {
    let elsewhere = {
        let vrid = Vrid::new(52).expect("52 is not 0");
        vrrp::RouterConfig::new(vrid, settings().source(), vec![VIP]).expect("valid settings")
    };
    vec![
        ("startup", Event::Startup),
        ("shutdown", Event::Shutdown),
        ("timer, early", Event::Timer),
        ("timer, due", Event::Timer),
        ("hears 0", advert(9, 0).event()),
        ("hears 50", advert(9, 50).event()),
        ("hears 100 of .9", advert(9, 100).event()),
        ("hears 100 of .11", advert(11, 100).event()),
        ("hears 200", advert(9, 200).event()),
        ("hears 200 of .10", advert(10, 200).event()),
        ("link up", Event::Link(LinkState::Up)),
        ("link down", Event::Link(LinkState::Down)),
        ("address lost", Event::AddressLost(VIP)),
        ("action failed", Event::ActionFailed("no such device".to_owned())),
        ("reload, other VRID", Event::Reconfigure(elsewhere)),
    ]
}

fn row(state: &str, mut subject: Subject, event: &str, what: Event) -> String {
    if event == "timer, due" {
        subject.now = subject.router.poll_timeout().unwrap_or(subject.now).max(subject.now);
    }
    let actions = in_short(&subject.on(what).0);
    let timer = subject.wait().map_or_else(|| "-".to_owned(), |wait| wait.as_millis().to_string());
    let role = subject.router.role().to_string();
    format!("{state:16} | {event:18} | {role:10} | {timer:>4} | {actions}").trim_end().to_owned()
}

#[test]
fn every_state_meets_every_event() {
    let mut table = String::new();
    for (state, subject) in states() {
        for (event, what) in events() {
            let row = row(state, subject.clone(), event, what);
            writeln!(table, "{row}").expect("strings take everything");
        }
    }
    let expected = include_str!("transitions.txt");
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
