//! What the log says of others.

use std::net::IpAddr;

use super::{Driver, now};
use crate::notification::Complaint;
use crate::platform::Platform;
use crate::types::LinkId;

impl<P: Platform> Driver<P> {
    /// In what the sender of the advertisement that was just heard differs from us; each only so often.
    pub(super) fn tell_of_mismatches(&mut self, id: LinkId, source: IpAddr) {
        let telling = &mut self.links[id.index()].telling;
        for mismatch in self.router.mismatches(id).iter().filter(|it| it.source == source) {
            let complaint = Complaint::from(mismatch.difference);
            if let Some(suppressed) = telling.is_due(complaint, now()) {
                let Complaint { notification, reason } = complaint;
                let vrid = self.router.config().link(id).vrid();
                tracing::warn!(%vrid, notification, reason, suppressed, "{mismatch}");
            }
        }
    }
}
