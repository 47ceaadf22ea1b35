//! The cable of the active box: pulled, loose, and deaf on one side.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;

use super::{Fault, Pace, RESOLUTION, UNHURRIED, compare};
use crate::contest::Contest;
use crate::failure::Result;
use crate::router::settings::MARGIN;
use crate::verdict::Verdict;

const LOSS: Fault =
    Fault::new("link loss and return", 1, |contest, active| lose(contest, active).boxed_local());

/// The first loss costs the address.
const FLAP: Fault =
    Fault::new("link flap", 1, |contest, active| flap(contest, active).boxed_local());

/// A backup that hears nothing rightly takes the address, and gives it back when it hears again; or the stronger box
/// gets it for good.
const DEAF: Fault =
    Fault::new("deaf backup", 2, |contest, active| deafen(contest, active).boxed_local());

/// The drill: the carrier goes, and comes back.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn loss(binary: PathBuf) -> Result<Verdict> {
    let paces = [Pace::new(1000, 1), Pace::new(100, 5), Pace::new(10, 10)];
    let verdict = compare(&binary, &LOSS, &paces).await?;
    Ok(verdict
        .no_false_moves()
        .each("the other box took over too late", |line| {
            let skew = line.interval * (256 - 100) / 256;
            let margin = if line.interval < UNHURRIED { LATENESS } else { MARGIN };
            let bound = line.interval * 3 + skew + margin;
            line.haagent.takeover.is_some_and(|takeover| takeover <= bound)
        })
        .each("the other box took over later than keepalived", |line| {
            let theirs = line.keepalived.and_then(|keepalived| keepalived.takeover);
            let bound = theirs.map(|theirs| theirs + RESOLUTION);
            line.interval > FASTEST || line.haagent.takeover <= bound
        }))
}

/// How much later than the protocol demands a box may take over, in the median.
const LATENESS: Duration = Duration::from_millis(10);

/// The interval of which there are rounds enough to compare.
const FASTEST: Duration = Duration::from_millis(10);

/// The drill: the carrier comes and goes, faster than a backup gives up waiting.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn flapping(binary: PathBuf) -> Result<Verdict> {
    let paces = [Pace::new(100, 3), Pace::new(10, 3)];
    Ok(compare(&binary, &FLAP, &paces).await?.no_false_moves())
}

/// The drill: adverts are lost on the way to the backup, not on the way back.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn one_way(binary: PathBuf) -> Result<Verdict> {
    let paces = [Pace::new(100, 3), Pace::new(10, 3)];
    Ok(compare(&binary, &DEAF, &paces).await?.no_false_moves())
}

async fn lose(contest: &Contest, active: usize) -> Result<()> {
    let from = contest.now();
    let link = contest.boxes[active].machine().link.clone();
    link.cut().await?;
    contest.taken_over(from, active).await;
    contest.answered().await?;
    link.heal().await?;
    contest.watch().await;
    Ok(())
}

/// How often the carrier goes.
const FLAPS: usize = 5;

async fn flap(contest: &Contest, active: usize) -> Result<()> {
    let link = contest.boxes[active].machine().link.clone();
    let interval = contest.settings.advert_interval();
    for _ in 0..FLAPS {
        link.cut().await?;
        sleep(interval).await;
        link.heal().await?;
        sleep(interval * 2).await;
    }
    contest.watch().await;
    Ok(())
}

/// How long nothing is heard, in intervals.
const DEAF_INTERVALS: u32 = 8;

async fn deafen(contest: &Contest, active: usize) -> Result<()> {
    let link = contest.boxes[1 - active].machine().link.clone();
    link.deafen().await?;
    sleep(contest.settings.advert_interval() * DEAF_INTERVALS).await;
    link.hear_again().await?;
    contest.watch().await;
    Ok(())
}
