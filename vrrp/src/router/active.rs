//! What an active router does while it stays active, and how it finds that it must not.

use std::net::IpAddr;
use std::time::Instant;

use super::VirtualRouter;
use super::losses::{LOSSES_MAX, LOSSES_WITHIN};
use crate::event::{Action, Reason};
use crate::state::{ActiveState, BackupState, State};

impl VirtualRouter {
    /// Lets go before anything else is done, even before the event is looked at: a peer may hold the addresses.
    pub(super) fn step_down_if_late(&mut self, now: Instant) {
        if let State::Active(active) = self.state
            && let Some(silence) = active.late(&self.config, now)
        {
            self.counters.late += 1;
            self.enter(State::Backup(BackupState::begin(now)), Reason::Late(silence), now);
        }
    }

    pub(super) fn claim_if_due(&mut self, backup: &BackupState, now: Instant) {
        if let Some(reason) = backup.claim(&self.config, now) {
            let active = if matches!(reason, Reason::Preempted { .. }) {
                ActiveState::preempting(now)
            } else {
                ActiveState::begin(now)
            };
            self.enter(State::Active(active), reason, now);
        }
    }

    pub(super) fn do_what_is_due(&mut self, mut active: ActiveState, now: Instant) {
        if now >= active.advertise_at(&self.config) {
            self.send(self.config.priority());
            active.advertised_at = now;
        }
        match active.yields_until {
            Some(until) if now < until => {}
            Some(_) => {
                active =
                    ActiveState { advertised_at: active.advertised_at, ..ActiveState::begin(now) };
                self.add_addresses();
                self.announce(self.config.addresses().to_vec());
            }
            None => self.keep_addresses(&mut active, now),
        }
        self.state = State::Active(active);
    }

    fn keep_addresses(&mut self, active: &mut ActiveState, now: Instant) {
        if now >= active.renew_at(&self.config) {
            self.add_addresses();
            active.renewed_at = now;
        }
        if active.announcements.take_due(now) {
            self.announce(self.config.addresses().to_vec());
        }
    }

    /// Advertises out of turn; the next one in turn is an interval away.
    pub(super) fn advertise(&mut self, mut active: ActiveState, now: Instant) {
        self.send(self.config.priority());
        active.advertised_at = now;
        self.state = State::Active(active);
    }

    /// A weaker router claims to be active: assert the state to it, to bridges (§6.4.3), and to hosts.
    pub(super) fn contradict(&mut self, mut active: ActiveState, now: Instant) {
        active.announcements.contradict(now);
        let announce = active.holds_addresses() && active.announcements.take_due(now);
        self.advertise(active, now);
        if announce {
            self.announce(self.config.addresses().to_vec());
        }
    }

    /// Somebody removed an address of ours: only this one is added again, for others may have been removed with it, and
    /// each is told of.
    pub(super) fn restore_or_fail(&mut self, active: &ActiveState, address: IpAddr, now: Instant) {
        if !active.holds_addresses() || !self.config.addresses().contains(&address) {
            return;
        }
        if self.losses.add(address, now) {
            let window = LOSSES_WITHIN.as_secs();
            let text =
                format!("`{address}` was removed {LOSSES_MAX} times in {window} s by others");
            return self.fail(text, now);
        }
        self.actions
            .push(Action::AddAddresses { addresses: vec![address], lease: self.config.lease() });
        self.announce(vec![address]);
    }
}
