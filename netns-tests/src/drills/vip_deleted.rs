//! Another program deletes the virtual address from the active box, and does not give up.

use std::path::PathBuf;
use std::time::Duration;

use crate::failure::Result;
use crate::lab::VIP;
use crate::lab::holders::Holding;
use crate::pair::{A, B, Pair};
use crate::router::settings::{MARGIN, Settings};
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// The drill: it is back within one event, twice; after the third time the other box takes it.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let pair = Pair::start(&binary, Settings::default()).await?;
    let from = pair.now();
    let absent = [delete(&pair).await?, delete(&pair).await?];
    pair.settled(A).await?;
    let held = pair.lab.holders.first(from, B, Holding::Held);
    let machine = pair.boxes[A].machine();
    machine.node.netlink().remove_address(machine.link.interface(), VIP.into()).await?;
    pair.wait_for_state(B, RouterState::Active).await?;
    let reason = pair
        .wait_for(A, "box A says why it let go", |status| {
            let transition = status.virtual_routers.first()?.last_transition.as_ref()?;
            transition.reason.starts_with("fault").then(|| transition.reason.clone())
        })
        .await?;
    pair.answered().await?;
    let (measurement, _) = pair.observe(from).await;
    let millis = absent.map(|time| format!("{:.1} ms", time.as_secs_f64() * 1000.0));
    Ok(Verdict::of(measurement)
        .gap_at_most(pair.settings.skew(B) + MARGIN)
        .both_held_at_most(Duration::ZERO)
        .expect(absent.iter().all(|time| *time <= MARGIN), "the address stayed away too long")
        .expect(held.is_none(), "the other box took the address too early")
        .remark(format!("back after {}; then {reason}", millis.join(" and "))))
}

/// Deletes the address; returns how long it was gone.
async fn delete(pair: &Pair) -> Result<Duration> {
    let machine = pair.boxes[A].machine();
    let from = pair.now();
    machine.node.netlink().remove_address(machine.link.interface(), VIP.into()).await?;
    let back = pair.lab.holders.noted(from, A, Holding::Held).await?;
    Ok(back - from)
}
