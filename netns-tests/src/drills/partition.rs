//! The switch splits: the active box talks to nobody, but its carrier stays. Then it heals.

use std::path::PathBuf;
use std::time::Duration;

use crate::failure::Result;
use crate::lab::holders::holding_times;
use crate::pair::{A, B, Pair};
use crate::router::settings::{ADVERT_INTERVAL, MARGIN, Settings};
use crate::router::status::RouterState;
use crate::traffic::window::Window;
use crate::verdict::Verdict;

/// The drill: cut off from each other both boxes rightly hold the address; afterwards the stronger
/// one does.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let pair = Pair::start(&binary, Settings::default()).await?;
    let link = &pair.boxes[A].machine().link;
    let from = pair.now();
    link.block().await?;
    pair.wait_for_state(B, RouterState::Active).await?;
    pair.answered().await?;
    let healed = pair.now();
    link.unblock().await?;
    pair.settled(A).await?;
    let (measurement, _) = pair.observe(from).await;
    let after = Window { from: healed, to: pair.now() };
    let both = holding_times(&pair.lab.holders.changes(), after).both;
    Ok(Verdict::of(measurement)
        .gap_at_most(pair.settings.active_down(B) + MARGIN)
        .both_held_at_most(Duration::from_secs(1))
        .expect(
            both <= ADVERT_INTERVAL + MARGIN,
            format!(
                "both held the address for {} ms after they heard each other",
                both.as_millis()
            ),
        )
        .remark(format!("one holder {} ms after the switch was whole", both.as_millis())))
}
