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
use crate::verdict::{Verdict, median, whole_ms};

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
    let frames = Frames::listen(&contest.lab.observer, &contest.lab.client.node).await?;
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

/// How long their work is watched, and how often: other work on this machine makes ours dearer.
const WORK: Duration = Duration::from_secs(4);
const WINDOWS: usize = 5;

/// What the supervisor may need of a core for them.
const CPU_MAX_PERCENT: f64 = 1.0;

/// What keepalived needs for the same where that bound was set. Where it needs more, because others share the processor
/// and its caches, everybody does: in runs with 1.05 and 2.09 % we needed 0.86 of that both times.
const KEEPALIVED_PERCENT: f64 = 1.05;

/// The drill: 16 virtual routers with adverts every 100 ms cost the active box little, and no more than they cost
/// keepalived. The kernel charges the sender for what receivers in the same lab get.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn routers(binary: PathBuf) -> Result<Verdict> {
    let (haagent, ours) = at_work(&binary, Contender::Haagent).await?;
    let (keepalived, theirs) = at_work(&binary, Contender::Keepalived).await?;
    // In the same windows: what else happens on this machine makes the work of both dearer.
    let (mut costs, mut their_costs) = (Vec::new(), Vec::new());
    for _ in 0..WINDOWS {
        let before = (cpu_time(ours)?, cpu_time(theirs)?);
        sleep(WORK).await;
        costs.push(cpu_time(ours)?.saturating_sub(before.0));
        their_costs.push(cpu_time(theirs)?.saturating_sub(before.1));
    }
    drop((haagent, keepalived));
    let (ours, theirs) = (median(costs.into_iter()), median(their_costs.into_iter()));
    let percent = |cpu: Duration| cpu.as_secs_f64() * 100.0 / WORK.as_secs_f64();
    let (ours, theirs) = (percent(ours), percent(theirs));
    let slowness = (theirs / KEEPALIVED_PERCENT).max(1.0);
    let most = (CPU_MAX_PERCENT * slowness).min(theirs);
    Ok(Verdict::default()
        .expect(ours <= most, format!("we need {ours:.2} % of a core, more than {most:.2} %"))
        .remark(format!(
            "16 virtual routers need {ours:.2} % of a core, those of keepalived {theirs:.2} %"
        )))
}

/// A pair that does nothing but advertise, and the process on the active box that does.
async fn at_work(binary: &Path, contender: Contender) -> Result<(Contest, i32)> {
    let interval = Settings::default().advert_interval();
    let settings = Settings { more_routers: vec![interval; MORE_ROUTERS], ..Settings::default() };
    let contest = Contest::start(binary, contender, settings).await?;
    let active = contest.settled().await?;
    let elector = contest.boxes[active].processes(&[Part::Elector]).await?;
    let elector = elector.first().map_or(0, |process| process.as_raw());
    Ok((contest, elector))
}

/// The time that all threads of a process have had a processor, in user space and in the kernel. `/proc/PID/stat` has
/// the same in ticks of 10 ms, a quarter of a percent of a window.
///
/// # Errors
/// When there is no such process.
pub fn cpu_time(process: i32) -> Result<Duration> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task"));
    let tasks = tasks.or_fail(format!("cannot look at process {process}"))?;
    let mut sum = Duration::ZERO;
    for task in tasks {
        let path = task.or_fail("cannot list threads")?.path().join("schedstat");
        let text = std::fs::read_to_string(&path);
        let text = text.or_fail(format!("cannot read `{}`", path.display()))?;
        let nanos = text.split_whitespace().next().unwrap_or_default().parse();
        sum += Duration::from_nanos(nanos.or_fail(format!("`{}` has no time", path.display()))?);
    }
    Ok(sum)
}
