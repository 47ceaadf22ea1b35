//! A server's host is cut off: nobody refuses anything, packets just vanish.

use std::path::PathBuf;
use std::time::Duration;

use super::backend_loss::wait_for_health;
use crate::failure::Result;
use crate::lab::holders::Holding;
use crate::pair::{A, Pair};
use crate::router::settings::Settings;
use crate::verdict::Verdict;

/// The drill: requests under way are lost with the server; later ones wait for the connect timeout at most and then
/// succeed elsewhere.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let pair = Pair::start(&binary, Settings::default()).await?;
    let (victim, from) = (0, pair.now());
    pair.lab.servers[victim].machine.link.cut().await?;
    let cut = pair.now();
    wait_for_health(&pair, A, victim, "down").await?;
    let (measurement, seen) = pair.observe(from).await;
    let late = seen.failures.iter().filter(|attempt| attempt.started >= cut).count();
    let moved = pair.lab.holders.first(from, A, Holding::Gone);
    Ok(Verdict::of(measurement)
        .gap_at_most(CONNECT_TIMEOUT)
        .both_held_at_most(Duration::ZERO)
        .expect(late == 0, format!("{late} requests failed that began after the loss"))
        .expect(moved.is_none(), "the address moved for the health of a server"))
}

/// What the lab's config says; while some requests wait that long, others are answered.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);
