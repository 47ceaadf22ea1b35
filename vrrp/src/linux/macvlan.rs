//! A device with a virtual MAC: a macvlan of ours on another interface, and how it is known as ours.
//!
//! It is in bridge mode: only so does the interface below it hear a router that sends from the same MAC. It is down
//! unless we hold addresses. While it is down the kernel neither takes nor sends frames of its MAC.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::{fs, iter};

use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoMacVlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, MacVlanMode,
};

use super::netlink::{NO_SUCH_DEVICE, Netlink};
use crate::family::Family;
use crate::mac::Mac;
use crate::types::Vrid;

/// The group (`ip link show group 112`) of every device that we make: the IP protocol number of VRRP.
pub const DEVICE_GROUP: u32 = 112;

/// What a device with a virtual MAC is called: the same at every start, and different for each virtual router of an
/// interface.
///
/// Of a long interface name only the end has room.
///
/// ```
/// use vrrp::linux::device_name;
/// use vrrp::{Family, Vrid};
///
/// let vrid = Vrid::new(51).ok_or("VRID 0")?;
/// assert_eq!(device_name("eth0", Family::Ipv4, vrid), "v4-51-eth0");
/// assert_eq!(device_name("enp134s0f1np1.100", Family::Ipv6, vrid), "v6-51-f1np1.100");
/// # Ok::<(), &str>(())
/// ```
#[must_use]
pub fn device_name(interface: &str, family: Family, vrid: Vrid) -> String {
    let version = match family {
        Family::Ipv4 => 4,
        Family::Ipv6 => 6,
    };
    let mut name = format!("v{version}-{vrid}-");
    let room = NAME_LEN_MAX - name.len();
    let end = interface.char_indices().map(|(at, _)| &interface[at..]);
    name.push_str(end.chain(iter::once("")).find(|end| end.len() <= room).unwrap_or_default());
    name
}

impl Netlink {
    /// Makes a device, which is down; [`ErrorKind::AlreadyExists`] if there is one of that name.
    pub(super) fn add_macvlan(&mut self, name: &str, below: u32, mac: Mac) -> io::Result<()> {
        let mode = InfoData::MacVlan(vec![InfoMacVlan::Mode(MacVlanMode::Bridge)]);
        let mut message = LinkMessage::default();
        message.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Address(mac.0.to_vec()),
            LinkAttribute::Link(below),
            LinkAttribute::Group(DEVICE_GROUP),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::MacVlan), LinkInfo::Data(mode)]),
        ];
        self.request(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Sets it up or down. Down takes milliseconds: the kernel waits until nobody uses it.
    pub(super) fn set_link(&mut self, index: u32, flags: LinkFlags) -> io::Result<()> {
        self.request(RouteNetlinkMessage::SetLink(link(index, flags)), 0)
    }

    /// Removes all devices that we made but those with these names, and tells which.
    ///
    /// # Errors
    /// What the kernel answered.
    pub fn remove_devices(&mut self, kept: &BTreeSet<String>) -> io::Result<Vec<String>> {
        let is_stale = |name: &str| !kept.contains(name);
        self.remove_devices_if(is_stale)
    }

    pub(super) fn remove_devices_if(
        &mut self,
        is_stale: impl Fn(&str) -> bool,
    ) -> io::Result<Vec<String>> {
        let everything = RouteNetlinkMessage::GetLink(LinkMessage::default());
        let mut removed = Vec::new();
        for answer in self.dump(everything)? {
            let RouteNetlinkMessage::NewLink(device) = answer else { continue };
            let Some(name) = ours(&device).filter(|name| is_stale(name)) else { continue };
            let request = link(device.header.index, LinkFlags::empty());
            match self.request(RouteNetlinkMessage::DelLink(request), 0) {
                Err(error) if error.raw_os_error() != Some(NO_SUCH_DEVICE) => return Err(error),
                _ => removed.push(name.to_owned()),
            }
        }
        Ok(removed)
    }
}

/// The name of a device if we made it.
fn ours(device: &LinkMessage) -> Option<&str> {
    let has = |wanted: &LinkAttribute| device.attributes.contains(wanted);
    let is_macvlan = device.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(InfoKind::MacVlan)),
        _ => false,
    });
    let has_virtual_mac = device.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::Address(mac) => matches!(mac.as_slice(), [0, 0, 0x5e, 0, 1 | 2, _]),
        _ => false,
    });
    let name = device.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    });
    let is_ours = is_macvlan && has_virtual_mac && has(&LinkAttribute::Group(DEVICE_GROUP));
    name.filter(|_| is_ours)
}

/// Names the link with this index; only whether it is up may change.
fn link(index: u32, flags: LinkFlags) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.flags = flags;
    message.header.change_mask = LinkFlags::Up;
    message
}

/// The bytes of a netlink request that sets a device down, for a process that must not allocate when it sends them.
pub(super) fn down_request(index: u32) -> Vec<u8> {
    let down = RouteNetlinkMessage::SetLink(link(index, LinkFlags::empty()));
    let mut request = NetlinkMessage::from(down);
    request.header.flags = NLM_F_REQUEST;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    bytes
}

/// Tells the kernel how to use a new device.
pub(super) fn furnish(name: &str, family: Family) -> io::Result<()> {
    let ipv6 = if family == Family::Ipv6 { SETTINGS_OF_IPV6_ROUTERS } else { &[] };
    SETTINGS.iter().chain(ipv6).try_for_each(|(version, setting, value)| {
        let path = Path::new(KERNEL).join(version).join("conf").join(name).join(setting);
        match fs::write(&path, value) {
            // A kernel without IPv6.
            Err(error) if error.kind() == ErrorKind::NotFound && *version == "ipv6" => Ok(()),
            Err(error) => {
                let why = format!("cannot set `{}`: {error}", path.display());
                Err(io::Error::new(error.kind(), why))
            }
            Ok(()) => Ok(()),
        }
    })
}

/// Where the kernel has its settings for each interface.
const KERNEL: &str = "/proc/sys/net";

/// They go with the device, so nobody has to change them back.
const SETTINGS: &[(&str, &str, &str)] = &[
    // Answer only for addresses of its own.
    ("ipv4", "arp_ignore", "1"),
    ("ipv4", "arp_announce", "2"),
    // The way back to clients leads through the interface below. The strict check would drop what they send; the loose
    // one counts even if that of `all` is strict, for the higher number does.
    ("ipv4", "rp_filter", "2"),
    // One that is made of the virtual MAC would be the same on every box.
    ("ipv6", "addr_gen_mode", "1"),
    ("ipv6", "accept_ra", "0"),
];

const SETTINGS_OF_IPV6_ROUTERS: &[(&str, &str, &str)] = &[("ipv6", "disable_ipv6", "0")];

/// The kernel's limit, without the zero at the end.
const NAME_LEN_MAX: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> LinkMessage {
        let mut device = LinkMessage::default();
        device.attributes = vec![
            LinkAttribute::IfName("v4-51-eth0".to_owned()),
            LinkAttribute::Address(vec![0, 0, 0x5e, 0, 1, 51]),
            LinkAttribute::Group(DEVICE_GROUP),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::MacVlan)]),
        ];
        device
    }

    #[test]
    fn only_a_macvlan_of_our_group_with_a_virtual_mac_is_ours() {
        assert_eq!(ours(&device()), Some("v4-51-eth0"));
        let others = [
            LinkAttribute::Address(vec![2, 0, 0, 0, 0, 51]),
            LinkAttribute::Group(0),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Veth)]),
        ];
        for other in others {
            let mut device = device();
            device
                .attributes
                .retain(|it| std::mem::discriminant(it) != std::mem::discriminant(&other));
            device.attributes.push(other);
            assert_eq!(ours(&device), None, "{device:?}");
        }
    }

    #[test]
    fn a_device_has_a_name_that_the_kernel_takes() {
        let vrid = Vrid::new(255).expect("not 0");
        let name = |interface| device_name(interface, Family::Ipv6, vrid);
        assert_eq!(name("eth0"), "v6-255-eth0");
        assert_eq!(name("enp134s0f1np1.1"), "v6-255-0f1np1.1");
        assert_eq!(name("ääääääää"), "v6-255-ääää");
    }
}
