//! Follows the interfaces of this host: index, carrier and addresses, as states that are always current.
//!
//! Level-triggered: whoever looks sees what is so now, not a queue of what happened, so that
//! nothing can overflow and a missed step does no harm. One connection serves all who look.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, TryStreamExt};
use rtnetlink::packet_core::{ErrorMessage, NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::{Handle, MulticastGroup};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::address::inspect;
use crate::event::LinkState;
use crate::mac::Mac;

/// The kernel answers in well under a millisecond; silence for this long is a fault.
const REPLY_DEADLINE: Duration = Duration::from_millis(500);
/// Pause before the kernel is asked again after it failed to answer.
const RETRY: Duration = Duration::from_millis(200);
/// Who asks waits while so many others do.
const ASKS_MAX: usize = 16;

/// What is known of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    /// `None` while there is no such interface.
    pub(super) index: Option<u32>,
    pub(super) link: LinkState,
    pub(super) mac: Mac,
    /// Addresses that carry our tag.
    pub(super) ours: BTreeSet<IpAddr>,
    /// Addresses of others, in the kernel's order.
    pub(super) foreign: Vec<Own>,
}

/// An address that an interface has, with its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) address: IpAddr,
    pub(super) prefix_len: u8,
}

impl Own {
    /// Whether it names no network.
    pub(super) const fn is_single(&self) -> bool {
        self.prefix_len == if self.address.is_ipv4() { 32 } else { 128 }
    }

    /// Whether the other one is in the same network.
    pub(super) fn is_near(&self, other: IpAddr) -> bool {
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
    pub(super) fn has_foreign(&self, address: &IpAddr) -> bool {
        self.foreign.iter().any(|own| own.address == *address)
    }

    pub(super) fn holds(&self, address: &IpAddr) -> bool {
        self.ours.contains(address) || self.has_foreign(address)
    }

    fn add(&mut self, own: Own, is_tagged: bool) -> bool {
        if is_tagged {
            return self.ours.insert(own.address);
        }
        let is_new = !self.foreign.contains(&own);
        if is_new {
            self.foreign.push(own);
        }
        is_new
    }

    /// Of both, for before Linux 5.18 the tag is not kept.
    fn remove(&mut self, own: Own) -> bool {
        let before = self.foreign.len();
        self.foreign.retain(|other| *other != own);
        self.ours.remove(&own.address) || self.foreign.len() != before
    }
}

/// Every interface of the host, by index, with its name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table(BTreeMap<u32, (String, Interface)>);

impl Table {
    /// The interface that has this name now.
    fn named(&self, name: &str) -> Interface {
        let known = self.0.values().find(|(other, _)| other == name);
        known.map_or(Interface::ABSENT, |(_, interface)| interface.clone())
    }

    /// Takes in what the kernel told. False if that is nothing new.
    fn apply(&mut self, message: &RouteNetlinkMessage) -> bool {
        match message {
            RouteNetlinkMessage::NewLink(link) if is_about_link(link) => self.link_changed(link),
            RouteNetlinkMessage::DelLink(link) if is_about_link(link) => {
                self.0.remove(&link.header.index).is_some()
            }
            RouteNetlinkMessage::NewAddress(address) => {
                self.change(address, |interface, own, is_tagged| interface.add(own, is_tagged))
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
            (Some((_, interface)), Some((address, is_tagged))) => {
                change(interface, Own { address, prefix_len: message.header.prefix_len }, is_tagged)
            }
            _ => false,
        }
    }
}

/// A bridge tells of its ports by the same messages: a port that leaves it is still there.
fn is_about_link(message: &LinkMessage) -> bool {
    message.header.interface_family == AddressFamily::Unspec
}

/// The interfaces of this host. Cheap to clone; the connection ends with the last clone.
#[derive(Clone, Debug)]
pub(super) struct Interfaces {
    asks: mpsc::Sender<Ask>,
    _task: Arc<AbortOnDrop>,
}

#[derive(Debug)]
struct Ask {
    name: String,
    answer: oneshot::Sender<watch::Receiver<Interface>>,
}

impl Interfaces {
    /// Subscribes, then asks for the present state, and returns once that is known.
    pub(super) async fn open() -> io::Result<Self> {
        let groups = [MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr];
        let (connection, handle, messages) = rtnetlink::new_multicast_connection(&groups)?;
        let connection = AbortOnDrop(tokio::spawn(connection));
        let table = dump(&handle).await?;
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let follower = Follower {
            handle,
            table,
            followed: BTreeMap::new(),
            is_stale: false,
            _connection: connection,
        };
        let task = AbortOnDrop(tokio::spawn(follower.run(messages, asked)));
        Ok(Self { asks, _task: Arc::new(task) })
    }

    /// Follows the interface of this name, which need not exist.
    pub(super) async fn follow(&self, name: &str) -> io::Result<Watch> {
        let gone = || io::Error::other("the interfaces are not followed any more");
        let (answer, answered) = oneshot::channel();
        let ask = Ask { name: name.to_owned(), answer };
        self.asks.send(ask).await.map_err(|_| gone())?;
        Ok(Watch { current: answered.await.map_err(|_| gone())? })
    }
}

/// Keeps the table current, and those who follow an interface up to date.
struct Follower {
    handle: Handle,
    table: Table,
    followed: BTreeMap<String, watch::Sender<Interface>>,
    /// Events were lost.
    is_stale: bool,
    _connection: AbortOnDrop,
}

impl Follower {
    async fn run<A>(
        mut self,
        mut messages: impl Stream<Item = (NetlinkMessage<RouteNetlinkMessage>, A)> + Unpin,
        mut asks: mpsc::Receiver<Ask>,
    ) {
        loop {
            tokio::select! {
                ask = asks.recv() => match ask {
                    Some(ask) => self.answer(ask),
                    None => return,
                },
                message = messages.next() => match message {
                    Some((message, _)) => self.take(message.payload),
                    None => return tracing::error!("the kernel closed the netlink connection"),
                },
                () = sleep(RETRY), if self.is_stale => {}
            }
            if self.is_stale {
                self.refresh().await;
            }
        }
    }

    fn answer(&mut self, Ask { name, answer }: Ask) {
        let now = self.table.named(&name);
        let sender = self.followed.entry(name).or_insert_with(|| watch::channel(now).0);
        // Who asked may have given up.
        let _ = answer.send(sender.subscribe());
    }

    fn take(&mut self, payload: NetlinkPayload<RouteNetlinkMessage>) {
        match payload {
            NetlinkPayload::InnerMessage(message) if self.table.apply(&message) => self.publish(),
            NetlinkPayload::Overrun(_) => self.is_stale = true,
            _ => {}
        }
    }

    async fn refresh(&mut self) {
        match dump(&self.handle).await {
            Ok(table) => {
                tracing::warn!(
                    "events of the kernel were lost, listed interfaces and addresses anew"
                );
                self.table = table;
                self.is_stale = false;
                self.publish();
            }
            Err(error) => tracing::warn!(%error, "cannot list addresses, trying again"),
        }
    }

    fn publish(&mut self) {
        self.followed.retain(|_, sender| sender.receiver_count() > 0);
        for (name, sender) in &self.followed {
            let now = self.table.named(name);
            sender.send_if_modified(|current| {
                let is_new = *current != now;
                *current = now;
                is_new
            });
        }
    }
}

/// One interface, current until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    current: watch::Receiver<Interface>,
}

impl Watch {
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

#[derive(Debug)]
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn dump(handle: &Handle) -> io::Result<Table> {
    let mut table = Table::default();
    for link in reply(handle.link().get().execute().try_collect::<Vec<_>>()).await? {
        table.apply(&RouteNetlinkMessage::NewLink(link));
    }
    for address in reply(handle.address().get().execute().try_collect::<Vec<_>>()).await? {
        table.apply(&RouteNetlinkMessage::NewAddress(address));
    }
    Ok(table)
}

/// Awaits an answer of the kernel within [`REPLY_DEADLINE`].
pub(super) async fn reply<T>(
    request: impl Future<Output = Result<T, rtnetlink::Error>>,
) -> io::Result<T> {
    match timeout(REPLY_DEADLINE, request).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(rtnetlink::Error::NetlinkError(ErrorMessage { code: Some(code), .. }))) => {
            Err(io::Error::from_raw_os_error(code.get().saturating_abs()))
        }
        Ok(Err(error)) => Err(io::Error::other(error)),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the kernel did not answer")),
    }
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
}
