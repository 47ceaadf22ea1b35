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
use crate::router::settings::{Checksum, MARGIN, Protocol, Settings};
use crate::router::status::{RouterState, Status};
use crate::verdict::{Verdict, median, whole_ms};

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

type Tell = for<'a> fn(&'a mut Duel, &'a Settings) -> LocalBoxFuture<'a, Result<Verdict>>;

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

    /// Tells the story in a lab of its own.
    pub(super) async fn tell(&self, binary: &Path, settings: &Settings) -> Result<Verdict> {
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
        let mut verdict = (self.tell)(&mut duel, &ours).await?;
        verdict.problems.extend(duel.inspect().await?);
        Ok(verdict)
    }
}

/// We preempt, let go by priority 0, come back, and win again when a partition ends.
async fn stronger(duel: &mut Duel, settings: &Settings) -> Result<Verdict> {
    duel.haagent.start().await?;
    duel.held_by(A).await?;
    let mut took = Vec::new();
    for _ in 0..rounds(settings) {
        let from = duel.now();
        duel.haagent.signal(Signal::SIGTERM)?;
        duel.haagent.ended(SETTLE_DEADLINE).await?;
        duel.held_by(B).await?;
        took.push(duel.handover(from, A)?);
        duel.haagent.start().await?;
        duel.held_by(A).await?;
    }
    part_and_heal(duel, A).await?;
    Ok(handed_over(&took, settings.skew(B), KEEPALIVED_LATENESS))
}

/// We wait, take over after priority 0, give back, and yield again when a partition ends.
async fn weaker(duel: &mut Duel, settings: &Settings) -> Result<Verdict> {
    duel.haagent.start().await?;
    let mut took = Vec::new();
    let mut form = String::new();
    for _ in 0..rounds(settings) {
        form = backup(duel).await?;
        let from = duel.now();
        duel.keepalived.stop().await?;
        duel.held_by(A).await?;
        took.push(duel.handover(from, B)?);
        duel.keepalived.start().await?;
        duel.held_by(B).await?;
    }
    part_and_heal(duel, B).await?;
    let expected = match (settings.protocol, settings.checksum) {
        (Protocol::V2 { .. }, _) => "rfc3768",
        (Protocol::V3, Checksum::Auto | Checksum::Rfc5798) => "rfc5798",
    };
    Ok(handed_over(&took, settings.skew(A), LATENESS).expect(
        settings.family == Family::Ipv6 || form == expected,
        format!("keepalived's checksum is taken for that of `{form}`"),
    ))
}

/// When a partition ends, `winner` has the higher address. It may have won already, if the other one was late.
async fn equal(duel: &mut Duel, winner: usize) -> Result<Verdict> {
    duel.haagent.start().await?;
    hears(duel, &[RouterState::Backup, RouterState::Active]).await?;
    told(duel, "has priority").await?;
    part_and_heal(duel, winner).await?;
    Ok(Verdict::default())
}

/// keepalived advertises more rarely than we would.
async fn learn(duel: &mut Duel, settings: &Settings) -> Result<Verdict> {
    duel.haagent.start().await?;
    backup(duel).await?;
    told(duel, "advertises every").await?;
    silence_is_borne(duel, A, settings.active_down(A) * SLOW, LATENESS).await
}

/// We advertise more rarely than keepalived would.
async fn teach(duel: &mut Duel, settings: &Settings) -> Result<Verdict> {
    duel.haagent.start().await?;
    duel.held_by(A).await?;
    silence_is_borne(duel, B, settings.active_down(B), KEEPALIVED_LATENESS).await
}

/// What differs from keepalived, which was heard, is among the problems that our status tells.
async fn told(duel: &Duel, what: &str) -> Result<()> {
    eventually(&format!("our status tells `{what}`"), SETTLE_DEADLINE, || async {
        let told = duel.haagent.status().await?.problems;
        let is_told = |problem: &String| problem.contains(what) && problem.contains("hint: ");
        let has = told.iter().any(is_told);
        has.then_some(()).ok_or_else(|| Failure::new(format!("it tells {told:?}")))
    })
    .await
}

/// How often short times are measured, of which one may be long because the machine is busy with the other stories.
fn rounds(settings: &Settings) -> usize {
    if settings.advert_interval() < Duration::from_secs(1) { 3 } else { 1 }
}

/// How much longer than the protocol wants we may take, in the median; and how late the last advertisement is noted.
const LATENESS: Duration = Duration::from_millis(20);

/// The same for keepalived, which is often later when the machine is busy, and is not what is judged.
const KEEPALIVED_LATENESS: Duration = MARGIN;

/// After priority 0 the other box waits for its skew time.
fn handed_over(took: &[Duration], skew: Duration, lateness: Duration) -> Verdict {
    in_time("handed over", took, Duration::ZERO, skew + lateness)
}

/// Whether the median of what took so long is within these two.
fn in_time(what: &str, took: &[Duration], least: Duration, most: Duration) -> Verdict {
    let list: Vec<_> = took.iter().map(|took| whole_ms(*took).to_string()).collect();
    let text = format!("{what} after {} ms", list.join(", "));
    let median = median(took.iter().copied());
    let wanted = format!("{} to {} ms", whole_ms(least), whole_ms(most));
    Verdict::default()
        .expect(least <= median && median <= most, format!("{text} and not {wanted}"))
        .remark(text)
}

/// The backup waits for `active_down`, which follows from the active router's interval, and then takes over.
async fn silence_is_borne(
    duel: &Duel,
    backup: usize,
    active_down: Duration,
    lateness: Duration,
) -> Result<Verdict> {
    let from = duel.now();
    sleep(active_down).await;
    let learned = !duel.got_it(from, backup);
    let mut waited = Vec::new();
    for _ in 0..SILENCES {
        let heard = duel.advertisement().await?;
        duel.link(1 - backup).block().await?;
        duel.held_by_both().await?;
        let acted = duel.lab.holders.noted(heard, backup, Holding::Held).await?;
        waited.push(acted - duel.last_heard(backup, acted)?);
        duel.link(1 - backup).unblock().await?;
        duel.held_by(1 - backup).await?;
    }
    let least = active_down.saturating_sub(LATENESS);
    Ok(in_time("the backup acted", &waited, least, active_down + lateness)
        .expect(learned, "the backup did not learn the interval"))
}

/// How often a backup is left in silence.
const SILENCES: usize = 3;

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

/// Cut off from each other both hold the address; afterwards `winner` does.
async fn part_and_heal(duel: &Duel, winner: usize) -> Result<()> {
    duel.link(A).block().await?;
    duel.held_by_both().await?;
    duel.link(A).unblock().await?;
    duel.held_by(winner).await
}
