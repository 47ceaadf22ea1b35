//! The one place where this crate reads the clock.

use tokio::time::Instant;

/// The time, as tokio's timers see it.
#[expect(clippy::disallowed_methods, reason = "sessions and checks are shells around pure cores")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
