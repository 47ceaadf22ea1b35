//! Bounded waiting.

use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes, so that a failure is a failure and not a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks.
const POLL: Duration = Duration::from_millis(10);

/// Looks until there is something to see, and returns it.
#[expect(clippy::disallowed_methods, reason = "the one place that polls real processes")]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(POLL);
    }
}

/// The time that something takes at least, for lower bounds only: a slow machine adds to it.
#[expect(clippy::disallowed_methods, reason = "measures real processes")]
pub(crate) fn time_of(act: impl FnOnce()) -> Duration {
    let started_at = Instant::now();
    act();
    started_at.elapsed()
}
