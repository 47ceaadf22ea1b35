//! Supervisor and guard are killed together: only the kernel's lease ends the old holder.

use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::failure::{Failure, Result};
use crate::lab::holders::Holding;
use crate::pair::{A, B, Pair};
use crate::router::process::send;
use crate::router::settings::{MARGIN, Settings};
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let mut pair = Pair::start(&binary, Settings::default()).await?;
    let guard = pair.status(A).await?.guard.pid;
    let guard = Pid::from_raw(guard.ok_or_else(|| Failure::new("there is no guard"))?);
    let from = pair.now();
    // The guard first: it acts within microseconds of the supervisor's end.
    send(guard, Signal::SIGKILL)?;
    pair.boxes[A].kill()?;
    pair.wait_for_state(B, RouterState::Active).await?;
    let expired = pair.lab.holders.noted(from, A, Holding::Gone).await?;
    pair.boxes[A].start().await?;
    pair.settled(B).await?;
    let (measurement, _) = pair.observe(from).await;
    Ok(Verdict::of(measurement)
        .gap_at_most(pair.settings.active_down(B) + MARGIN)
        .both_held_at_most(Duration::from_secs(1))
        .remark(format!("the lease ended after {} ms", (expired - from).as_millis())))
}
