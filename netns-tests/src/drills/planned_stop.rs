//! `SIGTERM` to the active supervisor: it lets its sessions finish and then lets go, just before the
//! other box takes over.

use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::failure::Result;
use crate::pair::{A, Pair, SETTLE_DEADLINE};
use crate::router::settings::Settings;
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let mut pair = Pair::start(&binary, Settings::default()).await?;
    stop(&mut pair, A).await
}

/// The client's requests fail for less time than the other box waits.
///
/// # Errors
/// When the box does not end or the other one does not take over.
pub async fn stop(pair: &mut Pair, active: usize) -> Result<Verdict> {
    let taker = 1 - active;
    let from = pair.now();
    pair.boxes[active].signal(Signal::SIGTERM)?;
    let status = pair.boxes[active].ended(SETTLE_DEADLINE).await?;
    pair.wait_for_state(taker, RouterState::Active).await?;
    let (measurement, _) = pair.observe(from).await;
    Ok(Verdict::of(measurement)
        .gap_at_most(pair.settings.skew(taker))
        .both_held_at_most(Duration::ZERO)
        .expect(status.success(), format!("the supervisor ended with {status}")))
}
