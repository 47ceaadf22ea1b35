//! What is known of a link, whatever the state.

use std::net::IpAddr;
use std::time::Instant;

use super::VirtualRouter;
use super::losses::Losses;
use crate::conflict::Conflict;
use crate::counters::Counters;
use crate::event::LinkState;
use crate::mismatch::Mismatches;
use crate::peer::Peer;
use crate::types::LinkId;

/// One link of a router.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) state: LinkState,
    /// Whether something was received since it is up.
    pub(super) receives: bool,
    /// What the host chose to send from.
    pub(super) source: Option<IpAddr>,
    pub(super) peer: Option<Peer>,
    pub(super) counters: Counters,
    pub(super) losses: Losses,
    /// When routes that others removed were last added again.
    pub(super) routes_restored_at: Option<Instant>,
    pub(super) conflict: Option<Conflict>,
    pub(super) mismatches: Mismatches,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            state: LinkState::Up,
            receives: false,
            source: None,
            peer: None,
            counters: Counters::default(),
            losses: Losses::default(),
            routes_restored_at: None,
            conflict: None,
            mismatches: Mismatches::default(),
        }
    }
}

impl VirtualRouter {
    /// The address that we send from on a link: the host's choice, else that of the settings.
    #[must_use]
    pub fn source(&self, link: LinkId) -> IpAddr {
        self.links[link.index()].source.unwrap_or_else(|| self.config.link(link).source())
    }

    /// How this link is, as far as we were told.
    ///
    /// # Panics
    /// If there is no such link.
    #[must_use]
    pub fn link_state(&self, link: LinkId) -> LinkState {
        self.links[link.index()].state
    }

    /// The other router of the VRID on this link that we heard last.
    ///
    /// # Panics
    /// If there is no such link.
    #[must_use]
    pub fn peer(&self, link: LinkId) -> Option<&Peer> {
        self.links[link.index()].peer.as_ref()
    }

    /// The last host on this link that claimed an address of ours.
    ///
    /// # Panics
    /// If there is no such link.
    #[must_use]
    pub fn conflict(&self, link: LinkId) -> Option<&Conflict> {
        self.links[link.index()].conflict.as_ref()
    }

    /// In what the other routers of the VRID on this link differ from us.
    ///
    /// # Panics
    /// If there is no such link.
    #[must_use]
    pub fn mismatches(&self, link: LinkId) -> &Mismatches {
        &self.links[link.index()].mismatches
    }

    /// What was counted on this link since the router was made.
    ///
    /// # Panics
    /// If there is no such link.
    #[must_use]
    pub fn counters(&self, link: LinkId) -> &Counters {
        &self.links[link.index()].counters
    }
}
