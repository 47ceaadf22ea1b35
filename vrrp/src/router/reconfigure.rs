//! New settings while running: what did not change keeps its timers, and an active router stays active.

use std::net::IpAddr;
use std::time::Instant;

use super::{Link, VirtualRouter};
use crate::config::RouterConfig;
use crate::event::{Action, Reason, Role};
use crate::schedule::{AnnounceSchedule, PORTION};
use crate::state::{ActiveState, BackupState, InitializeState, State};
use crate::types::LinkId;

impl VirtualRouter {
    pub(super) fn replace_config(&mut self, config: RouterConfig) {
        if !self.config.same_participant(&config) {
            self.links.resize_with(config.links().len(), Link::new);
            for link in &mut self.links {
                link.peer = None;
            }
        }
        self.config = config;
    }

    pub(super) fn reconfigure_backup(
        &mut self,
        mut backup: BackupState,
        config: RouterConfig,
        now: Instant,
    ) {
        if !self.config.same_participant(&config) {
            return self.restart(config, now);
        }
        if self.config != config {
            backup.reconsider(&config);
        }
        self.state = State::Backup(backup);
        self.config = config;
    }

    pub(super) fn reconfigure_active(
        &mut self,
        mut active: ActiveState,
        config: RouterConfig,
        now: Instant,
    ) {
        if !self.config.same_participant(&config) {
            return self.restart(config, now);
        }
        let old = std::mem::replace(&mut self.config, config);
        if active.holds_addresses() {
            self.remove_dropped(&old);
        }
        for link in self.config.link_ids() {
            self.reconfigure_link(&mut active, &old, link, now);
        }
        self.state = State::Active(active);
    }

    pub(super) fn reconfigure_leaving(&mut self, config: RouterConfig, now: Instant) {
        if self.config != config {
            self.finish_leaving(now);
            self.replace_config(config);
        }
    }

    fn reconfigure_link(
        &mut self,
        active: &mut ActiveState,
        old: &RouterConfig,
        link: LinkId,
        now: Instant,
    ) {
        let (before, after) = (old.link(link), self.config.link(link));
        let routes_changed = before.routes() != after.routes() && active.holds_addresses();
        let holding_changed = before.held() != after.held() && active.holds_addresses();
        let advert_changed = before.addresses() != after.addresses()
            || old.priority() != self.config.priority()
            || before.interval() != after.interval();
        let holding = active.on(link);
        if holding_changed {
            self.add_addresses(link);
            holding.renewed_at = now;
        } else if routes_changed {
            self.add_routes(link, |_| true);
        }
        if advert_changed {
            self.send(link, self.config.priority());
            holding.advertised_at = now;
        }
        if holding_changed {
            let count = self.config.link(link).held().len();
            self.announce(link, 0..count.min(PORTION));
            holding.announcements = AnnounceSchedule::begin(now, count);
        }
    }

    /// From all links before any is added: an address may move from one to another.
    fn remove_dropped(&mut self, old: &RouterConfig) {
        for link in self.config.link_ids() {
            let kept = self.config.link(link).routes();
            let dropped = old.link(link).routes().iter().filter(|route| !kept.contains(route));
            let routes: Vec<_> = dropped.cloned().collect();
            if !routes.is_empty() {
                self.actions.push(Action::RemoveRoutes { link, routes });
            }
        }
        for link in self.config.link_ids() {
            let kept = self.config.link(link).held();
            let is_dropped = |address: &IpAddr| !kept.contains(address);
            let before = old.link(link).held();
            let addresses: Vec<_> = before.iter().copied().filter(is_dropped).collect();
            if !addresses.is_empty() {
                self.actions.push(Action::RemoveAddresses { link, addresses });
            }
        }
    }

    /// Another VRID, source or version makes us another participant: the old one shuts down, the new one starts. So do
    /// other links.
    fn restart(&mut self, config: RouterConfig, now: Instant) {
        self.leave(now);
        self.replace_config(config);
        self.start(Reason::Reconfigured, now);
    }

    /// The host sends from another address.
    pub(super) fn change_source(&mut self, link: LinkId, source: IpAddr, now: Instant) {
        if self.source(link) == source {
            return;
        }
        self.leave(now);
        self.links[link.index()].source = Some(source);
        self.start(Reason::Reconfigured, now);
    }

    fn leave(&mut self, now: Instant) {
        let was_active = self.role() == Role::Active;
        self.halt(InitializeState::Stopped, Reason::Reconfigured, now);
        if was_active {
            self.release();
        }
    }
}
