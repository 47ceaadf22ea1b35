//! The active box loses its carrier, and gets it back.

use std::path::PathBuf;
use std::time::Duration;

use crate::failure::Result;
use crate::pair::{A, Pair};
use crate::router::settings::{MARGIN, Settings};
use crate::router::status::RouterState;
use crate::traffic::window::Window;
use crate::verdict::Verdict;

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let pair = Pair::start(&binary, Settings::default()).await?;
    cut_and_heal(&pair, A).await
}

/// Nobody can tell the other box, so it waits in silence for Active_Down_Interval.
///
/// # Errors
/// When the other box does not take over, or the boxes do not agree afterwards.
pub async fn cut_and_heal(pair: &Pair, active: usize) -> Result<Verdict> {
    let (taker, link) = (1 - active, &pair.boxes[active].machine().link);
    let from = pair.now();
    link.cut().await?;
    pair.wait_for_state(taker, RouterState::Active).await?;
    pair.observe(from).await;
    let healed = pair.now();
    link.heal().await?;
    pair.settled(taker).await?;
    let (after, _) = pair.observe(healed).await;
    let (measurement, _) = pair.seen_within(Window { from, to: pair.now() });
    let both = after.both_held_ms;
    Ok(Verdict::of(measurement)
        .gap_at_most(pair.settings.active_down(taker) + MARGIN)
        .both_held_at_most(Duration::from_secs(1))
        .expect(both == 0, format!("both held the address for {both} ms after the link was back"))
        .expect(after.failed_requests == 0, "requests failed after the link was back"))
}
