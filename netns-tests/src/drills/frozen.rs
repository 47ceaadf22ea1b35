//! The active supervisor is frozen for three seconds and then goes on; its guard is not.

use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::sleep;

use super::guard::{Reaction, ms, reaction};
use crate::clock::Moment;
use crate::failure::Result;
use crate::lab::ROUTERS;
use crate::lab::holders::{Holders, Holding};
use crate::lab::wire::Wire;
use crate::pair::{A, B, Pair};
use crate::router::settings::{ADVERT_INTERVAL, MARGIN, Settings};
use crate::router::status::{RouterState, Status};
use crate::verdict::{Verdict, median};

/// Longer than the lease and far longer than Active_Down_Interval.
const FROZEN: Duration = Duration::from_secs(3);

/// After so many intervals of silence the guard acts, the supervisor being late by then and the peer not yet active.
const PATIENCE_INTERVALS: u32 = 3;

/// How much longer it may take until the address is gone and priority 0 is out.
const REACTION: Duration = Duration::from_millis(20);

/// The drill: the guard lets go for the frozen supervisor, which does not take the address back when it wakes up. The
/// boxes are frozen in turns; of times the medians are judged.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let pair = Pair::start(&binary, Settings::default()).await?;
    let client = &pair.lab.client;
    let wire = Wire::listen(pair.lab.clock, &client.node, client.link.interface()).await?;
    let (mut rounds, mut reactions, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for active in [A, B, A] {
        let (round, reaction) = freeze(&pair, &wire, active).await?;
        problems.extend(round.problems);
        rounds.push(round.measurement);
        reactions.push(reaction);
    }
    let bound = ADVERT_INTERVAL * PATIENCE_INTERVALS + REACTION;
    let released = median(reactions.iter().map(|reaction| reaction.released));
    let removed = median(reactions.iter().map(|reaction| reaction.removed));
    let verdict = Verdict { problems, ..Verdict::of_rounds(&rounds) }
        .gap_at_most(pair.settings.active_down(B) + MARGIN)
        .expect(released <= bound, format!("priority 0 was out after {:.1} ms", ms(released)))
        .expect(removed <= bound, format!("the address was gone after {:.1} ms", ms(removed)));
    Ok(reactions.iter().fold(verdict, Reaction::remark))
}

/// Freezes a box, and thaws it when the other one has long been active.
async fn freeze(pair: &Pair, wire: &Wire, active: usize) -> Result<(Verdict, Reaction)> {
    let (taker, before) = (1 - active, pair.status(active).await?);
    let from = pair.now();
    pair.boxes[active].signal(Signal::SIGSTOP)?;
    pair.wait_for_state(taker, RouterState::Active).await?;
    let guard = reaction(pair, wire, active, from).await?;
    sleep(FROZEN.saturating_sub(pair.now() - from)).await;
    let thawed = pair.now();
    pair.boxes[active].signal(Signal::SIGCONT)?;
    pair.settled(taker).await?;
    let (measurement, _) = pair.observe(from).await;
    let (_, source) = ROUTERS[active];
    let claims = wire.since(thawed).iter().filter(|heard| heard.source == source).count();
    let holders = &pair.lab.holders;
    let verdict = Verdict::of(measurement)
        .both_held_at_most(REACTION)
        .expect(claims == 0, format!("the thawed box sent {claims} advertisements"))
        .expect(
            never(holders, thawed, active, Holding::Held),
            "the thawed box took the address back",
        )
        .expect(
            never(holders, thawed, taker, Holding::Gone),
            "the address left the box that had taken over",
        )
        .expect(
            changed_once(&before, &pair.status(active).await?),
            "the thawed box changed its state more than once",
        );
    Ok((verdict, guard))
}

fn never(holders: &Holders, since: Moment, holder: usize, holding: Holding) -> bool {
    holders.first(since, holder, holding).is_none()
}

/// From active to backup, and that was all.
fn changed_once(before: &Status, after: &Status) -> bool {
    let router = |status: &Status| status.virtual_routers.first().cloned();
    let (Some(before), Some(after)) = (router(before), router(after)) else { return false };
    before.counters.master_transitions == after.counters.master_transitions
        && after
            .last_transition
            .is_some_and(|last| (last.from, last.to) == (RouterState::Active, RouterState::Backup))
}
