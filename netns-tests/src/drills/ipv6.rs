//! A virtual router of IPv6: how it holds its addresses, and `kill -9` of its active supervisor.

use std::path::PathBuf;
use std::time::Duration;

use super::failover;
use crate::failure::{Failure, Result};
use crate::lab::holders::Holding;
use crate::lab::netlink::Held;
use crate::lab::{Family, VIPS_V6};
use crate::pair::{A, Pair};
use crate::router::settings::Settings;
use crate::verdict::Verdict;

/// Within this time the guard of a dead supervisor has removed the address.
const BOUND: Duration = Duration::from_millis(20);

/// A host of the link that answers all the time; without its answer no box would claim anything.
const GATEWAY: &str = r#"track = [{ gateway = "2001:db8:8::64" }]"#;

/// The drill: the clients speak IPv6, the servers behind the proxy IPv4.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let settings = Settings { family: Family::Ipv6, router_extra: GATEWAY, ..Settings::default() };
    let mut pair = Pair::start(&binary, settings).await?;
    let held = virtual_addresses(&pair, A).await?;
    let from = pair.now();
    let killed = failover::kill(&mut pair, A).await?;
    let removed = pair.lab.holders.first(from, A, Holding::Gone);
    let removed = removed.ok_or_else(|| Failure::new("the address was never removed"))? - from;
    let left = virtual_addresses(&pair, A).await?;
    let returned = failover::bring_back(&mut pair, A).await?;
    let ms = removed.as_secs_f64() * 1000.0;
    let expected = held.len() == VIPS_V6.len() && held.iter().all(is_held_as_it_should);
    Ok(killed
        .expect(expected, format!("the active box held {held:?}"))
        .expect(left.is_empty(), format!("the dead box held {left:?}"))
        .expect(removed <= BOUND, format!("the address was gone after {ms:.1} ms"))
        .and("its return", &returned)
        .remark(format!("the guard removed the address after {ms:.1} ms")))
}

/// A single address that nothing uses as a source, and that was there at once.
const fn is_held_as_it_should(held: &Held) -> bool {
    held.address.prefix == 128 && held.deprecated && held.nodad
}

/// Those of the virtual addresses that a box holds.
async fn virtual_addresses(pair: &Pair, number: usize) -> Result<Vec<Held>> {
    let machine = &pair.lab.routers[number];
    let held = machine.node.netlink().addresses(machine.link.interface()).await?;
    let is_virtual = |held: &Held| VIPS_V6.iter().any(|vip| held.address.address == *vip);
    Ok(held.into_iter().filter(is_virtual).collect())
}
