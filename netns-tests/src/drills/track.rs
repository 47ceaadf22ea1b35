//! Each box has an uplink that its virtual router tracks; the active box loses its carrier there, and gets it back.
//! A gateway that both track answers all the time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::Result;
use crate::lab::netlink::Interface;
use crate::pair::{A, B, Pair};
use crate::router::settings::{MARGIN, Settings};
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// Without a weight the box leaves the election.
const FAULT: &str = r#"track = [{ interface = "eth1", hold = "1s" }, { gateway = "192.168.8.11", interval = "500ms" }]"#;

/// Box A, which has 150, falls below box B, which has 100.
const WEIGHTED: &str = r#"track = [{ interface = "eth1", weight = -60, hold = "1s" }]"#;

/// For how long the uplink must be good before it counts as good again.
const HOLD: Duration = Duration::from_secs(1);

/// The drill: first as a fault, then weighted.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let fault = fault(&binary).await?;
    let weighted = weighted(&binary).await?;
    Ok(fault.and("weighted", &weighted))
}

/// The address moves at once, by priority 0, and stays there when the uplink is back.
async fn fault(binary: &Path) -> Result<Verdict> {
    let (pair, far_end) = start(binary, FAULT, "never").await?;
    let netlink = pair.boxes[A].machine().node.netlink();
    let from = pair.now();
    netlink.down(far_end).await?;
    pair.wait_for_state(B, RouterState::Active).await?;
    let out = pair.wait_for(A, "box A says why it is out", |status| {
        let named = |problem: &&String| problem.contains("eth1");
        status.problems.iter().find(named).cloned()
    });
    let out = out.await?;
    pair.answered().await?;
    let (measurement, _) = pair.observe(from).await;
    let healed = pair.now();
    netlink.up(far_end).await?;
    pair.settled(B).await?;
    let held_back = pair.now() - healed;
    Ok(Verdict::of(measurement)
        .gap_at_most(pair.settings.skew(B) + MARGIN)
        .both_held_at_most(Duration::ZERO)
        .expect(held_back >= HOLD, format!("box A was back after {} ms", held_back.as_millis()))
        .remark(out))
}

/// The address moves to the box that is stronger now, and back when the uplink was good for long enough.
async fn weighted(binary: &Path) -> Result<Verdict> {
    let (pair, far_end) = start(binary, WEIGHTED, "immediate").await?;
    let netlink = pair.boxes[A].machine().node.netlink();
    let from = pair.now();
    netlink.down(far_end).await?;
    pair.wait_for_state(B, RouterState::Active).await?;
    pair.wait_for_state(A, RouterState::Backup).await?;
    let healed = pair.now();
    netlink.up(far_end).await?;
    pair.settled(A).await?;
    let held_back = pair.now() - healed;
    let (measurement, _) = pair.observe(from).await;
    Ok(Verdict::of(measurement)
        .gap_at_most(MARGIN * 2)
        .both_held_at_most(Duration::ZERO)
        .expect(held_back >= HOLD, format!("box A was back after {} ms", held_back.as_millis())))
}

/// Both boxes with their uplinks, and the far end of that of box A.
async fn start(
    binary: &Path,
    track: &'static str,
    preempt: &'static str,
) -> Result<(Pair, Interface)> {
    let settings = Settings { router_extra: track, preempt, ..Settings::default() };
    let mut pair = Pair::idle(binary, settings).await?;
    let far_end = uplink(&pair, A).await?;
    uplink(&pair, B).await?;
    pair.boxes[A].start().await?;
    pair.wait_for_state(A, RouterState::Active).await?;
    pair.boxes[B].start().await?;
    pair.settled(A).await?;
    pair.fresh_clients().await?;
    Ok((pair, far_end))
}

/// A link whose two ends are both in the box, for nothing but its carrier matters.
async fn uplink(pair: &Pair, number: usize) -> Result<Interface> {
    let node = &pair.boxes[number].machine().node;
    let netlink = node.netlink();
    let uplink = netlink.add_veth("eth1", "provider", node.namespace()).await?;
    let far_end = netlink.interface("provider").await?;
    netlink.up(uplink).await?;
    netlink.up(far_end).await?;
    Ok(far_end)
}
