//! The one place where this crate reads the monotonic clock.

use tokio::time::Instant;

/// The time, as tokio's timers see it.
#[expect(
    clippy::disallowed_methods,
    reason = "samplers wait for what they watch, and reports tell ages"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
