//! What an advertisement means to a backup and to an active router (RFC 9568 §6.4.2, §6.4.3).

use std::cmp::Ordering;
use std::iter;
use std::net::IpAddr;
use std::time::Instant;

use super::{Link, VirtualRouter};
use crate::advertisement::Advertisement;
use crate::checksum::ChecksumForm;
use crate::event::Reason;
use crate::mismatch::Difference;
use crate::peer::Peer;
use crate::state::{ActiveState, BackupState, State};
use crate::types::{LinkId, Priority};

impl VirtualRouter {
    /// Counts an advertisement and remembers its sender. `None` when it must not count in the election.
    pub(super) fn meet(
        &mut self,
        link: LinkId,
        address: IpAddr,
        advert: &Advertisement,
        form: ChecksumForm,
        heard_at: Instant,
    ) -> Option<Peer> {
        let source = self.source(link);
        let (settings, ours) = (self.config.link(link), self.config.priority());
        let Link { peer, counters, mismatches, receives, .. } = &mut self.links[link.index()];
        if advert.vrid != settings.vrid() {
            counters.vrid_errors += 1;
            return None;
        }
        if address == source {
            counters.own_source_received += 1;
            return None;
        }
        let Advertisement { priority, interval, .. } = *advert;
        let sender = Peer { address, priority, interval, form, heard_at };
        if let Some(difference) = Difference::that_deafens(settings, advert, form) {
            counters.count(difference);
            mismatches.replace(&sender, false, iter::once(difference));
            return None;
        }
        *receives = true;
        counters.advertisements_received += 1;
        counters.priority_zero_received += u64::from(priority == Priority::RELEASE);
        let differences = Difference::that_are_borne(settings, ours, advert, form);
        let differences = differences.inspect(|difference| counters.count(*difference));
        mismatches.replace(&sender, true, differences);
        *peer = Some(sender);
        *peer
    }

    pub(super) fn hear_in_backup(&mut self, mut backup: BackupState, link: LinkId, peer: &Peer) {
        self.links[link.index()].conflict = None;
        backup.hear(&self.config, link, peer);
        self.state = State::Backup(backup);
    }

    pub(super) fn hear_in_active(
        &mut self,
        active: ActiveState,
        link: LinkId,
        peer: &Peer,
        now: Instant,
    ) {
        match self.compare(link, peer) {
            Ordering::Greater => self.contradict(active, link, now),
            Ordering::Equal => {}
            Ordering::Less => self.yield_to(link, peer, now),
        }
    }

    /// We against another active router. §6.4.3: the higher priority wins, then the higher source address.
    ///
    /// Source addresses are compared on the first link only: on another one the order may be the other way round, and
    /// two routers would yield to each other, or contradict each other for ever. There a tie is left alone.
    fn compare(&self, link: LinkId, peer: &Peer) -> Ordering {
        let ours = self.config.priority();
        let by_priority = ours.cmp(&peer.priority);
        if link == LinkId::FIRST {
            by_priority.then(self.source(link).cmp(&peer.address))
        } else {
            by_priority
        }
    }

    /// The last advertisement makes the winner announce its addresses: after a partition it may never have heard us,
    /// and hosts on our side of it still believe our announcements. So does priority 0 on the other links, where others
    /// may be waiting that do not hear the winner.
    fn yield_to(&mut self, link: LinkId, peer: &Peer, now: Instant) {
        let reason = Reason::Stronger { peer: peer.address, priority: peer.priority };
        let backup = BackupState::adopting(&self.config, link, peer, now);
        self.enter(State::Backup(backup), reason, now);
        self.send(link, self.config.priority());
        for other in self.config.link_ids().filter(|&other| other != link) {
            self.send(other, Priority::RELEASE);
        }
    }
}
