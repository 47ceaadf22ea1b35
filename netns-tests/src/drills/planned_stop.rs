//! `SIGTERM` to the active supervisor: it lets its sessions finish and then lets go, just before the
//! other box takes over.

use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::failover;
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

/// An odd number, so that the other box is active in the end.
const STOPS: usize = 3;

/// The client's requests fail for less time than the other box waits. The boxes are stopped and come back in turns; the
/// medians are judged.
///
/// # Errors
/// When a box does not end, or the other one does not take over.
pub async fn stop(pair: &mut Pair, active: usize) -> Result<Verdict> {
    let (mut rounds, mut problems) = (Vec::new(), Vec::new());
    for number in [active, 1 - active].into_iter().cycle().take(STOPS) {
        let round = stop_once(pair, number).await?;
        let returned = failover::bring_back(pair, number).await?;
        rounds.push(round.measurement);
        problems.extend(round.and("its return", &returned).problems);
    }
    Ok(Verdict { problems, ..Verdict::of_rounds(&rounds) }
        .gap_at_most(pair.settings.skew(1 - active)))
}

async fn stop_once(pair: &mut Pair, active: usize) -> Result<Verdict> {
    let from = pair.now();
    pair.boxes[active].signal(Signal::SIGTERM)?;
    let status = pair.boxes[active].ended(SETTLE_DEADLINE).await?;
    pair.wait_for_state(1 - active, RouterState::Active).await?;
    let (measurement, _) = pair.observe(from).await;
    Ok(Verdict::of(measurement)
        .both_held_at_most(Duration::ZERO)
        .expect(status.success(), format!("the supervisor ended with {status}")))
}
