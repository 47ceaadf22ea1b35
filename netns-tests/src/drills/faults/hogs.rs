//! Busy processes on every core for a minute: with adverts every 50 ms and every 10 ms nothing may move.
//!
//! Unless a processor of this machine [stood still](crate::lab::stalls) for as long as a peer waits: the hogs are not to
//! blame for that, and nobody on the machine can do anything about it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

use crate::clock::Moment;
use crate::comparison::{Comparison, Numbers};
use crate::contest::Contest;
use crate::failure::Result;
use crate::lab::hogs::Hogs;
use crate::lab::stalls::Stalls;
use crate::pair::A;
use crate::router::contender::Contender;
use crate::router::settings::Settings;
use crate::traffic::window::Window;
use crate::verdict::Verdict;

/// The intervals of the two virtual routers of each box.
const SLOWER: Duration = Duration::from_millis(50);
const FASTER: Duration = Duration::from_millis(10);

const INTERVALS: [Duration; 2] = [SLOWER, FASTER];

/// A backup waits for as many, and a part of one.
const SILENT_INTERVALS: u32 = 3;

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
    for (number, interval) in INTERVALS.into_iter().enumerate() {
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
    let stalls = Stalls::watch(contest.lab.clock)?;
    let from = contest.now();
    let hogs = Hogs::start(busy)?;
    sleep(busy).await;
    drop(hogs);
    let mut all = contest.numbers_of_all(from, A, 0);
    for ((numbers, moves), interval) in all.iter_mut().zip(contest.moves(from)).zip(INTERVALS) {
        let wait = interval * SILENT_INTERVALS;
        let is_excused = |at: &Moment| {
            let before = Window { from: at.saturating_sub(wait * 2), to: *at };
            stalls.longest(before) + interval >= wait
        };
        numbers.false_moves -= moves.iter().filter(|at| is_excused(at)).count();
    }
    Ok(all)
}
