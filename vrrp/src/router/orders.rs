//! What the router orders: the actions for one link or for all, as the settings have them.

use std::ops::Range;
use std::time::Duration;

use super::VirtualRouter;
use crate::advertisement::Advertisement;
use crate::checksum::ChecksumForm;
use crate::config::{Checksum, Version};
use crate::event::{Action, LinkState};
use crate::route::Route;
use crate::schedule::PORTION;
use crate::types::{LinkId, Priority};

impl VirtualRouter {
    /// The advertisement that lets go on this link, for whoever has to send it should we die while active.
    ///
    /// # Panics
    /// If there is no such link.
    #[must_use]
    pub fn farewell(&self, link: LinkId) -> (Advertisement, ChecksumForm) {
        (self.advertisement(link, Priority::RELEASE), self.checksum_form(link))
    }

    /// Says on every link that can still carry it that we let go.
    pub(super) fn release(&mut self) {
        for link in self.config.link_ids() {
            if self.links[link.index()].state == LinkState::Up {
                self.send(link, Priority::RELEASE);
            }
        }
    }

    pub(super) fn advertise_on_all(&mut self) {
        for link in self.config.link_ids() {
            self.send(link, self.config.priority());
        }
    }

    pub(super) fn hold_addresses(&mut self) {
        for link in self.config.link_ids() {
            self.add_addresses(link);
        }
        for link in self.config.link_ids() {
            let first = PORTION.min(self.config.link(link).held().len());
            self.announce(link, 0..first);
        }
    }

    pub(super) fn remove_addresses(&mut self) {
        for link in self.config.link_ids() {
            let routes = self.config.link(link).routes().to_vec();
            if !routes.is_empty() {
                self.actions.push(Action::RemoveRoutes { link, routes });
            }
        }
        for link in self.config.link_ids() {
            let addresses = self.config.link(link).held().to_vec();
            self.actions.push(Action::RemoveAddresses { link, addresses });
        }
    }

    pub(super) fn send(&mut self, link: LinkId, priority: Priority) {
        let (advert, form) = (self.advertisement(link, priority), self.checksum_form(link));
        let counters = &mut self.links[link.index()].counters;
        counters.advertisements_sent += 1;
        counters.priority_zero_sent += u64::from(priority == Priority::RELEASE);
        self.actions.push(Action::Advertise { link, advert, form });
    }

    pub(super) fn add_addresses(&mut self, link: LinkId) {
        self.lease_addresses(link, self.config.link(link).lease());
    }

    pub(super) fn lease_addresses(&mut self, link: LinkId, lease: Duration) {
        let addresses = self.config.link(link).held().to_vec();
        self.actions.push(Action::AddAddresses { link, addresses, lease });
        self.lease_routes(link, |_| true, lease);
    }

    pub(super) fn add_routes(&mut self, link: LinkId, wanted: impl Fn(&Route) -> bool) {
        self.lease_routes(link, wanted, self.config.link(link).lease());
    }

    fn lease_routes(&mut self, link: LinkId, wanted: impl Fn(&Route) -> bool, lease: Duration) {
        let settings = self.config.link(link);
        let routes: Vec<_> = settings.routes().iter().filter(|it| wanted(it)).cloned().collect();
        if !routes.is_empty() {
            self.actions.push(Action::AddRoutes { link, routes, lease });
        }
    }

    /// Some of the addresses.
    pub(super) fn announce(&mut self, link: LinkId, portion: Range<usize>) {
        let held = self.config.link(link).held();
        let addresses = held.get(portion).unwrap_or_default().to_vec();
        if addresses.is_empty() {
            return;
        }
        self.actions.push(Action::Announce { link, addresses });
    }

    fn advertisement(&self, link: LinkId, priority: Priority) -> Advertisement {
        let link = self.config.link(link);
        Advertisement {
            vrid: link.vrid(),
            priority,
            interval: link.interval(),
            addresses: link.addresses().to_vec(),
        }
    }

    fn checksum_form(&self, link: LinkId) -> ChecksumForm {
        let checksum = match self.config.link(link).version() {
            Version::V2 { auth } => return ChecksumForm::Rfc3768(auth),
            Version::V3 { checksum } => checksum,
        };
        match checksum {
            Checksum::Rfc9568 => ChecksumForm::Rfc9568,
            Checksum::Rfc5798 => ChecksumForm::Rfc5798,
            Checksum::Auto => self.peer(link).map_or(ChecksumForm::Rfc9568, |peer| peer.form),
        }
    }
}
