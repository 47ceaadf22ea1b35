//! A planned stop.

use std::path::PathBuf;

use futures_util::FutureExt;

use super::{Fault, Pace, compare};
use crate::contest::Contest;
use crate::failure::Result;
use crate::verdict::Verdict;

const STOP: Fault =
    Fault::new("planned stop", 1, |contest, active| stop(contest, active).boxed_local());

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let paces = [Pace::new(1000, 3), Pace::new(100, 5), Pace::new(10, 5)];
    Ok(compare(&binary, &STOP, &paces)
        .await?
        .no_false_moves()
        .each("both boxes held the address", |line| line.haagent.both_held.is_zero())
        .each("keepalived's client had an answer sooner", |line| {
            line.keepalived.is_some_and(|theirs| line.haagent.gap < theirs.gap)
        }))
}

async fn stop(contest: &Contest, active: usize) -> Result<()> {
    let from = contest.now();
    contest.boxes[active].terminate()?;
    contest.taken_over(from, active).await;
    contest.ended(active).await
}
