//! Time in the lab: every observation is a [`Moment`] since the lab was switched on.
//!
//! Observers live on several threads, and what they saw is compared later by pure functions; one
//! origin for all of them makes their notes comparable, and testable without a clock.

use std::time::{Duration, Instant};

/// Time since the [`Clock`] was started.
pub type Moment = Duration;

/// The lab's only clock (monotonic); copies share the origin.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that shows zero now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the lab measures real processes in real time")]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// The time since the start.
    #[must_use]
    pub fn now(self) -> Moment {
        self.origin.elapsed()
    }
}
