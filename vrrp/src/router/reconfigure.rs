//! New settings while running: what did not change keeps its timers, and an active router stays active.

use std::net::IpAddr;
use std::time::Instant;

use super::VirtualRouter;
use crate::config::RouterConfig;
use crate::event::{Action, Reason, Role};
use crate::schedule::AnnounceSchedule;
use crate::state::{ActiveState, BackupState, InitializeState, State};
use crate::types::Priority;

impl VirtualRouter {
    pub(super) fn replace_config(&mut self, config: RouterConfig) {
        if !self.config.same_participant(&config) {
            self.peer = None;
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
        let addresses_changed = old.addresses() != self.config.addresses();
        let holding_changed = addresses_changed && active.holds_addresses();
        if holding_changed {
            self.exchange_addresses(&old);
            active.renewed_at = now;
        }
        let advert_changed = addresses_changed
            || old.priority() != self.config.priority()
            || old.interval() != self.config.interval();
        if advert_changed {
            self.send(self.config.priority());
            active.advertised_at = now;
        }
        if holding_changed {
            self.announce(self.config.addresses().to_vec());
            active.announcements = AnnounceSchedule::begin(now);
        }
        self.state = State::Active(active);
    }

    fn exchange_addresses(&mut self, old: &RouterConfig) {
        let is_dropped = |address: &&IpAddr| !self.config.addresses().contains(address);
        let dropped: Vec<_> = old.addresses().iter().filter(is_dropped).copied().collect();
        if !dropped.is_empty() {
            self.actions.push(Action::RemoveAddresses(dropped));
        }
        self.add_addresses();
    }

    /// Another VRID, source or version makes us another participant: the old one shuts down, the new one starts.
    fn restart(&mut self, config: RouterConfig, now: Instant) {
        let was_active = self.role() == Role::Active;
        self.halt(InitializeState::Stopped, Reason::Reconfigured, now);
        if was_active {
            self.send(Priority::RELEASE);
        }
        self.replace_config(config);
        self.start(Reason::Reconfigured, now);
    }
}
