//! Gateways: four virtual routers, of each family on each of two links, which move as one.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;

use super::{Fault, Pace, compare};
use crate::clock::Moment;
use crate::contest::Contest;
use crate::failure::{Failure, Result, eventually};
use crate::pair::{A, B, SETTLE_DEADLINE};
use crate::router::contender::Contender;
use crate::router::settings::{MARGIN, Place, Settings};
use crate::verdict::{Verdict, whole_ms};

/// Clients are on the other side.
const ONE_LINK: Fault = Fault {
    settings: gateway,
    ..Fault::new("group: loss of one link", 1, |contest, active| {
        lose(contest, active).boxed_local()
    })
};

const STOP: Fault = Fault {
    settings: gateway,
    ..Fault::new("group: planned stop", 1, |contest, active| stop(contest, active).boxed_local())
};

fn gateway() -> Settings {
    Settings { place: Place::Gateway, ..Settings::default() }
}

/// The drill: all of them move, at the same time, for the fault of one.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    for fault in [ONE_LINK, STOP] {
        let one = compare(&binary, &fault, &[Pace::new(100, 2)]).await?;
        verdict.comparisons.extend(one.comparisons);
        verdict.remarks.extend(one.remarks);
    }
    let settings = gateway();
    let skew = settings.skew(A).max(settings.skew(B));
    Ok(verdict
        .no_false_moves()
        .each("both held an address", |line| whole_ms(line.haagent.both_held) == 0)
        .each("a client waited too long", |line| line.haagent.gap <= Some(skew + MARGIN)))
}

async fn lose(contest: &Contest, active: usize) -> Result<()> {
    let wan = contest.lab.wan.as_ref().ok_or_else(|| Failure::new("there is no other side"))?;
    let (from, link) = (contest.now(), &wan.links[active]);
    link.cut().await?;
    moved(contest, from, active).await?;
    contest.answered().await?;
    link.heal().await?;
    contest.watch().await;
    Ok(())
}

async fn stop(contest: &Contest, active: usize) -> Result<()> {
    let from = contest.now();
    contest.boxes[active].terminate()?;
    moved(contest, from, active).await?;
    contest.ended(active).await
}

/// Waits until the other box than `active` has all addresses, and judges how soon after each other. Of keepalived neither
/// is demanded.
async fn moved(contest: &Contest, from: Moment, active: usize) -> Result<()> {
    let arrivals = eventually("the group has moved", SETTLE_DEADLINE, || async {
        let arrivals = contest.arrivals(from, 1 - active);
        let all = arrivals.iter().copied().collect::<Option<Vec<_>>>();
        all.ok_or_else(|| Failure::new(format!("its members since {arrivals:?}")))
    });
    let arrivals = match (arrivals.await, contest.contender) {
        (arrivals, Contender::Haagent) => arrivals?,
        (_, Contender::Keepalived) => return Ok(()),
    };
    let first = arrivals.iter().min().copied().unwrap_or_default();
    let last = arrivals.iter().max().copied().unwrap_or_default();
    let late = || Failure::new(format!("the group moved within {} ms", whole_ms(last - first)));
    (last - first <= TOGETHER).then_some(()).ok_or_else(late)
}

/// Members of a group follow each other within this time.
const TOGETHER: Duration = Duration::from_millis(50);
