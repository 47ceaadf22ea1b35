//! Processes that stop to run for a while, and then go on as if nothing had been.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use nix::sys::signal::Signal;
use tokio::time::sleep;

use super::{Fault, Pace, UNHURRIED, compare};
use crate::contest::Contest;
use crate::failure::Result;
use crate::lab::freezer::Freezer;
use crate::router::contender::{ALL, Part};
use crate::router::process::send;
use crate::router::settings::LEASE;
use crate::verdict::{Verdict, whole_ms};

const ELECTOR: Fault = Fault::new("SIGSTOP of the supervisor", 1, |contest, active| {
    freeze(contest, active, &[Part::Elector]).boxed_local()
});

const EVERYTHING: Fault = Fault::new("SIGSTOP of everything", 1, |contest, active| {
    freeze(contest, active, ALL).boxed_local()
});

const GROUP: Fault =
    Fault::new("cgroup freeze", 1, |contest, active| freeze_group(contest, active).boxed_local());

/// The drill with our supervisor, for which the guard lets go.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn elector(binary: PathBuf) -> Result<Verdict> {
    let paces = [Pace::new(1000, 1), Pace::new(100, 2), Pace::new(10, 2)];
    let verdict = compare(&binary, &ELECTOR, &paces).await?;
    Ok(verdict.no_false_moves().each("both held the address for too long", |line| {
        line.haagent.both_held < line.interval * 3 + Duration::from_millis(20)
    }))
}

/// The drill with all processes, for which the kernel lets go.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn everything(binary: PathBuf) -> Result<Verdict> {
    let paces = [Pace::new(1000, 1), Pace::new(100, 2), Pace::new(10, 2)];
    Ok(judge(compare(&binary, &EVERYTHING, &paces).await?))
}

/// The drill in which all of it is frozen in one step.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn group(binary: PathBuf) -> Result<Verdict> {
    if let Err(why) = Freezer::new() {
        return Ok(Verdict::skipped(why));
    }
    let paces = [Pace::new(1000, 1), Pace::new(100, 2), Pace::new(10, 2)];
    Ok(judge(compare(&binary, &GROUP, &paces).await?))
}

fn judge(verdict: Verdict) -> Verdict {
    verdict.no_false_moves().each("both held the address for too long", |line| {
        let both_held = line.haagent.both_held;
        if line.interval < UNHURRIED { both_held <= LEASE } else { whole_ms(both_held) == 0 }
    })
}

/// How long the processes stand still: the lease ends and the other box takes over meanwhile.
const FROZEN: Duration = Duration::from_millis(2600);

async fn freeze(contest: &Contest, active: usize, parts: &[Part]) -> Result<()> {
    let frozen = contest.boxes[active].signal(parts, Signal::SIGSTOP).await?;
    stand_still(contest).await;
    frozen.iter().try_for_each(|process| send(*process, Signal::SIGCONT))?;
    contest.watch().await;
    Ok(())
}

async fn freeze_group(contest: &Contest, active: usize) -> Result<()> {
    let mut freezer = Freezer::new()?;
    freezer.admit(&contest.boxes[active].processes(ALL).await?)?;
    freezer.freeze()?;
    stand_still(contest).await;
    freezer.thaw()?;
    contest.watch().await;
    Ok(())
}

async fn stand_still(contest: &Contest) {
    sleep(FROZEN.max(contest.active_down() + Duration::from_millis(500))).await;
}
