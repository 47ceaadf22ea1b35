//! When packets arrived, on the clock that timers run on.

use std::time::{Duration, Instant};

/// What the kernel's stamps are judged by: they are of the wall clock, which may jump.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrivals {
    /// No packet that is still unread arrived before.
    after: Instant,
    /// Packets read since the socket was last found empty.
    in_a_row: u32,
}

impl Arrivals {
    pub(super) fn begin(now: Instant) -> Self {
        Self { after: now, in_a_row: 0 }
    }

    /// The socket was empty at this time.
    pub(super) fn found_empty(&mut self, at: Instant) {
        *self = Self::begin(at);
    }

    /// When the packet that was just read arrived: `age` ago by its stamp, but neither before the last one nor while
    /// the socket was empty. The times of successive packets never go back.
    ///
    /// Where so many waited that the socket may have overflowed, younger ones are lost: the rest counts as new, for
    /// silence is not proven.
    pub(super) fn next(&mut self, age: Option<Duration>, now: Instant) -> Instant {
        self.in_a_row = self.in_a_row.saturating_add(1);
        let stamped = match age {
            Some(age) if self.in_a_row <= SURE_TO_FIT => now.checked_sub(age),
            Some(_) | None => None,
        };
        self.after = stamped.unwrap_or(now).max(self.after);
        self.after
    }
}

/// So many packets find room in the buffer of a socket, whatever their size.
pub(super) const SURE_TO_FIT: u32 = 64;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an instant can only be had from the clock")]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_packet_counts_from_its_arrival_however_late_it_is_read() {
        let start = Instant::now();
        let mut arrivals = Arrivals::begin(start);
        let now = start + ms(10_000);
        assert_eq!(arrivals.next(Some(ms(9_000)), now), start + ms(1_000));
        assert_eq!(arrivals.next(Some(ms(8_000)), now), start + ms(2_000));
    }

    #[test]
    fn a_jump_of_the_wall_clock_moves_no_arrival_out_of_the_time_it_can_have_been() {
        let start = Instant::now();
        let now = start + ms(500);
        let cases = [
            ("forwards, while the packet waited", Some(ms(3_600_000)), start),
            ("backwards, so that it seems to come from the future", Some(ms(0)), now),
            ("no stamp", None, now),
        ];
        for (what, age, expected) in cases {
            assert_eq!(Arrivals::begin(start).next(age, now), expected, "{what}");
        }
    }

    #[test]
    fn time_never_goes_back() {
        let start = Instant::now();
        let mut arrivals = Arrivals::begin(start);
        let now = start + ms(500);
        assert_eq!(arrivals.next(Some(ms(100)), now), start + ms(400));
        assert_eq!(arrivals.next(Some(ms(200)), now), start + ms(400));
        arrivals.found_empty(now);
        assert_eq!(arrivals.next(Some(ms(100)), now + ms(50)), now);
    }

    #[test]
    fn who_may_have_lost_packets_does_not_believe_in_silence() {
        let start = Instant::now();
        let mut arrivals = Arrivals::begin(start);
        let now = start + ms(60_000);
        let last = (0..SURE_TO_FIT).map(|_| arrivals.next(Some(ms(59_000)), now)).last();
        assert_eq!(last, Some(start + ms(1_000)));
        assert_eq!(arrivals.next(Some(ms(59_000)), now), now);
        arrivals.found_empty(now);
        assert_eq!(arrivals.next(Some(ms(1)), now + ms(10)), now + ms(9));
    }
}
