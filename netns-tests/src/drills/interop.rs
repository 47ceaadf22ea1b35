//! A pair of `haagent` and keepalived: the election, and failover in both directions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::inspection::inspect;
use crate::clock::Moment;
use crate::failure::Result;
use crate::lab::Family;
use crate::lab::frames::Frames;
use crate::lab::holders::{Holding, moments_without};
use crate::pair::{A, B, Pair, SETTLE_DEADLINE};
use crate::router::keepalived::Keepalived;
use crate::router::settings::{MARGIN, Protocol, Settings, Transport};
use crate::router::status::RouterState;
use crate::verdict::{Measurement, Verdict};

/// One of each, with clients at work.
struct Mixed {
    pair: Pair,
    keepalived: Keepalived,
    frames: Frames,
    /// What we send from virtual MACs.
    virtual_frames: Frames,
}

impl Mixed {
    /// keepalived is active already; `haagent` does not run yet.
    async fn start(binary: &Path, settings: Settings) -> Result<Self> {
        let mut pair = Pair::idle(binary, settings).await?;
        let directory = pair.config().with_file_name("");
        // It takes the address back, which is its default.
        let settings = Settings { preempt: "immediate", ..pair.settings.clone() };
        let mut keepalived =
            Keepalived::new(B, &pair.lab.routers[B], &directory, &settings).await?;
        let frames = Frames::listen(&pair.lab.observer, &pair.lab.routers[B].node).await?;
        let virtual_frames =
            Frames::from_virtual_macs(&pair.lab.observer, &pair.lab.routers[A].node).await?;
        keepalived.start().await?;
        pair.answered().await?;
        pair.fresh_clients().await?;
        Ok(Self { pair, keepalived, frames, virtual_frames })
    }

    /// Waits until a box has taken the address.
    async fn holds(&self, number: usize, since: Moment) -> Result<()> {
        self.pair.lab.holders.noted(since, number, Holding::Held).await.map(|_| ())
    }

    /// Judges the medians of all rounds, and all that was said in them.
    async fn judge(&self, rounds: &[Measurement], bound: Duration) -> Result<Verdict> {
        let settings = &self.pair.settings;
        let (directory, ours) = (self.pair.config().with_file_name(""), settings.family.router(A));
        let heard = self.frames.since(Moment::ZERO);
        let mut verdict = Verdict::of_rounds(rounds).both_held_at_most(YIELD).gap_at_most(bound);
        verdict.problems.extend(inspect(&heard, &directory, settings, ours).await?);
        let (sent, changes) =
            (self.virtual_frames.since(Moment::ZERO), self.pair.lab.holders.changes());
        let moments = sent.iter().map(|frame| frame.at);
        let strays = moments_without(&changes, A, moments, YIELD);
        Ok(verdict
            .expect(
                sent.is_empty() != settings.virtual_mac,
                "the virtual MAC was not that of the config",
            )
            .expect(strays == 0, format!("a backup sent {strays} frames from the virtual MAC")))
    }
}

/// How often each drill is repeated in one lab: a round ends where it began. At adverts every second it takes long.
fn rounds(settings: &Settings) -> usize {
    if settings.advert_interval() < Duration::from_secs(1) { 5 } else { 3 }
}

/// How long a weaker box may take to let go: `haagent` waits that long before it adds what keepalived still has,
/// keepalived does not wait at all.
const YIELD: Duration = Duration::from_millis(20);

/// The drill in which `haagent` is the stronger box: it preempts, is stopped, comes back, and is
/// killed.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn stronger(binary: PathBuf, protocol: Protocol) -> Result<Verdict> {
    win_and_lose(binary, Settings { protocol, ..Settings::default() }).await
}

/// The same over IPv6.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn ipv6(binary: PathBuf) -> Result<Verdict> {
    win_and_lose(binary, Settings { family: Family::Ipv6, ..Settings::default() }).await
}

/// The same with a virtual MAC, which keepalived has as well.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn virtual_mac_stronger(binary: PathBuf, family: Family) -> Result<Verdict> {
    win_and_lose(binary, Settings { family, virtual_mac: true, ..Settings::default() }).await
}

/// The drill in which `haagent` is the weaker box, with a virtual MAC.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn virtual_mac_weaker(binary: PathBuf, family: Family) -> Result<Verdict> {
    wait_and_give_back(binary, Settings { family, virtual_mac: true, ..Settings::default() }).await
}

/// The same by unicast.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn unicast_stronger(
    binary: PathBuf,
    family: Family,
    protocol: Protocol,
) -> Result<Verdict> {
    win_and_lose(binary, by_unicast(family, Settings { protocol, ..Settings::default() })).await
}

/// The drill in which `haagent` is the weaker box, by unicast.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn unicast_weaker(binary: PathBuf) -> Result<Verdict> {
    wait_and_give_back(binary, by_unicast(Family::Ipv4, Settings::default())).await
}

fn by_unicast(family: Family, settings: Settings) -> Settings {
    Settings { family, transport: Transport::Unicast, ..settings }
}

async fn win_and_lose(binary: PathBuf, settings: Settings) -> Result<Verdict> {
    let settings = Settings { preempt: "immediate", ..settings };
    let times = rounds(&settings);
    let mut mixed = Mixed::start(&binary, settings).await?;
    let mut rounds = Vec::new();
    for _ in 0..times {
        rounds.push(win_and_lose_once(&mut mixed).await?);
    }
    let bound = mixed.pair.settings.skew(B) + MARGIN;
    mixed.judge(&rounds, bound).await
}

async fn win_and_lose_once(mixed: &mut Mixed) -> Result<Measurement> {
    let from = mixed.pair.now();
    start_and_win(mixed).await?;
    let stopped = mixed.pair.now();
    mixed.pair.boxes[A].signal(Signal::SIGTERM)?;
    mixed.pair.boxes[A].ended(SETTLE_DEADLINE).await?;
    mixed.holds(B, stopped).await?;
    start_and_win(mixed).await?;
    let killed = mixed.pair.now();
    mixed.pair.boxes[A].kill()?;
    mixed.holds(B, killed).await?;
    let (measurement, _) = mixed.pair.observe(from).await;
    Ok(measurement)
}

/// The stronger box comes and gets the address from keepalived, whose checksum it understands.
async fn start_and_win(mixed: &mut Mixed) -> Result<()> {
    let from = mixed.pair.now();
    mixed.pair.boxes[A].start().await?;
    mixed.pair.wait_for_state(A, RouterState::Active).await?;
    // An active router that preempts leaves the address to the weaker one for a while, which answers meanwhile.
    mixed.holds(A, from).await?;
    mixed.pair.answered().await
}

/// The drill in which `haagent` is the weaker box: it waits, takes over, and gives back.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn weaker(binary: PathBuf, protocol: Protocol) -> Result<Verdict> {
    wait_and_give_back(binary, Settings { protocol, ..Settings::default() }).await
}

async fn wait_and_give_back(binary: PathBuf, settings: Settings) -> Result<Verdict> {
    let protocol = settings.protocol;
    let settings = Settings { priorities: [100, 150], ..settings };
    let times = rounds(&settings);
    let mut mixed = Mixed::start(&binary, settings).await?;
    mixed.pair.boxes[A].start().await?;
    let checksum = mixed
        .pair
        .wait_for(A, "`haagent` is backup and hears keepalived", |status| {
            let backup = status.state() == Some(RouterState::Backup) && status.healthy;
            let peer = status.virtual_routers.first()?.peer.as_ref()?;
            backup.then(|| peer.checksum.clone())
        })
        .await?;
    let mut rounds = Vec::new();
    for _ in 0..times {
        rounds.push(take_over_and_give_back(&mut mixed).await?);
    }
    let bound = mixed.pair.settings.skew(A) + MARGIN;
    let verdict = mixed.judge(&rounds, bound).await?;
    let expected = matches!(protocol, Protocol::V3) || checksum == "rfc3768";
    let verdict = verdict.expect(expected, format!("the checksum is that of `{checksum}`"));
    Ok(verdict.remark(format!("keepalived's checksum is that of `{checksum}`")))
}

async fn take_over_and_give_back(mixed: &mut Mixed) -> Result<Measurement> {
    let from = mixed.pair.now();
    mixed.keepalived.stop().await?;
    mixed.pair.wait_for_state(A, RouterState::Active).await?;
    mixed.pair.answered().await?;
    let returned = mixed.pair.now();
    mixed.keepalived.start().await?;
    mixed.holds(B, returned).await?;
    mixed.pair.wait_for_state(A, RouterState::Backup).await?;
    let (measurement, _) = mixed.pair.observe(from).await;
    Ok(measurement)
}
