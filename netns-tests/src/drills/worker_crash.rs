//! `kill -9` of the worker of the active box: the address stays, connections wait.

use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::failure::{Failure, Result};
use crate::lab::holders::Holding;
use crate::pair::{A, Pair};
use crate::router::process::send;
use crate::router::settings::Settings;
use crate::traffic::probe::Outcome;
use crate::verdict::Verdict;

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let pair = Pair::start(&binary, Settings::default()).await?;
    kill(&pair, A).await
}

/// What a client may have to wait for the next worker.
const BOUND: Duration = Duration::from_millis(300);

/// The supervisor still has the listening sockets, so that no connection is refused.
///
/// # Errors
/// When there is no worker, or no new one.
pub async fn kill(pair: &Pair, active: usize) -> Result<Verdict> {
    let before = pair.status(active).await?.worker;
    let worker = before.pid.ok_or_else(|| Failure::new("there is no worker"))?;
    let from = pair.now();
    send(Pid::from_raw(worker), Signal::SIGKILL)?;
    pair.wait_for(active, "a new worker serves", |status| {
        let new = status.worker.pid.is_some_and(|pid| pid != worker);
        (new && status.worker.state == "serving").then_some(())
    })
    .await?;
    let (measurement, seen) = pair.observe(from).await;
    pair.settled(active).await?;
    let refused = seen.count(Outcome::Refused);
    let moved = pair.lab.holders.first(from, active, Holding::Gone);
    Ok(Verdict::of(measurement)
        .gap_at_most(BOUND)
        .both_held_at_most(Duration::ZERO)
        .expect(refused == 0, format!("{refused} connections were refused"))
        .expect(moved.is_none(), "the address moved"))
}
