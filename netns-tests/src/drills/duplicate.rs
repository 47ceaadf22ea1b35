//! Somebody else has the virtual address: a stranger, or a box of ours whose processes stand still.

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::time::sleep;

use crate::failure::{Failure, Result};
use crate::lab::holders::Holding;
use crate::lab::mac::Mac;
use crate::lab::netlink::Address;
use crate::lab::{Family, Machine, arp};
use crate::pair::{A, B, Pair};
use crate::router::process::send;
use crate::router::settings::{ADVERT_INTERVAL, LEASE, MARGIN, Settings, host_prefix};
use crate::router::status::{RouterState, Status};
use crate::verdict::Verdict;

/// How long the stranger keeps the address: several silences of the box that wants it.
const KEPT: Duration = Duration::from_millis(1500);

/// The first one that the settings do not advertise, and of the other family.
pub const EXCLUDED: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, 1));

/// The drill: what a stranger has is not claimed, and claimed once it is gone; who announces it later is contradicted. It
/// has the virtual address of the family, or one that is not advertised.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn stranger(
    binary: PathBuf,
    family: Family,
    excluded: Option<IpAddr>,
) -> Result<Verdict> {
    let settings =
        Settings { family, excluded: u8::from(excluded.is_some()), ..Settings::default() };
    let mut pair = Pair::idle(&binary, settings).await?;
    let stranger = pair.lab.servers[2].machine.clone();
    if excluded.is_some() {
        pair.lab.enable_ipv6().await?;
    }
    if excluded.is_some() || family == Family::Ipv6 {
        stranger.enable_ipv6(13).await?;
    }
    pair.launch().await?;
    let address = excluded.unwrap_or_else(|| family.vip());
    let mac = arp::mac(&stranger.node).await?;
    let from = pair.now();
    take(&stranger, address).await?;
    pair.boxes[A].signal(Signal::SIGTERM)?;
    let refused = conflict_with(&pair, "box B names the stranger", mac, address).await?;
    sleep(KEPT).await;
    let claimed = pair.lab.holders.first(from, B, Holding::Held);

    let gone = pair.now();
    let interface = stranger.link.interface();
    stranger.node.netlink().remove_address(interface, address).await?;
    pair.wait_for_state(B, RouterState::Active).await?;
    let waited = pair.lab.holders.noted(gone, B, Holding::Held).await? - gone;
    pair.answered().await?;

    let before = conflicts(&pair.status(B).await?);
    take(&stranger, address).await?;
    arp::announce(&stranger.node, address).await?;
    let contradicted = pair
        .wait_for(B, "box B contradicts", |status| {
            let again = (conflicts(status) > before).then_some(());
            again.filter(|()| status.state() == Some(RouterState::Active))
        })
        .await;
    let (measurement, _) = pair.observe(gone).await;
    Ok(Verdict::of(measurement)
        .expect(claimed.is_none(), "the box claimed what a stranger has")
        .expect(
            waited <= pair.settings.active_down(B) + MARGIN,
            format!("the address was claimed {waited:?} after the stranger gave it up"),
        )
        .expect(contradicted.is_ok(), "the claim of a stranger was not noticed")
        .remark(refused))
}

/// The drill: all processes of the active box stand still, and its kernel still answers for the address. The other box
/// takes it in time and stays with it.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn frozen(binary: PathBuf) -> Result<Verdict> {
    let pair = Pair::start(&binary, Settings::default()).await?;
    let mac = arp::mac(&pair.boxes[A].machine().node).await?;
    let processes = processes(&pair.status(A).await?)?;
    let from = pair.now();
    for process in &processes {
        send(*process, Signal::SIGSTOP)?;
    }
    pair.wait_for_state(B, RouterState::Active).await?;
    let defended =
        conflict_with(&pair, "box B names box A", mac, pair.settings.family.vip()).await?;
    pair.answered().await?;
    sleep(LEASE.saturating_sub(pair.now() - from)).await;
    let (measurement, _) = pair.observe(from).await;
    for process in processes {
        send(process, Signal::SIGCONT)?;
    }
    pair.wait_for_state(A, RouterState::Backup).await?;
    pair.wait_for_state(B, RouterState::Active).await?;
    Ok(Verdict::of(measurement)
        .gap_at_most(pair.settings.active_down(B) + ADVERT_INTERVAL + MARGIN)
        .both_held_at_most(LEASE)
        .remark(defended))
}

/// Gives a machine the virtual address, for ever.
async fn take(machine: &Machine, address: IpAddr) -> Result<()> {
    let address = Address { address, prefix: host_prefix(address), protocol: None };
    machine.node.netlink().add_address(machine.link.interface(), address).await
}

/// Waits until box B says that `mac` has the address; returns the problem as it puts it.
async fn conflict_with(pair: &Pair, what: &str, mac: Mac, address: IpAddr) -> Result<String> {
    let mac = mac.to_string();
    pair.wait_for(B, what, |status| {
        let conflict = status.virtual_routers.first()?.conflict.as_ref()?;
        let named: IpAddr = conflict.address.parse().ok()?;
        let problem = status.problems.iter().find(|problem| problem.contains(&mac))?;
        (conflict.mac == mac && named == address).then(|| problem.clone())
    })
    .await
}

fn conflicts(status: &Status) -> u64 {
    status.virtual_routers.first().map_or(0, |router| router.counters.address_conflicts)
}

/// Supervisor, guard and worker of a box.
fn processes(status: &Status) -> Result<Vec<Pid>> {
    let all = [Some(status.pid), status.guard.pid, status.worker.pid];
    let all: Option<Vec<_>> = all.into_iter().collect();
    let all = all.ok_or_else(|| Failure::new("a process of the box is missing"))?;
    Ok(all.into_iter().map(Pid::from_raw).collect())
}
