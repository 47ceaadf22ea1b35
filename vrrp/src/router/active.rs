//! What an active router does while it stays active, and how it finds that it must not.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::VirtualRouter;
use super::losses::{LOSSES_MAX, LOSSES_WITHIN};
use crate::event::{Action, Reason};
use crate::route::Route;
use crate::state::{ActiveState, BackupState, State};
use crate::types::LinkId;

impl VirtualRouter {
    /// Lets go before anything else is done, even before the event is looked at: a peer may hold the addresses.
    pub(super) fn step_down_if_late(&mut self, now: Instant) {
        if let State::Active(active) = &self.state
            && let Some(silence) = active.late(&self.config, now)
        {
            for link in &mut self.links {
                link.counters.late += 1;
            }
            self.watch(Reason::Late(silence), now);
        }
    }

    pub(super) fn claim_if_due(&mut self, backup: BackupState, now: Instant) {
        if let Some(reason) = backup.claim(&self.config, now) {
            if let Some(stranger) = self.stranger(&backup) {
                return self.refuse(backup, stranger, now);
            }
            if !self.consents(&reason, now) {
                return;
            }
            let mut active = if matches!(reason, Reason::Preempted { .. }) {
                ActiveState::preempting(&self.config, now)
            } else {
                ActiveState::begin(&self.config, now)
            };
            self.forget_conflicts();
            let rivals = self.rivals(&backup).filter(|rival| !self.has_our_mac(rival));
            for rival in rivals.collect::<Vec<_>>() {
                self.note_conflict(rival, now);
                active.on(rival.link).defend(now);
            }
            self.enter(State::Active(active), reason, now);
        }
    }

    pub(super) fn do_what_is_due(&mut self, mut active: ActiveState, now: Instant) {
        for link in self.config.link_ids() {
            let holding = active.on(link);
            if now >= holding.advertise_at(self.config.link(link), self.tempo) {
                holding.advertised_at = now;
                self.send(link, self.config.priority());
            }
        }
        match active.yields_until {
            Some(until) if now < until => {}
            Some(_) => {
                active.hold(&self.config, now);
                self.hold_addresses();
            }
            None => self.keep_addresses(&mut active, now),
        }
        self.state = State::Active(active);
    }

    fn keep_addresses(&mut self, active: &mut ActiveState, now: Instant) {
        for link in self.config.link_ids() {
            let holding = active.on(link);
            if now >= holding.renew_at(self.config.link(link), self.tempo) {
                holding.renewed_at = now;
                self.add_addresses(link);
            }
            let portion = holding.take_announcement(self.config.link(link), now);
            self.announce(link, portion);
            if holding.asks_at.is_some_and(|at| now >= at) {
                holding.asks_at = None;
                if self.ask_rival(link, now) {
                    holding.defend(now);
                }
            }
        }
    }

    /// A weaker router claims to be active, or one lets go that was: assert the state to it, to bridges (§6.4.3), and to
    /// hosts. The next advertisement in turn is an interval away.
    pub(super) fn contradict(&mut self, mut active: ActiveState, link: LinkId, now: Instant) {
        let holds = active.holds_addresses();
        let holding = active.on(link);
        holding.advertised_at = now;
        holding.announcements.contradict(now);
        let settings = self.config.link(link);
        let portion = if holds { holding.take_announcement(settings, now) } else { 0..0 };
        self.send(link, self.config.priority());
        self.announce(link, portion);
        self.state = State::Active(active);
    }

    /// As after a claim. With a virtual MAC, hosts know no other.
    pub(super) fn announce_anew(&mut self, mut active: ActiveState, link: LinkId, now: Instant) {
        let settings = self.config.link(link);
        if active.holds_addresses() && settings.virtual_mac().is_none() {
            let portion = active.on(link).announce_anew(settings, now);
            self.announce(link, portion);
        }
        self.state = State::Active(active);
    }

    /// Somebody removed an address of ours: only this one is added again, for others may have been removed with it, and
    /// each is told of.
    pub(super) fn restore_or_fail(
        &mut self,
        active: &ActiveState,
        link: LinkId,
        address: IpAddr,
        now: Instant,
    ) {
        let settings = self.config.link(link);
        if !active.holds_addresses() || !settings.held().contains(&address) {
            return;
        }
        let lease = settings.lease();
        if self.links[link.index()].losses.add(address, now) {
            let window = LOSSES_WITHIN.as_secs();
            let text =
                format!("`{address}` was removed {LOSSES_MAX} times in {window} s by others");
            return self.fail(text, now);
        }
        let addresses = vec![address];
        self.actions.push(Action::AddAddresses { link, addresses: addresses.clone(), lease });
        // The kernel removed these with it, or took away their source.
        let depends = |route: &Route| route.source == Some(address);
        let routes: Vec<_> =
            self.config.link(link).routes().iter().filter(|it| depends(it)).cloned().collect();
        if !routes.is_empty() {
            self.actions.push(Action::RemoveRoutes { link, routes });
            self.add_routes(link, depends);
        }
        self.actions.push(Action::Announce { link, addresses });
    }

    /// All of them: who removes one often removes others, too.
    pub(super) fn restore_routes(&mut self, active: &ActiveState, link: LinkId, now: Instant) {
        let last = &mut self.links[link.index()].routes_restored_at;
        let is_soon = last.is_some_and(|at| now.saturating_duration_since(at) < ROUTES_SPACING);
        if active.holds_addresses() && !is_soon {
            *last = Some(now);
            self.add_routes(link, |_| true);
        }
    }
}

/// The least time between two restorations of routes besides the renewals, so that another program that removes them
/// cannot keep us busy.
pub const ROUTES_SPACING: Duration = Duration::from_millis(100);
