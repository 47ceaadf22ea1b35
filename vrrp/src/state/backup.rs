//! The backup state: on each link a silence is timed, and the router claims when all have lasted long enough.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::config::{LinkConfig, Preempt, RouterConfig, Version};
use crate::event::Reason;
use crate::peer::Peer;
use crate::types::{Interval, LinkId, Priority};

/// The backup state: a silence being timed on each link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupState {
    links: Vec<Silence>,
}

impl BackupState {
    pub(crate) fn begin(config: &RouterConfig, now: Instant) -> Self {
        Self { links: vec![Silence::begin(now); config.links().len()] }
    }

    /// The same where some links have not received anything yet.
    pub(crate) fn settling(
        config: &RouterConfig,
        receives: impl Fn(LinkId) -> bool,
        now: Instant,
    ) -> Self {
        let silence = |(id, link): (LinkId, &LinkConfig)| {
            let is_settled = receives(id) || link.settle().is_zero();
            let wait = if is_settled { Wait::ActiveDown } else { Wait::Settling { asked: 0 } };
            Silence { wait, ..Silence::begin(now) }
        };
        Self { links: config.link_ids().zip(config.links()).map(silence).collect() }
    }

    /// Something was received, and now it is listened for the active router.
    pub(crate) fn receives(&mut self, link: LinkId, now: Instant) {
        let silence = &mut self.links[link.index()];
        if matches!(silence.wait, Wait::Settling { .. }) {
            silence.armed_at = now;
            silence.settle();
        }
    }

    /// Until when a link is given time to receive anything.
    pub(crate) fn settles_until(&self, config: &RouterConfig, link: LinkId) -> Option<Instant> {
        let (silence, settings) = (&self.links[link.index()], config.link(link));
        let is_settling = matches!(silence.wait, Wait::Settling { .. });
        let settles = is_settling && !settings.settle().is_zero();
        settles.then(|| silence.active_down_at(config, settings))
    }

    /// When to ask for something to be sent on this link, if nothing was received yet.
    pub(crate) fn evidence_at(&self, link: LinkId) -> Option<Instant> {
        let silence = &self.links[link.index()];
        match silence.wait {
            Wait::Settling { asked } => Some(silence.armed_at + EVIDENCE_SPACING * asked),
            Wait::ActiveDown | Wait::Released(_) | Wait::ReleasedElsewhere { .. } => None,
        }
    }

    /// Whether to ask now; if so, it counts as done.
    pub(crate) fn take_evidence_due(&mut self, link: LinkId, now: Instant) -> bool {
        let is_due = self.evidence_at(link).is_some_and(|at| now >= at);
        while self.evidence_at(link).is_some_and(|at| now >= at) {
            if let Wait::Settling { asked } = &mut self.links[link.index()].wait {
                *asked += 1;
            }
        }
        is_due
    }

    /// The state of a router that just heard `peer` on this link and leaves it alone there.
    pub(crate) fn adopting(config: &RouterConfig, link: LinkId, peer: &Peer, now: Instant) -> Self {
        let mut backup = Self::begin(config, now);
        backup.links[link.index()].adopt(peer);
        backup
    }

    /// When the last of the links has been silent for long enough.
    pub(super) fn deadline(&self, config: &RouterConfig) -> Instant {
        let deadlines = self.each(config).map(|(silence, link)| silence.deadline(config, link));
        deadlines.max().expect("a router has a link")
    }

    /// The reason to become active, if it is time: a weaker router that is alive on any link, else the last silence.
    pub(crate) fn claim(&self, config: &RouterConfig, now: Instant) -> Option<Reason> {
        if now < self.deadline(config) {
            return None;
        }
        let preempted = self.each(config).find_map(|(silence, link)| {
            let weaker = silence.preempted(config, link, now)?;
            Some(Reason::Preempted { peer: weaker.address, priority: weaker.priority })
        });
        preempted.or_else(|| {
            let (last, _) = self
                .each(config)
                .rev()
                .max_by_key(|(silence, link)| silence.active_down_at(config, link))?;
            Some(last.reason(now))
        })
    }

    /// The silence that ends with the claim, unless a weaker router is alive then.
    pub(crate) fn listened_for(&self, config: &RouterConfig) -> Option<ListenedFor> {
        let until = self.deadline(config);
        let preempts = self
            .each(config)
            .any(|(silence, link)| silence.preempted(config, link, until).is_some());
        let since = self.links.iter().map(|silence| silence.armed_at).max()?;
        (!preempts).then_some(ListenedFor { since, until })
    }

    /// Listens for as long once more, on all links.
    pub(crate) fn begin_again(&mut self, now: Instant) {
        for silence in &mut self.links {
            *silence = Silence { learned: silence.learned, ..Silence::begin(now) };
        }
    }

    /// RFC 9568 §6.4.2: what an advertisement does to the timer. A release lets go of all links at once.
    pub(crate) fn hear(&mut self, config: &RouterConfig, id: LinkId, peer: &Peer) {
        if peer.priority == Priority::RELEASE {
            for silence in &mut self.links {
                silence.released_elsewhere(peer);
            }
        }
        self.links[id.index()].hear(config, peer);
    }

    /// Under new settings the router that we meant to preempt may be one to leave alone. It may have yielded to another
    /// one meanwhile, whose longer interval counts.
    pub(crate) fn reconsider(&mut self, config: &RouterConfig) {
        for (silence, link) in self.links.iter_mut().zip(config.links()) {
            if let Some(peer) = silence.weaker {
                let interval = peer.interval.max(silence.active_adver_interval(link));
                silence.hear(config, &Peer { interval, ..peer });
            }
        }
    }

    fn each<'a>(
        &'a self,
        config: &'a RouterConfig,
    ) -> impl DoubleEndedIterator<Item = (&'a Silence, &'a LinkConfig)> {
        self.links.iter().zip(config.links())
    }
}

/// The last part of the wait for a claim: since then all links have been silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenedFor {
    pub(crate) since: Instant,
    /// The claim is due.
    pub(crate) until: Instant,
}

/// What is timed on one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Silence {
    /// When the Active_Down_Timer was set.
    armed_at: Instant,
    /// For how long, and why.
    wait: Wait,
    /// Active_Adver_Interval, once learned; our own before.
    learned: Option<Interval>,
    /// The weaker router that is active, while we mean to preempt it.
    weaker: Option<Peer>,
    /// Since when weaker ones are active, whichever.
    weaker_since: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// Active_Down_Interval.
    ActiveDown,
    /// The same, but no less than the link has to show that it receives. We asked so often for something to receive.
    Settling { asked: u32 },
    /// Skew_Time, because this router let go.
    Released(IpAddr),
    /// This router let go on another link. Its release may be lost or under way here, or somebody else is active on
    /// this link: who is, advertises within an interval.
    ReleasedElsewhere { by: IpAddr, released_at: Instant, heard_at: Instant },
}

impl Silence {
    fn begin(now: Instant) -> Self {
        let wait = Wait::ActiveDown;
        Self { armed_at: now, wait, learned: None, weaker: None, weaker_since: None }
    }

    /// `peer` was heard and is left alone: its interval counts, the timer starts anew.
    fn adopt(&mut self, peer: &Peer) {
        *self = Self { learned: Some(peer.interval), ..Self::begin(self.armed_at) };
        self.arm(peer);
    }

    /// The silence begins with what was heard, even if it was read late, but not before it was listened for.
    fn arm(&mut self, peer: &Peer) {
        self.armed_at = self.armed_at.max(peer.heard_at);
    }

    /// Active_Adver_Interval (RFC 9568 §6.1). In version 2 it is our own: nothing else is listened to.
    fn active_adver_interval(&self, link: &LinkConfig) -> Interval {
        match link.version() {
            Version::V2 { .. } => link.interval(),
            Version::V3 { .. } => self.learned.unwrap_or_else(|| link.interval()),
        }
    }

    /// When the Active_Down_Timer fires.
    fn active_down_at(&self, config: &RouterConfig, link: &LinkConfig) -> Instant {
        let interval = self.active_adver_interval(link);
        let active_down_at = self.armed_at + link.active_down(config.priority(), interval);
        if self.wait == Wait::ActiveDown {
            return active_down_at;
        }
        let skew = link.skew(config.priority(), interval);
        match self.wait {
            Wait::ActiveDown => active_down_at,
            // With the skew, so that of two boxes that boot together the stronger one is heard before the other claims.
            Wait::Settling { .. } => active_down_at.max(self.armed_at + link.settle() + skew),
            Wait::Released(_) => self.armed_at + skew,
            Wait::ReleasedElsewhere { released_at, heard_at, .. } => {
                let free_at = released_at.max(heard_at + interval.duration()) + skew;
                free_at.min(active_down_at)
            }
        }
    }

    /// When the delay of [`Preempt::After`] ends, while a weaker router is active.
    fn preempt_at(&self, config: &RouterConfig) -> Option<Instant> {
        match (config.effective_preempt(), self.weaker.and(self.weaker_since)) {
            (Preempt::After(delay), Some(since)) => since.checked_add(delay),
            (Preempt::After(_), None) | (Preempt::Never | Preempt::Immediate, _) => None,
        }
    }

    fn deadline(&self, config: &RouterConfig, link: &LinkConfig) -> Instant {
        let active_down_at = self.active_down_at(config, link);
        self.preempt_at(config).map_or(active_down_at, |preempt_at| preempt_at.min(active_down_at))
    }

    /// The router that loses the addresses, alive, if we claim them now.
    fn preempted(&self, config: &RouterConfig, link: &LinkConfig, now: Instant) -> Option<Peer> {
        match config.effective_preempt() {
            Preempt::Never => None,
            Preempt::Immediate => self.weaker,
            Preempt::After(_) => self.weaker.filter(|_| now < self.active_down_at(config, link)),
        }
    }

    /// Why the silence lasted long enough.
    fn reason(&self, now: Instant) -> Reason {
        match self.wait {
            Wait::ActiveDown | Wait::Settling { .. } => {
                Reason::Silence(now.saturating_duration_since(self.armed_at))
            }
            Wait::Released(by) | Wait::ReleasedElsewhere { by, .. } => Reason::Released { by },
        }
    }

    fn hear(&mut self, config: &RouterConfig, peer: &Peer) {
        if peer.priority == Priority::RELEASE {
            let wait = Wait::Released(peer.address);
            *self = Self { wait, weaker: None, ..*self };
            self.arm(peer);
        } else if peer.priority >= config.priority() {
            self.adopt(peer);
        } else {
            self.hear_weaker(config, peer);
        }
    }

    fn hear_weaker(&mut self, config: &RouterConfig, peer: &Peer) {
        let since = self.weaker_since.or(Some(peer.heard_at));
        match config.effective_preempt() {
            Preempt::Never => return self.adopt(peer),
            // §6.4.2: discard the advertisement; the timer runs on.
            Preempt::Immediate => self.settle(),
            // We hold back on purpose, so the weaker router must not seem dead meanwhile.
            Preempt::After(_) => self.adopt(peer),
        }
        *self = Self { weaker: Some(*peer), weaker_since: since, ..*self };
    }

    /// The link receives.
    fn settle(&mut self) {
        if matches!(self.wait, Wait::Settling { .. }) {
            self.wait = Wait::ActiveDown;
        }
    }

    /// The group of `peer` let go as a whole, on all links. If it did so for another weaker one, the delay of
    /// [`Preempt::After`] goes on.
    fn released_elsewhere(&mut self, peer: &Peer) {
        if matches!(self.wait, Wait::ActiveDown | Wait::Settling { .. }) {
            self.wait = Wait::ReleasedElsewhere {
                by: peer.address,
                released_at: peer.heard_at,
                heard_at: self.weaker.map_or(self.armed_at, |weaker| weaker.heard_at),
            };
        }
        self.weaker = None;
    }
}

/// The time between two questions to hosts whose answer would show that a link receives.
pub const EVIDENCE_SPACING: Duration = Duration::from_secs(1);
