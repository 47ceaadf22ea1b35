//! Another program removes addresses from the active box.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;

use super::{Fault, Pace, RESOLUTION, UNHURRIED, compare};
use crate::contest::Contest;
use crate::failure::Result;
use crate::lab::VIP;
use crate::router::settings::MARGIN;
use crate::verdict::Verdict;

const DELETED: Fault = Fault::new("ip addr del of the address", 0, |contest, active| {
    delete(contest, active).boxed_local()
});

/// Without an address of its own a box cannot serve: the other one may take over.
const FLUSHED: Fault =
    Fault::new("address flush", 1, |contest, active| flush(contest, active).boxed_local());

/// The drill with the virtual address alone, which is back at once.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn deleted(binary: PathBuf) -> Result<Verdict> {
    let paces = [Pace::new(1000, 1), Pace::new(100, 2), Pace::new(10, 2)];
    let verdict = compare(&binary, &DELETED, &paces).await?;
    Ok(verdict
        .no_false_moves()
        .each("the address stayed away too long", |line| line.haagent.absent <= MARGIN))
}

/// The drill with every address of the interface; the box's own comes back half a second later. Without the last word
/// of the one, the other would wait for three intervals and its skew.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn flushed(binary: PathBuf) -> Result<Verdict> {
    let paces = [Pace::new(1000, 3), Pace::new(100, 2), Pace::new(10, 2)];
    let verdict = compare(&binary, &FLUSHED, &paces).await?;
    Ok(verdict
        .no_false_moves()
        .each("the other box heard no last word", |line| {
            // At short intervals nobody waits for much longer without one.
            let is_told = line.interval + MARGIN < line.interval * 3;
            !is_told || line.haagent.gap <= Some(line.interval + MARGIN)
        })
        // Both wait for the same skew, which the client's gap, with a question every 5 ms, does not tell well enough.
        .each("the other box took over later than keepalived", |line| {
            let theirs = line.keepalived.and_then(|keepalived| keepalived.takeover);
            let bound = theirs.map(|theirs| theirs + RESOLUTION);
            line.interval < UNHURRIED || bound.is_none_or(|_| line.haagent.takeover <= bound)
        }))
}

async fn delete(contest: &Contest, active: usize) -> Result<()> {
    let machine = contest.boxes[active].machine().clone();
    machine.node.netlink().remove_address(machine.link.interface(), VIP.into()).await?;
    contest.watch().await;
    Ok(())
}

/// How long the box is without an address of its own.
const FLUSHED_FOR: Duration = Duration::from_millis(500);

async fn flush(contest: &Contest, active: usize) -> Result<()> {
    let machine = contest.boxes[active].machine().clone();
    let (netlink, interface) = (machine.node.netlink(), machine.link.interface());
    let mut held = netlink.addresses(interface).await?;
    // The virtual one first, for who has lost its own address removes that itself.
    held.sort_by_key(|held| std::cmp::Reverse(held.address.prefix));
    for held in &held {
        netlink.remove_address(interface, held.address.address).await?;
    }
    sleep(FLUSHED_FOR).await;
    let own = held.iter().filter(|held| held.address.prefix < 32);
    for held in own {
        netlink.add_address(interface, held.address).await?;
    }
    contest.watch().await;
    Ok(())
}
