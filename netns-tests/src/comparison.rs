//! The same fault, `haagent` and keepalived side by side.

use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::verdict::{median, whole_ms};

/// What a fault did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The longest time in which no client was answered; `None` where none takes part.
    pub gap: Option<Duration>,
    /// How long both boxes held the address.
    pub both_held: Duration,
    /// Did they still when it was watched no longer?
    pub both_hold_on: bool,
    /// How long neither did.
    pub absent: Duration,
    /// How often it moved without need.
    pub false_moves: usize,
    /// How long after the last advertisement of the one that was struck the other box had it, if that ever happened.
    pub takeover: Option<Duration>,
}

impl Numbers {
    /// The medians of several rounds; but a move without need is one in any of them.
    #[must_use]
    pub fn of_rounds(rounds: &[Self]) -> Self {
        Self {
            gap: median(rounds.iter().map(|round| round.gap)),
            both_held: median(rounds.iter().map(|round| round.both_held)),
            both_hold_on: median(rounds.iter().map(|round| round.both_hold_on)),
            absent: median(rounds.iter().map(|round| round.absent)),
            false_moves: rounds.iter().map(|round| round.false_moves).max().unwrap_or_default(),
            takeover: median(rounds.iter().map(|round| round.takeover)),
        }
    }

    /// Those of several addresses that are to move as one, as of one address: the worst of each; clients use the first.
    #[must_use]
    pub fn together(all: &[Self]) -> Self {
        let worst =
            |number: fn(&Self) -> Duration| all.iter().map(number).max().unwrap_or_default();
        Self {
            both_held: worst(|one| one.both_held),
            both_hold_on: all.iter().any(|one| one.both_hold_on),
            absent: worst(|one| one.absent),
            false_moves: all.iter().map(|one| one.false_moves).sum(),
            ..all.first().copied().unwrap_or_default()
        }
    }

    fn columns(&self) -> String {
        let at_least = if self.both_hold_on { "≥" } else { "" };
        let both_held = format!("{at_least}{}", whole_ms(self.both_held));
        format!(
            "{:>6} {both_held:>6} {:>6} {:>5}",
            self.gap.map_or_else(|| "-".to_owned(), |gap| whole_ms(gap).to_string()),
            whole_ms(self.absent),
            self.false_moves
        )
    }
}

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Numbers", 6)?;
        fields.serialize_field("gap_ms", &self.gap.map(whole_ms))?;
        fields.serialize_field("both_held_ms", &whole_ms(self.both_held))?;
        fields.serialize_field("both_hold_on", &self.both_hold_on)?;
        fields.serialize_field("absent_ms", &whole_ms(self.absent))?;
        fields.serialize_field("false_transitions", &self.false_moves)?;
        fields.serialize_field("takeover_ms", &self.takeover.map(whole_ms))?;
        fields.end()
    }
}

/// A line of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What was done.
    pub fault: &'static str,
    /// The time between two advertisements.
    #[serde(skip)]
    pub interval: Duration,
    /// The same for programs.
    pub advert_interval_ms: u128,
    /// What it did to `haagent`.
    pub haagent: Numbers,
    /// What it did to keepalived, which lacks some of the parts that can fail.
    pub keepalived: Option<Numbers>,
}

impl Comparison {
    /// The medians of both programs' rounds; keepalived may have none.
    #[must_use]
    pub fn new(
        fault: &'static str,
        interval: Duration,
        haagent: &[Numbers],
        keepalived: &[Numbers],
    ) -> Self {
        Self {
            fault,
            interval,
            advert_interval_ms: interval.as_millis(),
            haagent: Numbers::of_rounds(haagent),
            keepalived: (!keepalived.is_empty()).then(|| Numbers::of_rounds(keepalived)),
        }
    }
}

/// All lines below their headings.
#[must_use]
pub fn table(lines: &[&Comparison]) -> String {
    let heading = format!("{:>6} {:>6} {:>6} {:>5}", "gap", "both", "absent", "false");
    let mut text = format!(
        "{:<37}{:<27} keepalived 2.2\n{:<26} {:>7}  {heading}  |{heading}\n",
        "", "haagent", "fault", "adverts"
    );
    for Comparison { fault, advert_interval_ms, haagent, keepalived, .. } in lines {
        let keepalived = keepalived.map_or_else(|| "-".to_owned(), |numbers| numbers.columns());
        let adverts = format!("{advert_interval_ms} ms");
        text += &format!("{fault:<26} {adverts:>7}  {}  |{keepalived}\n", haagent.columns());
    }
    text + LEGEND
}

const LEGEND: &str = "
medians in ms: gap, the longest time without an answer to a client; both, both boxes held the address
(≥: and went on to); absent, neither did. false: how often the address moved without need
where our supervisor is struck, so is keepalived's child for VRRP; where our worker is, its parent
";

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(gap: u64, false_moves: usize) -> Numbers {
        Numbers { gap: Some(Duration::from_millis(gap)), false_moves, ..Numbers::default() }
    }

    #[test]
    fn one_false_move_is_not_made_good_by_other_rounds() {
        let rounds = [numbers(10, 0), numbers(30, 2), numbers(20, 0)];
        assert_eq!(Numbers::of_rounds(&rounds), numbers(20, 2));
    }

    #[test]
    fn who_holds_on_is_seen_in_the_table() {
        let keepalived = Numbers {
            gap: Some(Duration::ZERO),
            both_held: Duration::from_millis(2640),
            both_hold_on: true,
            ..Numbers::default()
        };
        let line = Comparison {
            fault: "kill -9 of everything",
            interval: Duration::from_millis(100),
            advert_interval_ms: 100,
            haagent: numbers(371, 0),
            keepalived: Some(keepalived),
        };
        let text = table(&[&line]);
        assert!(
            text.contains("   371      0      0     0  |     0  ≥2640      0     0\n"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 105), "{text}");
    }
}
