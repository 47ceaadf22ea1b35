//! `kill -9` of the active supervisor, and its return.

use std::path::PathBuf;
use std::time::Duration;

use crate::failure::Result;
use crate::pair::{A, Pair};
use crate::router::settings::{ADVERT_INTERVAL, MARGIN, Settings};
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let mut pair = Pair::start(&binary, Settings::default()).await?;
    let killed = kill(&mut pair, A).await?;
    let returned = bring_back(&mut pair, A).await?;
    Ok(killed.and("its return", &returned))
}

/// The guard of the dead box lets go for it, so that the other one waits for its skew time only.
///
/// # Errors
/// When the other box does not take over.
pub async fn kill(pair: &mut Pair, active: usize) -> Result<Verdict> {
    let taker = 1 - active;
    let from = pair.now();
    pair.boxes[active].kill()?;
    pair.wait_for_state(taker, RouterState::Active).await?;
    let (measurement, _) = pair.observe(from).await;
    Ok(Verdict::of(measurement)
        .gap_at_most(pair.settings.skew(taker) + MARGIN)
        .both_held_at_most(Duration::ZERO))
}

/// A box that comes back finds the other one active and leaves it at that.
///
/// # Errors
/// When the boxes do not agree.
pub async fn bring_back(pair: &mut Pair, gone: usize) -> Result<Verdict> {
    let from = pair.now();
    pair.boxes[gone].start().await?;
    pair.settled(1 - gone).await?;
    let (measurement, _) = pair.observe(from).await;
    Ok(Verdict::of(measurement)
        .gap_at_most(ADVERT_INTERVAL)
        .both_held_at_most(Duration::ZERO)
        .nothing_lost())
}
