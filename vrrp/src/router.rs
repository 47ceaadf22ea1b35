//! The election: one virtual router of RFC 9568 as a state machine, on one link or on several that move as one.
//!
//! ```text
//!                      +---------------+
//!           +--------->|               |<-------------+
//!           |          |  Initialize   |              |
//!           |   +------|               |----------+   |
//!           |   |      +---------------+          |   |
//!           |   v                ^                v   |
//!   +---------------+     +-----------+       +---------------+
//!   |               |---->|  Leaving  |       |               |
//!   |    Active     |     +-----------+       |    Backup     |
//!   |               |------------------------>|               |
//!   |               |<------------------------|               |
//!   +---------------+                         +---------------+
//! ```
//!
//! Pure. Feed it an [`Event`] and the time, carry out the [`Action`]s it returns, in order. What the RFC leaves open:
//!
//! - **Becoming active** is `Advertise, AddAddresses, Announce`. Between the first two a router that preempts waits for
//!   [`YIELD`](crate::state::YIELD): the old holder, which is alive, lets go first. **Letting go** begins with
//!   `RemoveAddresses` on every path but one, so that no advertisement invites a peer before the address is gone.
//! - **A planned stop** is that one: the advertisement goes first, and the addresses follow just before the strongest other
//!   router can have waited for its skew, or when anybody else advertises or announces them.
//! - **Tempo.** The virtual routers of a box advertise together: the interval after a claim is up to a sixteenth shorter,
//!   the others are full ones.
//! - **Late.** A process that did not run for three intervals cannot know whether a peer took over: it lets go
//!   silently.
//! - **Evidence.** Silence counts only on a link that has received something since it is up: while the port of a switch does
//!   not forward yet, it proves nothing. Who hears nothing at all goes on after the time that the link has to settle.
//! - **Leases.** The addresses vanish by themselves unless renewed, so that a dead or frozen process cannot keep them.
//! - **Lost addresses** are added again at once. Who loses the same one [`LOSSES_MAX`] times within [`LOSSES_WITHIN`]
//!   has another program against him, and lets go: an address that flaps serves nobody.
//! - **Routes** follow the addresses when they are added and renewed, and go before them. Lost routes are added again at
//!   once, or with the next renewal if they were lost a moment ago, too.
//! - **Consent.** Who needs it asks when all else allows a claim, and stays a backup until the answer; an advertisement
//!   that arrives meanwhile counts as ever, and voids the question. Who was refused asks again after
//!   [`CONSENT_BACKOFF`].
//! - **Contradiction.** An active router that hears a weaker one, or one that lets go, advertises at once (RFC 9568
//!   §6.4.3) and announces again: somebody else held the addresses. A loser advertises once more after it let go, because
//!   the winner may not have heard it before.
//! - **Duplicates.** Before a claim the router asks who has its addresses, if told so. It does not claim what a stranger
//!   has, and defends what the old holder's kernel still has.
//! - **Several links** share one state, so that a box has the addresses of all of them or of none. It claims them when
//!   the silence has lasted long enough on every link, and lets go of all when one link is lost, hears a stronger router,
//!   or has a fault. A router that lets go on one link is taken to let go on all.

mod active;
mod consent;
mod evidence;
mod health;
mod hear;
mod leave;
mod link;
mod losses;
mod orders;
mod probe;
mod reconfigure;

use std::time::{Duration, Instant};

use crate::config::RouterConfig;
pub use crate::counters::Counters;
use crate::event::{Action, Event, LinkState, Reason, Role, Transition};
use crate::notification::NewMasterReason;
pub use crate::peer::Peer;
pub use crate::router::active::ROUTES_SPACING;
use crate::router::consent::Consent;
pub use crate::router::consent::{CONSENT_BACKOFF, Question};
use crate::router::link::Link;
pub use crate::router::losses::{LOSSES_MAX, LOSSES_WITHIN};
pub use crate::router::probe::{ASKED_MAX, TIME_TO_ASK_MAX, TIME_TO_ASK_PART};
use crate::router::probe::{Answer, Probe};
use crate::state::{ActiveState, BackupState, InitializeState, State};
use crate::tempo::Tempo;
use crate::types::LinkId;

/// One virtual router on one box.
#[derive(Clone, Debug)]
pub struct VirtualRouter {
    config: RouterConfig,
    tempo: Tempo,
    state: State,
    /// As many as the settings have.
    links: Vec<Link>,
    probe: Probe,
    last_transition: Option<Transition>,
    consent: Consent,
    /// How many were asked so far.
    questions: u64,
    /// Which tracked check keeps us out of the election, and why.
    unhealthy: Option<String>,
    /// How long the next fault keeps us out of the election.
    backoff: Duration,
    /// What the event being handled has led to so far.
    actions: Vec<Action>,
}

impl VirtualRouter {
    /// A router in Initialize, with links that are up until [`Event::Link`] says otherwise.
    #[must_use]
    pub fn new(config: RouterConfig) -> Self {
        Self {
            links: config.links().iter().map(|_| Link::new()).collect(),
            config,
            tempo: Tempo::default(),
            state: State::Initialize(InitializeState::Stopped),
            probe: Probe::default(),
            last_transition: None,
            consent: Consent::NotAsked,
            questions: 0,
            unhealthy: None,
            backoff: FAULT_BACKOFF,
            actions: Vec::new(),
        }
    }

    /// The same, but it advertises together with the other virtual routers of its box.
    #[must_use]
    pub fn with_tempo(self, tempo: Tempo) -> Self {
        Self { tempo, ..self }
    }

    /// Takes in what happened; returns what to do, in the order in which it must be done. `now` never goes back.
    ///
    /// Advertisements that wait in the socket must be handled before an [`Event::Timer`], else a busy host takes its
    /// peer for dead. An event of a link that the router does not have is ignored.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        if event.link().is_some_and(|link| link.index() >= self.links.len()) {
            return Vec::new();
        }
        self.step_down_if_late(now);
        self.finish_leaving_if_due(now);
        if let Event::Link { link, state } = event {
            let link = &mut self.links[link.index()];
            link.state = state;
            link.receives &= state == LinkState::Up;
        }
        if let Event::Receives { link } | Event::Claimed { link, .. } = event {
            self.note_receiving(link, now);
        }
        if let Event::Reconfigure(_) = event {
            self.links.iter_mut().for_each(|link| link.mismatches.forget());
        }
        if event == Event::Timer {
            self.seek_evidence_if_due(now);
        }
        let silenced = if let Event::SourceLost { link } = event { Some(link) } else { None };
        match (self.state.clone(), event) {
            (State::Initialize(InitializeState::Stopped), Event::Startup) => {
                self.start(Reason::Started, now);
            }
            (
                State::Initialize(
                    InitializeState::LinkDown
                    | InitializeState::Unhealthy
                    | InitializeState::Fault { .. },
                )
                | State::Backup(_)
                | State::Active(_),
                Event::Startup,
            ) => {}
            (State::Leaving(_), Event::Startup) => {
                self.finish_leaving(now);
                self.start(Reason::Started, now);
            }

            (State::Initialize(_), Event::Shutdown | Event::Leave) => {
                self.state = State::Initialize(InitializeState::Stopped);
            }
            (State::Backup(_), Event::Shutdown | Event::Leave) => {
                self.halt(InitializeState::Stopped, Reason::Shutdown, now);
            }
            (State::Active(_), Event::Shutdown) => {
                self.halt(InitializeState::Stopped, Reason::Shutdown, now);
                self.release();
            }
            (State::Active(active), Event::Leave) => self.begin_to_leave(&active, now),
            (State::Leaving(_), Event::Leave) => {}

            // Whatever else it is, there is no time to lose over it.
            (
                State::Leaving(_),
                Event::Shutdown
                | Event::Link { state: LinkState::Down, .. }
                | Event::SourceLost { .. }
                | Event::AddressLost { .. }
                | Event::Claimed { .. }
                | Event::ActionFailed(_),
            ) => self.finish_leaving(now),
            (
                State::Leaving(_),
                Event::Timer
                | Event::Link { state: LinkState::Up, .. }
                | Event::RoutesLost { .. }
                | Event::Consent { .. },
            ) => {}

            (
                State::Initialize(
                    InitializeState::Stopped
                    | InitializeState::LinkDown
                    | InitializeState::Unhealthy,
                ),
                Event::Timer,
            ) => {}
            (State::Initialize(InitializeState::Fault { retry_at, .. }), Event::Timer) => {
                self.retry_if_due(retry_at, now);
            }
            (State::Backup(backup), Event::Timer) => {
                self.ask_if_due(&backup, now);
                self.claim_if_due(backup, now);
            }
            (State::Active(active), Event::Timer) => self.do_what_is_due(active, now),

            (
                State::Initialize(_) | State::Backup(_) | State::Active(_) | State::Leaving(_),
                Event::Receives { .. },
            ) => {}

            (State::Initialize(_), Event::Advertisement { link, source, advert, form, waited }) => {
                self.meet(link, source, &advert, form, arrival(waited, now));
            }
            (
                State::Backup(backup),
                Event::Advertisement { link, source, advert, form, waited },
            ) => {
                if let Some(peer) = self.meet(link, source, &advert, form, arrival(waited, now)) {
                    self.hear_in_backup(backup, link, &peer);
                }
            }
            (
                State::Active(active),
                Event::Advertisement { link, source, advert, form, waited },
            ) => {
                if let Some(peer) = self.meet(link, source, &advert, form, arrival(waited, now)) {
                    self.hear_in_active(active, link, &peer, now);
                }
            }
            (State::Leaving(_), Event::Advertisement { link, source, advert, form, waited }) => {
                if let Some(peer) = self.meet(link, source, &advert, form, arrival(waited, now)) {
                    self.hear_while_leaving(&peer, now);
                }
            }

            (
                State::Initialize(InitializeState::LinkDown),
                Event::Link { state: LinkState::Up, .. },
            ) => {
                self.start(Reason::LinkUp, now);
            }
            (
                State::Initialize(
                    InitializeState::Stopped
                    | InitializeState::Unhealthy
                    | InitializeState::Fault { .. },
                )
                | State::Backup(_)
                | State::Active(_),
                Event::Link { state: LinkState::Up, .. },
            ) => {}
            (
                State::Initialize(InitializeState::Stopped | InitializeState::LinkDown),
                Event::Link { state: LinkState::Down, .. } | Event::SourceLost { .. },
            ) => {}
            (
                State::Initialize(InitializeState::Unhealthy | InitializeState::Fault { .. }),
                Event::Link { state: LinkState::Down, .. } | Event::SourceLost { .. },
            ) => {
                self.state = State::Initialize(InitializeState::LinkDown);
            }
            (
                State::Backup(_),
                Event::Link { state: LinkState::Down, .. } | Event::SourceLost { .. },
            ) => {
                self.halt(InitializeState::LinkDown, Reason::LinkDown, now);
            }
            (
                State::Active(_),
                Event::Link { state: LinkState::Down, .. } | Event::SourceLost { .. },
            ) => {
                self.halt(InitializeState::LinkDown, Reason::LinkDown, now);
                self.release();
            }

            (State::Initialize(_), Event::Source { link, source }) => {
                self.links[link.index()].source = Some(source);
            }
            (State::Backup(_) | State::Active(_), Event::Source { link, source }) => {
                self.change_source(link, source, now);
            }
            (State::Leaving(_), Event::Source { link, source }) => {
                self.finish_leaving(now);
                self.links[link.index()].source = Some(source);
            }

            (State::Initialize(_) | State::Backup(_), Event::AddressLost { .. }) => {}
            (State::Active(active), Event::AddressLost { link, address }) => {
                self.restore_or_fail(&active, link, address, now);
            }

            (
                State::Initialize(_) | State::Backup(_) | State::Leaving(_),
                Event::MacChanged { .. },
            ) => {}
            (State::Active(active), Event::MacChanged { link }) => {
                self.announce_anew(active, link, now);
            }

            (State::Initialize(_) | State::Backup(_), Event::RoutesLost { .. }) => {}
            (State::Active(active), Event::RoutesLost { link }) => {
                self.restore_routes(&active, link, now);
            }

            (State::Initialize(_), Event::Claimed { .. }) => {}
            (State::Backup(backup), Event::Claimed { link, address, mac }) => {
                self.hear_claim_in_backup(&backup, Answer { link, address, mac });
            }
            (State::Active(active), Event::Claimed { link, address, mac }) => {
                self.hear_claim_in_active(active, Answer { link, address, mac }, now);
            }

            (State::Initialize(_) | State::Active(_), Event::Consent { .. }) => {}
            (State::Backup(backup), Event::Consent { number, answer }) => {
                self.hear_answer(backup, number, answer, now);
            }

            // Whatever failed, no address of ours depends on it: those not removed vanish with their lease.
            (State::Initialize(_) | State::Backup(_), Event::ActionFailed(_)) => {}
            (State::Active(_), Event::ActionFailed(text)) => self.fail(text, now),

            (State::Initialize(initialize), Event::Health(health)) => {
                self.judge_in_initialize(&initialize, health, now);
            }
            (State::Backup(backup), Event::Health(health)) => {
                self.judge_in_backup(backup, health, now);
            }
            (State::Active(active), Event::Health(health)) => {
                self.judge_in_active(active, health, now);
            }
            (State::Leaving(_), Event::Health(health)) => self.note_health(health),

            (State::Initialize(_), Event::Reconfigure(config)) => {
                self.replace_config(self.as_tracked(config));
            }
            (State::Backup(backup), Event::Reconfigure(config)) => {
                self.reconfigure_backup(backup, self.as_tracked(config), now);
            }
            (State::Active(active), Event::Reconfigure(config)) => {
                self.reconfigure_active(active, self.as_tracked(config), now);
            }
            (State::Leaving(_), Event::Reconfigure(config)) => {
                self.reconfigure_leaving(self.as_tracked(config), now);
            }
        }
        // Not before the last word.
        if let Some(link) = silenced {
            self.links[link.index()].state = LinkState::Down;
        }
        self.withdraw_if_not_due(now);
        std::mem::take(&mut self.actions)
    }

    /// When to send [`Event::Timer`]: at this time or soon after. `None` while only other events can change anything.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if let Some(consent_at) = self.consent_timeout() {
            return Some(consent_at);
        }
        let deadline = self.state.deadline(&self.config, self.tempo)?;
        [self.ask_at(), self.evidence_at()].into_iter().flatten().chain([deadline]).min()
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

    /// Every change of state. What leaving and becoming active bring with them happens here, so no path can forget it.
    fn enter(&mut self, state: State, reason: Reason, at: Instant) {
        let (from, to) = (self.role(), state.role());
        if from.may_hold() && to != Role::Leaving {
            self.remove_addresses();
        }
        self.state = state;
        let new_master_reason = NewMasterReason::of(&reason);
        self.last_transition = Some(Transition { from, to, reason, at });
        if let State::Active(active) = &self.state {
            let holds = active.holds_addresses();
            for link in &mut self.links {
                link.counters.active_transitions += 1;
                link.counters.new_master_reason = new_master_reason;
            }
            self.advertise_on_all();
            if holds {
                self.hold_addresses();
            }
        }
    }

    /// RFC 9568 §6.4.1.
    fn start(&mut self, reason: Reason, now: Instant) {
        let all_up = self.links.iter().all(|link| link.state == LinkState::Up);
        let claims_at_once = self.config.is_owner() && self.config.consent_within().is_none();
        match (all_up, &self.unhealthy, claims_at_once) {
            (false, _, _) => self.state = State::Initialize(InitializeState::LinkDown),
            (true, Some(_), _) => self.state = State::Initialize(InitializeState::Unhealthy),
            (true, None, false) => self.watch(reason, now),
            (true, None, true) => {
                let reason = if reason == Reason::Started { Reason::Owner } else { reason };
                self.enter(State::Active(ActiveState::begin(&self.config, now)), reason, now);
            }
        }
    }

    /// Becomes a backup that knows nothing of an active router.
    fn watch(&mut self, reason: Reason, now: Instant) {
        let receives = |link: LinkId| self.links[link.index()].receives;
        let backup = BackupState::settling(&self.config, receives, now);
        self.enter(State::Backup(backup), reason, now);
        self.seek_evidence_if_due(now);
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
        self.release();
    }

    /// As backup even if we own the addresses: another router may hold them since the fault.
    fn retry_if_due(&mut self, retry_at: Instant, now: Instant) {
        if now < retry_at {
            return;
        }
        match self.unhealthy {
            Some(_) => self.state = State::Initialize(InitializeState::Unhealthy),
            None => self.watch(Reason::Retry, now),
        }
    }
}

fn arrival(waited: Duration, now: Instant) -> Instant {
    now.checked_sub(waited).unwrap_or(now)
}

/// How long a router whose host failed stays out of the election before it tries again; twice as long after each fault.
pub const FAULT_BACKOFF: Duration = Duration::from_secs(5);

/// The longest time out of the election. Who was active for as long without a fault starts again with
/// [`FAULT_BACKOFF`].
pub const FAULT_BACKOFF_MAX: Duration = Duration::from_secs(60);
