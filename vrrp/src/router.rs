//! The election: one virtual router of RFC 9568 as a state machine.
//!
//! ```text
//!                      +---------------+
//!           +--------->|               |<-------------+
//!           |          |  Initialize   |              |
//!           |   +------|               |----------+   |
//!           |   |      +---------------+          |   |
//!           |   v                                 v   |
//!   +---------------+                         +---------------+
//!   |               |------------------------>|               |
//!   |    Active     |                         |    Backup     |
//!   |               |<------------------------|               |
//!   +---------------+                         +---------------+
//! ```
//!
//! Pure. Feed it an [`Event`] and the time, carry out the [`Action`]s it returns, in order. What the RFC leaves open:
//!
//! - **Becoming active** is `Advertise, AddAddresses, Announce`. Between the first two a router that preempts waits for
//!   [`YIELD`](crate::state::YIELD): the old holder, which is alive, lets go first. **Letting go** begins with
//!   `RemoveAddresses` on every path, so that no advertisement invites a peer before the address is gone.
//! - **Late.** A process that did not run for three intervals cannot know whether a peer took over: it lets go
//!   silently.
//! - **Leases.** The addresses vanish by themselves unless renewed, so that a dead or frozen process cannot keep them.
//! - **Lost addresses** are added again at once. Who loses the same one [`LOSSES_MAX`] times within [`LOSSES_WITHIN`]
//!   has another program against him, and lets go: an address that flaps serves nobody.
//! - **Contradiction.** An active router that hears a weaker one advertises at once (RFC 9568 §6.4.3) and announces
//!   again. A loser advertises once more after it let go, because the winner may not have heard it before.

mod active;
mod hear;
mod losses;
mod reconfigure;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::advertisement::Advertisement;
use crate::checksum::ChecksumForm;
use crate::config::{Checksum, RouterConfig, Version};
pub use crate::counters::Counters;
use crate::event::{Action, Event, LinkState, Reason, Role, Transition};
pub use crate::peer::Peer;
use crate::router::losses::Losses;
pub use crate::router::losses::{LOSSES_MAX, LOSSES_WITHIN};
use crate::state::{ActiveState, BackupState, InitializeState, State};
use crate::types::Priority;

/// One virtual router on one box.
#[derive(Clone, Debug)]
pub struct VirtualRouter {
    config: RouterConfig,
    state: State,
    link: LinkState,
    peer: Option<Peer>,
    last_transition: Option<Transition>,
    counters: Counters,
    losses: Losses,
    /// How long the next fault keeps us out of the election.
    backoff: Duration,
    /// What the event being handled has led to so far.
    actions: Vec<Action>,
}

impl VirtualRouter {
    /// A router in Initialize, with a link that is up until [`Event::Link`] says otherwise.
    #[must_use]
    pub fn new(config: RouterConfig) -> Self {
        Self {
            config,
            state: State::Initialize(InitializeState::Stopped),
            link: LinkState::Up,
            peer: None,
            last_transition: None,
            counters: Counters::default(),
            losses: Losses::default(),
            backoff: FAULT_BACKOFF,
            actions: Vec::new(),
        }
    }

    /// Takes in what happened; returns what to do, in the order in which it must be done. `now` never goes back.
    ///
    /// Advertisements that wait in the socket must be handled before an [`Event::Timer`], else a busy host takes its
    /// peer for dead.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        self.step_down_if_late(now);
        if let Event::Link(link) = event {
            self.link = link;
        }
        match (self.state.clone(), event) {
            (State::Initialize(InitializeState::Stopped), Event::Startup) => {
                self.start(Reason::Started, now);
            }
            (
                State::Initialize(InitializeState::LinkDown | InitializeState::Fault { .. })
                | State::Backup(_)
                | State::Active(_),
                Event::Startup,
            ) => {}

            (State::Initialize(_), Event::Shutdown) => {
                self.state = State::Initialize(InitializeState::Stopped);
            }
            (State::Backup(_), Event::Shutdown) => {
                self.halt(InitializeState::Stopped, Reason::Shutdown, now);
            }
            (State::Active(_), Event::Shutdown) => {
                self.halt(InitializeState::Stopped, Reason::Shutdown, now);
                self.send(Priority::RELEASE);
            }

            (
                State::Initialize(InitializeState::Stopped | InitializeState::LinkDown),
                Event::Timer,
            ) => {}
            (State::Initialize(InitializeState::Fault { retry_at, .. }), Event::Timer) => {
                self.retry_if_due(retry_at, now);
            }
            (State::Backup(backup), Event::Timer) => self.claim_if_due(&backup, now),
            (State::Active(active), Event::Timer) => self.do_what_is_due(active, now),

            (State::Initialize(_), Event::Advertisement { source, advert, form }) => {
                self.meet(source, &advert, form, now);
            }
            (State::Backup(backup), Event::Advertisement { source, advert, form }) => {
                if let Some(peer) = self.meet(source, &advert, form, now) {
                    self.hear_in_backup(backup, &peer);
                }
            }
            (State::Active(active), Event::Advertisement { source, advert, form }) => {
                if let Some(peer) = self.meet(source, &advert, form, now) {
                    self.hear_in_active(active, &peer);
                }
            }

            (State::Initialize(InitializeState::LinkDown), Event::Link(LinkState::Up)) => {
                self.start(Reason::LinkUp, now);
            }
            (
                State::Initialize(InitializeState::Stopped | InitializeState::Fault { .. })
                | State::Backup(_)
                | State::Active(_),
                Event::Link(LinkState::Up),
            ) => {}
            (
                State::Initialize(InitializeState::Stopped | InitializeState::LinkDown),
                Event::Link(LinkState::Down),
            ) => {}
            (State::Initialize(InitializeState::Fault { .. }), Event::Link(LinkState::Down)) => {
                self.state = State::Initialize(InitializeState::LinkDown);
            }
            (State::Backup(_) | State::Active(_), Event::Link(LinkState::Down)) => {
                self.halt(InitializeState::LinkDown, Reason::LinkDown, now);
            }

            (State::Initialize(_) | State::Backup(_), Event::AddressLost(_)) => {}
            (State::Active(active), Event::AddressLost(address)) => {
                self.restore_or_fail(&active, address, now);
            }

            // Whatever failed, no address of ours depends on it: those not removed vanish with their lease.
            (State::Initialize(_) | State::Backup(_), Event::ActionFailed(_)) => {}
            (State::Active(_), Event::ActionFailed(text)) => self.fail(text, now),

            (State::Initialize(_), Event::Reconfigure(config)) => self.replace_config(config),
            (State::Backup(backup), Event::Reconfigure(config)) => {
                self.reconfigure_backup(backup, config, now);
            }
            (State::Active(active), Event::Reconfigure(config)) => {
                self.reconfigure_active(active, config, now);
            }
        }
        std::mem::take(&mut self.actions)
    }

    /// When to send [`Event::Timer`]: at this time or soon after. `None` while only other events can change anything.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.state.deadline(&self.config)
    }

    /// The state without its details.
    #[must_use]
    pub fn role(&self) -> Role {
        self.state.role()
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &RouterConfig {
        &self.config
    }

    /// The last change of state, if there was one.
    #[must_use]
    pub fn last_transition(&self) -> Option<&Transition> {
        self.last_transition.as_ref()
    }

    /// The other router of this VRID that we heard last.
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }

    /// What was counted since the router was made.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The advertisement that lets go, for whoever has to send it should we die while active.
    #[must_use]
    pub fn farewell(&self) -> (Advertisement, ChecksumForm) {
        (self.advertisement(Priority::RELEASE), self.checksum_form())
    }

    /// Every change of state. What leaving and becoming active bring with them happens here, so no path can forget it.
    fn enter(&mut self, state: State, reason: Reason, at: Instant) {
        let (from, to) = (self.role(), state.role());
        if from == Role::Active {
            self.actions.push(Action::RemoveAddresses(self.config.addresses().to_vec()));
        }
        self.state = state;
        self.last_transition = Some(Transition { from, to, reason, at });
        if let State::Active(active) = self.state {
            self.counters.active_transitions += 1;
            self.send(self.config.priority());
            if active.holds_addresses() {
                self.add_addresses();
                self.announce(self.config.addresses().to_vec());
            }
        }
    }

    /// RFC 9568 §6.4.1.
    fn start(&mut self, reason: Reason, now: Instant) {
        match (self.link, self.config.is_owner()) {
            (LinkState::Down, _) => self.state = State::Initialize(InitializeState::LinkDown),
            (LinkState::Up, false) => {
                self.enter(State::Backup(BackupState::begin(now)), reason, now);
            }
            (LinkState::Up, true) => {
                let reason = if reason == Reason::Started { Reason::Owner } else { reason };
                self.enter(State::Active(ActiveState::begin(now)), reason, now);
            }
        }
    }

    fn halt(&mut self, state: InitializeState, reason: Reason, now: Instant) {
        self.enter(State::Initialize(state), reason, now);
    }

    fn fail(&mut self, text: String, now: Instant) {
        let active_since = self.last_transition.as_ref().map_or(now, |transition| transition.at);
        if now.saturating_duration_since(active_since) >= FAULT_BACKOFF_MAX {
            self.backoff = FAULT_BACKOFF;
        }
        let state = InitializeState::Fault { text: text.clone(), retry_at: now + self.backoff };
        self.backoff = FAULT_BACKOFF_MAX.min(self.backoff * 2);
        self.halt(state, Reason::Fault(text), now);
        self.send(Priority::RELEASE);
    }

    /// As backup even if we own the addresses: another router may hold them since the fault.
    fn retry_if_due(&mut self, retry_at: Instant, now: Instant) {
        if now >= retry_at {
            self.enter(State::Backup(BackupState::begin(now)), Reason::Retry, now);
        }
    }

    fn send(&mut self, priority: Priority) {
        let advert = self.advertisement(priority);
        self.counters.advertisements_sent += 1;
        self.counters.priority_zero_sent += u64::from(priority == Priority::RELEASE);
        self.actions.push(Action::Advertise(advert, self.checksum_form()));
    }

    fn add_addresses(&mut self) {
        let addresses = self.config.addresses().to_vec();
        self.actions.push(Action::AddAddresses { addresses, lease: self.config.lease() });
    }

    fn announce(&mut self, addresses: Vec<IpAddr>) {
        self.actions.push(Action::Announce(addresses));
    }

    fn advertisement(&self, priority: Priority) -> Advertisement {
        Advertisement {
            vrid: self.config.vrid(),
            priority,
            interval: self.config.interval(),
            addresses: self.config.addresses().to_vec(),
        }
    }

    fn checksum_form(&self) -> ChecksumForm {
        let checksum = match self.config.version() {
            Version::V2 { auth } => return ChecksumForm::Rfc3768(auth),
            Version::V3 { checksum } => checksum,
        };
        match checksum {
            Checksum::Rfc9568 => ChecksumForm::Rfc9568,
            Checksum::Rfc5798 => ChecksumForm::Rfc5798,
            Checksum::Auto => self.peer.map_or(ChecksumForm::Rfc9568, |peer| peer.form),
        }
    }
}

/// How long a router whose host failed stays out of the election before it tries again; twice as long after each fault.
pub const FAULT_BACKOFF: Duration = Duration::from_secs(5);

/// The longest time out of the election. Who was active for as long without a fault starts again with
/// [`FAULT_BACKOFF`].
pub const FAULT_BACKOFF_MAX: Duration = Duration::from_secs(60);
