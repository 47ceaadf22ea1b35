//! Many addresses in one virtual router, and many virtual routers on one box.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

use crate::clock::Moment;
use crate::comparison::{Comparison, Numbers};
use crate::contest::Contest;
use crate::failure::{Failure, OrFail, Result, eventually};
use crate::lab::frames::Frames;
use crate::router::contender::{Contender, Part};
use crate::router::settings::Settings;
use crate::verdict::{Verdict, whole_ms};

/// Addresses beside the one that clients use.
const MORE_ADDRESSES: u8 = 199;

/// What the supervisor may need of memory with all of them.
const RSS_MAX_KIB: u64 = 20 << 10;

/// How long the other box may take to have announced all of them.
const ANNOUNCED: Duration = Duration::from_secs(10);

/// The drill: the link of a box with 200 addresses is lost.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn addresses(binary: PathBuf) -> Result<Verdict> {
    let ours = lose_many(&binary, Contender::Haagent).await?;
    let theirs = lose_many(&binary, Contender::Keepalived).await?;
    let interval = Settings::default().advert_interval();
    let line =
        Comparison::new("link loss, 200 addresses", interval, &[ours.numbers], &[theirs.numbers]);
    let announced = [ours.announced, theirs.announced].map(whole_ms);
    let verdict = Verdict { comparisons: vec![line], ..Verdict::default() };
    let rss = ours.rss_kib;
    Ok(verdict
        .expect(rss <= RSS_MAX_KIB, format!("the supervisor needs {rss} KiB of memory"))
        .expect(
            announced[0] <= announced[1],
            format!("all addresses were announced after {} ms only", announced[0]),
        )
        .remark(format!(
            "the last address announced after {} ms, keepalived {} ms; memory {rss} KiB, \
             keepalived {} KiB",
            announced[0], announced[1], theirs.rss_kib
        )))
}

struct Crowd {
    numbers: Numbers,
    /// When every address had been announced.
    announced: Duration,
    rss_kib: u64,
}

async fn lose_many(binary: &Path, contender: Contender) -> Result<Crowd> {
    let settings = Settings { more_addresses: MORE_ADDRESSES, ..Settings::default() };
    let contest = Contest::start(binary, contender, settings).await?;
    let frames = Frames::listen(contest.lab.clock, &contest.lab.client.node).await?;
    let active = contest.settled().await?;
    let elector = contest.boxes[active].processes(&[Part::Elector]).await?;
    let rss_kib = fact(elector.first().map_or(0, |process| process.as_raw()), "VmRSS")?;
    let from = contest.now();
    contest.boxes[active].machine().link.cut().await?;
    contest.taken_over(from, active).await;
    let announced = eventually("every address is announced", ANNOUNCED, || async {
        let announced = announcements(&frames, from);
        let all = announced.len() > usize::from(MORE_ADDRESSES);
        let last = announced.values().max().filter(|_| all);
        last.copied().ok_or_else(|| Failure::new(format!("{} are", announced.len())))
    })
    .await?;
    contest.answered().await?;
    let numbers = contest.numbers(from, active, 1);
    Ok(Crowd { numbers, announced: announced - from, rss_kib })
}

/// When each address was announced first.
fn announcements(frames: &Frames, from: Moment) -> BTreeMap<std::net::IpAddr, Moment> {
    let mut first = BTreeMap::new();
    for frame in frames.since(from) {
        if let Some(address) = frame.announced() {
            first.entry(address).or_insert(frame.at);
        }
    }
    first
}

/// A number in `/proc/PID/status`.
fn fact(process: i32, name: &str) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status"));
    let text = text.or_fail(format!("cannot look at process {process}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.unwrap_or_default().parse().or_fail(format!("process {process} has no `{name}`"))
}

/// Virtual routers beside the one that clients use.
const MORE_ROUTERS: usize = 15;

/// How long their work is watched.
const WORK: Duration = Duration::from_secs(10);

/// The drill: 16 virtual routers with adverts every 100 ms cost the active box no more than they cost keepalived. The
/// kernel charges the sender for what receivers in the same lab get, so the percentage is that of this machine only.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn routers(binary: PathBuf) -> Result<Verdict> {
    let ours = work(&binary, Contender::Haagent).await?;
    let theirs = work(&binary, Contender::Keepalived).await?;
    let percent = |cpu: Duration| cpu.as_secs_f64() * 100.0 / WORK.as_secs_f64();
    let (ours, theirs) = (percent(ours), percent(theirs));
    Ok(Verdict::default()
        .expect(ours <= theirs, format!("we need {ours:.1} % of a core, keepalived {theirs:.1} %"))
        .remark(format!(
            "16 virtual routers need {ours:.1} % of a core, those of keepalived {theirs:.1} %"
        )))
}

async fn work(binary: &Path, contender: Contender) -> Result<Duration> {
    let interval = Settings::default().advert_interval();
    let settings = Settings { more_routers: vec![interval; MORE_ROUTERS], ..Settings::default() };
    let contest = Contest::start(binary, contender, settings).await?;
    let active = contest.settled().await?;
    let elector = contest.boxes[active].processes(&[Part::Elector]).await?;
    let elector = elector.first().map_or(0, |process| process.as_raw());
    let before = cpu_time(elector)?;
    sleep(WORK).await;
    Ok(cpu_time(elector)?.saturating_sub(before))
}

/// A clock tick of `/proc` (USER_HZ), which is the same on every machine that we know.
const TICK: Duration = Duration::from_millis(10);

/// The time that a process has had a processor, in user space and in the kernel.
///
/// # Errors
/// When there is no such process.
pub fn cpu_time(process: i32) -> Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"));
    let text = text.or_fail(format!("cannot look at process {process}"))?;
    // The name is in parentheses and may itself contain any character; the state follows it.
    let fields = text.rsplit_once(") ").map_or("", |(_, fields)| fields).split_whitespace();
    let ticks = fields.skip(11).take(2).map(str::parse::<u32>);
    let ticks = ticks.sum::<std::result::Result<u32, _>>();
    Ok(TICK * ticks.or_fail(format!("process {process} has no times"))?)
}
