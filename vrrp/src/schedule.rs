//! When an active router announces its addresses.
//!
//! Frames get lost and switches are busy right after a failover, so a burst comes first; after that a slow
//! repetition heals whatever learned wrongly.

use std::time::{Duration, Instant};

/// The announcements of one stay in the active state. The first is due at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnounceSchedule {
    started_at: Instant,
    /// How many announcements of the burst are done or skipped.
    burst_done: usize,
    announced_at: Instant,
    /// Somebody else claimed our addresses: announce again then.
    again_at: Option<Instant>,
}

impl AnnounceSchedule {
    /// A schedule whose first announcement is made now.
    pub(crate) fn begin(now: Instant) -> Self {
        Self { started_at: now, burst_done: 1, announced_at: now, again_at: None }
    }

    /// When the next announcement is due.
    #[must_use]
    pub fn next_at(&self) -> Instant {
        let planned = match BURST.get(self.burst_done) {
            Some(&offset) => self.started_at + offset,
            None => self.announced_at + REFRESH,
        };
        self.again_at.map_or(planned, |again_at| again_at.min(planned))
    }

    /// Somebody else claimed the addresses: asks for an announcement now, or when the last is [`SPACING`] ago.
    pub(crate) fn contradict(&mut self, now: Instant) {
        self.again_at = Some(now.max(self.announced_at + SPACING));
    }

    /// Whether an announcement is due; if so, it counts as made.
    pub(crate) fn take_due(&mut self, now: Instant) -> bool {
        let due = now >= self.next_at();
        if due {
            let past = BURST.iter().take_while(|&&offset| self.started_at + offset <= now).count();
            self.burst_done = self.burst_done.max(past);
            self.announced_at = now;
            self.again_at = None;
        }
        due
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

/// Time between announcements after the burst.
pub const REFRESH: Duration = Duration::from_secs(60);

/// The least time between the last announcement and one that answers a contradiction, so that none can cause a storm,
/// and clients that the loser misled soon know better.
pub const SPACING: Duration = Duration::from_millis(100);

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an instant can only be had from the clock")]
mod tests {
    use super::*;

    /// Offsets of all announcements until `end`, with a timer that is always on time.
    fn announcements(schedule: &mut AnnounceSchedule, start: Instant, end: Duration) -> Vec<u128> {
        let mut made = Vec::new();
        while schedule.next_at() <= start + end {
            let now = schedule.next_at();
            assert!(schedule.take_due(now));
            made.push((now - start).as_millis());
        }
        made
    }

    #[test]
    fn burst_then_refresh() {
        let start = Instant::now();
        let mut schedule = AnnounceSchedule::begin(start);
        let made = announcements(&mut schedule, start, Duration::from_secs(130));
        assert_eq!(made, [20, 40, 1_000, 5_000, 65_000, 125_000]);
    }

    #[test]
    fn late_timer_makes_one_announcement_for_all_that_it_missed() {
        let start = Instant::now();
        let mut schedule = AnnounceSchedule::begin(start);
        assert!(schedule.take_due(start + Duration::from_millis(45)));
        assert_eq!(schedule.next_at(), start + Duration::from_secs(1));
    }

    #[test]
    fn contradictions_are_answered_once_per_second() {
        let start = Instant::now();
        let mut schedule = AnnounceSchedule::begin(start);
        announcements(&mut schedule, start, Duration::from_secs(5));
        let first = start + Duration::from_secs(10);
        schedule.contradict(first);
        assert!(schedule.take_due(first));
        schedule.contradict(first + Duration::from_millis(1));
        assert!(!schedule.take_due(first + Duration::from_millis(1)));
        assert_eq!(schedule.next_at(), first + SPACING);
    }
}
