//! Another program deletes the virtual address from the active box.

use std::path::PathBuf;
use std::time::Duration;

use crate::failure::{Failure, Result, eventually};
use crate::lab::VIP;
use crate::lab::holders::Holding;
use crate::pair::{A, Pair, SETTLE_DEADLINE};
use crate::router::settings::{ADVERT_INTERVAL, Settings};
use crate::verdict::Verdict;

/// One event of the kernel and one request to it; the rest is waking up.
const BOUND: Duration = Duration::from_millis(20);

/// The drill: it is back within one event, and nobody else takes over.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let pair = Pair::start(&binary, Settings::default()).await?;
    let machine = pair.boxes[A].machine();
    let from = pair.now();
    machine.node.netlink().remove_address(machine.link.interface(), VIP).await?;
    let holders = &pair.lab.holders;
    let back = eventually("the address is back", SETTLE_DEADLINE, || async {
        holders.first(from, A, Holding::Held).ok_or_else(|| Failure::new("it is not"))
    })
    .await?;
    pair.settled(A).await?;
    let (measurement, _) = pair.observe(from).await;
    let absent = back - from;
    Ok(Verdict::of(measurement)
        .gap_at_most(ADVERT_INTERVAL)
        .both_held_at_most(Duration::ZERO)
        .expect(absent <= BOUND, format!("the address was back after {} ms", absent.as_millis()))
        .remark(format!("back after {:.1} ms", absent.as_secs_f64() * 1000.0)))
}
