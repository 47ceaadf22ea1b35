//! Addresses that a crash left behind, and addresses that are none of ours.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use crate::failure::{Failure, Result, eventually};
use crate::lab::netlink::Address;
use crate::lab::{Machine, VIP};
use crate::pair::{A, B, Pair, SETTLE_DEADLINE};
use crate::router::settings::Settings;
use crate::verdict::Verdict;

/// How the kernel is told that an address is ours (IFA_PROTO).
const OURS: u8 = 0x70;

/// The virtual address as a crash leaves it.
const STALE: Address = Address { address: IpAddr::V4(VIP), prefix: 32, protocol: Some(OURS) };

/// Ours, but of an older config.
const FORGOTTEN: Address = Address { address: address(8), prefix: 32, protocol: Some(OURS) };

/// Somebody else's.
const FOREIGN: Address = Address { address: address(9), prefix: 32, protocol: None };

const fn address(host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 168, 8, host))
}

/// The drill: `haagent release` and the start of a box remove what is ours, and nothing else.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let mut pair = Pair::idle(&binary, Settings::default()).await?;
    let machine = pair.boxes[A].machine().clone();
    add(&machine, &[STALE, FORGOTTEN, FOREIGN]).await?;
    let answer = pair.boxes[A].command(&["release"]).await?;
    let released = left(&machine).await?;

    pair.boxes[B].start().await?;
    pair.answered().await?;
    pair.fresh_clients().await?;
    let from = pair.now();
    add(&machine, &[STALE]).await?;
    pair.boxes[A].start().await?;
    eventually("the stale address is removed", SETTLE_DEADLINE, || async {
        let left = left(&machine).await?;
        if left == [FOREIGN.address] { Ok(()) } else { Err(Failure::new(format!("{left:?}"))) }
    })
    .await?;
    pair.settled(B).await?;
    let (measurement, _) = pair.observe(from).await;
    // The overlap is of the drill's own making.
    let both = measurement.both_held_ms;
    Ok(Verdict::of(measurement)
        .expect(answer.code == Some(0), format!("`release` failed: {}", answer.errors))
        .expect(released == [FOREIGN.address], format!("`release` left {released:?}"))
        .nothing_lost()
        .expect(both <= 1000, format!("the stale address stayed for {both} ms"))
        .remark(format!("removed {both} ms after it was put there, with the start of the box")))
}

async fn add(machine: &Machine, addresses: &[Address]) -> Result<()> {
    for address in addresses {
        machine.node.netlink().add_address(machine.link.interface(), *address).await?;
    }
    Ok(())
}

/// The single addresses on the machine: all but its own, which has a network.
async fn left(machine: &Machine) -> Result<Vec<IpAddr>> {
    let addresses = machine.node.netlink().addresses(machine.link.interface()).await?;
    let single = addresses.iter().map(|held| held.address).filter(|address| address.prefix == 32);
    Ok(single.map(|address| address.address).collect())
}
