//! What must hold of the table and of the routes, whatever the kernel tells. For a test and for a fuzzer.
//!
//! - Whatever the octets, nothing panics, nothing is news twice, and the table has no more than it was told of.
//! - Who follows a kernel from a dump on, with what was said before the dump still unread, knows what a new dump says.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;

use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::table::{Own, Table};
use crate::linux::address::{self, inspect};
use crate::linux::netlink::messages;
use crate::linux::route;
use crate::route::Route;

/// Panics unless all of them hold of these octets.
pub(in crate::linux) fn check(octets: &[u8]) {
    check_datagram(octets);
    check_following(octets);
    check_route(octets);
}

/// The octets as the kernel's.
fn check_datagram(octets: &[u8]) {
    let Ok(messages) = messages(octets) else { return };
    let mut table = Table::default();
    for (told, (_, payload)) in (1..).zip(messages) {
        let NetlinkPayload::InnerMessage(message) = payload else { continue };
        table.apply(&message);
        assert!(!table.apply(&message), "news twice: {message:?}");
        let rows = table.0.values().map(|(_, known)| 1 + known.ours.len() + known.foreign.len());
        assert!(rows.sum::<usize>() <= told, "more than it was told: {table:?}");
        if let RouteNetlinkMessage::NewRoute(message) = &message {
            let about = route::is_about(message, 1, &route_from(octets));
            assert!(!about || route::is_tagged(message), "of others: {message:?}");
        }
    }
}

/// The octets as what happens in a kernel.
fn check_following(octets: &[u8]) {
    let mut octets = octets.iter().copied().take(STORY_MAX);
    let mut kernel = Kernel::default();
    // Up to the subscription, and from then on to the dump.
    for _ in 0..octets.next().unwrap_or_default() % 16 {
        kernel.happen(&mut octets);
    }
    kernel.told.clear();
    for _ in 0..octets.next().unwrap_or_default() % 8 {
        kernel.happen(&mut octets);
    }
    let mut table = kernel.dump();
    while octets.len() > 0 {
        kernel.happen(&mut octets);
    }
    for message in &kernel.told {
        table.apply(&wire(message));
    }
    assert_eq!(unordered(table), unordered(kernel.dump()), "{:?}", kernel.told);
}

/// A longer story tells nothing new.
const STORY_MAX: usize = 200;

/// A route of ours is known by what the kernel says of it.
fn check_route(octets: &[u8]) {
    let route = route_from(octets);
    let message = wire(&RouteNetlinkMessage::DelRoute(route::message(7, &route)));
    let RouteNetlinkMessage::DelRoute(message) = message else { panic!("{message:?}") };
    assert!(route::is_about(&message, 7, &route), "{route:?} is not in {message:?}");
    assert!(!route::is_about(&message, 8, &route));
}

fn route_from(octets: &[u8]) -> Route {
    let octet = |at: usize| octets.get(at).copied().unwrap_or_default();
    let is_v4 = octet(0) & 1 == 0;
    let address = |last: u8| -> IpAddr {
        if is_v4 {
            [198, 51, 100, last].into()
        } else {
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()].into()
        }
    };
    let everything = octet(1) & 1 == 0;
    let nowhere = if is_v4 { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
    Route {
        destination: if everything { nowhere } else { address(octet(2)) },
        prefix_len: if everything {
            0
        } else if is_v4 {
            32
        } else {
            128
        },
        gateway: (octet(3) & 1 == 0).then(|| address(octet(4))),
        table: u32::from_ne_bytes([octet(5), octet(6), octet(7), octet(8)]),
        metric: octet(9).into(),
        source: (octet(10) & 1 == 0).then(|| address(octet(11))),
    }
}

/// The message as it comes out of the wire.
fn wire(message: &RouteNetlinkMessage) -> RouteNetlinkMessage {
    let mut datagram = NetlinkMessage::from(message.clone());
    datagram.finalize();
    let mut octets = vec![0; datagram.buffer_len()];
    datagram.serialize(&mut octets);
    let mut read = messages(&octets).expect("what was written can be read");
    assert_eq!(read.len(), 1);
    match read.remove(0) {
        (_, NetlinkPayload::InnerMessage(message)) => message,
        (_, other) => panic!("{other:?} is no message"),
    }
}

/// The order of addresses in a dump may differ from that in which they were told.
fn unordered(mut table: Table) -> Table {
    for (_, known) in table.0.values_mut() {
        known.foreign.sort_by_key(|own| (own.address, own.prefix_len));
    }
    table
}

/// What a kernel has and says, as far as we look.
#[derive(Default)]
struct Kernel {
    interfaces: BTreeMap<u32, Nic>,
    told: Vec<RouteNetlinkMessage>,
}

#[derive(Clone)]
struct Nic {
    name: u8,
    flags: LinkFlags,
    mac: u8,
    /// Each with whether it carries our tag.
    addresses: Vec<(Own, bool)>,
}

impl Kernel {
    /// One thing that may happen, as the next octets say.
    fn happen(&mut self, octets: &mut impl Iterator<Item = u8>) {
        let mut octet = || octets.next().unwrap_or_default();
        let what = octet();
        let index = u32::from(what >> 4) % 4 + 1;
        let nic = match self.interfaces.entry(index) {
            Entry::Occupied(nic) => nic.into_mut(),
            Entry::Vacant(place) => {
                place.insert(Nic::new(octet() % 4));
                return self.tell_link(index);
            }
        };
        match what & 15 {
            0 => self.remove(index),
            1 => {
                nic.name = octet() % 4;
                self.tell_link(index);
            }
            2 => {
                nic.mac = octet();
                self.tell_link(index);
            }
            3 | 4 => {
                nic.flags ^= if octet() & 1 == 0 { LinkFlags::Up } else { LinkFlags::LowerUp };
                self.tell_link(index);
            }
            // A wireless driver tells of something else, and gives the name only.
            5 => {
                let mut message = nic.message(index);
                message.attributes.truncate(1);
                self.told.push(RouteNetlinkMessage::NewLink(message));
            }
            // It joins a bridge, or leaves one.
            6 | 7 => {
                let mut message = nic.message(index);
                message.header.interface_family = AddressFamily::Bridge;
                message.header.flags = LinkFlags::empty();
                self.told.push(match what & 1 {
                    0 => RouteNetlinkMessage::NewLink(message),
                    _ => RouteNetlinkMessage::DelLink(message),
                });
            }
            8..=12 => self.add_address(index, octet(), octet()),
            _ => self.remove_address(index, octet()),
        }
    }

    fn tell_link(&mut self, index: u32) {
        let message = self.interfaces[&index].message(index);
        self.told.push(RouteNetlinkMessage::NewLink(message));
    }

    /// Its addresses go first.
    fn remove(&mut self, index: u32) {
        let nic = self.interfaces.remove(&index).expect("it is there");
        for &(own, is_tagged) in &nic.addresses {
            let message = address_message(index, own, is_tagged);
            self.told.push(RouteNetlinkMessage::DelAddress(message));
        }
        self.told.push(RouteNetlinkMessage::DelLink(nic.message(index)));
    }

    /// One that is there gets the new tag. Over IPv6 none can be there twice.
    fn add_address(&mut self, index: u32, which: u8, how: u8) {
        let own = own(which, how);
        let is_tagged = how & 1 == 0;
        let nic = self.interfaces.get_mut(&index).expect("it is there");
        let is_v6 = own.address.is_ipv6();
        let same = |(other, _): &&mut (Own, bool)| {
            *other == own || (is_v6 && other.address == own.address)
        };
        match nic.addresses.iter_mut().find(same) {
            Some((other, tag)) if *other == own => *tag = is_tagged,
            Some(_) => return,
            None => nic.addresses.push((own, is_tagged)),
        }
        let message = address_message(index, own, is_tagged);
        self.told.push(RouteNetlinkMessage::NewAddress(message));
    }

    fn remove_address(&mut self, index: u32, which: u8) {
        let nic = self.interfaces.get_mut(&index).expect("it is there");
        if !nic.addresses.is_empty() {
            let at = usize::from(which) % nic.addresses.len();
            let (own, is_tagged) = nic.addresses.remove(at);
            let message = address_message(index, own, is_tagged);
            self.told.push(RouteNetlinkMessage::DelAddress(message));
        }
    }

    /// What a process knows that asks now.
    fn dump(&self) -> Table {
        let mut table = Table::default();
        for (&index, nic) in &self.interfaces {
            table.apply(&wire(&RouteNetlinkMessage::NewLink(nic.message(index))));
            for &(own, is_tagged) in &nic.addresses {
                let message = address_message(index, own, is_tagged);
                assert_eq!(inspect(&message), Some((own.address, is_tagged && own.is_single())));
                table.apply(&wire(&RouteNetlinkMessage::NewAddress(message)));
            }
        }
        table
    }
}

impl Nic {
    fn new(name: u8) -> Self {
        Self { name, flags: LinkFlags::empty(), mac: 1, addresses: Vec::new() }
    }

    fn message(&self, index: u32) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = self.flags;
        message.attributes = vec![
            LinkAttribute::IfName(format!("eth{}", self.name)),
            LinkAttribute::Address(vec![2, 0, 0, 0, 0, self.mac]),
        ];
        message
    }
}

fn own(which: u8, how: u8) -> Own {
    let is_single = how & 2 == 0;
    let last = which >> 1 & 3;
    if which & 1 == 0 {
        Own { address: [192, 0, 2, last].into(), prefix_len: if is_single { 32 } else { 24 } }
    } else {
        let address = [0xfe80, 0, 0, 0, 0, 0, 0, last.into()].into();
        Own { address, prefix_len: if is_single { 128 } else { 64 } }
    }
}

fn address_message(index: u32, own: Own, is_tagged: bool) -> AddressMessage {
    let mut message = address::message(index, own.address);
    message.header.prefix_len = own.prefix_len;
    if !is_tagged {
        message.attributes.retain(|it| !matches!(it, AddressAttribute::Protocol(_)));
    }
    message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn laws_hold_whatever_the_kernel_tells(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            check(&octets);
        }
    }
}
