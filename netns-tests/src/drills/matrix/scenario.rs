//! The stories: who of two boxes holds the address, and why.

use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use nix::sys::signal::Signal;
use tokio::time::sleep;

use super::duel::Duel;
use crate::failure::{Failure, Result, eventually};
use crate::lab::Family;
use crate::lab::holders::Holding;
use crate::pair::{A, B, SETTLE_DEADLINE};
use crate::router::settings::{Checksum, Protocol, Settings};
use crate::router::status::{RouterState, Status};

/// A story.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// The number of our box.
    ours: usize,
    /// By the number of the box.
    priorities: [u8; 2],
    /// How many times longer than usual our interval and keepalived's are.
    slowness: [u32; 2],
    tell: Tell,
}

type Tell = for<'a> fn(&'a mut Duel, &'a Settings) -> LocalBoxFuture<'a, Result<Vec<String>>>;

/// The stories of every dialect.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("we are stronger", A, [150, 100], |duel, settings| {
        stronger(duel, settings).boxed_local()
    }),
    Scenario::new("we are weaker", A, [100, 150], |duel, settings| {
        weaker(duel, settings).boxed_local()
    }),
    Scenario::new("equal, our address is lower", A, [100, 100], |duel, _| {
        equal(duel, B).boxed_local()
    }),
    Scenario::new("equal, our address is higher", B, [100, 100], |duel, _| {
        equal(duel, B).boxed_local()
    }),
];

/// Those of dialects in which a backup learns the interval of the active router.
pub(super) const LEARNING: &[Scenario] = &[
    Scenario {
        slowness: [1, SLOW],
        ..Scenario::new("we learn a longer interval", A, [100, 150], |duel, settings| {
            learn(duel, settings).boxed_local()
        })
    },
    Scenario {
        slowness: [SLOW, 1],
        ..Scenario::new("keepalived learns a longer interval", A, [150, 100], |duel, settings| {
            teach(duel, settings).boxed_local()
        })
    },
];

/// A backup that comes by hears the active router in time, but one that learned nothing would act far too early.
const SLOW: u32 = 3;

impl Scenario {
    /// Both advertise as often as usual.
    const fn new(name: &'static str, ours: usize, priorities: [u8; 2], tell: Tell) -> Self {
        Self { name, ours, priorities, slowness: [1, 1], tell }
    }

    /// Tells the story in a lab of its own; returns what was wrong in it.
    pub(super) async fn tell(&self, binary: &Path, settings: &Settings) -> Result<Vec<String>> {
        let with = |slowness| Settings {
            priorities: self.priorities,
            preempt: "immediate",
            interval: settings.interval * slowness,
            ..settings.clone()
        };
        let [mut ours, theirs] = self.slowness.map(with);
        if self.priorities[A] == self.priorities[B] {
            // Our file does not allow it among our own.
            ours.priorities[1 - self.ours] -= 1;
        }
        let mut duel = Duel::start(binary, self.ours, &ours, &theirs).await?;
        let mut problems = (self.tell)(&mut duel, &ours).await?;
        problems.extend(duel.inspect().await?);
        Ok(problems)
    }
}

/// We preempt, let go by priority 0, come back, and win again when a partition ends.
async fn stronger(duel: &mut Duel, settings: &Settings) -> Result<Vec<String>> {
    duel.haagent.start().await?;
    duel.held_by(A).await?;
    let from = duel.now();
    duel.haagent.signal(Signal::SIGTERM)?;
    duel.haagent.ended(SETTLE_DEADLINE).await?;
    duel.held_by(B).await?;
    let problems = took_only(duel, from, A, settings);
    duel.haagent.start().await?;
    duel.held_by(A).await?;
    part_and_heal(duel, A).await?;
    Ok(problems)
}

/// We wait, take over after priority 0, give back, and yield again when a partition ends.
async fn weaker(duel: &mut Duel, settings: &Settings) -> Result<Vec<String>> {
    duel.haagent.start().await?;
    let form = backup(duel).await?;
    let from = duel.now();
    duel.keepalived.stop().await?;
    duel.held_by(A).await?;
    let mut problems = took_only(duel, from, B, settings);
    duel.keepalived.start().await?;
    duel.held_by(B).await?;
    part_and_heal(duel, B).await?;
    let expected = match (settings.protocol, settings.checksum) {
        (Protocol::V2 { .. }, _) => "rfc3768",
        (Protocol::V3, Checksum::Auto | Checksum::Rfc5798) => "rfc5798",
    };
    if settings.family == Family::Ipv4 && form != expected {
        problems.push(format!("keepalived's checksum is taken for that of `{form}`"));
    }
    Ok(problems)
}

/// When a partition ends, `winner` has the higher address. It may have won already, if the other one was late.
async fn equal(duel: &mut Duel, winner: usize) -> Result<Vec<String>> {
    duel.haagent.start().await?;
    hears(duel, &[RouterState::Backup, RouterState::Active]).await?;
    let problems = told(duel, "has priority").await?;
    part_and_heal(duel, winner).await?;
    Ok(problems)
}

/// keepalived advertises more rarely than we would.
async fn learn(duel: &mut Duel, settings: &Settings) -> Result<Vec<String>> {
    duel.haagent.start().await?;
    backup(duel).await?;
    let mut problems = told(duel, "advertises every").await?;
    let interval = settings.interval * SLOW;
    problems.extend(silence_is_borne(duel, interval, A, settings.skew(A) * SLOW).await?);
    Ok(problems)
}

/// We advertise more rarely than keepalived would.
async fn teach(duel: &mut Duel, settings: &Settings) -> Result<Vec<String>> {
    duel.haagent.start().await?;
    duel.held_by(A).await?;
    silence_is_borne(duel, settings.interval, B, settings.skew(B)).await
}

/// What differs from keepalived, which was just heard, is among the problems that our status tells.
async fn told(duel: &Duel, what: &str) -> Result<Vec<String>> {
    let told = duel.haagent.status().await?.problems;
    let is_told = told.iter().any(|problem| problem.contains(what) && problem.contains("hint: "));
    Ok(if is_told { Vec::new() } else { vec![format!("`{what}` is not told: {told:?}")] })
}

/// Several advertisements of the active router.
const WATCHED_INTERVALS: u32 = 4;

/// The backup waits as long as the active router's `interval` demands, and then takes over.
async fn silence_is_borne(
    duel: &Duel,
    interval: Duration,
    backup: usize,
    skew: Duration,
) -> Result<Vec<String>> {
    let from = duel.now();
    sleep(interval * WATCHED_INTERVALS).await;
    let mut problems = Vec::new();
    if duel.got_it(from, backup) {
        problems.push("the backup did not learn the interval".to_owned());
    }
    let cut = duel.now();
    duel.link(1 - backup).block().await?;
    duel.held_by_both().await?;
    let waited = duel.lab.holders.first(cut, backup, Holding::Held);
    let waited = waited.map_or(Duration::ZERO, |at| at - cut);
    // The last advertisement came up to an interval before the cut; keepalived may be late.
    if waited < interval * 2 || waited > interval * 4 + skew {
        problems.push(format!("the backup waited for {} ms", waited.as_millis()));
    }
    Ok(problems)
}

/// Waits until we are a backup; returns the form of keepalived's checksum.
async fn backup(duel: &Duel) -> Result<String> {
    hears(duel, &[RouterState::Backup]).await
}

/// Waits until we are in one of these states and heard keepalived; returns the form of its checksum.
async fn hears(duel: &Duel, states: &[RouterState]) -> Result<String> {
    let form = |status: &Status| {
        let ready = status.guard.pid.is_some()
            && ["standby", "serving"].contains(&status.worker.state.as_str())
            && status.state().is_some_and(|state| states.contains(&state));
        let peer = status.virtual_routers.first()?.peer.as_ref()?;
        ready.then(|| peer.checksum.clone())
    };
    eventually("we hear keepalived", SETTLE_DEADLINE, || async {
        let status = duel.haagent.status().await?;
        form(&status).ok_or_else(|| Failure::new(format!("we are {:?}", status.state())))
    })
    .await
}

/// After priority 0 the other box waits for its skew time only; in silence it would wait for three intervals more, of
/// which one may have passed already.
fn took_only(duel: &Duel, from: Duration, giver: usize, settings: &Settings) -> Vec<String> {
    let silence = settings.active_down(1 - giver) - settings.advert_interval();
    match duel.handover(from, giver) {
        Some(took) if took < silence => Vec::new(),
        Some(took) => vec![format!("{} ms until the address was back", took.as_millis())],
        None => vec!["the address was not handed over".to_owned()],
    }
}

/// Cut off from each other both hold the address; afterwards `winner` does.
async fn part_and_heal(duel: &Duel, winner: usize) -> Result<()> {
    duel.link(A).block().await?;
    duel.held_by_both().await?;
    duel.link(A).unblock().await?;
    duel.held_by(winner).await
}
