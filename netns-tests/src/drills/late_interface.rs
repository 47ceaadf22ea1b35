//! The active box's interface comes late, loses and changes its address, gets another MAC, and is renamed.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use crate::failure::{Failure, OrFail, Result, eventually};
use crate::lab::holders::Holding;
use crate::lab::mac::Mac;
use crate::lab::netlink::Address;
use crate::lab::switch::PREFIX;
use crate::lab::{Machine, ROUTERS};
use crate::pair::{A, Pair, SETTLE_DEADLINE};
use crate::router::settings::{LEASE, MARGIN, Settings};
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// What the interface is called in the config, and while it is not there.
const NAMES: [&str; 2] = ["eth0", "spare0"];

/// The address that it has after its own was lost.
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 9);

/// A MAC that nobody else has, administered locally.
const MAC: Mac = Mac([0x02, 0x11, 0x22, 0x33, 0x44, 0x55]);

/// The drill: one box, which is never restarted.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    with(binary, Settings::default()).await
}

/// The same with a virtual MAC.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn virtual_mac(binary: PathBuf) -> Result<Verdict> {
    with(binary, Settings { virtual_mac: true, ..Settings::default() }).await
}

async fn with(binary: PathBuf, settings: Settings) -> Result<Verdict> {
    let mut pair = Pair::idle(&binary, settings).await?;
    let [present, away] = NAMES;
    rename(pair.boxes[A].machine(), away).await?;
    pair.boxes[A].start().await?;
    says(&pair, "waiting for interface `eth0`").await?;
    rename(pair.boxes[A].machine(), present).await?;
    serves(&mut pair, ROUTERS[A].1).await?;

    change_address(&pair).await?;
    serves(&mut pair, OTHER).await?;

    let before_mac = pair.now();
    let machine = pair.boxes[A].machine();
    machine.node.netlink().set_mac(machine.link.interface(), MAC).await?;
    let (mac_changed, _) = pair.observe(before_mac).await;
    pair.wait_for_state(A, RouterState::Active).await?;

    let before_rename = pair.now();
    rename(pair.boxes[A].machine(), away).await?;
    says(&pair, "waiting for interface `eth0`").await?;
    let gone = pair.lab.holders.noted(before_rename, A, Holding::Gone).await;
    // Not by the end of its lease.
    let is_prompt = gone.is_ok_and(|at| at - before_rename < LEASE / 4);
    rename(pair.boxes[A].machine(), present).await?;
    serves(&mut pair, OTHER).await?;
    Ok(Verdict::of(mac_changed)
        .gap_at_most(MARGIN * 2)
        .both_held_at_most(Duration::ZERO)
        .expect(is_prompt, "a renamed interface kept the address"))
}

/// Takes the interface's own address away, and gives it another one.
async fn change_address(pair: &Pair) -> Result<()> {
    let machine = pair.boxes[A].machine();
    let (netlink, link) = (machine.node.netlink(), machine.link.interface());
    netlink.remove_address(link, ROUTERS[A].1.into()).await?;
    says(pair, "waiting for an IPv4 address on `eth0`").await?;
    netlink
        .add_address(link, Address { address: OTHER.into(), prefix: PREFIX, protocol: None })
        .await
}

/// Waits until the box is active with this source and a client was answered.
async fn serves(pair: &mut Pair, source: Ipv4Addr) -> Result<()> {
    pair.wait_for(A, &format!("it is active and sends from {source}"), |status| {
        let router = status.virtual_routers.first()?;
        let is_source = router.source == Some(IpAddr::V4(source));
        (router.state == RouterState::Active && is_source).then_some(())
    })
    .await?;
    pair.fresh_clients().await
}

/// Waits until the box says why it takes no part.
async fn says(pair: &Pair, what: &str) -> Result<()> {
    eventually(&format!("it says `{what}`"), SETTLE_DEADLINE, || async {
        let problems = pair.status(A).await?.problems;
        let is_said = problems.iter().any(|problem| problem.contains(what));
        is_said.then_some(()).ok_or_else(|| Failure::new(format!("it says {problems:?}")))
    })
    .await
}

/// An interface is renamed while it is down.
async fn rename(machine: &Machine, name: &str) -> Result<()> {
    let (netlink, link) = (machine.node.netlink(), machine.link.interface());
    netlink.down(link).await?;
    netlink.rename(link, name).await.or_fail(format!("cannot rename it to `{name}`"))?;
    netlink.up(link).await
}
