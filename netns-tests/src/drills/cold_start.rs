//! Both boxes are switched on at the same moment: the address finds one of them and stays.

use std::path::PathBuf;
use std::time::Duration;

use crate::failure::Result;
use crate::lab::holders::Holding;
use crate::pair::{A, B, Pair};
use crate::router::settings::Settings;
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// Their silences differ by more than their starts do: at the same instant each might rightly claim the address.
const FAR_APART: [u8; 2] = [254, 1];

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let settings = Settings { priorities: FAR_APART, ..Settings::default() };
    let mut pair = Pair::idle(&binary, settings).await?;
    let from = pair.now();
    for haagent in &mut pair.boxes {
        haagent.start().await?;
    }
    pair.answered().await?;
    let a_is_active = pair.status(A).await?.state() == Some(RouterState::Active);
    pair.settled(if a_is_active { A } else { B }).await?;
    let (measurement, _) = pair.observe(from).await;
    let changes = pair.lab.holders.changes();
    let moves = changes.iter().filter(|change| change.holding == Holding::Gone).count();
    Ok(Verdict::of(measurement)
        .both_held_at_most(Duration::ZERO)
        .expect(moves == 0, format!("the address moved {moves} times"))
        .remark(format!("served after {} ms", measurement.gap_ms.unwrap_or_default())))
}
