//! The one place where this crate reads the monotonic clock.

use std::time::Instant;

/// The time by the clock of the runtime, which tests can stop.
#[expect(clippy::disallowed_methods, reason = "the driver and its host are where time comes from")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
