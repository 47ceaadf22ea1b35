//! What is known of every interface, from what the kernel tells. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::event::LinkState;
use crate::linux::address::inspect;
use crate::mac::Mac;

/// What is known of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::linux) struct Interface {
    /// `None` while there is no such interface.
    pub(in crate::linux) index: Option<u32>,
    pub(in crate::linux) link: LinkState,
    pub(in crate::linux) mac: Mac,
    /// Addresses that carry our tag.
    pub(in crate::linux) ours: BTreeSet<IpAddr>,
    /// Addresses of others, in the kernel's order.
    pub(in crate::linux) foreign: Vec<Own>,
}

/// An address that an interface has, with its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::linux) struct Own {
    pub(in crate::linux) address: IpAddr,
    pub(in crate::linux) prefix_len: u8,
}

impl Own {
    /// Whether it names no network.
    pub(in crate::linux) const fn is_single(&self) -> bool {
        self.prefix_len == if self.address.is_ipv4() { 32 } else { 128 }
    }

    /// Whether the other one is in the same network.
    pub(in crate::linux) fn is_near(&self, other: IpAddr) -> bool {
        let host_bits = |bits: u32| bits.saturating_sub(self.prefix_len.into());
        match (self.address, other) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                (ours.to_bits() ^ other.to_bits()).checked_shr(host_bits(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                (ours.to_bits() ^ other.to_bits()).checked_shr(host_bits(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl Interface {
    const ABSENT: Self = Self {
        index: None,
        link: LinkState::Down,
        mac: Mac::UNKNOWN,
        ours: BTreeSet::new(),
        foreign: Vec::new(),
    };

    fn link_changed(&mut self, message: &LinkMessage) {
        let carrier = LinkFlags::Up | LinkFlags::LowerUp;
        self.link =
            if message.header.flags.contains(carrier) { LinkState::Up } else { LinkState::Down };
        for attribute in &message.attributes {
            if let LinkAttribute::Address(mac) = attribute
                && let Ok(mac) = mac.as_slice().try_into()
            {
                self.mac = Mac(mac);
            }
        }
    }

    /// Whether somebody else configured this address.
    pub(in crate::linux) fn has_foreign(&self, address: &IpAddr) -> bool {
        self.foreign.iter().any(|own| own.address == *address)
    }

    pub(in crate::linux) fn holds(&self, address: &IpAddr) -> bool {
        self.ours.contains(address) || self.has_foreign(address)
    }

    /// An address is ours or foreign, whichever the kernel said last.
    fn add(&mut self, own: Own, is_ours: bool) -> bool {
        if is_ours {
            return self.ours.insert(own.address) | self.remove_foreign(own);
        }
        let was_ours = own.is_single() && self.ours.remove(&own.address);
        let is_new = !self.foreign.contains(&own);
        if is_new {
            self.foreign.push(own);
        }
        was_ours || is_new
    }

    /// Of both, for before Linux 5.18 the tag is not kept. The same address in a network is another one.
    fn remove(&mut self, own: Own) -> bool {
        self.remove_foreign(own) | (own.is_single() && self.ours.remove(&own.address))
    }

    fn remove_foreign(&mut self, own: Own) -> bool {
        let before = self.foreign.len();
        self.foreign.retain(|other| *other != own);
        self.foreign.len() != before
    }
}

/// Every interface of the host, by index, with its name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table(pub(super) BTreeMap<u32, (String, Interface)>);

impl Table {
    /// The interface that has this name now.
    pub(super) fn named(&self, name: &str) -> Interface {
        let known = self.0.values().find(|(other, _)| other == name);
        known.map_or(Interface::ABSENT, |(_, interface)| interface.clone())
    }

    /// Takes in what the kernel told. False if that is nothing new.
    pub(super) fn apply(&mut self, message: &RouteNetlinkMessage) -> bool {
        match message {
            RouteNetlinkMessage::NewLink(link) if is_about_link(link) => self.link_changed(link),
            RouteNetlinkMessage::DelLink(link) if is_about_link(link) => {
                self.0.remove(&link.header.index).is_some()
            }
            RouteNetlinkMessage::NewAddress(address) => {
                self.change(address, |interface, own, is_ours| interface.add(own, is_ours))
            }
            RouteNetlinkMessage::DelAddress(address) => {
                self.change(address, |interface, own, _| interface.remove(own))
            }
            _ => false,
        }
    }

    fn link_changed(&mut self, message: &LinkMessage) -> bool {
        let name = message.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name),
            _ => None,
        });
        let Some(name) = name else { return false };
        let index = message.header.index;
        let entry = self.0.entry(index).or_insert_with(|| (String::new(), Interface::ABSENT));
        let before = entry.clone();
        entry.0.clone_from(name);
        entry.1.index = Some(index);
        entry.1.link_changed(message);
        *entry != before
    }

    fn change(
        &mut self,
        message: &AddressMessage,
        change: impl Fn(&mut Interface, Own, bool) -> bool,
    ) -> bool {
        match (self.0.get_mut(&message.header.index), inspect(message)) {
            (Some((_, interface)), Some((address, is_ours))) => {
                change(interface, Own { address, prefix_len: message.header.prefix_len }, is_ours)
            }
            _ => false,
        }
    }
}

/// A bridge tells of its ports by the same messages: a port that leaves it is still there.
fn is_about_link(message: &LinkMessage) -> bool {
    message.header.interface_family == AddressFamily::Unspec
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::address;

    fn link(index: u32, name: &str, flags: LinkFlags) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = flags;
        message.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]),
        ];
        message
    }

    fn new_link(index: u32, name: &str, flags: LinkFlags) -> RouteNetlinkMessage {
        RouteNetlinkMessage::NewLink(link(index, name, flags))
    }

    const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn new_address(index: u32) -> RouteNetlinkMessage {
        RouteNetlinkMessage::NewAddress(address::message(index, VIP))
    }

    /// With one interface, which has one address of ours.
    fn table() -> Table {
        let mut table = Table::default();
        assert!(table.apply(&new_link(7, "eth0", LinkFlags::Up | LinkFlags::LowerUp)));
        assert!(table.apply(&new_address(7)));
        table
    }

    #[test]
    fn without_carrier_the_link_is_down() {
        let mut table = table();
        assert_eq!(table.named("eth0").link, LinkState::Up);
        assert!(table.apply(&new_link(7, "eth0", LinkFlags::Up)));
        assert_eq!(table.named("eth0").link, LinkState::Down);
    }

    #[test]
    fn what_is_known_already_is_no_news() {
        let mut table = table();
        assert!(!table.apply(&new_link(7, "eth0", LinkFlags::Up | LinkFlags::LowerUp)));
        assert!(!table.apply(&new_address(7)));
    }

    #[test]
    fn a_renamed_interface_keeps_what_it_has() {
        let mut table = table();
        let before = table.named("eth0");
        assert!(table.apply(&new_link(7, "lan0", LinkFlags::Up | LinkFlags::LowerUp)));
        assert_eq!(table.named("eth0"), Interface::ABSENT);
        assert_eq!(table.named("lan0"), before);
    }

    #[test]
    fn a_removed_interface_is_absent() {
        let mut table = table();
        assert!(table.apply(&RouteNetlinkMessage::DelLink(link(7, "eth0", LinkFlags::Up))));
        assert_eq!(table.named("eth0"), Interface::ABSENT);
    }

    #[test]
    fn a_port_that_leaves_its_bridge_is_still_there() {
        let mut table = table();
        let mut port = link(7, "eth0", LinkFlags::empty());
        port.header.interface_family = AddressFamily::Bridge;
        assert!(!table.apply(&RouteNetlinkMessage::NewLink(port.clone())));
        assert!(!table.apply(&RouteNetlinkMessage::DelLink(port)));
        assert_eq!(table.named("eth0").link, LinkState::Up);
    }

    #[test]
    fn addresses_come_and_go_where_they_belong() {
        let mut table = table();
        table.apply(&new_link(8, "eth1", LinkFlags::Up));
        assert!(table.named("eth0").ours.contains(&VIP));
        assert!(!table.apply(&RouteNetlinkMessage::DelAddress(address::message(8, VIP))));
        assert!(table.apply(&RouteNetlinkMessage::DelAddress(address::message(7, VIP))));
        assert!(table.named("eth0").ours.is_empty());
    }

    fn own_24() -> AddressMessage {
        let mut message = address::message(7, VIP);
        message.header.prefix_len = 24;
        message
    }

    #[test]
    fn the_same_address_in_a_network_is_another_one() {
        let mut table = table();
        assert!(table.apply(&RouteNetlinkMessage::NewAddress(own_24())));
        assert!(table.apply(&RouteNetlinkMessage::DelAddress(own_24())));
        assert!(table.named("eth0").ours.contains(&VIP));
    }

    #[test]
    fn an_address_is_ours_or_foreign() {
        let mut table = table();
        let mut untagged = address::message(7, VIP);
        untagged.attributes.truncate(2);
        for (message, is_ours) in [(untagged, false), (address::message(7, VIP), true)] {
            assert!(table.apply(&RouteNetlinkMessage::NewAddress(message)));
            let known = table.named("eth0");
            assert_eq!((known.ours.contains(&VIP), known.has_foreign(&VIP)), (is_ours, !is_ours));
        }
    }
}
