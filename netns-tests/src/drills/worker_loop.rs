//! A worker that will not stay up: the address goes to the box whose worker does.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::failure::{Failure, Result, eventually};
use crate::pair::{A, B, Pair};
use crate::router::process::{runs, send};
use crate::router::settings::Settings;
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// How long the worker may fail before the address has moved.
const PATIENCE: Duration = Duration::from_secs(30);

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let pair = Pair::start(&binary, Settings::default()).await?;
    let from = pair.now();
    let kills = Cell::new(0_u32);
    eventually("the address moves", PATIENCE, || async {
        kills.set(kills.get() + u32::from(kill_worker(&pair).await?));
        match pair.status(B).await?.state() {
            Some(RouterState::Active) => Ok(()),
            state => Err(Failure::new(format!("`router-b` is {state:?}"))),
        }
    })
    .await?;
    let (moved, kills) = (pair.now() - from, kills.get());
    pair.answered().await?;
    eventually("left alone, the box is a good backup again", PATIENCE, || async {
        pair.settled(B).await
    })
    .await?;
    let (measurement, _) = pair.observe(from).await;
    Ok(Verdict::of(measurement)
        .both_held_at_most(Duration::ZERO)
        .expect(kills == 3, "the address is to move with the third crash in a row")
        .remark(format!("moved after {kills} crashes in {} ms", moved.as_millis())))
}

/// Kills the worker of the stronger box, if there is one; says whether it did.
async fn kill_worker(pair: &Pair) -> Result<bool> {
    let worker = pair.status(A).await?.worker.pid.map(Pid::from_raw);
    match worker.filter(|worker| runs(*worker)) {
        Some(worker) => send(worker, Signal::SIGKILL).map(|()| true),
        None => Ok(false),
    }
}
