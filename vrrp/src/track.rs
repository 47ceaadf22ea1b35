//! Tracking: what checks of this box say, and what that does to its part in the election.
//!
//! Pure. Somebody else makes the checks, and tells a [`Tracker`] their [`Outcome`]s and the time; the tracker gives the
//! [`Health`] of one virtual router.
//!
//! ```text
//!                               `fall` failures in a row
//!        ┌───────────────────────────────────────────────────────────┐
//!        │          first success            `fall` failures in a row: at once
//!     Unknown ───────────────────────▶ Up ─────────────────────────▶ Down
//!                                       ◀───────────────────────────┘
//!                                 `rise` successes in a row, and for `hold`
//! ```
//!
//! - **Worse acts at once, better is damped**: a link that flaps moves the addresses once, not every time.
//! - **Nothing is claimed on trust.** Until each check has been Up or Down once, the router takes no part in the
//!   election, so that a box never claims at its start what it has to give up a moment later. A check that is added to
//!   a running tracker counts as no check while it is Unknown.
//! - **A check is known by its name.** Under new settings it keeps what it said last until it says something else.

use std::time::{Duration, Instant};

/// What tracking does to a virtual router.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Added to the priority, which stays within 1 to 254. The owner of the addresses stays at 255.
    pub offset: i16,
    /// Why the router takes no part in the election, if it does not.
    pub fault: Option<String>,
}

/// How the outcomes of one check count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Unique in its tracker, and the same on all boxes that make this check.
    pub name: String,
    /// What it does to the router.
    pub effect: Effect,
    /// Successes in a row that make it Up again; at least 1.
    pub rise: u32,
    /// Failures in a row that make it Down; at least 1.
    pub fall: u32,
    /// For how long it must have succeeded to be Up again.
    pub hold: Duration,
}

/// What a check does to its router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// While it is Down the router takes no part in the election.
    Fault,
    /// A negative weight is added to the priority while it is Down, a positive one while it is Up: -253 to 253.
    Weight(i16),
    /// The value that it finds is added to the priority.
    Value,
}

/// The largest offset of a priority, in either direction: from 1 to 254.
pub const WEIGHT_MAX: i16 = 253;

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it found.
    pub verdict: Verdict,
    /// The same in words, such as `link down`.
    pub text: String,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not as it should be, or there is no value.
    Failure,
    /// It is as it should be.
    Success,
    /// A number, for [`Effect::Value`]; for other effects a success.
    Value(i16),
}

/// What a verdict does to the router: the worse, the less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// The router takes no part.
    Fault,
    /// This is added to its priority.
    Offset(i16),
}

impl Effect {
    /// The most that it can ever add to a priority.
    #[must_use]
    pub fn gain_max(self) -> i16 {
        match self {
            Self::Fault => 0,
            Self::Weight(weight) => weight.max(0),
            Self::Value => WEIGHT_MAX,
        }
    }

    fn impact(self, verdict: Verdict) -> Impact {
        match (self, verdict) {
            (Self::Fault, Verdict::Failure) => Impact::Fault,
            (Self::Fault, Verdict::Success | Verdict::Value(_))
            | (Self::Value, Verdict::Failure | Verdict::Success) => Impact::Offset(0),
            (Self::Weight(weight), Verdict::Failure) => Impact::Offset(weight.min(0)),
            (Self::Weight(weight), Verdict::Success | Verdict::Value(_)) => {
                Impact::Offset(weight.max(0))
            }
            (Self::Value, Verdict::Value(value)) => {
                Impact::Offset(value.clamp(-WEIGHT_MAX, WEIGHT_MAX))
            }
        }
    }
}

/// A check and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    check: Check,
    /// What counts; `None` is Unknown.
    in_force: Option<Verdict>,
    since: Instant,
    /// What was said when `in_force` changed.
    cause: String,
    /// What was said last.
    text: String,
    /// Outcomes that speak against what is in force.
    run: Option<Run>,
}

/// Outcomes in a row that would all change the impact in the same direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    towards: Towards,
    count: u32,
    began_at: Instant,
    latest: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Towards {
    Worse,
    Better,
}

impl Tracked {
    fn new(check: Check, now: Instant) -> Self {
        let text = UNKNOWN.to_owned();
        Self { check, in_force: None, since: now, cause: text.clone(), text, run: None }
    }

    /// How its outcomes count.
    #[must_use]
    pub fn check(&self) -> &Check {
        &self.check
    }

    /// What counts at present; `None` while nothing is known.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.in_force
    }

    /// What it does at present.
    #[must_use]
    pub fn impact(&self) -> Impact {
        self.in_force.map_or(Impact::Offset(0), |verdict| self.check.effect.impact(verdict))
    }

    /// Since when what counts has counted.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.since
    }

    /// What was said when what counts changed.
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// What was said last.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn observe(&mut self, outcome: Outcome, now: Instant) {
        self.text = outcome.text;
        let verdict = outcome.verdict;
        self.run = self.towards(verdict).map(|towards| match self.run {
            Some(run) if run.towards == towards => {
                Run { count: run.count.saturating_add(1), latest: verdict, ..run }
            }
            Some(_) | None => Run { towards, count: 1, began_at: now, latest: verdict },
        });
        if self.run.is_none() {
            // Values may differ and do the same.
            self.in_force = Some(verdict);
        }
        self.settle(now);
    }

    /// Which way this verdict pulls, if it changes anything.
    fn towards(&self, verdict: Verdict) -> Option<Towards> {
        let Some(in_force) = self.in_force else {
            return Some(match verdict {
                Verdict::Failure => Towards::Worse,
                Verdict::Success | Verdict::Value(_) => Towards::Better,
            });
        };
        let effect = self.check.effect;
        match effect.impact(verdict).cmp(&effect.impact(in_force)) {
            std::cmp::Ordering::Less => Some(Towards::Worse),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(Towards::Better),
        }
    }

    /// When the run has lasted long enough, unless another outcome ends it.
    fn due_at(&self) -> Option<Instant> {
        let run = self.run?;
        match (run.towards, self.in_force) {
            (Towards::Worse, _) => (run.count >= self.check.fall).then_some(run.began_at),
            (Towards::Better, None) => Some(run.began_at),
            (Towards::Better, Some(_)) => {
                (run.count >= self.check.rise).then_some(run.began_at + self.check.hold)
            }
        }
    }

    fn settle(&mut self, now: Instant) {
        if let Some(run) = self.run
            && self.due_at().is_some_and(|due_at| now >= due_at)
        {
            self.run = None;
            self.in_force = Some(run.latest);
            self.since = now;
            self.cause.clone_from(&self.text);
        }
    }
}

/// The checks of one virtual router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracker {
    tracked: Vec<Tracked>,
    /// Each check of the start was known at some time.
    complete: bool,
}

impl Tracker {
    /// Nothing is known of the checks yet.
    #[must_use]
    pub fn new(checks: Vec<Check>, now: Instant) -> Self {
        let tracked = checks.into_iter().map(|check| Tracked::new(check, now)).collect();
        let mut tracker = Self { tracked, complete: false };
        tracker.take_stock();
        tracker
    }

    /// Makes these the checks. What is known of a check by its name goes on, a run of outcomes only if nothing changed.
    pub fn reconfigure(&mut self, checks: Vec<Check>, now: Instant) {
        let mut old = std::mem::take(&mut self.tracked);
        self.tracked = checks
            .into_iter()
            .map(|check| match old.iter().position(|tracked| tracked.check.name == check.name) {
                Some(at) if old[at].check == check => old.swap_remove(at),
                Some(at) => Tracked { check, run: None, ..old.swap_remove(at) },
                None => Tracked::new(check, now),
            })
            .collect();
        self.take_stock();
    }

    /// Takes in how the check of this name ended. `now` never goes back.
    pub fn observe(&mut self, name: &str, outcome: Outcome, now: Instant) {
        if let Some(tracked) = self.tracked.iter_mut().find(|tracked| tracked.check.name == name) {
            tracked.observe(outcome, now);
        }
        self.take_stock();
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    pub fn elapse(&mut self, now: Instant) {
        self.tracked.iter_mut().for_each(|tracked| tracked.settle(now));
    }

    /// When to call [`elapse`](Self::elapse).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.tracked.iter().filter_map(Tracked::due_at).min()
    }

    /// What the checks do to the router at present.
    #[must_use]
    pub fn health(&self) -> Health {
        let offset: i32 = self.tracked.iter().map(|tracked| tracked.impact().offset()).sum();
        let limit = i32::from(WEIGHT_MAX);
        let offset = i16::try_from(offset.clamp(-limit, limit)).unwrap_or_default();
        let is_fault = |tracked: &&Tracked| {
            tracked.impact() == Impact::Fault || !self.complete && tracked.in_force.is_none()
        };
        let fault = self.tracked.iter().find(is_fault).map(|tracked| {
            let Tracked { check, cause, .. } = tracked;
            format!("track `{}`: {cause}", check.name)
        });
        Health { offset, fault }
    }

    /// Each check, in the order in which they were given.
    #[must_use]
    pub fn tracked(&self) -> &[Tracked] {
        &self.tracked
    }

    fn take_stock(&mut self) {
        self.complete |= self.tracked.iter().all(|tracked| tracked.in_force.is_some());
    }
}

impl Impact {
    fn offset(self) -> i32 {
        match self {
            Self::Fault => 0,
            Self::Offset(offset) => offset.into(),
        }
    }
}

/// What is said of a check before its first outcome.
const UNKNOWN: &str = "no result yet";
