//! With `preempt = "immediate"` the stronger box takes the address back when it returns.

use std::path::PathBuf;
use std::time::Duration;

use super::failover;
use crate::failure::Result;
use crate::pair::{A, Pair};
use crate::router::settings::{MARGIN, Settings};
use crate::verdict::Verdict;

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let settings = Settings { preempt: "immediate", ..Settings::default() };
    let mut pair = Pair::start(&binary, settings).await?;
    failover::kill(&mut pair, A).await?;
    let from = pair.now();
    pair.boxes[A].start().await?;
    pair.settled(A).await?;
    let (measurement, _) = pair.observe(from).await;
    Ok(Verdict::of(measurement).gap_at_most(MARGIN * 2).both_held_at_most(Duration::ZERO))
}
