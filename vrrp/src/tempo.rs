//! The tempo of a box: its virtual routers advertise at the same moments, so that it wakes up once for all of them.

use std::time::{Duration, Instant};

/// Divides time into parts that all virtual routers of a box share. By default there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tempo {
    origin: Option<Instant>,
}

impl Tempo {
    /// Counted from this moment, whichever it is: the same for all virtual routers of the box.
    #[must_use]
    pub const fn since(origin: Instant) -> Self {
        Self { origin: Some(origin) }
    }

    /// When to do what is due at this time after an interval: then, or up to a [part](PARTS) of the interval earlier.
    pub(crate) fn advance(self, due_at: Instant, interval: Duration) -> Instant {
        let Some(origin) = self.origin else { return due_at };
        let early =
            nanos(due_at.saturating_duration_since(origin)).checked_rem(nanos(interval / PARTS));
        due_at - Duration::from_nanos(early.unwrap_or(0))
    }
}

/// Enough for 584 years.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Of an interval. The intervals after the first are full ones: they end where a part begins.
const PARTS: u32 = 16;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an instant can only be had from the clock")]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(160);

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_is_due_in_the_same_part_is_done_at_once_and_never_late() {
        let origin = Instant::now();
        let tempo = Tempo::since(origin);
        for (due, done) in [(1000, 1000), (1001, 1000), (1009, 1000), (1010, 1010)] {
            assert_eq!(tempo.advance(origin + ms(due), INTERVAL), origin + ms(done), "{due}");
        }
    }

    #[test]
    fn who_is_in_tempo_stays_in_it() {
        let origin = Instant::now();
        let tempo = Tempo::since(origin);
        let mut at = tempo.advance(origin + ms(1234), INTERVAL);
        for _ in 0..10 {
            let next = tempo.advance(at + ms(2) + INTERVAL, INTERVAL);
            assert_eq!(next - at, INTERVAL, "a little late, but no later each time");
            at = next;
        }
    }

    #[test]
    fn without_a_tempo_nothing_is_done_earlier() {
        let due_at = Instant::now() + ms(1234);
        assert_eq!(Tempo::default().advance(due_at, INTERVAL), due_at);
        assert_eq!(Tempo::since(due_at + ms(1)).advance(due_at, INTERVAL), due_at);
    }
}
