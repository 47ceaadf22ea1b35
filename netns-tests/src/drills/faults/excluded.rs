//! One address that is advertised and 300 of both families that are not: where the one is, there are the others.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use nix::sys::signal::Signal;

use super::{Fault, Pace, compare};
use crate::contest::Contest;
use crate::failure::{Failure, Result, eventually};
use crate::pair::{A, B};
use crate::router::contender::{Contender, Part};
use crate::router::settings::{MARGIN, Settings};
use crate::verdict::{Verdict, whole_ms};

/// Of each family.
const EXCLUDED: u8 = 150;

const LOSS: Fault = Fault {
    settings: many,
    ..Fault::new("link loss, 300 excluded", 1, |contest, active| {
        lose(contest, active).boxed_local()
    })
};

/// keepalived leaves them where they are.
const KILL: Fault = Fault {
    settings: many,
    contenders: &[Contender::Haagent],
    ..Fault::new("kill -9, 300 excluded", 1, |contest, active| kill(contest, active).boxed_local())
};

fn many() -> Settings {
    Settings { excluded: EXCLUDED, ..Settings::default() }
}

/// The drill: the link of the active box is lost; then its supervisor is killed, and the guard lets go of all of them.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let lost = compare(&binary, &LOSS, &[Pace::new(100, 2)]).await?;
    let killed = compare(&binary, &KILL, &[Pace::new(100, 2)]).await?;
    let settings = many();
    let skew = settings.skew(A).max(settings.skew(B));
    let mut verdict = killed
        .each("a client waited too long", |line| line.haagent.gap <= Some(skew + MARGIN))
        .each("both held the address", |line| whole_ms(line.haagent.both_held) == 0);
    verdict.comparisons.splice(0..0, lost.comparisons);
    verdict.remarks.splice(0..0, lost.remarks);
    Ok(verdict.no_false_moves())
}

async fn lose(contest: &Contest, active: usize) -> Result<()> {
    let link = contest.boxes[active].machine().link.clone();
    link.cut().await?;
    moved(contest, active).await?;
    link.heal().await?;
    contest.watch().await;
    Ok(())
}

async fn kill(contest: &Contest, active: usize) -> Result<()> {
    contest.boxes[active].signal(&[Part::Elector], Signal::SIGKILL).await?;
    moved(contest, active).await?;
    contest.watch().await;
    Ok(())
}

/// How long it may take until the last address is where it belongs.
const MOVED: Duration = Duration::from_secs(2);

/// Waits until the other box has all of them, and this one none. Of keepalived it is not demanded.
async fn moved(contest: &Contest, active: usize) -> Result<()> {
    let all = usize::from(EXCLUDED) * 2 + 1;
    let moved = eventually("every address has moved", MOVED, || async {
        let left = virtual_addresses(contest, active).await?;
        let there = virtual_addresses(contest, 1 - active).await?;
        let moved = left == 0 && there == all;
        moved.then_some(()).ok_or_else(|| Failure::new(format!("{left} here, {there} there")))
    });
    moved.await.or_else(|late| match contest.contender {
        Contender::Haagent => Err(late),
        Contender::Keepalived => Ok(()),
    })
}

/// The box's own addresses are those with a network.
async fn virtual_addresses(contest: &Contest, number: usize) -> Result<usize> {
    let machine = contest.boxes[number].machine();
    let held = machine.node.netlink().addresses(machine.link.interface()).await?;
    let single = held.iter().filter(|held| matches!(held.address.prefix, 32 | 128));
    Ok(single.count())
}
