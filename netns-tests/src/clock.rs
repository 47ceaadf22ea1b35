//! Time in the lab: every observation is a [`Moment`] since the lab was switched on.
//!
//! Observers live on several threads, and what they saw is compared later by pure functions; one
//! origin for all of them makes their notes comparable, and testable without a clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

    /// The moment at which the wall clock showed `stamp` (time since the epoch), a short while ago.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the kernel stamps packets with this clock")]
    pub fn at(self, stamp: Duration) -> Moment {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.now().saturating_sub(wall.saturating_sub(stamp))
    }

    /// The time since the start.
    #[must_use]
    pub fn now(self) -> Moment {
        self.origin.elapsed()
    }
}
