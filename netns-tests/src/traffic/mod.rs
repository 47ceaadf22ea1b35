//! The clients' side of a failover: requests on new connections, one long-lived connection, and
//! what both saw within a window of time.

pub mod exchange;
pub mod probe;
pub mod stream;
pub mod window;

use std::net::SocketAddr;
use std::time::Duration;

use crate::clock::{Clock, Moment};
use crate::failure::Result;
use crate::lab::node::Node;
use probe::{Attempt, Outcome, Probe, SPACING};
use stream::Stream;
use window::{Window, longest_gap};

/// Both clients at work.
#[derive(Debug)]
pub struct Traffic {
    probe: Probe,
    stream: Stream,
}

/// What the clients saw within a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The longest time without a successful answer.
    pub gap: Duration,
    /// Attempts that began within the window and failed, in order.
    pub failures: Vec<Attempt>,
    /// How often the long-lived connection was lost.
    pub connections_lost: usize,
}

impl Traffic {
    /// Starts both clients on `node`, aimed at `target`.
    ///
    /// # Errors
    /// When the node is gone.
    pub async fn start(clock: Clock, node: &Node, target: SocketAddr) -> Result<Self> {
        let probe = Probe::start(clock, node, target, SPACING).await?;
        let stream = Stream::start(clock, node, target).await?;
        Ok(Self { probe, stream })
    }

    /// Was an attempt answered that began after `since`?
    #[must_use]
    pub fn answered_since(&self, since: Moment) -> bool {
        self.probe.answered_since(since)
    }

    /// What was seen within `window`. Attempts still under way at its end are not in it, so a
    /// window that is to show failures ends a deadline after the event.
    #[must_use]
    pub fn within(&self, window: Window) -> Seen {
        let attempts = self.probe.attempts();
        let failures = attempts
            .iter()
            .filter(|attempt| attempt.outcome != Outcome::Answered && attempt.overlaps(window));
        Seen {
            gap: longest_gap(&self.probe.answers(), window),
            failures: failures.copied().collect(),
            connections_lost: self.stream.losses_within(window),
        }
    }
}

impl Seen {
    /// The failures with this outcome.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.failures.iter().filter(|attempt| attempt.outcome == outcome).count()
    }
}
