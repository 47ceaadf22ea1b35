//! Whether a server is fit to serve, as a state machine over the outcomes of its checks.
//!
//! Pure. [`probe`](crate::probe) makes the checks and feeds their outcomes.
//!
//! ```text
//!              first success               `fall` failures in a row
//!   Probing ────────────────────▶ Up ─────────────────────────────▶ Down
//!      │                           ◀─────────────────────────────── ▲
//!      │   first failure               `rise` successes in a row    │
//!      └────────────────────────────────────────────────────────────┘
//! ```

use std::net::SocketAddr;

use crate::config::CheckTiming;

/// Whether a server is fit to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not known yet: no check of it has ended. It gets no sessions.
    Probing,
    /// It gets sessions.
    Up,
    /// It gets no sessions.
    Down,
}

/// The health of one server, under the names that identify it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHealth {
    /// Name of its backend.
    pub backend: String,
    /// Its name within the backend.
    pub server: String,
    /// Where it listens. A server that moves to another address is another server.
    pub address: SocketAddr,
    /// Whether it is fit to serve.
    pub health: Health,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The server did what was asked.
    Success,
    /// It did not, or not in time.
    Failure,
}

/// The health of one server and what has been seen since it last changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HealthCheck {
    health: Health,
    /// Outcomes in a row that speak against `health`.
    against: u32,
    rise: u32,
    fall: u32,
}

impl HealthCheck {
    /// Starts from a health that is known from before, or from [`Health::Probing`].
    pub(crate) fn new(health: Health, timing: CheckTiming) -> Self {
        Self { health, against: 0, rise: timing.rise, fall: timing.fall }
    }

    /// Counts the outcome of a check. Returns the new health if it has changed by that.
    pub(crate) fn observe(&mut self, outcome: Outcome) -> Option<Health> {
        match (self.health, outcome) {
            (Health::Probing, Outcome::Success) => self.change(Health::Up),
            (Health::Probing, Outcome::Failure) => self.change(Health::Down),
            (Health::Up, Outcome::Failure) => self.oppose(self.fall, Health::Down),
            (Health::Down, Outcome::Success) => self.oppose(self.rise, Health::Up),
            (Health::Up, Outcome::Success) | (Health::Down, Outcome::Failure) => {
                self.against = 0;
                None
            }
        }
    }

    fn oppose(&mut self, needed: u32, health: Health) -> Option<Health> {
        self.against += 1;
        if self.against >= needed { self.change(health) } else { None }
    }

    fn change(&mut self, health: Health) -> Option<Health> {
        self.against = 0;
        self.health = health;
        Some(health)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::Health::{Down, Probing, Up};
    use super::*;

    fn timing(rise: u32, fall: u32) -> CheckTiming {
        let (interval, timeout) = (Duration::from_secs(2), Duration::from_secs(1));
        CheckTiming { interval, timeout, rise, fall }
    }

    /// Plays outcomes (`+` success, `-` failure) on rise 2, fall 3; tells the changes.
    fn play(from: Health, outcomes: &str) -> Vec<(usize, Health)> {
        let mut check = HealthCheck::new(from, timing(2, 3));
        let outcome = |sign| if sign == '+' { Outcome::Success } else { Outcome::Failure };
        let changes = outcomes.chars().map(|sign| check.observe(outcome(sign)));
        changes.enumerate().filter_map(|(at, change)| Some((at + 1, change?))).collect()
    }

    #[test]
    fn the_machine_as_a_table() {
        type Row<'a> = (Health, &'a str, &'a [(usize, Health)]);
        let table: &[Row<'_>] = &[
            (Probing, "+", &[(1, Up)]),
            (Probing, "-", &[(1, Down)]),
            (Up, "--", &[]),
            (Up, "---", &[(3, Down)]),
            (Up, "--+--", &[]),
            (Up, "--+---", &[(6, Down)]),
            (Up, "+++", &[]),
            (Down, "+", &[]),
            (Down, "++", &[(2, Up)]),
            (Down, "+-+-", &[]),
            (Down, "+-++", &[(4, Up)]),
            (Down, "---", &[]),
            (Probing, "+---++", &[(1, Up), (4, Down), (6, Up)]),
            (Probing, "-++---", &[(1, Down), (3, Up), (6, Down)]),
        ];
        for (from, outcomes, changes) in table {
            assert_eq!(&play(*from, outcomes), changes, "{from:?} {outcomes}");
        }
    }

    proptest! {
        /// Whatever comes, the health is what the last run of equal outcomes of sufficient length
        /// (or the very first outcome) said.
        #[test]
        fn agrees_with_the_definition(
            outcomes in prop::collection::vec(any::<bool>(), 1..60),
            rise in 1u32..5, fall in 1u32..5,
        ) {
            let mut check = HealthCheck::new(Probing, timing(rise, fall));
            let mut expected = if outcomes[0] { Up } else { Down };
            let (mut run, mut last) = (0, outcomes[0]);
            for success in outcomes {
                run = if success == last { run + 1 } else { 1 };
                last = success;
                match success {
                    true if run >= rise => expected = Up,
                    false if run >= fall => expected = Down,
                    _ => {}
                }
                check.observe(if success { Outcome::Success } else { Outcome::Failure });
                prop_assert_eq!(check.health, expected);
            }
        }
    }
}
