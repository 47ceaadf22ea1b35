//! How fast the guard lets go for a supervisor that was killed.

use std::path::PathBuf;
use std::time::Duration;

use super::failover;
use crate::clock::Moment;
use crate::failure::{Failure, Result, eventually};
use crate::lab::ROUTERS;
use crate::lab::holders::Holding;
use crate::lab::wire::Wire;
use crate::pair::{A, B, Pair, SETTLE_DEADLINE};
use crate::router::settings::{MARGIN, Settings};
use crate::router::status::RouterState;
use crate::traffic::window::Window;
use crate::verdict::{Measurement, Verdict, median};

/// Within this time the address is gone and priority 0 is out.
const BOUND: Duration = Duration::from_millis(20);

/// The drill: the boxes are killed in turns.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let mut pair = Pair::start(&binary, Settings::default()).await?;
    let client = &pair.lab.client;
    let wire = Wire::listen(pair.lab.clock, &client.node, client.link.interface()).await?;
    let (mut rounds, mut reactions) = (Vec::new(), Vec::new());
    for active in [A, B, A, B, A] {
        let from = pair.now();
        reactions.push(kill(&mut pair, &wire, active).await?);
        failover::bring_back(&mut pair, active).await?;
        rounds.push(pair.seen_within(Window { from, to: pair.now() }).0);
    }
    let both_held = rounds.iter().map(|round| round.both_held_ms).sum();
    let released = median(reactions.iter().map(|reaction| reaction.released));
    let removed = median(reactions.iter().map(|reaction| reaction.removed));
    let median = Verdict::of_rounds(&rounds);
    let measurement = Measurement { both_held_ms: both_held, ..median.measurement };
    let verdict = Verdict { measurement, ..median }
        .gap_at_most(pair.settings.skew(B) + MARGIN)
        .both_held_at_most(Duration::ZERO)
        .expect(released <= BOUND, format!("priority 0 was out after {:.1} ms", ms(released)))
        .expect(removed <= BOUND, format!("the address was gone after {:.1} ms", ms(removed)));
    Ok(reactions.iter().fold(verdict, Reaction::remark))
}

/// How long after the kill or the stop of a supervisor things happened.
pub(super) struct Reaction {
    /// Priority 0 was heard.
    pub(super) released: Duration,
    /// The address was gone.
    pub(super) removed: Duration,
}

impl Reaction {
    /// Tells the reader of it.
    pub(super) fn remark(verdict: Verdict, &Self { released, removed }: &Self) -> Verdict {
        let (released, removed) = (ms(released), ms(removed));
        verdict.remark(format!("priority 0 after {released:.1} ms, gone after {removed:.1} ms"))
    }
}

async fn kill(pair: &mut Pair, wire: &Wire, active: usize) -> Result<Reaction> {
    let from = pair.now();
    pair.boxes[active].kill()?;
    pair.wait_for_state(1 - active, RouterState::Active).await?;
    reaction(pair, wire, active, from).await
}

/// What the guard of this box did since `from`.
///
/// # Errors
/// When it did nothing.
pub(super) async fn reaction(
    pair: &Pair,
    wire: &Wire,
    active: usize,
    from: Moment,
) -> Result<Reaction> {
    let (_, source) = ROUTERS[active];
    let released = eventually("priority 0", SETTLE_DEADLINE, || async {
        let heard = wire.since(from);
        let release = heard.iter().find(|heard| heard.source == source && heard.priority == 0);
        release.map(|heard| heard.at).ok_or_else(|| Failure::new("it was never heard"))
    });
    let (released, removed) =
        (released.await?, pair.lab.holders.noted(from, active, Holding::Gone).await?);
    Ok(Reaction { released: released - from, removed: removed - from })
}

pub(super) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
