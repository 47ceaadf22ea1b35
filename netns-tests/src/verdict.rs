//! What a drill measured, and whether that is good enough.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::comparison::Comparison;
use crate::lab::holders::HoldingTimes;
use crate::traffic::Seen;

/// The numbers of a drill, in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Measurement {
    /// The longest time in which no client was answered; `None` where no client takes part.
    pub gap_ms: Option<u128>,
    /// Requests on new connections that failed.
    pub failed_requests: usize,
    /// How often the long-lived connection was lost.
    pub lost_connections: usize,
    /// How long both boxes held the virtual address.
    pub both_held_ms: u128,
    /// How long neither did.
    #[serde(skip)]
    pub absent_ms: u128,
}

impl Measurement {
    /// The numbers behind what was seen, rounded to whole milliseconds: it is not known better
    /// when the kernel did what it tells.
    #[must_use]
    pub fn new(seen: &Seen, holding: HoldingTimes) -> Self {
        Self {
            gap_ms: Some(whole_ms(seen.gap)),
            failed_requests: seen.failures.len(),
            lost_connections: seen.connections_lost,
            both_held_ms: whole_ms(holding.both),
            absent_ms: whole_ms(holding.absent),
        }
    }

    /// The median of each number over several rounds: on a busy machine an observer may once be woken late. That of
    /// no rounds is all zero.
    #[must_use]
    pub fn median(rounds: &[Self]) -> Self {
        Self {
            gap_ms: median(rounds.iter().map(|round| round.gap_ms)),
            failed_requests: median(rounds.iter().map(|round| round.failed_requests)),
            lost_connections: median(rounds.iter().map(|round| round.lost_connections)),
            both_held_ms: median(rounds.iter().map(|round| round.both_held_ms)),
            absent_ms: median(rounds.iter().map(|round| round.absent_ms)),
        }
    }
}

/// The middle one, the lower of two; the default of none.
pub fn median<T: Copy + Ord + Default>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// In whole milliseconds, rounded.
#[must_use]
pub fn whole_ms(duration: Duration) -> u128 {
    (duration.as_micros() + 500) / 1000
}

/// A measurement and everything that is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The numbers.
    pub measurement: Measurement,
    /// The bound of the gap, if it has one, in milliseconds.
    pub bound_ms: Option<u128>,
    /// The same with keepalived in our place, where that was tried.
    pub comparisons: Vec<Comparison>,
    /// Why this machine cannot do the drill, if it cannot.
    pub skipped: Option<String>,
    /// What was expected and is not so.
    pub problems: Vec<String>,
    /// Numbers of this drill alone, for the reader.
    pub remarks: Vec<String>,
}

impl Verdict {
    /// Nothing is wrong yet.
    #[must_use]
    pub fn of(measurement: Measurement) -> Self {
        Self { measurement, ..Self::default() }
    }

    /// This machine lacks something.
    #[must_use]
    pub fn skipped(why: impl fmt::Display) -> Self {
        Self { skipped: Some(why.to_string()), ..Self::default() }
    }

    /// The medians of these rounds; all rounds are told to the reader.
    #[must_use]
    pub fn of_rounds(rounds: &[Measurement]) -> Self {
        let list = |number: fn(&Measurement) -> u128| {
            let numbers: Vec<_> = rounds.iter().map(|round| number(round).to_string()).collect();
            numbers.join(", ")
        };
        let gaps = list(|round| round.gap_ms.unwrap_or_default());
        let both_held = list(|round| round.both_held_ms);
        Self::of(Measurement::median(rounds))
            .remark(format!("rounds: gap {gaps} ms, both held {both_held} ms"))
    }

    /// Is everything as expected?
    #[must_use]
    pub const fn passed(&self) -> bool {
        self.problems.is_empty()
    }

    /// Notes `otherwise` unless the expectation holds.
    #[must_use]
    pub fn expect(mut self, holds: bool, otherwise: impl fmt::Display) -> Self {
        if !holds {
            self.problems.push(otherwise.to_string());
        }
        self
    }

    /// What happened `then` must be good as well; the numbers stay those of the first event.
    #[must_use]
    pub fn and(mut self, then: &str, other: &Self) -> Self {
        let problems = other.problems.iter().map(|problem| format!("{then}: {problem}"));
        self.problems.extend(problems);
        self
    }

    /// The client must not see a longer gap.
    #[must_use]
    pub fn gap_at_most(mut self, bound: Duration) -> Self {
        let (gap, bound) = (self.measurement.gap_ms.unwrap_or_default(), bound.as_millis());
        self.bound_ms = Some(bound);
        self.expect(gap <= bound, format!("the gap of {gap} ms is longer than {bound} ms"))
    }

    /// Both boxes must not hold the address for longer.
    #[must_use]
    pub fn both_held_at_most(self, bound: Duration) -> Self {
        let (both, bound) = (self.measurement.both_held_ms, bound.as_millis());
        self.expect(both <= bound, format!("both boxes held the address for {both} ms"))
    }

    /// No request may fail and no connection may be lost.
    #[must_use]
    pub fn nothing_lost(self) -> Self {
        let Measurement { failed_requests, lost_connections, .. } = self.measurement;
        self.expect(failed_requests == 0, format!("{failed_requests} requests failed"))
            .expect(lost_connections == 0, format!("{lost_connections} connections were lost"))
    }

    /// Adds a number for the reader.
    #[must_use]
    pub fn remark(mut self, text: impl fmt::Display) -> Self {
        self.remarks.push(text.to_string());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(gap_ms: u128, both_held_ms: u128) -> Verdict {
        Verdict::of(Measurement { gap_ms: Some(gap_ms), both_held_ms, ..Measurement::default() })
    }

    #[test]
    fn a_bound_holds_up_to_its_last_millisecond() {
        assert!(measured(121, 0).gap_at_most(Duration::from_millis(121)).passed());
        assert!(!measured(122, 0).gap_at_most(Duration::from_millis(121)).passed());
    }

    #[test]
    fn an_overlap_of_half_a_millisecond_is_one() {
        let verdict = |micros| {
            let both = Duration::from_micros(micros);
            let holding = HoldingTimes { both, ..HoldingTimes::default() };
            Verdict::of(Measurement::new(&Seen::default(), holding))
        };
        assert!(!verdict(500).both_held_at_most(Duration::ZERO).passed());
        assert!(verdict(499).both_held_at_most(Duration::ZERO).passed());
    }

    #[test]
    fn each_number_has_its_own_median() {
        let round = |gap_ms, both_held_ms| Measurement {
            gap_ms: Some(gap_ms),
            both_held_ms,
            ..Measurement::default()
        };
        let verdict = Verdict::of_rounds(&[round(40, 9), round(30, 0), round(900, 2)]);
        assert_eq!(verdict.measurement, round(40, 2));
        assert_eq!(verdict.remarks, ["rounds: gap 40, 30, 900 ms, both held 9, 0, 2 ms"]);
        assert_eq!(Measurement::median(&[]), Measurement::default());
    }

    #[test]
    fn every_problem_is_noted() {
        let verdict = measured(500, 7)
            .gap_at_most(Duration::from_millis(100))
            .both_held_at_most(Duration::ZERO);
        assert_eq!(verdict.problems.len(), 2);
    }
}
