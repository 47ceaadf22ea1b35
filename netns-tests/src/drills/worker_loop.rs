//! A worker that will not stay up: the address goes to the box whose worker does.

use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::clock::Moment;
use crate::failure::{Result, eventually};
use crate::lab::holders::Holding;
use crate::lab::node::runs;
use crate::pair::{A, B, Pair};
use crate::router::process::send;
use crate::router::settings::Settings;
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// How long it takes until a worker is trusted again, and more.
const PATIENCE: Duration = Duration::from_secs(30);

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let pair = Pair::start(&binary, Settings::default()).await?;
    let from = pair.now();
    let (mut killed, mut last) = (Vec::new(), from);
    while killed.len() < CRASHES {
        last = kill_worker(&pair, &mut killed).await?;
    }
    pair.wait_for_state(B, RouterState::Active).await?;
    let moved = pair.lab.holders.noted(from, B, Holding::Held).await?;
    pair.answered().await?;
    eventually("left alone, the box is a good backup again", PATIENCE, || async {
        pair.settled(B).await
    })
    .await?;
    let (measurement, _) = pair.observe(from).await;
    Ok(Verdict::of(measurement)
        .both_held_at_most(Duration::ZERO)
        .expect(moved >= last, "the address is to move with the third crash in a row")
        .remark(format!("moved {} ms after the first crash", (moved - from).as_millis())))
}

/// So many in a row cost the address.
const CRASHES: usize = 3;

/// Kills the worker of the stronger box, when it has another one than those before; says when.
async fn kill_worker(pair: &Pair, killed: &mut Vec<Pid>) -> Result<Moment> {
    let worker = pair.wait_for(A, "another worker runs", |status| {
        let worker = status.worker.pid.map(Pid::from_raw)?;
        (!killed.contains(&worker) && runs(worker)).then_some(worker)
    });
    let (worker, at) = (worker.await?, pair.now());
    send(worker, Signal::SIGKILL)?;
    killed.push(worker);
    Ok(at)
}
