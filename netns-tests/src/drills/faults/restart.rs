//! A box that lets go, by a stop or by force, comes back at once; it finds the other one active and leaves it at that.

use std::path::PathBuf;

use futures_util::FutureExt;
use nix::sys::signal::Signal;

use super::{Fault, Pace, compare};
use crate::contest::Contest;
use crate::failure::{Failure, Result};
use crate::router::contender::{ALL, Contender};
use crate::verdict::Verdict;

const RESTART: Fault =
    Fault::new("restart", 1, |contest, active| restart(contest, active).boxed_local());

const KILLED: Fault = Fault::new("kill -9 of all, restart", 1, |contest, active| {
    revive(contest, active).boxed_local()
});

/// The drill: the stronger box of two that never preempt.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let paces = [Pace::new(1000, 1), Pace::new(100, 2)];
    let mut verdict = compare(&binary, &RESTART, &paces).await?;
    let killed = compare(&binary, &KILLED, &paces).await?;
    verdict.comparisons.extend(killed.comparisons);
    verdict.remarks.extend(killed.remarks);
    Ok(verdict.no_false_moves())
}

/// Then it is restarted once more, as a backup.
async fn restart(contest: &mut Contest, active: usize) -> Result<()> {
    for _ in 0..2 {
        contest.boxes[active].terminate()?;
        contest.ended(active).await?;
        contest.repair().await?;
    }
    stays(contest, 1 - active).await
}

async fn revive(contest: &mut Contest, active: usize) -> Result<()> {
    contest.boxes[active].signal(ALL, Signal::SIGKILL).await?;
    contest.ended(active).await?;
    contest.repair().await?;
    contest.watch().await;
    Ok(())
}

/// Of keepalived it is shown, not judged.
async fn stays(contest: &Contest, number: usize) -> Result<()> {
    contest.watch().await;
    let active = contest.settled().await?;
    let right = active == number || contest.contender == Contender::Keepalived;
    right.then_some(()).ok_or_else(|| Failure::new("the restarted box took the address back"))
}
