//! How a virtual address looks to the kernel: a /32 or /128, tagged as ours, with a finite lifetime.

use std::net::IpAddr;
use std::time::Duration;

use rtnetlink::packet_core::{NLM_F_REQUEST, NetlinkMessage};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressHeaderFlags, AddressMessage, AddressProtocol, CacheInfo,
};
use rtnetlink::packet_route::{AddressFamily, address::AddressFlags};

/// `IFA_PROTO` of every address we add (Linux 5.18 and newer keep it): the IP protocol number of VRRP.
pub const ADDRESS_PROTOCOL: u8 = 112;

/// The message that names one of our addresses on the interface with this index.
pub(super) fn message(index: u32, address: IpAddr) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = index;
    (message.header.family, message.header.prefix_len) = match address {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    };
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Address(address),
        AddressAttribute::Protocol(AddressProtocol::Other(ADDRESS_PROTOCOL)),
    ];
    message
}

/// The same with a lifetime. An IPv6 address is deprecated from the start, so that nothing uses it as a
/// source, and skips duplicate address detection, which would cost a second.
pub(super) fn leased(index: u32, address: IpAddr, lease: Duration) -> AddressMessage {
    let seconds = u32::try_from(lease.as_secs()).unwrap_or(u32::MAX).max(1);
    let mut message = message(index, address);
    let mut lifetime = CacheInfo::default();
    lifetime.ifa_valid = seconds;
    lifetime.ifa_preferred = if address.is_ipv6() { 0 } else { seconds };
    message.attributes.push(AddressAttribute::CacheInfo(lifetime));
    if address.is_ipv6() {
        message.header.flags |= AddressHeaderFlags::Nodad;
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    message
}

/// The bytes of a netlink request that removes one of our addresses, for a process that must not
/// allocate when it sends them.
#[must_use]
pub fn removal_request(index: u32, address: IpAddr) -> Vec<u8> {
    let mut request =
        NetlinkMessage::from(RouteNetlinkMessage::DelAddress(message(index, address)));
    request.header.flags = NLM_F_REQUEST;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    bytes
}

/// The address a kernel message is about, and whether it carries our tag.
pub(super) fn inspect(message: &AddressMessage) -> Option<(IpAddr, bool)> {
    let mut local = None;
    let mut address = None;
    let mut tagged = false;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => address = Some(*ip),
            AddressAttribute::Protocol(AddressProtocol::Other(protocol)) => {
                tagged = *protocol == ADDRESS_PROTOCOL;
            }
            _ => {}
        }
    }
    let ip = local.or(address)?;
    let host_route = message.header.prefix_len == if ip.is_ipv4() { 32 } else { 128 };
    Some((ip, tagged && host_route))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tagged_host_address_is_ours() {
        let ip: IpAddr = "192.0.2.1".parse().expect("an address");
        assert_eq!(inspect(&message(3, ip)), Some((ip, true)));

        let mut wider = message(3, ip);
        wider.header.prefix_len = 24;
        assert_eq!(inspect(&wider), Some((ip, false)));

        let mut untagged = message(3, ip);
        untagged.attributes.retain(|a| !matches!(a, AddressAttribute::Protocol(_)));
        assert_eq!(inspect(&untagged), Some((ip, false)));
    }

    #[test]
    fn a_removal_request_states_its_own_length() {
        let bytes = removal_request(3, "192.0.2.1".parse().expect("an address"));
        let stated = u32::from_ne_bytes(bytes[..4].try_into().expect("four bytes"));
        assert_eq!(stated as usize, bytes.len());
    }
}
