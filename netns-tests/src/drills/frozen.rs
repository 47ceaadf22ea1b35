//! The active supervisor is frozen for three seconds and then goes on.

use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::sleep;

use crate::failure::Result;
use crate::lab::holders::Holding;
use crate::pair::{A, B, Pair};
use crate::router::settings::{MARGIN, Settings};
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// Longer than the lease and far longer than Active_Down_Interval.
const FROZEN: Duration = Duration::from_secs(3);

/// The drill: the lease ends the old holder, and it does not take the address back.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let pair = Pair::start(&binary, Settings::default()).await?;
    let from = pair.now();
    pair.boxes[A].signal(Signal::SIGSTOP)?;
    pair.wait_for_state(B, RouterState::Active).await?;
    sleep(FROZEN.saturating_sub(pair.now() - from)).await;
    let thawed = pair.now();
    pair.boxes[A].signal(Signal::SIGCONT)?;
    pair.settled(B).await?;
    let (measurement, _) = pair.observe(from).await;
    let holders = &pair.lab.holders;
    let taken_back = holders.first(thawed, A, Holding::Held);
    let given_up = holders.first(thawed, B, Holding::Gone);
    Ok(Verdict::of(measurement)
        .gap_at_most(pair.settings.active_down(B) + MARGIN)
        .both_held_at_most(Duration::from_secs(1))
        .expect(taken_back.is_none(), "the thawed box took the address back")
        .expect(given_up.is_none(), "the address left the box that had taken over"))
}
