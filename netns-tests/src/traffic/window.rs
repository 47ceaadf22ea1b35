//! A stretch of time, and the longest gap between events in it.

use std::time::Duration;

use crate::clock::Moment;

/// From one moment to a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment.
    pub from: Moment,
    /// The last moment.
    pub to: Moment,
}

impl Window {
    /// Does the moment lie within?
    #[must_use]
    pub fn contains(self, moment: Moment) -> bool {
        self.from <= moment && moment <= self.to
    }
}

/// The longest time between consecutive events of a sorted list, as far as it lies within the
/// window; its edges count as events, so that silence at either end is a gap too.
#[must_use]
pub fn longest_gap(events: &[Moment], window: Window) -> Duration {
    let inside = events.iter().copied().filter(|event| window.contains(*event));
    let mut last = window.from;
    let mut longest = Duration::ZERO;
    for event in inside.chain([window.to]) {
        longest = longest.max(event.saturating_sub(last));
        last = event;
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(events: &[u64], from: u64, to: u64) -> u128 {
        let events: Vec<_> = events.iter().map(|ms| Moment::from_millis(*ms)).collect();
        let window = Window { from: Moment::from_millis(from), to: Moment::from_millis(to) };
        longest_gap(&events, window).as_millis()
    }

    #[test]
    fn the_longest_gap_lies_between_two_successes() {
        assert_eq!(gap(&[10, 20, 30, 151, 160, 170], 10, 170), 121);
    }

    #[test]
    fn silence_at_the_end_is_a_gap() {
        assert_eq!(gap(&[10, 20], 10, 520), 500);
    }

    #[test]
    fn silence_at_the_start_is_a_gap() {
        assert_eq!(gap(&[400, 410], 0, 410), 400);
    }

    #[test]
    fn events_outside_do_not_count() {
        assert_eq!(gap(&[5, 110, 120, 900], 100, 130), 10);
        assert_eq!(gap(&[], 100, 130), 30);
    }
}
