//! Whether a link receives at all: until something was heard on it, silence proves nothing.
//!
//! The port of a switch forwards nothing for a while after it came up, and a box that has just booted hears nobody then.
//! So a backup on such a link waits for whatever comes from another host first, and helps itself by asking where the
//! other routers are: their kernels answer. Where nothing ever comes it goes on after a while, for it may be alone.

use std::time::Instant;

use super::VirtualRouter;
use crate::event::Action;
use crate::state::State;
use crate::types::LinkId;

impl VirtualRouter {
    /// Until when this link is given time to show that it receives, if a claim waits for that.
    ///
    /// # Panics
    /// If there is no such link.
    #[must_use]
    pub fn settles_until(&self, link: LinkId) -> Option<Instant> {
        match &self.state {
            State::Backup(backup) => backup.settles_until(&self.config, link),
            State::Initialize(_) | State::Active(_) | State::Leaving(_) => None,
        }
    }

    /// Something came from another host.
    pub(super) fn note_receiving(&mut self, link: LinkId, now: Instant) {
        self.links[link.index()].receives = true;
        if let State::Backup(backup) = &mut self.state {
            backup.receives(link, now);
        }
    }

    /// Asks where the others are, on links that have not received anything yet.
    pub(super) fn seek_evidence_if_due(&mut self, now: Instant) {
        for link in self.config.link_ids().filter(|link| self.may_ask(*link)).collect::<Vec<_>>() {
            if let State::Backup(backup) = &mut self.state
                && backup.take_evidence_due(link, now)
            {
                let addresses = self.config.link(link).others().to_vec();
                self.actions.push(Action::Ask { link, addresses });
            }
        }
    }

    pub(super) fn evidence_at(&self) -> Option<Instant> {
        let State::Backup(backup) = &self.state else { return None };
        let asking = self.config.link_ids().filter(|link| self.may_ask(*link));
        asking.filter_map(|link| backup.evidence_at(link)).min()
    }

    fn may_ask(&self, link: LinkId) -> bool {
        let settings = self.config.link(link);
        !settings.others().is_empty() && !settings.settle().is_zero()
    }
}
