//! When an active router announces its addresses.
//!
//! Frames get lost and switches are busy right after a failover, so a burst comes first; after that a slow
//! repetition heals whatever learned wrongly.

use std::ops::Range;
use std::time::{Duration, Instant};

/// How often, and how fast, an active router announces its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcing {
    /// Time between announcements after the burst; `None` for none.
    pub refresh: Option<Duration>,
    /// Time between two portions of [`PORTION`] addresses; no less than a millisecond.
    pub pace: Duration,
}

impl Default for Announcing {
    fn default() -> Self {
        Self { refresh: Some(REFRESH), pace: PACE }
    }
}

/// The announcements of one stay in the active state. Each is a round through the addresses, in portions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnounceSchedule {
    started_at: Instant,
    /// How many announcements of the burst are done or skipped.
    burst_done: usize,
    /// When the last portion was.
    announced_at: Instant,
    /// The address that the round which goes on has come to; 0 if none does.
    next: usize,
    /// Somebody else claimed our addresses: announce again then.
    again_at: Option<Instant>,
}

impl AnnounceSchedule {
    /// A schedule whose first portion, of so many addresses, is announced now.
    pub(crate) fn begin(now: Instant, addresses: usize) -> Self {
        let next = if addresses > PORTION { PORTION } else { 0 };
        Self { started_at: now, burst_done: 1, announced_at: now, next, again_at: None }
    }

    /// When the next portion is due.
    #[must_use]
    pub fn next_at(&self, announcing: &Announcing) -> Option<Instant> {
        let soonest = self.announced_at + announcing.pace.max(PACE_MIN);
        if self.next > 0 {
            return Some(soonest);
        }
        let planned = match BURST.get(self.burst_done) {
            Some(&offset) => Some(soonest.max(self.started_at + offset)),
            None => announcing.refresh.map(|refresh| self.announced_at + refresh),
        };
        self.again_at.into_iter().chain(planned).min()
    }

    /// Somebody else claimed the addresses: asks for an announcement now, or when the last is [`SPACING`] ago.
    pub(crate) fn contradict(&mut self, now: Instant) {
        self.again_at = Some(now.max(self.announced_at + SPACING));
    }

    /// Which of so many addresses are to be announced now, if any; they count as done.
    pub(crate) fn take_due(
        &mut self,
        announcing: &Announcing,
        addresses: usize,
        now: Instant,
    ) -> Option<Range<usize>> {
        self.next_at(announcing).filter(|&at| now >= at)?;
        if self.next == 0 {
            let past = BURST.iter().take_while(|&&offset| self.started_at + offset <= now).count();
            self.burst_done = self.burst_done.max(past);
            self.again_at = None;
        }
        let end = addresses.min(self.next + PORTION);
        let portion = self.next.min(end)..end;
        self.next = if end < addresses { end } else { 0 };
        self.announced_at = now;
        Some(portion)
    }
}

/// Announcements after becoming active, counted from then.
pub const BURST: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// So many addresses are announced at once: what switches, and the neighbour tables of hosts, take in their stride. The
/// advertisements go out in between.
pub const PORTION: usize = 32;

/// Time between two portions, unless told otherwise: 500 addresses take 150 ms.
pub const PACE: Duration = Duration::from_millis(10);

/// The timers of the host are no finer.
const PACE_MIN: Duration = Duration::from_millis(1);

/// Time between announcements after the burst, unless told otherwise.
pub const REFRESH: Duration = Duration::from_secs(60);

/// The least time between the last announcement and one that answers a contradiction, so that none can cause a storm,
/// and clients that the loser misled soon know better.
pub const SPACING: Duration = Duration::from_millis(100);

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an instant can only be had from the clock")]
mod tests {
    use super::*;

    const DEFAULT: Announcing = Announcing { refresh: Some(REFRESH), pace: PACE };

    /// Offsets in ms of all portions until `end`, with their first addresses, and a timer that is always on time.
    fn announcements(
        schedule: &mut AnnounceSchedule,
        announcing: &Announcing,
        addresses: usize,
        (start, end): (Instant, Duration),
    ) -> Vec<(u128, usize)> {
        let mut made = Vec::new();
        while let Some(now) = schedule.next_at(announcing).filter(|&at| at <= start + end) {
            let portion = schedule.take_due(announcing, addresses, now).expect("due");
            assert!(portion.len() <= PORTION && portion.end <= addresses);
            made.push(((now - start).as_millis(), portion.start));
        }
        made
    }

    fn made(announcing: &Announcing, addresses: usize, end: Duration) -> Vec<(u128, usize)> {
        let start = Instant::now();
        let mut schedule = AnnounceSchedule::begin(start, addresses);
        announcements(&mut schedule, announcing, addresses, (start, end))
    }

    #[test]
    fn burst_then_refresh() {
        let made = made(&DEFAULT, PORTION, Duration::from_secs(130));
        let expected = [20, 40, 1_000, 5_000, 65_000, 125_000];
        assert_eq!(made, expected.map(|at| (at, 0)));
    }

    #[test]
    fn without_refresh_the_burst_is_all() {
        let never = Announcing { refresh: None, ..DEFAULT };
        assert_eq!(made(&never, 1, Duration::from_secs(1000)).len(), BURST.len() - 1);
    }

    #[test]
    fn many_addresses_are_announced_in_portions() {
        let made = made(&DEFAULT, 70, Duration::from_millis(1_100));
        let times: Vec<u128> = made.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [10, 20, 30, 40, 50, 60, 70, 80, 1_000, 1_010, 1_020]);
        let firsts: Vec<usize> = made.iter().map(|(_, first)| *first).collect();
        assert_eq!(firsts, [32, 64, 0, 32, 64, 0, 32, 64, 0, 32, 64]);
    }

    #[test]
    fn hundreds_of_addresses_take_no_longer_than_their_portions() {
        let slow = Announcing { pace: Duration::from_millis(20), ..DEFAULT };
        let made = made(&slow, 755, Duration::from_millis(460));
        assert_eq!(made.len(), 23);
        assert_eq!(made.last(), Some(&(460, 736)));
    }

    #[test]
    fn late_timer_makes_one_announcement_for_all_that_it_missed() {
        let start = Instant::now();
        let mut schedule = AnnounceSchedule::begin(start, 1);
        let late = start + Duration::from_millis(45);
        assert_eq!(schedule.take_due(&DEFAULT, 1, late), Some(0..1));
        assert_eq!(schedule.next_at(&DEFAULT), Some(start + Duration::from_secs(1)));
    }

    #[test]
    fn contradictions_are_answered_ten_times_a_second() {
        let start = Instant::now();
        let mut schedule = AnnounceSchedule::begin(start, 1);
        announcements(&mut schedule, &DEFAULT, 1, (start, Duration::from_secs(5)));
        let first = start + Duration::from_secs(10);
        schedule.contradict(first);
        assert_eq!(schedule.take_due(&DEFAULT, 1, first), Some(0..1));
        schedule.contradict(first + Duration::from_millis(1));
        assert_eq!(schedule.take_due(&DEFAULT, 1, first + Duration::from_millis(1)), None);
        assert_eq!(schedule.next_at(&DEFAULT), Some(first + SPACING));
    }
}
