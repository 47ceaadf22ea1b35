//! The checks of a virtual router.

use std::fmt;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use vrrp::track::{Effect, Impact, Tracked, Verdict};

use super::{age, ms, snake};

/// A check: named as on the other box, so that the two can be compared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TrackStatus {
    pub(crate) name: String,
    pub(crate) effect: TrackEffect,
    /// What `effect` adds to the priority, if it is a weight.
    pub(crate) weight: Option<i16>,
    pub(crate) state: TrackState,
    /// What it adds to the priority at present.
    pub(crate) offset: i16,
    /// It keeps the router out of the election at present.
    pub(crate) fault: bool,
    /// For how long `state` and `offset` have been so.
    pub(crate) since_ms: u64,
    /// Why they are so.
    pub(crate) cause: String,
    /// What was found last, which may not count yet.
    pub(crate) last: String,
}

/// What a check does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrackEffect {
    /// Takes the router out of the election.
    Fault,
    Weight,
    /// Adds the number that it finds.
    Content,
}

/// What counts of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrackState {
    Unknown,
    Up,
    Down,
}

impl TrackStatus {
    pub(crate) fn new(tracked: &Tracked, now: Instant) -> Self {
        let (effect, weight) = match tracked.check().effect {
            Effect::Fault => (TrackEffect::Fault, None),
            Effect::Weight(weight) => (TrackEffect::Weight, Some(weight)),
            Effect::Value => (TrackEffect::Content, None),
        };
        let (offset, fault) = match tracked.impact() {
            Impact::Fault => (0, true),
            Impact::Offset(offset) => (offset, false),
        };
        let since = now.saturating_duration_since(tracked.since());
        Self {
            name: tracked.check().name.clone(),
            effect,
            weight,
            state: match tracked.verdict() {
                None => TrackState::Unknown,
                Some(Verdict::Failure) => TrackState::Down,
                Some(Verdict::Success | Verdict::Value(_)) => TrackState::Up,
            },
            offset,
            fault,
            since_ms: ms(since),
            cause: tracked.cause().to_owned(),
            last: tracked.text().to_owned(),
        }
    }

    /// It speaks against the router. What only adds to the priority does not while it is down.
    pub(crate) fn is_against(&self) -> bool {
        self.fault || self.offset < 0
    }

    /// It is worth a line in the table: something is not as usual, or not known.
    fn is_notable(&self) -> bool {
        self.state != TrackState::Up || self.offset != 0
    }
}

/// Empty if all is well.
impl fmt::Display for TrackStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_notable() {
            return Ok(());
        }
        let (state, since) = (snake(&self.state), age(self.since_ms));
        write!(f, "  track {}: {state} for {since}", self.name)?;
        match self.offset {
            0 if self.fault => writeln!(f, ", fault")?,
            0 => writeln!(f)?,
            offset => writeln!(f, ", priority {offset:+}")?,
        }
        writeln!(f, "    because {}", self.cause)
    }
}
