//! Who holds the virtual address, and for how long two boxes did at once.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::netlink::{AddressEvent, watch_address};
use super::node::Node;
use super::observer::Observer;
use crate::clock::{Clock, Moment};
use crate::failure::{Failure, Result, eventually};
use crate::traffic::window::Window;

/// A box began or ceased to hold the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When the kernel said so.
    pub at: Moment,
    /// The number of the box.
    pub holder: usize,
    /// What it does from then on.
    pub holding: Holding,
}

/// Whether a box has the address on any of its interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// It has.
    Held,
    /// It has not.
    Gone,
}

/// Who is watched, and the notes.
#[derive(Debug)]
pub struct Holders {
    observer: Observer,
    address: IpAddr,
    notes: Notes,
}

#[derive(Clone, Debug)]
struct Notes {
    clock: Clock,
    changes: Arc<Mutex<Vec<Change>>>,
}

/// Far more changes than a drill causes; beyond it a flapping address is only counted in time.
const CHANGES_MAX: usize = 10_000;

impl Holders {
    /// Watches nobody yet.
    #[must_use]
    pub fn new(observer: &Observer, address: IpAddr) -> Self {
        let notes = Notes { clock: observer.clock, changes: Arc::default() };
        Self { observer: observer.clone(), address, notes }
    }

    /// Watches `node`, which does not hold the address yet and is called `holder` in the notes.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn watch(&self, holder: usize, node: &Node) -> Result<()> {
        let (notes, address) = (self.notes.clone(), self.address);
        let watch = move || {
            let mut interfaces = BTreeSet::new();
            watch_address(address, move |event| {
                let before = interfaces.is_empty();
                match event {
                    AddressEvent::Present(interface) => interfaces.insert(interface),
                    AddressEvent::Gone(interface) => interfaces.remove(&interface),
                };
                match (before, interfaces.is_empty()) {
                    (true, false) => notes.note(holder, Holding::Held),
                    (false, true) => notes.note(holder, Holding::Gone),
                    (true, true) | (false, false) => {}
                }
            })
        };
        self.observer.at(node, watch).await
    }

    /// All changes so far, in order.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.notes.changes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first time since `since` that `holder` began or ceased to hold the address.
    #[must_use]
    pub fn first(&self, since: Moment, holder: usize, holding: Holding) -> Option<Moment> {
        let wanted = |change: &&Change| {
            change.at >= since && change.holder == holder && change.holding == holding
        };
        self.changes().iter().find(wanted).map(|change| change.at)
    }

    /// Waits until that has been noted: who asks the box itself may know of it sooner.
    ///
    /// # Errors
    /// When it did not happen.
    pub async fn noted(&self, since: Moment, holder: usize, holding: Holding) -> Result<Moment> {
        let what = format!("box {holder}: the address is {holding:?}");
        eventually(&what, NOTED_DEADLINE, || async {
            self.first(since, holder, holding).ok_or_else(|| Failure::new("it never was"))
        })
        .await
    }
}

/// A box has done so already, or is about to.
const NOTED_DEADLINE: Duration = Duration::from_secs(10);

impl Notes {
    fn note(&self, holder: usize, holding: Holding) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if changes.len() < CHANGES_MAX {
            changes.push(Change { at: self.clock.now(), holder, holding });
        }
    }
}

/// Who holds the address at `moment`, the latest to get it last.
#[must_use]
pub fn holders_at(changes: &[Change], moment: Moment) -> Vec<usize> {
    let mut holders = Vec::new();
    for change in changes.iter().filter(|change| change.at <= moment) {
        holders.retain(|holder| *holder != change.holder);
        if change.holding == Holding::Held {
            holders.push(change.holder);
        }
    }
    holders
}

/// How many of these moments are not within `tolerance` of a time when `holder` held the address.
#[must_use]
pub fn moments_without(
    changes: &[Change],
    holder: usize,
    moments: impl Iterator<Item = Moment>,
    tolerance: Duration,
) -> usize {
    let held = |moment: Moment| {
        let around = [moment.saturating_sub(tolerance), moment, moment + tolerance];
        around.into_iter().any(|at| holders_at(changes, at).contains(&holder))
    };
    moments.filter(|moment| !held(*moment)).count()
}

/// When within `window` the address moved to another box. Where several hold it, it belongs to the
/// latest to get it.
#[must_use]
pub fn moves(changes: &[Change], window: Window) -> Vec<Moment> {
    let mut owner = holders_at(changes, window.from).last().copied();
    let mut moves = Vec::new();
    for change in changes.iter().filter(|change| window.contains(change.at)) {
        let next = holders_at(changes, change.at).last().copied().or(owner);
        if owner.is_some() && next != owner {
            moves.push(change.at);
        }
        owner = next;
    }
    moves
}

/// How long within `window` the address was held by how many boxes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HoldingTimes {
    /// By nobody.
    pub absent: Duration,
    /// By more than one box.
    pub both: Duration,
}

/// Adds up who held the address when; `changes` are in order and start before anybody holds it.
#[must_use]
pub fn holding_times(changes: &[Change], window: Window) -> HoldingTimes {
    let mut times = HoldingTimes::default();
    let mut holders = BTreeSet::new();
    let mut since = window.from;
    let end = Change { at: window.to, holder: usize::MAX, holding: Holding::Gone };
    for change in changes.iter().chain([&end]) {
        let until = change.at.clamp(since, window.to);
        match holders.len() {
            0 => times.absent += until - since,
            1 => {}
            _ => times.both += until - since,
        }
        since = until;
        match change.holding {
            Holding::Held => holders.insert(change.holder),
            Holding::Gone => holders.remove(&change.holder),
        };
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Moment {
        Duration::from_millis(ms)
    }

    fn held(at: u64, holder: usize) -> Change {
        Change { at: ms(at), holder, holding: Holding::Held }
    }

    fn gone(at: u64, holder: usize) -> Change {
        Change { at: ms(at), holder, holding: Holding::Gone }
    }

    fn times(changes: &[Change], from: u64, to: u64) -> (u64, u64) {
        let times = holding_times(changes, Window { from: ms(from), to: ms(to) });
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).expect("short");
        (times.absent.as_millis().try_into().expect("short"), millis(times.both))
    }

    #[test]
    fn an_address_that_nobody_ever_held_is_absent() {
        assert_eq!(times(&[], 100, 400), (300, 0));
    }

    #[test]
    fn a_clean_move_leaves_a_hole_and_no_overlap() {
        assert_eq!(times(&[held(10, 0), gone(200, 0), held(260, 1)], 100, 400), (60, 0));
    }

    #[test]
    fn an_overlap_is_counted_from_the_second_holder_to_the_first_that_lets_go() {
        assert_eq!(times(&[held(10, 0), held(200, 1), gone(275, 0)], 100, 400), (0, 75));
    }

    #[test]
    fn an_address_that_goes_and_comes_back_has_not_moved() {
        let all = Window { from: ms(0), to: ms(1000) };
        assert_eq!(moves(&[held(10, 0), gone(200, 0), held(260, 0)], all), []);
        assert_eq!(moves(&[held(10, 0), gone(200, 0), held(260, 1)], all), [ms(260)]);
    }

    #[test]
    fn an_address_that_the_first_of_two_holders_keeps_has_moved_twice() {
        let changes = [held(10, 0), held(200, 1), gone(300, 1)];
        assert_eq!(moves(&changes, Window { from: ms(100), to: ms(1000) }).len(), 2);
        assert_eq!(holders_at(&changes, ms(250)), [0, 1]);
        assert_eq!(holders_at(&changes, ms(300)), [0]);
    }

    #[test]
    fn what_happens_without_the_address_is_counted() {
        let changes = [held(100, 0), gone(200, 0)];
        let moments = [89, 91, 150, 209, 211].map(ms).into_iter();
        assert_eq!(moments_without(&changes, 0, moments, ms(10)), 2);
    }

    #[test]
    fn only_the_window_counts() {
        let changes = [held(10, 0), held(50, 1), gone(150, 0), held(350, 0)];
        assert_eq!(times(&changes, 100, 400), (0, 50 + 50));
        assert_eq!(times(&changes, 200, 300), (0, 0));
    }

    #[test]
    fn an_overlap_that_has_not_ended_counts_to_the_end_of_the_window() {
        assert_eq!(times(&[held(10, 0), held(300, 1)], 100, 1000), (0, 700));
    }
}
