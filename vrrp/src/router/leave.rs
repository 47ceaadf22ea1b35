//! A planned stop, which leaves nobody without an answer.

use std::time::{Duration, Instant};

use super::VirtualRouter;
use crate::event::Reason;
use crate::peer::Peer;
use crate::state::{ActiveState, InitializeState, LeavingState, State, leaving};
use crate::types::{LinkId, Priority};

impl VirtualRouter {
    /// Says that we let go, and holds the addresses until just before somebody can have them. Until then their lease and
    /// the guard must not outlast that.
    pub(super) fn begin_to_leave(&mut self, active: &ActiveState, now: Instant) {
        if !active.holds_addresses() {
            self.halt(InitializeState::Stopped, Reason::Shutdown, now);
            return self.release();
        }
        let leaving = LeavingState::begin(&self.config, |link| self.strongest_other(link), now);
        self.enter(State::Leaving(leaving), Reason::Shutdown, now);
        for link in self.config.link_ids() {
            self.lease_addresses(link, leaving::LEASE);
        }
        self.release();
    }

    /// Removes the addresses.
    pub(super) fn finish_leaving(&mut self, now: Instant) {
        self.halt(InitializeState::Stopped, Reason::Shutdown, now);
    }

    /// Before anything else is looked at: somebody may have the addresses soon.
    pub(super) fn finish_leaving_if_due(&mut self, now: Instant) {
        if let State::Leaving(leaving) = &self.state
            && now >= leaving.until()
        {
            self.finish_leaving(now);
        }
    }

    /// Who advertises takes over, or has never let us: it has the addresses at once.
    pub(super) fn hear_while_leaving(&mut self, peer: &Peer, now: Instant) {
        if peer.priority != Priority::RELEASE {
            self.finish_leaving(now);
        }
    }

    /// The strongest router besides us that there may be: somebody who is not in the settings may have been heard.
    fn strongest_other(&self, link: LinkId) -> Priority {
        let heard = self.peer(link).map_or(Priority::RELEASE, |peer| peer.priority);
        self.config.strongest_other().max(heard)
    }

    /// After so long a silence of the process its addresses must be removed for it.
    #[must_use]
    pub fn patience(&self) -> Duration {
        match &self.state {
            State::Leaving(leaving) => leaving.patience(),
            State::Initialize(_) | State::Backup(_) | State::Active(_) => self.config.patience(),
        }
    }
}
