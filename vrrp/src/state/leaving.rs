//! The last moments of a planned stop: priority 0 is out, and the addresses are still here.
//!
//! Who heard it waits for its skew before it takes over. Nobody would answer meanwhile if the addresses went first.

use std::time::{Duration, Instant};

use crate::config::RouterConfig;
use crate::types::{LinkId, Priority};

/// Out of the election, and holding the addresses until just before another router can have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingState {
    until: Instant,
    patience: Duration,
}

impl LeavingState {
    /// Priority 0 leaves now. `strongest` is the strongest other router that there may be on a link.
    pub(crate) fn begin(
        config: &RouterConfig,
        strongest: impl Fn(LinkId) -> Priority,
        now: Instant,
    ) -> Self {
        let links = config.link_ids().zip(config.links());
        let skew = links.map(|(id, link)| link.skew(strongest(id), link.interval())).min();
        let addresses: usize = config.links().iter().map(|link| link.held().len()).sum();
        let (hold, patience) = hold(skew.unwrap_or_default(), addresses);
        Self { until: now + hold, patience }
    }

    /// When the addresses go.
    #[must_use]
    pub fn until(&self) -> Instant {
        self.until
    }

    /// After so long a silence the addresses must be removed for us.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }
}

/// How long so many addresses are held while others wait for this skew at least, and when they are to be removed for a
/// process that hangs.
fn hold(skew: Duration, addresses: usize) -> (Duration, Duration) {
    let addresses = u32::try_from(addresses).unwrap_or(u32::MAX);
    let margin = MARGIN.saturating_add(REMOVAL.saturating_mul(addresses)).min(skew / 2);
    let hold = (skew - margin).min(HOLD_MAX);
    (hold, hold + margin / 2)
}

/// The time between the removal of the addresses and the end of the skew. In its first half a timer may be late, in its
/// second the guard.
const MARGIN: Duration = Duration::from_millis(10);

/// More of it for each address: so long the kernel takes to remove one on a busy box.
const REMOVAL: Duration = Duration::from_micros(50);

/// The longest time that addresses are held, less than [`LEASE`].
const HOLD_MAX: Duration = Duration::from_millis(900);

/// The kernel removes the addresses after this time, if nobody else can.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Interval;

    /// The interval in ms, the priority of the strongest other router, the number of addresses; how long they are held
    /// and when they are removed for a process that hangs, in µs.
    const HOLDS: [(u64, u8, usize, u128, u128); 9] = [
        (1000, 100, 0, 599_375, 604_375),
        (1000, 100, 200, 589_375, 599_375),
        (100, 100, 0, 50_937, 55_937),
        (10, 100, 0, 3_046, 4_570),
        (1000, 254, 0, 3_906, 5_859),
        (1000, 255, 0, 1_953, 2_929),
        (10, 255, 0, 19, 29),
        (1000, 1, 0, 900_000, 905_000),
        (40_950, 100, 0, 900_000, 905_000),
    ];

    #[test]
    fn addresses_are_held_until_just_before_the_end_of_the_skew() {
        for (interval, priority, addresses, held, removed) in HOLDS {
            let interval = Interval::from_duration(Duration::from_millis(interval));
            let skew = interval.expect("in range").skew(Priority::new(priority));
            let (hold, patience) = hold(skew, addresses);
            let row = (interval, priority, addresses);
            assert_eq!((hold.as_micros(), patience.as_micros()), (held, removed), "{row:?}");
            assert!(hold < patience && patience < skew && patience < LEASE, "{row:?}");
        }
    }
}
