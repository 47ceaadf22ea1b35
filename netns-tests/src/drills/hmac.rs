//! Two boxes that sign what they say: failover, a change of keys, and a wrong key.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use super::failover;
use crate::failure::{Failure, OrFail, Result};
use crate::lab::ROUTERS;
use crate::pair::{A, B, Pair};
use crate::router::settings::{ADVERT_INTERVAL, Settings};
use crate::verdict::Verdict;

const KEYS: [&str; 3] = ["/run/lab/1.key", "/run/lab/2.key", "/run/lab/3.key"];

const OLD: &str = "transport = \"unicast\"\n\
                   auth_hmac = { key = [{ id = 1, file = \"/run/lab/1.key\" }] }\n";

/// The steps of a change of keys, on both boxes after each other.
const STEPS: [&str; 3] = [
    "transport = \"unicast\"\nauth_hmac = { key = [\
     { id = 1, file = \"/run/lab/1.key\" }, { id = 2, file = \"/run/lab/2.key\" }] }\n",
    "transport = \"unicast\"\nauth_hmac = { key = [\
     { id = 2, file = \"/run/lab/2.key\" }, { id = 1, file = \"/run/lab/1.key\" }] }\n",
    "transport = \"unicast\"\nauth_hmac = { key = [{ id = 2, file = \"/run/lab/2.key\" }] }\n",
];

/// Another key under the number of the right one.
const WRONG: &str = "transport = \"unicast\"\n\
                     auth_hmac = { key = [{ id = 2, file = \"/run/lab/3.key\" }] }\n";

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    for (path, digit) in KEYS.iter().zip(["1", "2", "3"]) {
        std::fs::write(path, digit.repeat(32)).or_fail("cannot write a key")?;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path, mode).or_fail("cannot protect a key")?;
    }
    let settings = Settings { router_extra: OLD, ..Settings::default() };
    let mut pair = Pair::start(&binary, settings).await?;
    let killed = failover::kill(&mut pair, A).await?;
    let returned = failover::bring_back(&mut pair, A).await?;
    let from = pair.now();
    for step in STEPS {
        for number in [A, B] {
            reload(&pair, number, step).await?;
            pair.settled(B).await?;
        }
    }
    let (measurement, _) = pair.observe(from).await;
    let changed = Verdict::of(measurement)
        .gap_at_most(ADVERT_INTERVAL)
        .both_held_at_most(Duration::ZERO)
        .nothing_lost();
    reload(&pair, A, WRONG).await?;
    let refused = format!("refuses what {} advertises: its HMAC is wrong", ROUTERS[B].1);
    let named = pair
        .wait_for(A, "the wrong key is named", |status| {
            status.problems.iter().find(|problem| problem.contains(&refused)).cloned()
        })
        .await?;
    Ok(killed.and("its return", &returned).and("the change of keys", &changed).remark(named))
}

async fn reload(pair: &Pair, number: usize, lines: &'static str) -> Result<()> {
    let settings = Settings { router_extra: lines, ..pair.settings.clone() };
    std::fs::write(pair.config(), settings.to_toml()).or_fail("cannot write the config")?;
    let answer = pair.boxes[number].reload().await?;
    let refused = || Failure::new(format!("not reloaded: {}", answer.errors));
    (answer.code == Some(0)).then_some(()).ok_or_else(refused)
}
