//! Who wants to know what: the trackers of all groups of virtual routers, and the samples that they share.

use std::collections::BTreeMap;
use std::time::Instant;

use vrrp::Health;
use vrrp::track::{Outcome, Tracker};

use crate::config::{RouterKey, Sampling, Track};

/// The virtual routers of a group, often a single one.
pub(crate) type GroupKey = Vec<RouterKey>;

/// The checks of each group.
pub(crate) type Trackers = BTreeMap<GroupKey, Tracker>;

/// What the checks do to each group.
pub(crate) type Healths = BTreeMap<GroupKey, Health>;

/// A source of outcomes among all.
pub(super) type SourceId = u64;

/// Pure: hands outcomes to those that want them, and says which sources are needed.
#[derive(Debug, Default)]
pub(super) struct Board {
    trackers: Trackers,
    sources: BTreeMap<SourceId, Source>,
    ids_given: SourceId,
}

#[derive(Debug)]
struct Source {
    sampling: Sampling,
    /// Checks by their names.
    subscribers: Vec<(GroupKey, String)>,
    /// For those that subscribe later.
    latest: Option<Outcome>,
}

impl Board {
    /// Makes these the checks. Returns the sources that are new, to be started; those that are [gone](Self::has) are to
    /// be stopped.
    pub(super) fn configure(
        &mut self,
        groups: &BTreeMap<GroupKey, Vec<Track>>,
        now: Instant,
    ) -> Vec<(SourceId, Sampling)> {
        self.trackers.retain(|key, _| groups.contains_key(key));
        for (key, tracks) in groups {
            let checks = tracks.iter().map(|track| track.check.clone()).collect();
            match self.trackers.get_mut(key) {
                Some(tracker) => tracker.reconfigure(checks, now),
                None => drop(self.trackers.insert(key.clone(), Tracker::new(checks, now))),
            }
        }
        let mut unsubscribed = BTreeMap::new();
        for (id, source) in &mut self.sources {
            unsubscribed.insert(*id, std::mem::take(&mut source.subscribers));
        }
        let mut started = Vec::new();
        for (key, track) in groups.iter().flat_map(|(key, all)| all.iter().map(move |t| (key, t))) {
            let (id, is_new) = self.source(&track.sampling);
            if is_new {
                started.push((id, track.sampling.clone()));
            }
            let subscriber = (key.clone(), track.check.name.clone());
            let was_subscribed =
                unsubscribed.get(&id).is_some_and(|before| before.contains(&subscriber));
            self.subscribe(id, subscriber, was_subscribed, now);
        }
        self.sources.retain(|_, source| !source.subscribers.is_empty());
        started
    }

    fn source(&mut self, sampling: &Sampling) -> (SourceId, bool) {
        let known = self.sources.iter().find(|(_, source)| source.sampling == *sampling);
        if let Some((id, _)) = known {
            return (*id, false);
        }
        self.ids_given += 1;
        let source = Source { sampling: sampling.clone(), subscribers: Vec::new(), latest: None };
        self.sources.insert(self.ids_given, source);
        (self.ids_given, true)
    }

    fn subscribe(
        &mut self,
        id: SourceId,
        subscriber: (GroupKey, String),
        was_subscribed: bool,
        now: Instant,
    ) {
        let Some(source) = self.sources.get_mut(&id) else { return };
        if let (Some(latest), false) = (&source.latest, was_subscribed)
            && let Some(tracker) = self.trackers.get_mut(&subscriber.0)
        {
            tracker.observe(&subscriber.1, latest.clone(), now);
        }
        source.subscribers.push(subscriber);
    }

    /// Whether anybody wants to know of this source.
    pub(super) fn has(&self, id: SourceId) -> bool {
        self.sources.contains_key(&id)
    }

    /// Tells all that want to know.
    pub(super) fn observe(&mut self, id: SourceId, outcome: &Outcome, now: Instant) {
        let Some(source) = self.sources.get_mut(&id) else { return };
        source.latest = Some(outcome.clone());
        for (key, check) in &source.subscribers {
            if let Some(tracker) = self.trackers.get_mut(key) {
                tracker.observe(check, outcome.clone(), now);
            }
        }
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    pub(super) fn elapse(&mut self, now: Instant) {
        self.trackers.values_mut().for_each(|tracker| tracker.elapse(now));
    }

    /// When to call [`elapse`](Self::elapse).
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.trackers.values().filter_map(Tracker::poll_timeout).min()
    }

    /// The checks of every group, as they are now.
    pub(super) fn trackers(&self) -> &Trackers {
        &self.trackers
    }

    /// What they do.
    pub(super) fn healths(&self) -> Healths {
        self.trackers.iter().map(|(key, tracker)| (key.clone(), tracker.health())).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vrrp::track::{Check, Effect};
    use vrrp::{Family, Vrid};

    use super::*;
    use crate::clock::now;
    use crate::config::Probe;
    use crate::track::sample::{failure, success};

    fn key(vrid: u8) -> GroupKey {
        let vrid = Vrid::new(vrid).expect("not 0");
        vec![RouterKey { interface: "eth0".to_owned(), family: Family::Ipv4, vrid }]
    }

    fn track(name: &str, path: &str) -> Track {
        let second = Duration::from_secs(1);
        Track {
            check: Check {
                name: name.to_owned(),
                effect: Effect::Fault,
                rise: 1,
                fall: 1,
                hold: Duration::ZERO,
            },
            sampling: Sampling {
                probe: Probe::File(path.into()),
                interval: second,
                timeout: second,
            },
        }
    }

    fn faults(board: &Board) -> Vec<Option<String>> {
        board.healths().into_values().map(|health| health.fault).collect()
    }

    #[test]
    fn what_two_routers_want_to_know_is_sampled_once() {
        let (mut board, now) = (Board::default(), now().into_std());
        let groups = BTreeMap::from([
            (key(1), vec![track("a", "/run/a")]),
            (key(2), vec![track("b", "/run/a"), track("c", "/run/c")]),
        ]);
        let started = board.configure(&groups, now);
        assert_eq!(started.len(), 2);
        board.observe(started[0].0, &success("there"), now);
        assert_eq!(faults(&board), [None, Some("track `c`: no result yet".to_owned())]);
        board.observe(started[1].0, &failure("gone"), now);
        assert_eq!(faults(&board), [None, Some("track `c`: gone".to_owned())]);
    }

    #[test]
    fn a_reload_keeps_what_goes_on_and_tells_newcomers_what_is_known() {
        let (mut board, now) = (Board::default(), now().into_std());
        let mut groups = BTreeMap::from([(key(1), vec![track("a", "/run/a")])]);
        let [(id, _)] = board.configure(&groups, now)[..] else { panic!("one source") };
        board.observe(id, &failure("gone"), now);
        let before = board.trackers().clone();
        assert_eq!(board.configure(&groups, now), []);
        assert_eq!(*board.trackers(), before);

        groups.insert(key(2), vec![track("b", "/run/a")]);
        assert_eq!(board.configure(&groups, now), []);
        assert_eq!(faults(&board)[1].as_deref(), Some("track `b`: gone"));

        groups.clear();
        groups.insert(key(2), vec![track("b", "/run/b")]);
        let [(other, _)] = board.configure(&groups, now)[..] else { panic!("one source") };
        assert!(!board.has(id) && board.has(other));
        assert_eq!(faults(&board), [Some("track `b`: gone".to_owned())], "until it is known");
    }
}
