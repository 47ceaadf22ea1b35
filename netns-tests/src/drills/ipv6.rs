//! A virtual router of IPv6: how it holds its addresses, and `kill -9` of its active supervisor.

use std::path::PathBuf;
use std::time::Duration;

use super::failover;
use crate::failure::Result;
use crate::lab::holders::Holding;
use crate::lab::netlink::Held;
use crate::lab::{Family, VIPS_V6};
use crate::pair::{A, B, Pair};
use crate::router::settings::{MARGIN, Settings};
use crate::verdict::{Verdict, median};

/// Within this time the guard of a dead supervisor has removed the address.
const BOUND: Duration = Duration::from_millis(20);

/// A host of the link that answers all the time; without its answer no box would claim anything.
const GATEWAY: &str = r#"track = [{ gateway = "2001:db8:8::64" }]"#;

/// The drill: the clients speak IPv6, the servers behind the proxy IPv4. The boxes are killed in turns; of times the
/// medians are judged.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let settings = Settings { family: Family::Ipv6, router_extra: GATEWAY, ..Settings::default() };
    let mut pair = Pair::start(&binary, settings).await?;
    let (mut rounds, mut removed, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for active in [A, B, A] {
        let held = virtual_addresses(&pair, active).await?;
        let from = pair.now();
        let killed = failover::kill(&mut pair, active).await?;
        removed.push(pair.lab.holders.noted(from, active, Holding::Gone).await? - from);
        let left = virtual_addresses(&pair, active).await?;
        let returned = failover::bring_back(&mut pair, active).await?;
        let expected = held.len() == VIPS_V6.len() && held.iter().all(is_held_as_it_should);
        rounds.push(killed.measurement);
        let round = Verdict::of(killed.measurement)
            .both_held_at_most(Duration::ZERO)
            .and("its return", &returned)
            .expect(expected, format!("the active box held {held:?}"))
            .expect(left.is_empty(), format!("the dead box held {left:?}"));
        problems.extend(round.problems);
    }
    let removed = median(removed.into_iter());
    let ms = removed.as_secs_f64() * 1000.0;
    Ok(Verdict { problems, ..Verdict::of_rounds(&rounds) }
        .gap_at_most(pair.settings.skew(B) + MARGIN)
        .expect(removed <= BOUND, format!("the address was gone after {ms:.1} ms"))
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
