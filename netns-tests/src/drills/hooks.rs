//! Commands of the config run in order when the address comes and goes, and one of them can keep it away.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::privileges::others_exist;
use crate::failure::{Failure, OrFail, Result, eventually};
use crate::lab::holders::Holding;
use crate::pair::{A, B, Pair, SETTLE_DEADLINE};
use crate::router::settings::{Settings, VRID};
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// Where the hook is, what it writes, and the files that change what it does.
const DIRECTORY: &str = "/run/lab/hooks";

/// Both boxes run it; the network namespace tells which of them did.
const SCRIPT: &str = r#"#!/bin/sh
cd /run/lab/hooks || exit 1
case $HAAGENT_STATE in
before_active) [ -e veto ] && { echo vetoed; exit 1; } ;;
before_release) [ -e hang ] && sleep 60 ;;
esac
echo "$(readlink /proc/self/ns/net) $HAAGENT_STATE $HAAGENT_GENERATION $HAAGENT_ROUTER" >>log/all
"#;

const CONFIG: &str = r#"hooks = { before_active = { command = ["/run/lab/hooks/hook"] }, after_active = { command = ["/run/lab/hooks/hook"] }, before_release = [{ command = ["/run/lab/hooks/hook"], timeout = "1s" }], after_release = { command = ["/run/lab/hooks/hook"] } }"#;

/// The `timeout` of `before_release`.
const PATIENCE: Duration = Duration::from_secs(1);

/// What else a stop takes: sessions drain for 500 ms, and processes end.
const STOP: Duration = Duration::from_millis(1500);

/// Where there are no other users, commands cannot be run at all, and there is nothing to try.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    if !others_exist() {
        return Ok(Verdict::skipped("there is no user but root"));
    }
    furnish().or_fail("cannot lay out the hook")?;
    let mut pair =
        Pair::start(&binary, Settings { router_extra: CONFIG, ..Settings::default() }).await?;
    let verdict = order(&mut pair).await?;
    let verdict = veto(&mut pair, verdict).await?;
    let verdict = reload(&pair, verdict).await?;
    hang(&mut pair, verdict).await
}

fn furnish() -> std::io::Result<()> {
    let (hook, log) = (Path::new(DIRECTORY).join("hook"), Path::new(DIRECTORY).join("log"));
    fs::create_dir_all(&log)?;
    fs::write(&hook, SCRIPT)?;
    fs::set_permissions(&hook, Permissions::from_mode(0o755))?;
    // For the user that runs the hook.
    fs::set_permissions(&log, Permissions::from_mode(0o777))
}

/// Box A hands over to box B.
async fn order(pair: &mut Pair) -> Result<Verdict> {
    let (a, b) = (namespace(pair, A)?, namespace(pair, B)?);
    let from = pair.now();
    pair.boxes[A].signal(Signal::SIGTERM)?;
    pair.boxes[A].ended(SETTLE_DEADLINE).await?;
    pair.wait_for_state(B, RouterState::Active).await?;
    let all = eventually("box B has run its hooks", SETTLE_DEADLINE, || async {
        let all = ran()?;
        if stages(&all, &b).len() == 2 { Ok(all) } else { Err(Failure::new(format!("{all:?}"))) }
    })
    .await?;
    pair.answered().await?;
    let (measurement, _) = pair.observe(from).await;
    let ours = ["before_active", "after_active", "before_release", "after_release"];
    let (at_a, at_b) = (stages(&all, &a), stages(&all, &b));
    let [older, newer] = [generations(&all, &a), generations(&all, &b)];
    let grow = older.len() == 1 && newer.len() == 1 && older < newer;
    Ok(Verdict::of(measurement)
        .expect(at_a == ours, format!("box A ran {at_a:?}"))
        .expect(at_b == ours[..2], format!("box B ran {at_b:?}"))
        .expect(grow, format!("generations {older:?}, then {newer:?}")))
}

/// Box A must not take the address while its hook says no, and says why.
async fn veto(pair: &mut Pair, verdict: Verdict) -> Result<Verdict> {
    let file = Path::new(DIRECTORY).join("veto");
    pair.boxes[A].start().await?;
    pair.settled(B).await?;
    let a = namespace(pair, A)?;
    fs::write(&file, "").or_fail("cannot write a file")?;
    let from = pair.now();
    pair.boxes[B].kill()?;
    let problem = pair
        .wait_for(A, "box A says why it is no active router", |status| {
            status.problems.iter().find(|problem| problem.contains("vetoed")).cloned()
        })
        .await?;
    let held = pair.lab.holders.first(from, A, Holding::Held);
    let state = pair.status(A).await?.state();
    fs::remove_file(&file).or_fail("cannot remove a file")?;
    pair.wait_for_state(A, RouterState::Active).await?;
    // What comes next is counted from here, so nothing of this claim may be due.
    eventually("box A has run its hooks", SETTLE_DEADLINE, || async {
        let all = ran()?;
        let told = stages(&all, &a).last() == Some(&"after_active");
        if told { Ok(()) } else { Err(Failure::new(format!("{all:?}"))) }
    })
    .await?;
    Ok(verdict
        .expect(held.is_none(), "box A took the address in spite of the veto")
        .expect(state == Some(RouterState::Backup), format!("box A is {state:?}"))
        .remark(problem))
}

/// A reload that makes box A another router takes the addresses from the old one, in order.
async fn reload(pair: &Pair, verdict: Verdict) -> Result<Verdict> {
    let a = namespace(pair, A)?;
    let before = stages(&ran()?, &a).len();
    let (vrid, other) = (format!("vrid = {VRID}"), format!("vrid = {}", VRID + 1));
    let text = pair.settings.to_toml().replace(&vrid, &other);
    fs::write(pair.config(), text).or_fail("cannot write the config")?;
    let answer = pair.boxes[A].reload().await?;
    let at_a = eventually("box A has run its hooks", SETTLE_DEADLINE, || async {
        let all = ran()?;
        let new: Vec<_> = stages(&all, &a)[before..].iter().copied().map(str::to_owned).collect();
        if new.len() == 4 { Ok(new) } else { Err(Failure::new(format!("{new:?}"))) }
    })
    .await?;
    let expected = ["before_release", "after_release", "before_active", "after_active"];
    Ok(verdict
        .expect(answer.code == Some(0), format!("the reload: {}", answer.errors))
        .expect(at_a == expected, format!("after the reload box A ran {at_a:?}")))
}

/// A hook that does not end delays a stop by its timeout, and no more.
async fn hang(pair: &mut Pair, verdict: Verdict) -> Result<Verdict> {
    fs::write(Path::new(DIRECTORY).join("hang"), "").or_fail("cannot write a file")?;
    let from = pair.now();
    pair.boxes[A].signal(Signal::SIGTERM)?;
    let status = pair.boxes[A].ended(SETTLE_DEADLINE).await?;
    let took = pair.now() - from;
    let in_time = (PATIENCE..PATIENCE + STOP).contains(&took);
    Ok(verdict
        .expect(status.success(), "the stop failed")
        .expect(in_time, format!("the stop took {} ms", took.as_millis()))
        .remark(format!("a stop with a hanging hook took {} ms", took.as_millis())))
}

/// The network namespace of a box, as the hook sees it.
fn namespace(pair: &Pair, number: usize) -> Result<String> {
    let path = format!("/proc/{}/ns/net", pair.boxes[number].supervisor()?);
    let link = fs::read_link(path).or_fail("cannot look at a namespace")?;
    Ok(link.display().to_string())
}

/// What the hooks wrote: namespace, stage, generation and virtual router.
fn ran() -> Result<Vec<[String; 4]>> {
    let text = fs::read_to_string(Path::new(DIRECTORY).join("log/all"));
    let text = text.or_fail("cannot read what the hooks wrote")?;
    text.lines()
        .map(|line| {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            words.try_into().map_err(|words| Failure::new(format!("the hook wrote {words:?}")))
        })
        .collect()
}

fn stages<'a>(ran: &'a [[String; 4]], namespace: &str) -> Vec<&'a str> {
    ran.iter().filter(|line| line[0] == namespace).map(|line| line[1].as_str()).collect()
}

/// Without repetitions.
fn generations(ran: &[[String; 4]], namespace: &str) -> Vec<u64> {
    let lines = ran.iter().filter(|line| line[0] == namespace);
    let mut all: Vec<_> = lines.filter_map(|line| line[2].parse().ok()).collect();
    all.dedup();
    all
}
