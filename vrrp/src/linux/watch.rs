//! Follows one interface: its index, carrier and addresses, as a state that is always current.
//!
//! Level-triggered: whoever looks sees what is so now, not a queue of what happened, so that
//! nothing can overflow and a missed step does no harm.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::{Handle, MulticastGroup};
use tokio::sync::watch;

use super::address::inspect;
use super::netlink::reply;
use crate::event::LinkState;
use crate::mac::Mac;

/// Pause before the kernel is asked again after it failed to answer.
const RETRY: Duration = Duration::from_millis(200);

/// What is known of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    /// `None` while there is no such interface.
    pub(super) index: Option<u32>,
    pub(super) link: LinkState,
    pub(super) mac: Mac,
    /// Addresses that carry our tag.
    pub(super) ours: BTreeSet<IpAddr>,
    /// Addresses of others.
    pub(super) foreign: BTreeSet<IpAddr>,
}

impl Interface {
    const ABSENT: Self = Self {
        index: None,
        link: LinkState::Down,
        mac: Mac::UNKNOWN,
        ours: BTreeSet::new(),
        foreign: BTreeSet::new(),
    };

    fn apply(&mut self, name: &str, message: &RouteNetlinkMessage) {
        match message {
            RouteNetlinkMessage::NewLink(link) => self.link_changed(name, link),
            RouteNetlinkMessage::DelLink(link) if self.is(link.header.index) => {
                *self = Self::ABSENT;
            }
            RouteNetlinkMessage::NewAddress(address) if self.is(address.header.index) => {
                self.address_added(address);
            }
            RouteNetlinkMessage::DelAddress(address) if self.is(address.header.index) => {
                if let Some((ip, _)) = inspect(address) {
                    self.ours.remove(&ip);
                    self.foreign.remove(&ip);
                }
            }
            _ => {}
        }
    }

    fn is(&self, index: u32) -> bool {
        self.index == Some(index)
    }

    fn link_changed(&mut self, name: &str, message: &LinkMessage) {
        let named = message.attributes.iter().any(|attribute| match attribute {
            LinkAttribute::IfName(other) => other == name,
            _ => false,
        });
        if !named {
            if self.is(message.header.index) {
                *self = Self::ABSENT;
            }
            return;
        }
        if !self.is(message.header.index) {
            *self = Self { index: Some(message.header.index), ..Self::ABSENT };
        }
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

    fn address_added(&mut self, message: &AddressMessage) {
        if let Some((ip, tagged)) = inspect(message) {
            if tagged {
                self.ours.insert(ip);
            } else {
                self.foreign.insert(ip);
            }
        }
    }
}

/// Keeps an [`Interface`] current until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    current: watch::Receiver<Interface>,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    /// Subscribes, then asks for the present state, and returns once that is known.
    pub(super) async fn open(name: &str) -> io::Result<Self> {
        let groups = [MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr];
        let (connection, handle, mut messages) = rtnetlink::new_multicast_connection(&groups)?;
        let connection = AbortOnDrop(tokio::spawn(connection));
        let (sender, current) = watch::channel(dump(&handle, name).await?);
        let name = name.to_owned();
        let task = tokio::spawn(async move {
            let _connection = connection;
            while let Some((message, _)) = messages.next().await {
                match message.payload {
                    NetlinkPayload::InnerMessage(inner) => {
                        let known = sender.borrow().index;
                        sender.send_if_modified(|interface| {
                            let before = interface.clone();
                            interface.apply(&name, &inner);
                            *interface != before
                        });
                        // An interface that was renamed brings addresses of which no event tells.
                        if sender.borrow().index != known {
                            resync(&handle, &name, &sender).await;
                        }
                    }
                    NetlinkPayload::Overrun(_) => resync(&handle, &name, &sender).await,
                    _ => {}
                }
            }
        });
        Ok(Self { current, task })
    }

    /// The interface as it is now.
    pub(super) fn interface(&self) -> Interface {
        self.current.borrow().clone()
    }

    /// Waits for a change that nobody has seen. Cancel-safe. Pends for ever once the kernel closed the connection.
    pub(super) async fn changed(&mut self) {
        if self.current.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug)]
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Events were lost, or an interface is new: asks the kernel until it answers.
async fn resync(handle: &Handle, name: &str, sender: &watch::Sender<Interface>) {
    loop {
        match dump(handle, name).await {
            Ok(interface) => {
                sender.send_if_modified(|current| {
                    let changed = *current != interface;
                    *current = interface;
                    changed
                });
                return;
            }
            Err(error) => {
                tracing::warn!(interface = name, %error, "cannot list addresses, trying again");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn dump(handle: &Handle, name: &str) -> io::Result<Interface> {
    let mut interface = Interface::ABSENT;
    for link in reply(handle.link().get().execute().try_collect::<Vec<_>>()).await? {
        interface.apply(name, &RouteNetlinkMessage::NewLink(link));
    }
    for address in reply(handle.address().get().execute().try_collect::<Vec<_>>()).await? {
        interface.apply(name, &RouteNetlinkMessage::NewAddress(address));
    }
    Ok(interface)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::address;

    fn link(index: u32, name: &str, flags: LinkFlags) -> RouteNetlinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = flags;
        message.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]),
        ];
        RouteNetlinkMessage::NewLink(message)
    }

    fn present() -> Interface {
        let mut interface = Interface::ABSENT;
        interface.apply("eth0", &link(7, "eth0", LinkFlags::Up | LinkFlags::LowerUp));
        interface
    }

    #[test]
    fn without_carrier_the_link_is_down() {
        let mut interface = present();
        assert_eq!(interface.link, LinkState::Up);
        interface.apply("eth0", &link(7, "eth0", LinkFlags::Up));
        assert_eq!(interface.link, LinkState::Down);
    }

    #[test]
    fn other_interfaces_are_ignored() {
        let mut interface = present();
        interface.apply("eth0", &link(8, "eth1", LinkFlags::empty()));
        assert_eq!(interface, present());
    }

    #[test]
    fn a_renamed_or_removed_interface_is_absent() {
        let mut renamed = present();
        renamed.apply("eth0", &link(7, "lan0", LinkFlags::Up | LinkFlags::LowerUp));
        assert_eq!(renamed, Interface::ABSENT);
        let mut removed = present();
        let RouteNetlinkMessage::NewLink(message) = link(7, "eth0", LinkFlags::Up) else {
            unreachable!("link() makes NewLink")
        };
        removed.apply("eth0", &RouteNetlinkMessage::DelLink(message));
        assert_eq!(removed, Interface::ABSENT);
    }

    #[test]
    fn addresses_come_and_go() {
        let ip: IpAddr = "192.0.2.1".parse().expect("an address");
        let mut interface = present();
        interface.apply("eth0", &RouteNetlinkMessage::NewAddress(address::message(7, ip)));
        assert!(interface.ours.contains(&ip));
        interface.apply("eth0", &RouteNetlinkMessage::DelAddress(address::message(7, ip)));
        assert!(interface.ours.is_empty());
    }
}
