//! Two boxes that sign what they say: failover, a change of keys, a wrong key, and a clock that is behind.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::failover;
use super::unicast::UNICAST;
use crate::failure::{Failure, OrFail, Result};
use crate::lab::ROUTERS;
use crate::pair::{A, B, Pair};
use crate::router::settings::{ADVERT_INTERVAL, Settings};
use crate::router::status::RouterState;
use crate::traffic::window::Window;
use crate::verdict::{Measurement, Verdict};

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

/// Another key under the number of the new one, and of the old one.
const WRONG: &str = "transport = \"unicast\"\n\
                     auth_hmac = { key = [{ id = 2, file = \"/run/lab/3.key\" }] }\n";
const WRONG_OLD: &str = "transport = \"unicast\"\n\
                         auth_hmac = { key = [{ id = 1, file = \"/run/lab/3.key\" }] }\n";

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    write_keys()?;
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
    let changed = unnoticed(measurement);
    reload(&pair, A, WRONG).await?;
    let named = refused(&pair, A).await?;
    Ok(killed.and("its return", &returned).and("the change of keys", &changed).remark(named))
}

/// How signing is introduced where nobody signs, step by step on both boxes.
const MODES: [&str; 3] = [
    "transport = \"unicast\"\nauth_hmac = { mode = \"receive-only\", \
     key = [{ id = 1, file = \"/run/lab/1.key\" }] }\n",
    "transport = \"unicast\"\nauth_hmac = { mode = \"permissive\", \
     key = [{ id = 1, file = \"/run/lab/1.key\" }] }\n",
    OLD,
];

/// The drill: nobody notices that signing is introduced; halfway, who signs and who does not stand in for each other. Of
/// two boxes with different keys each takes the address, says whom it refuses, and lets go once they agree.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn mixed(binary: PathBuf) -> Result<Verdict> {
    write_keys()?;
    let settings = Settings { router_extra: UNICAST, ..Settings::default() };
    let mut pair = Pair::start(&binary, settings).await?;
    let from = pair.now();
    let [receive_only, permissive, enforce] = MODES;
    for (number, mode) in [(B, receive_only), (A, receive_only), (A, permissive)] {
        reload(&pair, number, mode).await?;
        pair.settled(A).await?;
    }
    let (measurement, _) = pair.observe(from).await;
    let halfway = unnoticed(measurement);
    let killed = failover::kill(&mut pair, A).await?;
    let returned = failover::bring_back(&mut pair, A).await?;
    let unsigned = pair.wait_for(A, "box A counts what is not signed", |status| {
        let counters = status.virtual_routers.first()?.counters;
        (counters.hmac_unsigned > 0).then_some(())
    });
    unsigned.await?;
    let from = pair.now();
    for (number, mode) in [(B, permissive), (A, enforce), (B, enforce)] {
        reload(&pair, number, mode).await?;
        pair.settled(B).await?;
    }
    let (measurement, _) = pair.observe(from).await;
    let introduced = unnoticed(measurement);

    reload(&pair, A, WRONG_OLD).await?;
    let named = [refused(&pair, A).await?, refused(&pair, B).await?];
    pair.wait_for_state(A, RouterState::Active).await?;
    pair.wait_for_state(B, RouterState::Active).await?;
    let agreed = pair.now();
    reload(&pair, A, enforce).await?;
    // Both still tell of what they refused.
    pair.wait_for_state(B, RouterState::Backup).await?;
    pair.wait_for_state(A, RouterState::Active).await?;
    let (healed, _) = pair.seen_within(Window { from: agreed, to: pair.now() });
    Ok(killed
        .and("its return", &returned)
        .and("on the way", &halfway)
        .and("signing", &introduced)
        .and("one key again", &Verdict::of(healed).both_held_at_most(RELOAD))
        .remark(named.join("; "))
        .remark(format!("both held it for {} ms after the key was right", healed.both_held_ms)))
}

/// How far a box was ahead of its clock.
const AHEAD: Duration = Duration::from_secs(3600);

/// The drill: a box that has signed with a clock that was ahead goes on from there, whatever kills it, and its peer takes
/// what it says. Without its state it is refused.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn clock_behind(binary: PathBuf) -> Result<Verdict> {
    write_keys()?;
    let settings = Settings { router_extra: OLD, preempt: "immediate", ..Settings::default() };
    let mut pair = Pair::start(&binary, settings).await?;
    let state = pair.boxes[A].state_dir().join("sequences.json");
    failover::kill(&mut pair, A).await?;
    std::fs::write(&state, reserved()).or_fail("cannot write the state")?;
    pair.boxes[A].start().await?;
    pair.settled(A).await?;
    let killed = failover::kill(&mut pair, A).await?;
    let from = pair.now();
    pair.boxes[A].start().await?;
    pair.settled(A).await?;
    let (measurement, _) = pair.observe(from).await;
    let returned = Verdict::of(measurement).both_held_at_most(Duration::ZERO);
    let status = pair.status(B).await?;
    let replays = status.virtual_routers.first().map(|router| router.counters.hmac_replays);

    failover::kill(&mut pair, A).await?;
    std::fs::remove_file(&state).or_fail("cannot remove the state")?;
    pair.boxes[A].start().await?;
    let (_, other) = ROUTERS[A];
    let refused = format!("refuses what {other} advertises: its HMAC is an old one");
    let forgotten = pair.wait_for(B, "box B refuses what is old", |status| {
        status.problems.iter().any(|problem| problem.contains(&refused)).then_some(())
    });
    forgotten.await?;
    Ok(killed
        .and("its return", &returned)
        .expect(replays == Some(0), format!("refused as old: {replays:?}")))
}

/// The state of a box that reserved sequences when its clock was ahead, before the last boot.
#[expect(clippy::disallowed_methods, reason = "sequences follow the time of day")]
fn reserved() -> String {
    let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let until = (today + AHEAD).as_secs() << 32;
    format!(r#"{{"reserved_until":{until},"at":{{"boot_id":"another","uptime_ms":0}}}}"#)
}

/// How long a reload may take, and the next advertisement.
const RELOAD: Duration = Duration::from_millis(300);

fn unnoticed(measurement: Measurement) -> Verdict {
    Verdict::of(measurement)
        .gap_at_most(ADVERT_INTERVAL)
        .both_held_at_most(Duration::ZERO)
        .nothing_lost()
}

fn write_keys() -> Result<()> {
    for (path, digit) in KEYS.iter().zip(["1", "2", "3"]) {
        std::fs::write(path, digit.repeat(32)).or_fail("cannot write a key")?;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path, mode).or_fail("cannot protect a key")?;
    }
    Ok(())
}

/// Waits until a box says that the other one's key is wrong; returns the problem as it puts it.
async fn refused(pair: &Pair, number: usize) -> Result<String> {
    let (_, other) = ROUTERS[1 - number];
    let refused = format!("refuses what {other} advertises: its HMAC is wrong");
    pair.wait_for(number, "the wrong key is named", |status| {
        let problem = status.problems.iter().find(|problem| problem.contains(&refused))?;
        problem.lines().next().map(str::to_owned)
    })
    .await
}

async fn reload(pair: &Pair, number: usize, lines: &'static str) -> Result<()> {
    let settings = Settings { router_extra: lines, ..pair.settings.clone() };
    std::fs::write(pair.config(), settings.to_toml()).or_fail("cannot write the config")?;
    let answer = pair.boxes[number].reload().await?;
    let refused = || Failure::new(format!("not reloaded: {}", answer.errors));
    (answer.code == Some(0)).then_some(()).ok_or_else(refused)
}
