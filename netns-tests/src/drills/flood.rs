//! A host of the link asks for the virtual address and claims it, thousands of times a second.

use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::faults::crowd::cpu_time;
use crate::failure::Result;
use crate::lab::holders::Holding;
use crate::lab::mac::Mac;
use crate::lab::{Family, arp, nd};
use crate::pair::{A, B, Pair};
use crate::router::settings::{ADVERT_INTERVAL, Settings};
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// The last number of the host's addresses.
const HOST: u16 = 13;

/// Milliseconds, with [`FRAMES`] of each kind in each of them.
const LASTING: usize = 2000;

/// A question to everybody, a claim to each router alone: clients are to believe the router.
const FRAMES: usize = 5;

/// What the supervisor of the active box may need of a core meanwhile, in percent.
const CPU_MAX: u128 = 10;

/// The drill, in both families.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let v4 = flood(&binary, Family::Ipv4).await?;
    let v6 = flood(&binary, Family::Ipv6).await?;
    let remarks = v6.remarks.iter().map(|remark| format!("IPv6: {remark}"));
    Ok(remarks.fold(v4.and("IPv6", &v6), Verdict::remark))
}

async fn flood(binary: &Path, family: Family) -> Result<Verdict> {
    let pair = Pair::start(binary, Settings { family, ..Settings::default() }).await?;
    let stranger = pair.lab.servers[2].machine.clone();
    if family == Family::Ipv6 {
        stranger.enable_ipv6(HOST).await?;
    }
    let ours = arp::mac(&stranger.node).await?;
    let mut frames = vec![question(ours, family.vip())];
    for router in &pair.lab.routers {
        frames.push(arp::claim(ours, Some(arp::mac(&router.node).await?), family.vip()));
    }
    let supervisor = pair.boxes[A].supervisor()?.as_raw();
    let (from, before) = (pair.now(), cpu_time(supervisor)?);
    arp::flood(&stranger.node, vec![frames; FRAMES].concat(), LASTING).await?;
    let (took, cpu) = (pair.now() - from, cpu_time(supervisor)?.saturating_sub(before));
    let percent = cpu.as_micros() * 100 / took.as_micros().max(1);
    pair.wait_for_state(A, RouterState::Active).await?;
    pair.wait_for_state(B, RouterState::Backup).await?;
    let noticed = pair.status(A).await?.virtual_routers.first().is_some_and(|router| {
        router.conflict.as_ref().is_some_and(|conflict| conflict.mac == ours.to_string())
    });
    let (measurement, _) = pair.observe(from).await;
    let moved = pair.lab.holders.first(from, B, Holding::Held).is_some()
        || pair.lab.holders.first(from, A, Holding::Gone).is_some();
    Ok(Verdict::of(measurement)
        .gap_at_most(ADVERT_INTERVAL)
        .both_held_at_most(Duration::ZERO)
        .nothing_lost()
        .expect(!moved, "the address moved")
        .expect(noticed, "the claims were not noticed")
        .expect(percent <= CPU_MAX, format!("the supervisor needed {percent} % of a core"))
        .remark(format!(
            "{} frames in {} ms; the supervisor needed {percent} % of a core",
            LASTING * FRAMES * 3,
            took.as_millis()
        )))
}

/// Who has the address?
fn question(ours: Mac, address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => arp::request(ours, address),
        IpAddr::V6(address) => {
            nd::question(ours, Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, HOST), address)
        }
    }
}
