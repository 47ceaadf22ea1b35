//! `kill -9`, of each process and of all at once.

use std::path::PathBuf;

use futures_util::FutureExt;
use nix::sys::signal::Signal;
use tokio::time::sleep;

use super::{Fault, Pace, UNHURRIED, compare};
use crate::contest::Contest;
use crate::failure::Result;
use crate::router::contender::{ALL, Contender, Part};
use crate::router::settings::{LEASE, MARGIN};
use crate::verdict::{Verdict, whole_ms};

/// Our supervisor; keepalived's process for VRRP, which its parent starts again.
const ELECTOR: Fault = Fault::new("kill -9 of the supervisor", 1, |contest, active| {
    kill(contest, active, &[Part::Elector]).boxed_local()
});

/// Our worker, keepalived's parent.
const OTHER: Fault = Fault::new("kill -9 of the worker", 0, |contest, active| {
    kill(contest, active, &[Part::Other]).boxed_local()
});

const GUARD: Fault = Fault {
    contenders: &[Contender::Haagent],
    ..Fault::new("kill -9 of the guard", 0, |contest, active| {
        kill(contest, active, &[Part::Guard]).boxed_local()
    })
};

const EVERYTHING: Fault = Fault::new("kill -9 of everything", 1, |contest, active| {
    kill_all(contest, active).boxed_local()
});

/// The drill with our supervisor.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn elector(binary: PathBuf) -> Result<Verdict> {
    let paces = [Pace::new(1000, 1), Pace::new(100, 3), Pace::new(10, 5)];
    let verdict = compare(&binary, &ELECTOR, &paces).await?;
    Ok(verdict
        .no_false_moves()
        .each("both held the address", |line| whole_ms(line.haagent.both_held) == 0))
}

/// The drill with our worker; the third crash in a row would move the address.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn other(binary: PathBuf) -> Result<Verdict> {
    let paces = [Pace::new(100, 2), Pace::new(10, 2)];
    Ok(compare(&binary, &OTHER, &paces).await?.no_false_moves())
}

/// The drill with our guard, of which nobody may notice anything.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn guard(binary: PathBuf) -> Result<Verdict> {
    let verdict = compare(&binary, &GUARD, &[Pace::new(100, 5)]).await?;
    Ok(verdict.no_false_moves().each("a client noticed", |line| line.haagent.gap <= Some(MARGIN)))
}

/// The drill with all of them.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn everything(binary: PathBuf) -> Result<Verdict> {
    let paces = [Pace::new(1000, 1), Pace::new(100, 2), Pace::new(10, 2)];
    let verdict = compare(&binary, &EVERYTHING, &paces).await?;
    Ok(verdict
        .no_false_moves()
        .each("both held the address", |line| {
            line.interval < UNHURRIED || whole_ms(line.haagent.both_held) == 0
        })
        .each("both held the address for longer than a lease", |line| {
            line.haagent.both_held <= LEASE
        }))
}

async fn kill(contest: &Contest, active: usize, parts: &[Part]) -> Result<()> {
    contest.boxes[active].signal(parts, Signal::SIGKILL).await?;
    contest.watch().await;
    Ok(())
}

async fn kill_all(contest: &Contest, active: usize) -> Result<()> {
    let from = contest.now();
    contest.boxes[active].signal(ALL, Signal::SIGKILL).await?;
    contest.taken_over(from, active).await;
    sleep(LEASE.saturating_sub(contest.now() - from)).await;
    contest.watch().await;
    Ok(())
}
