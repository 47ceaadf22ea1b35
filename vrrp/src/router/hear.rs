//! What an advertisement means to a backup and to an active router (RFC 9568 §6.4.2, §6.4.3).

use std::net::IpAddr;
use std::time::Instant;

use super::VirtualRouter;
use crate::advertisement::Advertisement;
use crate::auth::Auth;
use crate::checksum::ChecksumForm;
use crate::config::Version;
use crate::event::Reason;
use crate::peer::Peer;
use crate::state::{ActiveState, BackupState, State};
use crate::types::Priority;

impl VirtualRouter {
    /// Counts an advertisement and remembers its sender. `None` when it must not count in the election.
    pub(super) fn meet(
        &mut self,
        address: IpAddr,
        advert: &Advertisement,
        form: ChecksumForm,
        heard_at: Instant,
    ) -> Option<Peer> {
        if advert.vrid != self.config.vrid() {
            self.counters.vrid_errors += 1;
            return None;
        }
        if address == self.config.source() {
            self.counters.own_source_received += 1;
            return None;
        }
        if !self.is_understood(advert, form) {
            return None;
        }
        self.counters.advertisements_received += 1;
        self.counters.priority_zero_received += u64::from(advert.priority == Priority::RELEASE);
        self.counters.address_list_errors += u64::from(!self.has_our_addresses(advert));
        let Advertisement { priority, interval, .. } = *advert;
        let peer = Peer { address, priority, interval, form, heard_at };
        self.peer = Some(peer);
        Some(peer)
    }

    /// Whether the sender speaks as we do: the same version and, in version 2, the same authentication and interval
    /// (RFC 3768 §7.1).
    fn is_understood(&mut self, advert: &Advertisement, form: ChecksumForm) -> bool {
        let counters = &mut self.counters;
        let error = match (self.config.version(), form) {
            (Version::V2 { auth }, ChecksumForm::Rfc3768(heard)) => match (auth, heard) {
                (Auth::None, Auth::Password(_)) | (Auth::Password(_), Auth::None) => {
                    &mut counters.auth_type_mismatches
                }
                _ if auth != heard => &mut counters.auth_failures,
                _ if advert.interval != self.config.interval() => {
                    &mut counters.advertise_interval_errors
                }
                _ => return true,
            },
            (Version::V2 { .. }, _) | (Version::V3 { .. }, ChecksumForm::Rfc3768(_)) => {
                &mut counters.version_errors
            }
            (Version::V3 { .. }, _) => return true,
        };
        *error += 1;
        false
    }

    /// The order on the wire says nothing.
    fn has_our_addresses(&self, advert: &Advertisement) -> bool {
        let ours = self.config.addresses();
        ours.len() == advert.addresses.len()
            && ours.iter().all(|address| advert.addresses.contains(address))
    }

    pub(super) fn hear_in_backup(&mut self, mut backup: BackupState, peer: &Peer) {
        backup.hear(peer, &self.config);
        self.state = State::Backup(backup);
    }

    pub(super) fn hear_in_active(&mut self, active: ActiveState, peer: &Peer) {
        if peer.priority == Priority::RELEASE {
            self.advertise(active, peer.heard_at);
        } else if self.loses_to(peer) {
            self.yield_to(peer);
        } else {
            self.contradict(active, peer.heard_at);
        }
    }

    /// §6.4.3: the higher priority wins, then the higher source address.
    fn loses_to(&self, peer: &Peer) -> bool {
        (peer.priority, peer.address) > (self.config.priority(), self.config.source())
    }

    /// The last advertisement makes the winner announce its addresses: after a partition it may never have heard us,
    /// and hosts on our side of it still believe our announcements.
    fn yield_to(&mut self, peer: &Peer) {
        let reason = Reason::Stronger { peer: peer.address, priority: peer.priority };
        self.enter(State::Backup(BackupState::adopting(peer)), reason, peer.heard_at);
        self.send(self.config.priority());
    }
}
