//! Busy processes on every core for a minute: with adverts every 50 ms and every 10 ms nothing may move.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

use crate::comparison::{Comparison, Numbers};
use crate::contest::Contest;
use crate::failure::Result;
use crate::lab::hogs::Hogs;
use crate::pair::A;
use crate::router::contender::Contender;
use crate::router::settings::Settings;
use crate::verdict::Verdict;

/// The intervals of the two virtual routers of each box.
const SLOWER: Duration = Duration::from_millis(50);
const FASTER: Duration = Duration::from_millis(10);

/// How long the hogs are loose beside us.
const BUSY: Duration = Duration::from_secs(60);

/// And beside keepalived, which needs no longer to show what it does.
const BUSY_SHORTER: Duration = Duration::from_secs(20);

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let ours = suffer(&binary, Contender::Haagent, BUSY).await?;
    let theirs = suffer(&binary, Contender::Keepalived, BUSY_SHORTER).await?;
    let mut verdict = Verdict::default();
    for (number, interval) in [SLOWER, FASTER].into_iter().enumerate() {
        let alone =
            |numbers: &[Numbers]| numbers.get(number).copied().into_iter().collect::<Vec<_>>();
        verdict.comparisons.push(Comparison::new(
            "hogs on every core",
            interval,
            &alone(&ours),
            &alone(&theirs),
        ));
    }
    Ok(verdict.no_false_moves().remark("60 s long; keepalived 20 s"))
}

async fn suffer(binary: &Path, contender: Contender, busy: Duration) -> Result<Vec<Numbers>> {
    let settings = Settings { interval: SLOWER, more_routers: vec![FASTER], ..Settings::default() };
    let contest = Contest::start(binary, contender, settings).await?;
    let from = contest.now();
    let hogs = Hogs::start(busy)?;
    sleep(busy).await;
    drop(hogs);
    Ok(contest.numbers_of_all(from, A, 0))
}
