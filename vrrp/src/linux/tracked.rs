//! What a router may track of the kernel: links and routes, each as a state that is always current.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::{StreamExt, TryStreamExt};
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteType,
};
use rtnetlink::{Handle, MulticastGroup, RouteMessageBuilder};

use super::interfaces::reply;
use super::interfaces::{Interfaces, Watch};
use crate::event::LinkState;

/// Follows an interface by its name, which need not exist yet.
#[derive(Debug)]
pub struct LinkWatch {
    watch: Watch,
    _interfaces: Interfaces,
}

impl LinkWatch {
    /// Starts to follow it, on the current tokio runtime.
    ///
    /// # Errors
    /// When the kernel refuses netlink sockets.
    pub async fn open(interface: &str) -> io::Result<Self> {
        let interfaces = Interfaces::open().await?;
        Ok(Self { watch: interfaces.follow(interface).await?, _interfaces: interfaces })
    }

    /// What it is at present; `None` if there is no such interface.
    #[must_use]
    pub fn state(&self) -> Option<LinkState> {
        let interface = self.watch.interface();
        interface.index.map(|_| interface.link)
    }

    /// Waits for a change of the interface, of whatever kind. Cancel-safe.
    pub async fn changed(&mut self) {
        self.watch.changed().await;
    }
}

/// Follows the routes to one network in the main table.
pub struct RouteWatch {
    network: IpAddr,
    prefix_len: u8,
    handle: Handle,
    messages: Messages,
    connection: tokio::task::JoinHandle<()>,
}

type Messages = futures_util::stream::BoxStream<'static, NetlinkMessage<RouteNetlinkMessage>>;

impl RouteWatch {
    /// Starts to follow them, on the current tokio runtime. The network has no host bits.
    ///
    /// # Errors
    /// When the kernel refuses netlink sockets.
    pub fn open(network: IpAddr, prefix_len: u8) -> io::Result<Self> {
        let routes =
            if network.is_ipv4() { MulticastGroup::Ipv4Route } else { MulticastGroup::Ipv6Route };
        // IPv4 routes vanish with their interface, and the kernel does not tell of each.
        let groups = [routes, MulticastGroup::Link];
        let (connection, handle, messages) = rtnetlink::new_multicast_connection(&groups)?;
        let connection = tokio::spawn(connection);
        let messages = messages.map(|(message, _)| message).boxed();
        Ok(Self { network, prefix_len, handle, messages, connection })
    }

    /// Whether there is a route to exactly this network, over a link that is not down.
    ///
    /// # Errors
    /// What the kernel answered.
    pub async fn is_present(&self) -> io::Result<bool> {
        let request = match self.network {
            IpAddr::V4(_) => RouteMessageBuilder::<Ipv4Addr>::new().build(),
            IpAddr::V6(_) => RouteMessageBuilder::<Ipv6Addr>::new().build(),
        };
        let mut present = false;
        let mut routes = self.handle.route().get(request).execute();
        // The kernel answers with the whole table, of which nothing is kept.
        while let Some(route) = reply(routes.try_next()).await? {
            present |= self.concerns(&route) && is_usable(&route);
        }
        Ok(present)
    }

    /// Waits until the kernel tells of something that may have changed it. Cancel-safe. Pends for ever once the kernel
    /// closed the connection.
    pub async fn changed(&mut self) {
        while let Some(message) = self.messages.next().await {
            match message.payload {
                NetlinkPayload::InnerMessage(
                    RouteNetlinkMessage::NewRoute(route) | RouteNetlinkMessage::DelRoute(route),
                ) if !self.concerns(&route) => {}
                _ => return,
            }
        }
        std::future::pending().await
    }

    fn concerns(&self, route: &RouteMessage) -> bool {
        let mut destination = match self.network {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let mut table = u32::from(route.header.table);
        for attribute in &route.attributes {
            match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(address)) => {
                    destination = IpAddr::V4(*address);
                }
                RouteAttribute::Destination(RouteAddress::Inet6(address)) => {
                    destination = IpAddr::V6(*address);
                }
                RouteAttribute::Table(number) => table = *number,
                _ => {}
            }
        }
        table == u32::from(RouteHeader::RT_TABLE_MAIN)
            && route.header.destination_prefix_length == self.prefix_len
            && destination == self.network
    }
}

impl Drop for RouteWatch {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// A route that discards is none.
fn is_usable(route: &RouteMessage) -> bool {
    let broken = RouteFlags::Dead | RouteFlags::Linkdown;
    route.header.kind == RouteType::Unicast && !route.header.flags.intersects(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_loopback_link_is_there_and_others_are_not() {
        let watch = LinkWatch::open("lo").await.expect("netlink");
        assert!(watch.state().is_some());
        let absent = LinkWatch::open("no-such-link").await.expect("netlink");
        assert_eq!(absent.state(), None);
    }

    #[tokio::test]
    async fn a_route_that_nobody_has_is_absent() {
        // Documentation addresses (RFC 5737, RFC 3849).
        for network in ["192.0.2.0", "2001:db8::"] {
            let network = network.parse().expect("an address");
            let watch = RouteWatch::open(network, 30).expect("netlink");
            assert!(!watch.is_present().await.expect("the kernel's answer"));
        }
    }
}
