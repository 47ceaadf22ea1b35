//! What the outcomes of checks add up to: worse at once, better damped.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use vrrp::track::{Check, Effect, Outcome, Tracker, Verdict, WEIGHT_MAX};
use vrrp::{Event, Health, LinkState, Preempt, Priority, Reason, Role};

use crate::subject::{
    ACTIVE_DOWN, PREEMPTS, SECOND, Subject, TAKES_OVER, advert, link_is, settings, with_preempt,
    with_priority,
};

const HOLD: Duration = Duration::from_secs(5);

fn check(name: &str, effect: Effect) -> Check {
    Check { name: name.to_owned(), effect, rise: 2, fall: 3, hold: HOLD }
}

fn outcome(verdict: Verdict) -> Outcome {
    let text = match verdict {
        Verdict::Failure => "no reply".to_owned(),
        Verdict::Success => "reply".to_owned(),
        Verdict::Value(value) => value.to_string(),
    };
    Outcome { verdict, text }
}

#[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere")]
fn start() -> Instant {
    Instant::now()
}

/// One check under test, and the time.
struct Bed {
    tracker: Tracker,
    now: Instant,
}

impl Bed {
    fn new(effect: Effect) -> Self {
        let now = start();
        Self { tracker: Tracker::new(vec![check("a", effect)], now), now }
    }

    /// Plays outcomes, one per second: `+` success, `-` failure, `.` none, a digit that value. Says what came of it
    /// after each: `?` unknown, `!` fault, else the offset.
    fn play(&mut self, outcomes: &str) -> Vec<String> {
        outcomes.chars().map(|sign| self.second(sign)).collect()
    }

    fn second(&mut self, sign: char) -> String {
        self.now += Duration::from_secs(1);
        if self.tracker.poll_timeout().is_some_and(|due_at| self.now >= due_at) {
            self.tracker.elapse(self.now);
        }
        let verdict = match sign {
            '+' => Some(Verdict::Success),
            '-' => Some(Verdict::Failure),
            '.' => None,
            digit => digit.to_digit(10).and_then(|n| i16::try_from(n).ok()).map(Verdict::Value),
        };
        if let Some(verdict) = verdict {
            self.tracker.observe("a", outcome(verdict), self.now);
        }
        let Health { offset, fault } = self.tracker.health();
        match fault.as_deref() {
            None => offset.to_string(),
            Some("track `a`: no result yet") => "?".to_owned(),
            Some("track `a`: no reply") => "!".to_owned(),
            Some(other) => other.to_owned(),
        }
    }
}

#[test]
fn the_machine_as_a_table() {
    let table = [
        // At the start nothing is claimed on trust: the first success decides, or `fall` failures.
        (Effect::Fault, "+", "0"),
        (Effect::Fault, "-+", "? 0"),
        (Effect::Fault, "---", "? ? !"),
        (Effect::Fault, "--.-", "? ? ? !"),
        // Worse: `fall` failures in a row, at once.
        (Effect::Fault, "+--+---", "0 0 0 0 0 0 !"),
        // Better: `rise` successes in a row, and for as long as `hold`, which needs no further outcome.
        (Effect::Fault, "---++++++", "? ? ! ! ! ! ! ! 0"),
        (Effect::Fault, "---++...", "? ? ! ! ! ! ! !"),
        (Effect::Fault, "---++....", "? ? ! ! ! ! ! ! 0"),
        (Effect::Fault, "---+.....", "? ? ! ! ! ! ! ! !"),
        (Effect::Fault, "---+.....+", "? ? ! ! ! ! ! ! ! 0"),
        // A failure meanwhile begins it anew.
        (Effect::Fault, "---++++-++++++", "? ? ! ! ! ! ! ! ! ! ! ! ! 0"),
        (Effect::Weight(-20), "+---++....", "0 0 0 -20 -20 -20 -20 -20 -20 0"),
        (Effect::Weight(20), "+---++....", "20 20 20 0 0 0 0 0 0 20"),
        (Effect::Value, "7", "7"),
        // The latest of a run counts.
        (Effect::Value, "7321", "7 7 7 1"),
        (Effect::Value, "7---", "7 7 7 0"),
        (Effect::Value, "256789....", "2 2 2 2 2 2 9 9 9 9"),
    ];
    for (effect, outcomes, expected) in table {
        let expected: Vec<_> = expected.split(' ').collect();
        assert_eq!(Bed::new(effect).play(outcomes), expected, "{effect:?} {outcomes}");
    }
}

#[test]
fn every_check_is_waited_for_once() {
    let now = start();
    let mut tracker =
        Tracker::new(vec![check("a", Effect::Fault), check("b", Effect::Weight(-9))], now);
    tracker.observe("a", outcome(Verdict::Success), now);
    assert_eq!(tracker.health().fault.as_deref(), Some("track `b`: no result yet"));
    tracker.observe("b", outcome(Verdict::Success), now);
    assert_eq!(tracker.health(), Health::default());

    // A check that comes later holds nothing up, and counts from its first verdict on.
    tracker.reconfigure(vec![check("a", Effect::Fault), check("c", Effect::Fault)], now);
    assert_eq!(tracker.health(), Health::default());
    for _ in 0..3 {
        tracker.observe("c", outcome(Verdict::Failure), now);
    }
    assert_eq!(tracker.health().fault.as_deref(), Some("track `c`: no reply"));
}

#[test]
fn without_checks_nothing_is_waited_for() {
    assert_eq!(Tracker::new(Vec::new(), start()).health(), Health::default());
}

#[test]
fn equal_checks_keep_their_state_and_timers() {
    let mut bed = Bed::new(Effect::Fault);
    bed.play("---++.");
    let before = bed.tracker.clone();
    bed.tracker.reconfigure(vec![check("a", Effect::Fault)], bed.now);
    assert_eq!(bed.tracker, before);
}

#[test]
fn a_changed_check_keeps_what_it_said_last() {
    let mut bed = Bed::new(Effect::Fault);
    bed.play("---+++");
    bed.tracker.reconfigure(vec![check("a", Effect::Weight(-5))], bed.now);
    assert_eq!(bed.tracker.health(), Health { offset: -5, fault: None });
    assert_eq!(bed.play("+....."), ["-5", "-5", "-5", "-5", "-5", "-5"], "it rises anew");
}

#[test]
fn offsets_add_up_and_the_first_fault_is_told() {
    let now = start();
    let effects = [Effect::Weight(-100), Effect::Fault, Effect::Weight(-200), Effect::Fault];
    let names = ["a", "b", "c", "d"];
    let checks = names.iter().zip(effects).map(|(name, effect)| check(name, effect)).collect();
    let mut tracker = Tracker::new(checks, now);
    for name in names {
        for _ in 0..3 {
            tracker.observe(name, outcome(Verdict::Failure), now);
        }
    }
    let fault = Some("track `b`: no reply".to_owned());
    assert_eq!(tracker.health(), Health { offset: -WEIGHT_MAX, fault });
}

#[test]
fn the_last_of_values_that_do_the_same_is_told() {
    let now = start();
    let mut tracker = Tracker::new(vec![check("a", Effect::Value)], now);
    for value in [WEIGHT_MAX, WEIGHT_MAX + 1] {
        tracker.observe("a", outcome(Verdict::Value(value)), now);
        assert_eq!(tracker.tracked()[0].verdict(), Some(Verdict::Value(value)));
    }
}

#[test]
fn the_effective_priority_stays_in_range() {
    let cases = [(100, -20, 80), (100, -253, 1), (100, 253, 254), (255, -253, 255), (254, 1, 254)];
    for (priority, offset, effective) in cases {
        assert_eq!(Priority::new(priority).offset_by(offset).value(), effective);
    }
}

fn offset(offset: i16) -> Event {
    Event::Health(Health { offset, fault: None })
}

fn fault() -> Event {
    Event::Health(Health { offset: 0, fault: Some("track `a`: no reply".to_owned()) })
}

#[test]
fn an_active_router_says_its_new_priority_at_once_and_yields_to_a_stronger_one() {
    let mut active = Subject::in_active(settings());
    active.on(offset(-20)).does("advertise 80");
    active.on(offset(-20)).nothing();
    active.hears(advert(9, 80)).does("advertise 80");
    active.hears(advert(9, 90)).does("remove .100, advertise 80");
}

#[test]
fn a_backup_that_rises_preempts_and_one_that_falls_adopts() {
    let mut backup = Subject::in_backup(with_preempt(Preempt::Immediate));
    backup.on(offset(-20)).nothing();
    backup.hears(advert(9, 90)).nothing();
    backup.on(offset(0)).nothing();
    backup.after(SECOND).nothing();
    backup.hears(advert(9, 90)).nothing();
    // The silence is timed since the last advertisement that was respected.
    backup.after(ACTIVE_DOWN - SECOND).does(PREEMPTS);
}

#[test]
fn settings_that_are_loaded_anew_are_tracked_as_the_old_ones() {
    let mut active = Subject::in_active(settings());
    active.on(offset(-20)).does("advertise 80");
    active.on(Event::Reconfigure(settings())).nothing();
    active.on(Event::Reconfigure(with_priority(150))).does("advertise 130");
    assert_eq!(active.router.config().configured_priority(), Priority::new(150));
}

#[test]
fn a_failing_check_lets_go_and_the_reason_is_told() {
    let mut active = Subject::in_active(settings());
    active.on(fault()).does("remove .100, advertise 0");
    assert_eq!(active.router.role(), Role::Initialize);
    let reason = active.router.last_transition().map(|transition| transition.reason.clone());
    assert_eq!(reason, Some(Reason::Unhealthy("track `a`: no reply".to_owned())));
    active.on(offset(0)).nothing();
    assert_eq!(active.router.role(), Role::Backup);
    active.after(ACTIVE_DOWN).does(TAKES_OVER);
}

#[test]
fn neither_link_nor_fault_brings_back_who_fails_a_check() {
    let mut router = Subject::in_active(settings());
    let _ = router.on(Event::ActionFailed("no such device".to_owned()));
    router.on(fault()).nothing();
    router.after(SECOND * 6).nothing();
    assert_eq!(router.router.role(), Role::Initialize);
    router.on(link_is(LinkState::Down)).nothing();
    router.on(link_is(LinkState::Up)).nothing();
    router.after(SECOND * 60).nothing();
    assert_eq!(router.router.role(), Role::Initialize);
    router.on(offset(0)).nothing();
    assert_eq!(router.router.role(), Role::Backup);
}

fn effects() -> impl Strategy<Value = Effect> {
    prop_oneof![
        Just(Effect::Fault),
        (-WEIGHT_MAX..=WEIGHT_MAX).prop_map(Effect::Weight),
        Just(Effect::Value),
    ]
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::Failure),
        Just(Verdict::Success),
        any::<i16>().prop_map(Verdict::Value),
    ]
}

proptest! {
    #[test]
    fn no_outcome_leads_out_of_range(
        checks in prop::collection::vec((effects(), 1u32..4, 1u32..4), 0..5),
        outcomes in prop::collection::vec((0usize..5, verdicts(), 0u64..3_000), 0..80),
        priority in 1u8..=254,
    ) {
        let mut now = start();
        let names = ["a", "b", "c", "d", "e"];
        let checks = checks.iter().zip(names).map(|(&(effect, rise, fall), name)| {
            Check { rise, fall, ..check(name, effect) }
        });
        let mut tracker = Tracker::new(checks.collect(), now);
        for (index, verdict, wait) in outcomes {
            now += Duration::from_millis(wait);
            tracker.elapse(now);
            tracker.observe(names[index], outcome(verdict), now);
            let health = tracker.health();
            prop_assert!(health.offset.abs() <= WEIGHT_MAX);
            let effective = Priority::new(priority).offset_by(health.offset).value();
            prop_assert!((1..=254).contains(&effective));
            prop_assert!(tracker.poll_timeout().is_none_or(|due_at| due_at > now));
        }
    }

    /// `fall` failures in a row always count at once, whatever was before; `rise` successes never count before `hold`.
    #[test]
    fn worse_acts_at_once_and_better_never_does(
        before in prop::collection::vec((any::<bool>(), 0u64..9_000), 0..40),
    ) {
        let mut bed = Bed::new(Effect::Fault);
        for (success, wait) in before {
            bed.now += Duration::from_millis(wait);
            bed.second(if success { '+' } else { '-' });
        }
        bed.play("---");
        let fault = bed.tracker.health().fault;
        prop_assert_eq!(fault.as_deref(), Some("track `a`: no reply"));
        let recovery = bed.play("+++++");
        prop_assert!(recovery.iter().all(|step| step == "!"));
        prop_assert_eq!(bed.second('+'), "0");
    }
}
