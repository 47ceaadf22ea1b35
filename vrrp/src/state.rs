//! The three states of RFC 9568 §6.4, each with its own timers, so that no timer runs in the wrong state.
//!
//! Deadlines follow from what happened and from the settings in force; the [router](crate::router) moves between
//! states.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::config::{Preempt, RouterConfig, Version};
use crate::event::{Reason, Role};
use crate::peer::Peer;
use crate::schedule::AnnounceSchedule;
use crate::types::{Interval, Priority};

/// Where a virtual router stands in the election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Takes no part.
    Initialize(InitializeState),
    /// Watches the active router.
    Backup(BackupState),
    /// Holds the addresses.
    Active(ActiveState),
}

impl State {
    /// The state without its details.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Initialize(_) => Role::Initialize,
            Self::Backup(_) => Role::Backup,
            Self::Active(_) => Role::Active,
        }
    }

    /// When something is due.
    #[must_use]
    pub fn deadline(&self, config: &RouterConfig) -> Option<Instant> {
        match self {
            Self::Initialize(InitializeState::Stopped | InitializeState::LinkDown) => None,
            Self::Initialize(InitializeState::Fault { retry_at, .. }) => Some(*retry_at),
            Self::Backup(backup) => Some(backup.deadline(config)),
            Self::Active(active) => Some(active.deadline(config)),
        }
    }
}

/// Why a virtual router takes no part in the election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitializeState {
    /// It was not started, or it was shut down.
    Stopped,
    /// It was started and waits for the interface.
    LinkDown,
    /// The host could not do its part; it tries again.
    Fault {
        /// What failed.
        text: String,
        /// When to take part again.
        retry_at: Instant,
    },
}

/// The backup state: a silence being timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupState {
    /// When the Active_Down_Timer was set.
    armed_at: Instant,
    /// For how long, and why.
    wait: Wait,
    /// Active_Adver_Interval, once learned; our own before.
    learned: Option<Interval>,
    /// The weaker router that is active, while we mean to preempt it.
    weaker: Option<Weaker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// Active_Down_Interval.
    ActiveDown,
    /// Skew_Time, because this router let go.
    Released(IpAddr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Weaker {
    since: Instant,
    peer: Peer,
}

impl BackupState {
    pub(crate) fn begin(now: Instant) -> Self {
        Self { armed_at: now, wait: Wait::ActiveDown, learned: None, weaker: None }
    }

    /// The state of a router that just heard `peer` and leaves it alone: its interval counts, the timer starts anew.
    pub(crate) fn adopting(peer: &Peer) -> Self {
        Self { learned: Some(peer.interval), ..Self::begin(peer.heard_at) }
    }

    /// Active_Adver_Interval (RFC 9568 §6.1). In version 2 it is our own: nothing else is listened to.
    #[must_use]
    pub fn active_adver_interval(&self, config: &RouterConfig) -> Interval {
        match config.version() {
            Version::V2 { .. } => config.interval(),
            Version::V3 { .. } => self.learned.unwrap_or_else(|| config.interval()),
        }
    }

    /// When the Active_Down_Timer fires.
    #[must_use]
    pub fn active_down_at(&self, config: &RouterConfig) -> Instant {
        let interval = self.active_adver_interval(config);
        self.armed_at
            + match self.wait {
                Wait::ActiveDown => config.active_down(interval),
                Wait::Released(_) => config.skew(interval),
            }
    }

    /// When the delay of [`Preempt::After`] ends, while a weaker router is active.
    #[must_use]
    pub fn preempt_at(&self, config: &RouterConfig) -> Option<Instant> {
        match (config.effective_preempt(), self.weaker) {
            (Preempt::After(delay), Some(weaker)) => Some(weaker.since + delay),
            (Preempt::After(_), None) | (Preempt::Never | Preempt::Immediate, _) => None,
        }
    }

    fn deadline(&self, config: &RouterConfig) -> Instant {
        let active_down_at = self.active_down_at(config);
        self.preempt_at(config).map_or(active_down_at, |preempt_at| preempt_at.min(active_down_at))
    }

    /// The reason to become active, if it is time.
    pub(crate) fn claim(&self, config: &RouterConfig, now: Instant) -> Option<Reason> {
        if now < self.deadline(config) {
            return None;
        }
        let preempted = match config.effective_preempt() {
            Preempt::Never => None,
            Preempt::Immediate => self.weaker,
            Preempt::After(_) => self.weaker.filter(|_| now < self.active_down_at(config)),
        };
        Some(match (preempted, self.wait) {
            (Some(Weaker { peer, .. }), _) => {
                Reason::Preempted { peer: peer.address, priority: peer.priority }
            }
            (None, Wait::Released(by)) => Reason::Released { by },
            (None, Wait::ActiveDown) => {
                Reason::Silence(now.saturating_duration_since(self.armed_at))
            }
        })
    }

    /// RFC 9568 §6.4.2: what an advertisement does to the timer.
    pub(crate) fn hear(&mut self, peer: &Peer, config: &RouterConfig) {
        if peer.priority == Priority::RELEASE {
            let wait = Wait::Released(peer.address);
            *self = Self { armed_at: peer.heard_at, wait, weaker: None, ..*self };
        } else if peer.priority >= config.priority() {
            *self = Self::adopting(peer);
        } else {
            self.hear_weaker(peer, config);
        }
    }

    fn hear_weaker(&mut self, peer: &Peer, config: &RouterConfig) {
        let since = self.weaker.map_or(peer.heard_at, |weaker| weaker.since);
        let weaker = Some(Weaker { since, peer: *peer });
        match config.effective_preempt() {
            Preempt::Never => *self = Self::adopting(peer),
            // §6.4.2: discard the advertisement; the timer runs on.
            Preempt::Immediate => self.weaker = weaker,
            // We hold back on purpose, so the weaker router must not seem dead meanwhile.
            Preempt::After(_) => *self = Self { weaker, ..Self::adopting(peer) },
        }
    }

    /// Under new settings the router that we meant to preempt may be one to leave alone.
    pub(crate) fn reconsider(&mut self, config: &RouterConfig) {
        if let Some(Weaker { peer, .. }) = self.weaker {
            self.hear(&peer, config);
        }
    }
}

/// The active state: what was sent when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveState {
    pub(crate) advertised_at: Instant,
    pub(crate) renewed_at: Instant,
    pub(crate) announcements: AnnounceSchedule,
    /// Until when the addresses are left to the router that we preempted, if they are.
    pub(crate) yields_until: Option<Instant>,
}

impl ActiveState {
    /// Advertisement, addresses and announcement are all out now.
    pub(crate) fn begin(now: Instant) -> Self {
        Self {
            advertised_at: now,
            renewed_at: now,
            announcements: AnnounceSchedule::begin(now),
            yields_until: None,
        }
    }

    /// The advertisement is out now; the router that it preempts has [`YIELD`] to let go.
    pub(crate) fn preempting(now: Instant) -> Self {
        Self { yields_until: Some(now + YIELD), ..Self::begin(now) }
    }

    /// Whether the addresses are ours by now: a router that preempts adds them [`YIELD`] after its first advertisement.
    #[must_use]
    pub fn holds_addresses(&self) -> bool {
        self.yields_until.is_none()
    }

    /// When the Adver_Timer fires.
    #[must_use]
    pub fn advertise_at(&self, config: &RouterConfig) -> Instant {
        self.advertised_at + config.interval().duration()
    }

    /// When the lease of the addresses is to be renewed: together with an advertisement if one is due soon.
    ///
    /// So the last renewal is never much later than the last advertisement, and a lease that nobody renews any more
    /// ends before a peer takes over.
    #[must_use]
    pub fn renew_at(&self, config: &RouterConfig) -> Instant {
        let due_at = self.renewed_at + config.lease() / RENEWALS_PER_LEASE;
        let advertise_at = self.advertise_at(config);
        let soon = due_at..=due_at + config.lease() / RENEWALS_PER_LEASE / 2;
        if soon.contains(&advertise_at) { advertise_at } else { due_at }
    }

    /// When the addresses are to be announced again.
    #[must_use]
    pub fn announce_at(&self) -> Instant {
        self.announcements.next_at()
    }

    fn deadline(&self, config: &RouterConfig) -> Instant {
        let hold_at =
            self.yields_until.unwrap_or_else(|| self.renew_at(config).min(self.announce_at()));
        self.advertise_at(config).min(hold_at)
    }

    /// How long we did not advertise, if a peer may have taken over meanwhile.
    pub(crate) fn late(&self, config: &RouterConfig, now: Instant) -> Option<Duration> {
        let silence = now.saturating_duration_since(self.advertised_at);
        (silence >= config.interval().duration() * LATE_INTERVALS).then_some(silence)
    }
}

/// How long a router that preempts waits before it adds the addresses, so that the weaker one, which is alive, has let
/// go of them. keepalived takes up to 17 ms for it.
pub const YIELD: Duration = Duration::from_millis(20);

/// One renewal may fail, and the next has time to spare.
const RENEWALS_PER_LEASE: u32 = 4;

/// Active_Down_Interval without the skew: no peer takes over before (RFC 9568 §6.1).
pub(crate) const LATE_INTERVALS: u32 = 3;
