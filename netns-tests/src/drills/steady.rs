//! Nothing happens, and nothing may be noticed.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;

use crate::failure::Result;
use crate::pair::{A, Pair};
use crate::router::settings::{ADVERT_INTERVAL, Settings};
use crate::verdict::Verdict;

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let pair = Pair::start(&binary, Settings::default()).await?;
    watch(&pair, A).await
}

/// How long nothing happens.
const QUIET: Duration = Duration::from_secs(1);

/// Watches a pair that nobody touches.
///
/// # Errors
/// When the boxes do not agree.
pub async fn watch(pair: &Pair, active: usize) -> Result<Verdict> {
    let from = pair.now();
    sleep(QUIET).await;
    pair.settled(active).await?;
    let (measurement, _) = pair.observe(from).await;
    Ok(Verdict::of(measurement)
        .gap_at_most(ADVERT_INTERVAL)
        .both_held_at_most(Duration::ZERO)
        .nothing_lost())
}
