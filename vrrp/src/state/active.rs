//! The active state: what was sent when, on each link.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::config::{LinkConfig, RouterConfig};
use crate::schedule::{AnnounceSchedule, PORTION};
use crate::tempo::Tempo;
use crate::types::LinkId;

/// The active state: what was sent when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveState {
    links: Vec<Holding>,
    /// Until when the addresses are left to the router that we preempted, if they are.
    pub(crate) yields_until: Option<Instant>,
}

impl ActiveState {
    /// Advertisement, addresses and announcement are all out now, on all links.
    pub(crate) fn begin(config: &RouterConfig, now: Instant) -> Self {
        let links = config.links().iter().map(|link| Holding::begin(link, now));
        Self { links: links.collect(), yields_until: None }
    }

    /// The advertisement is out now; the router that it preempts has [`YIELD`] to let go.
    pub(crate) fn preempting(config: &RouterConfig, now: Instant) -> Self {
        Self { yields_until: Some(now + YIELD), ..Self::begin(config, now) }
    }

    /// The router that was preempted has let go: addresses and announcement are out now.
    pub(crate) fn hold(&mut self, config: &RouterConfig, now: Instant) {
        self.yields_until = None;
        for (holding, link) in self.links.iter_mut().zip(config.links()) {
            let advertised_at = holding.advertised_at;
            *holding = Holding { advertised_at, ..Holding::begin(link, now) };
        }
    }

    /// Whether the addresses are ours by now: a router that preempts adds them [`YIELD`] after its first advertisement.
    #[must_use]
    pub fn holds_addresses(&self) -> bool {
        self.yields_until.is_none()
    }

    pub(crate) fn on(&mut self, link: LinkId) -> &mut Holding {
        &mut self.links[link.index()]
    }

    pub(super) fn deadline(&self, config: &RouterConfig, tempo: Tempo) -> Instant {
        let holds = self.holds_addresses();
        let links = self.links.iter().zip(config.links());
        let due = links.map(|(holding, link)| holding.deadline(link, tempo, holds));
        let first = due.min().expect("a router has a link");
        self.yields_until.map_or(first, |until| until.min(first))
    }

    /// How long we did not advertise on a link, if a peer may have taken over there meanwhile.
    pub(crate) fn late(&self, config: &RouterConfig, now: Instant) -> Option<Duration> {
        self.links.iter().zip(config.links()).find_map(|(holding, link)| {
            let silence = now.saturating_duration_since(holding.advertised_at);
            (silence >= link.patience()).then_some(silence)
        })
    }
}

/// What was sent on one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) advertised_at: Instant,
    pub(crate) renewed_at: Instant,
    pub(crate) announcements: AnnounceSchedule,
    /// When to ask the host that claims our addresses whether it still does, if there is one.
    pub(crate) asks_at: Option<Instant>,
}

impl Holding {
    fn begin(link: &LinkConfig, now: Instant) -> Self {
        Self {
            advertised_at: now,
            renewed_at: now,
            announcements: AnnounceSchedule::begin(now, link.held().len()),
            asks_at: None,
        }
    }

    /// When the Adver_Timer fires.
    pub(crate) fn advertise_at(&self, link: &LinkConfig, tempo: Tempo) -> Instant {
        let interval = link.interval().duration();
        tempo.advance(self.advertised_at + interval, interval)
    }

    /// When the lease of the addresses is to be renewed: together with an advertisement if one is due soon.
    ///
    /// So the last renewal is never much later than the last advertisement, and a lease that nobody renews any more
    /// ends before a peer takes over.
    pub(crate) fn renew_at(&self, link: &LinkConfig, tempo: Tempo) -> Instant {
        let due_at = self.renewed_at + link.lease() / RENEWALS_PER_LEASE;
        let advertise_at = self.advertise_at(link, tempo);
        let soon = due_at..=due_at + link.lease() / RENEWALS_PER_LEASE / 2;
        if soon.contains(&advertise_at) { advertise_at } else { due_at }
    }

    fn deadline(&self, link: &LinkConfig, tempo: Tempo, holds: bool) -> Instant {
        let advertise_at = self.advertise_at(link, tempo);
        if !holds {
            return advertise_at;
        }
        let due_at = advertise_at.min(self.renew_at(link, tempo));
        let others = [self.announcements.next_at(&link.announcing()), self.asks_at];
        others.into_iter().flatten().fold(due_at, Instant::min)
    }

    /// Which of the addresses are to be announced now; they count as done.
    pub(crate) fn take_announcement(&mut self, link: &LinkConfig, now: Instant) -> Range<usize> {
        let due = self.announcements.take_due(&link.announcing(), link.held().len(), now);
        due.unwrap_or_default()
    }

    /// Begins with the announcements as after a claim; the first of them are to be made now.
    pub(crate) fn announce_anew(&mut self, link: &LinkConfig, now: Instant) -> Range<usize> {
        self.announcements = AnnounceSchedule::begin(now, link.held().len());
        0..PORTION.min(link.held().len())
    }

    /// Somebody claims our addresses.
    pub(crate) fn defend(&mut self, now: Instant) {
        self.asks_at = self.asks_at.or(Some(now + ASK_AGAIN));
    }
}

/// How long a router that preempts waits before it adds the addresses, so that the weaker one, which is alive, has let
/// go of them. keepalived takes up to 17 ms for it.
pub const YIELD: Duration = Duration::from_millis(20);

/// The time between two questions to a host that claims our addresses. Each answer is contradicted.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// One renewal may fail, and the next has time to spare.
const RENEWALS_PER_LEASE: u32 = 4;
