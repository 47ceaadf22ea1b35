//! With `preempt = "immediate"` the stronger box takes the address back when it returns.

use std::path::PathBuf;
use std::time::Duration;

use crate::failure::Result;
use crate::pair::{A, B, Pair};
use crate::router::settings::{MARGIN, Settings};
use crate::router::status::RouterState;
use crate::verdict::{Measurement, Verdict};

/// Returns of the stronger box.
const RETURNS: usize = 5;

/// The drill. The medians of several returns are judged.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let settings = Settings { preempt: "immediate", ..Settings::default() };
    let mut pair = Pair::start(&binary, settings).await?;
    let mut returns = Vec::new();
    for _ in 0..RETURNS {
        returns.push(come_back(&mut pair).await?);
    }
    Ok(Verdict::of_rounds(&returns).gap_at_most(MARGIN * 2).both_held_at_most(Duration::ZERO))
}

/// The stronger box is killed, and what is seen of its return.
async fn come_back(pair: &mut Pair) -> Result<Measurement> {
    pair.boxes[A].kill()?;
    pair.wait_for_state(B, RouterState::Active).await?;
    pair.answered().await?;
    let from = pair.now();
    pair.boxes[A].start().await?;
    pair.settled(A).await?;
    let (measurement, _) = pair.observe(from).await;
    Ok(measurement)
}
