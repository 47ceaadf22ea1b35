//! What tracking does to a router: another priority, or no part in the election.

use std::time::Instant;

use super::VirtualRouter;
use crate::config::RouterConfig;
use crate::event::Reason;
use crate::state::{ActiveState, BackupState, InitializeState};
use crate::track::Health;

impl VirtualRouter {
    pub(super) fn judge_in_initialize(
        &mut self,
        initialize: &InitializeState,
        health: Health,
        now: Instant,
    ) {
        self.note_health(health);
        if *initialize == InitializeState::Unhealthy && self.unhealthy.is_none() {
            self.start(Reason::Healthy, now);
        }
    }

    pub(super) fn judge_in_backup(&mut self, backup: BackupState, health: Health, now: Instant) {
        let config = self.take(health);
        match self.unhealthy.clone() {
            Some(text) => {
                self.config = config;
                self.halt(InitializeState::Unhealthy, Reason::Unhealthy(text), now);
            }
            None => self.reconfigure_backup(backup, config, now),
        }
    }

    /// With a lower priority we stay active until a stronger router preempts us: whether it may is its own setting.
    pub(super) fn judge_in_active(&mut self, active: ActiveState, health: Health, now: Instant) {
        let config = self.take(health);
        match self.unhealthy.clone() {
            Some(text) => {
                self.config = config;
                self.halt(InitializeState::Unhealthy, Reason::Unhealthy(text), now);
                self.release();
            }
            None => self.reconfigure_active(active, config, now),
        }
    }

    pub(super) fn note_health(&mut self, health: Health) {
        self.config = self.take(health);
    }

    /// New settings, as tracking leaves them.
    pub(super) fn as_tracked(&self, config: RouterConfig) -> RouterConfig {
        config.with_offset(self.config.offset())
    }

    /// Remembers what speaks against us, and gives the settings with what is left of the priority.
    fn take(&mut self, Health { offset, fault }: Health) -> RouterConfig {
        self.unhealthy = fault;
        self.config.clone().with_offset(offset)
    }
}
