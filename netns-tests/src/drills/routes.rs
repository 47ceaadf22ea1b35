//! Static routes go where the addresses go, and routes of others stay where they are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::clock::Moment;
use crate::failure::{Failure, Result, eventually};
use crate::lab::Family;
use crate::pair::{A, B, Pair, SETTLE_DEADLINE};
use crate::program::IP;
use crate::router::process::send;
use crate::router::settings::{LEASE, MARGIN, Settings};
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// What a family's routes look like: in the config, as `ip` shows them, and one of somebody else.
struct Case {
    family: Family,
    config: &'static str,
    /// In the main table, and in another one.
    shown: [&'static str; 2],
    foreign: &'static str,
}

const CASES: [Case; 2] = [
    Case {
        family: Family::Ipv4,
        config: "routes = [{ to = \"198.51.100.0/24\", via = \"192.168.8.11\" }, \
                 { to = \"0.0.0.0/0\", via = \"192.168.8.11\", table = 100, metric = 7 }]",
        shown: ["198.51.100.0/24 via 192.168.8.11", "default via 192.168.8.11"],
        foreign: "203.0.113.0/24",
    },
    Case {
        family: Family::Ipv6,
        config: "routes = [{ to = \"2001:db8:77::/48\", via = \"fe80::99\" }, \
                 { to = \"::/0\", via = \"fe80::99\", table = 100, metric = 7 }]",
        shown: ["2001:db8:77::/48 via fe80::99", "default via fe80::99"],
        foreign: "2001:db8:88::/48",
    },
];

/// How often routes are renewed when adverts are faster than one second. One that is lost right after another is added
/// again then.
const RENEWAL: Duration = Duration::from_millis(250);

/// `rtm_protocol` of our routes.
const OURS: &str = "112";

/// The drill, in both families.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    with(binary, &Settings::default()).await
}

/// The same with a virtual MAC: routes stay on the interface, and may have a source on the device above it.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn virtual_mac(binary: PathBuf) -> Result<Verdict> {
    with(binary, &Settings { virtual_mac: true, ..Settings::default() }).await
}

async fn with(binary: PathBuf, settings: &Settings) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    for case in &CASES {
        let settings =
            Settings { family: case.family, router_extra: case.config, ..settings.clone() };
        let one = follow(&binary, case, settings).await?;
        verdict.measurement = one.measurement;
        verdict.problems.extend(one.problems);
        verdict.remarks.extend(one.remarks);
    }
    Ok(verdict)
}

async fn follow(binary: &Path, case: &Case, settings: Settings) -> Result<Verdict> {
    let mut pair = Pair::idle(binary, settings).await?;
    // Left by a crash, and by somebody else in the place of nothing of ours.
    let stale = case.shown[0].split(' ').next().unwrap_or_default();
    ip(&pair, A, case, &["route", "add", stale, "dev", "eth0", "proto", OURS]).await?;
    ip(&pair, A, case, &["route", "add", case.foreign, "dev", "eth0"]).await?;
    pair.boxes[A].start().await?;
    pair.wait_for_state(A, RouterState::Active).await?;
    pair.boxes[B].start().await?;
    pair.settled(A).await?;
    pair.fresh_clients().await?;
    let on_the_active_box = ours(&pair, A, case).await?;
    let on_the_backup = ours(&pair, B, case).await?;

    let back = [delete(&pair, case, 0).await?, delete(&pair, case, 1).await?];
    let from = pair.now();
    pair.boxes[A].kill()?;
    pair.wait_for_state(B, RouterState::Active).await?;
    let after_the_guard = none_there(&pair, A, case).await;
    let moved = all_there(&pair, B, case).await;
    pair.answered().await?;
    let (measurement, _) = pair.observe(from).await;

    pair.boxes[A].start().await?;
    pair.settled(B).await?;
    let usable = crash(&mut pair, case).await?;
    pair.boxes[B].start().await?;
    pair.settled(A).await?;
    let after_the_sweep = ours(&pair, B, case).await?;
    pair.boxes[A].signal(Signal::SIGTERM)?;
    pair.boxes[A].ended(SETTLE_DEADLINE).await?;
    let after_the_stop = ours(&pair, A, case).await?;
    let foreign = ip(&pair, A, case, &["route", "show", case.foreign]).await?;
    let millis = back.map(|time| format!("{:.1} ms", time.as_secs_f64() * 1000.0));
    Ok(Verdict::of(measurement)
        .expect(is_whole(&on_the_active_box, case), format!("box A has {on_the_active_box:?}"))
        .expect(on_the_backup.is_empty(), format!("the backup has {on_the_backup:?}"))
        .expect(back[0] <= MARGIN, format!("back after {millis:?}"))
        .expect(back[1] <= RENEWAL + MARGIN, format!("back after {millis:?}"))
        .expect(after_the_guard.is_ok(), format!("the guard left some: {after_the_guard:?}"))
        .expect(moved.is_ok(), format!("box B has not taken the routes: {moved:?}"))
        .expect(!usable, "the main table's route outlived its lease")
        .expect(after_the_sweep.is_empty(), format!("the start left {after_the_sweep:?}"))
        .expect(after_the_stop.is_empty(), format!("the stop left {after_the_stop:?}"))
        .expect(!foreign.is_empty(), "the route of somebody else is gone")
        .remark(format!("back after {}", millis.join(" and "))))
}

/// Kills all of box B, and tells whether the route of the main table is used when the leases are over.
async fn crash(pair: &mut Pair, case: &Case) -> Result<bool> {
    let guard = pair.status(B).await?.guard.pid;
    let guard = Pid::from_raw(guard.ok_or_else(|| Failure::new("there is no guard"))?);
    send(guard, Signal::SIGKILL)?;
    pair.boxes[B].kill()?;
    pair.wait_for_state(A, RouterState::Active).await?;
    let address = case.shown[0].split('/').next().unwrap_or_default();
    let ended = eventually("the end of the route", SETTLE_DEADLINE, || async {
        let used = ip(pair, B, case, &["route", "get", address]).await.unwrap_or_default();
        let gateway = case.shown[0].rsplit(' ').next().unwrap_or_default();
        if used.contains(gateway) { Err(Failure::new(used)) } else { Ok(()) }
    });
    Ok(ended.await.is_err())
}

/// Deletes one of the routes from box A; returns how long it was gone.
async fn delete(pair: &Pair, case: &Case, which: usize) -> Result<Duration> {
    let mut arguments = vec!["route", "del"];
    arguments.extend(case.shown[which].split(' '));
    arguments.extend(["table", if which == 0 { "main" } else { "100" }]);
    let from: Moment = pair.now();
    ip(pair, A, case, &arguments).await?;
    all_there(pair, A, case).await?;
    Ok(pair.now() - from)
}

async fn all_there(pair: &Pair, number: usize, case: &Case) -> Result<()> {
    eventually("the routes are there", SETTLE_DEADLINE, || async {
        let ours = ours(pair, number, case).await?;
        if is_whole(&ours, case) { Ok(()) } else { Err(Failure::new(format!("{ours:?}"))) }
    })
    .await
}

/// Waits until ours are gone, for less than they would last.
async fn none_there(pair: &Pair, number: usize, case: &Case) -> Result<()> {
    eventually("the routes are gone", LEASE / 4, || async {
        let ours = ours(pair, number, case).await?;
        if ours.is_empty() { Ok(()) } else { Err(Failure::new(format!("{ours:?}"))) }
    })
    .await
}

fn is_whole(routes: &[String], case: &Case) -> bool {
    routes.len() == 2 && case.shown.iter().all(|it| routes.iter().any(|r| r.starts_with(it)))
}

/// The routes with our tag, of all tables.
async fn ours(pair: &Pair, number: usize, case: &Case) -> Result<Vec<String>> {
    let shown = ip(pair, number, case, &["route", "show", "table", "all", "proto", OURS]).await?;
    Ok(shown.lines().map(|line| line.trim().to_owned()).collect())
}

async fn ip(pair: &Pair, number: usize, case: &Case, arguments: &[&str]) -> Result<String> {
    let program = IP.find().ok_or_else(|| Failure::new("there is no `ip`"))?;
    let mut command = Command::new(program);
    command.arg(if case.family == Family::Ipv6 { "-6" } else { "-4" }).args(arguments);
    let answer = pair.boxes[number].finish(command).await?;
    match answer.code {
        Some(0) => Ok(answer.output),
        _ => Err(Failure::new(format!("ip {}: {}", arguments.join(" "), answer.errors.trim()))),
    }
}
