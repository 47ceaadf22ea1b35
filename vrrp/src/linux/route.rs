//! How a route of ours looks to the kernel: tagged, through one interface, over IPv6 with a finite lifetime.

use std::net::IpAddr;
use std::time::Duration;

use rtnetlink::packet_core::{NLM_F_REQUEST, NetlinkMessage};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::address::ADDRESS_PROTOCOL;
use crate::route::Route;

/// `rtm_protocol` of every route we add: as our addresses. A request to remove a route that names it spares those of
/// others.
pub const ROUTE_PROTOCOL: u8 = ADDRESS_PROTOCOL;

/// The message that names this route of ours through the interface with this index.
pub(super) fn message(index: u32, route: &Route) -> RouteMessage {
    let mut message = tagged(route.destination);
    message.header.destination_prefix_length = route.prefix_len;
    // Larger numbers have no room in the header; the attribute counts.
    message.header.table = u8::try_from(route.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
    message.header.scope = match (route.destination, route.gateway) {
        (IpAddr::V4(_), None) => RouteScope::Link,
        _ => RouteScope::Universe,
    };
    message.header.kind = RouteType::Unicast;
    message.attributes.extend([RouteAttribute::Table(route.table), RouteAttribute::Oif(index)]);
    if route.prefix_len > 0 {
        message.attributes.push(RouteAttribute::Destination(route.destination.into()));
    }
    message.attributes.extend(route.gateway.map(|gateway| RouteAttribute::Gateway(gateway.into())));
    if route.metric != 0 {
        message.attributes.push(RouteAttribute::Priority(route.metric));
    }
    message.attributes.extend(route.source.map(|source| RouteAttribute::PrefSource(source.into())));
    message
}

/// The same with a lifetime, which only routes of IPv6 have: one that has ended is not used.
pub(super) fn leased(index: u32, route: &Route, lease: Duration) -> RouteMessage {
    let mut message = message(index, route);
    if route.destination.is_ipv6() {
        let seconds = u32::try_from(lease.as_secs()).unwrap_or(u32::MAX).max(1);
        message.attributes.push(RouteAttribute::Expires(seconds));
    }
    message
}

/// The bytes of a netlink request that removes one of our routes, for a process that must not allocate when it sends
/// them.
#[must_use]
pub fn route_removal_request(index: u32, route: &Route) -> Vec<u8> {
    let mut request = NetlinkMessage::from(RouteNetlinkMessage::DelRoute(message(index, route)));
    request.header.flags = NLM_F_REQUEST;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    bytes
}

/// Asks for all routes of ours in this family, when the kernel checks requests strictly.
pub(super) fn all_tagged(family: IpAddr) -> RouteMessage {
    tagged(family)
}

/// Whether a route is one of ours.
pub(super) fn is_tagged(message: &RouteMessage) -> bool {
    u8::from(message.header.protocol) == ROUTE_PROTOCOL
}

/// Whether a message of the kernel is about this route of ours through this interface.
pub(super) fn is_about(message: &RouteMessage, index: u32, route: &Route) -> bool {
    let mut destination = None;
    let mut table = u32::from(message.header.table);
    let mut metric = 0;
    let mut through = None;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => destination = ip(address),
            RouteAttribute::Table(number) => table = *number,
            RouteAttribute::Priority(number) => metric = *number,
            RouteAttribute::Oif(number) => through = Some(*number),
            _ => {}
        }
    }
    let everything = route.prefix_len == 0;
    is_tagged(message)
        && message.header.address_family == family_of(route.destination)
        && message.header.destination_prefix_length == route.prefix_len
        && (destination == Some(route.destination) || (everything && destination.is_none()))
        && table == route.table
        && (metric == route.metric || route.metric == 0)
        && through == Some(index)
}

fn tagged(destination: IpAddr) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family_of(destination);
    message.header.protocol = RouteProtocol::from(ROUTE_PROTOCOL);
    message
}

fn family_of(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default_route() -> Route {
        Route {
            destination: IpAddr::from([0, 0, 0, 0]),
            prefix_len: 0,
            gateway: Some(IpAddr::from([203, 0, 113, 1])),
            table: 1000,
            metric: 20,
            source: None,
        }
    }

    #[test]
    fn only_a_tagged_route_is_ours() {
        let route = default_route();
        let ours = message(3, &route);
        assert!(is_about(&ours, 3, &route));
        assert!(!is_about(&ours, 4, &route));
        assert!(!is_about(&ours, 3, &Route { table: 254, ..route }));

        let mut foreign = ours;
        foreign.header.protocol = RouteProtocol::Static;
        assert!(!is_about(&foreign, 3, &route));
    }

    #[test]
    fn a_removal_request_names_our_tag() {
        let bytes = route_removal_request(3, &default_route());
        let stated = u32::from_ne_bytes(bytes[..4].try_into().expect("four bytes"));
        assert_eq!(stated as usize, bytes.len());
        // struct nlmsghdr has 16 octets; rtm_protocol is the sixth of struct rtmsg.
        assert_eq!(bytes[16 + 5], ROUTE_PROTOCOL);
    }

    #[test]
    fn only_a_route_of_ipv6_expires() {
        let expires = |route: &Route| {
            let message = leased(3, route, Duration::from_secs(2));
            message.attributes.iter().any(|it| matches!(it, RouteAttribute::Expires(2)))
        };
        let route = default_route();
        assert!(!expires(&route));
        assert!(expires(&Route {
            destination: "::".parse().expect("an address"),
            gateway: None,
            ..route
        }));
    }
}
