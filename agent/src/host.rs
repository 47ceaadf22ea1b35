//! What the config is judged against: the interfaces and addresses of this host.
//!
//! [`HostFacts`] is plain data, made up in tests. [`read_facts`] and
//! [`node_choice`] ask the system.

use std::io;
use std::net::IpAddr;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};

use crate::config::{Cidr, NodeChoice};

/// What is known about the host that the config is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostFacts {
    /// Rules about this host are checked.
    Known {
        /// All interfaces, in the order of the system.
        interfaces: Vec<Interface>,
    },
    /// Rules about the host are left out: the text was checked by another process.
    Unknown,
}

impl HostFacts {
    /// The interface of that name; `None` also if nothing is known.
    pub(crate) fn interface(&self, name: &str) -> Option<&Interface> {
        self.interfaces().iter().find(|interface| interface.name == name)
    }

    /// All interfaces; none if nothing is known.
    pub(crate) fn interfaces(&self) -> &[Interface] {
        match self {
            Self::Known { interfaces } => interfaces,
            Self::Unknown => &[],
        }
    }

    /// Every address of the host, the virtual ones that it holds included.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = Cidr> {
        self.interfaces().iter().flat_map(|interface| interface.addresses.iter().copied())
    }
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    /// Such as `eth0`.
    pub(crate) name: String,
    /// Its addresses with the networks they are in, in the order of the system.
    pub(crate) addresses: Vec<Cidr>,
}

/// Reads the interfaces and addresses of this host's network namespace.
pub(crate) fn read_facts() -> io::Result<HostFacts> {
    let mut interfaces: Vec<Interface> = Vec::new();
    for entry in getifaddrs()? {
        // An address may carry a label such as `eth0:1` instead of the name; names contain no colon.
        let name = entry.interface_name.split(':').next().unwrap_or_default();
        let index = interfaces.iter().position(|known| known.name == name).unwrap_or_else(|| {
            interfaces.push(Interface { name: name.to_owned(), addresses: Vec::new() });
            interfaces.len() - 1
        });
        interfaces[index].addresses.extend(cidr(&entry));
    }
    Ok(HostFacts::Known { interfaces })
}

/// The node that `--node` names, else the one with this host's name.
pub(crate) fn node_choice(name: Option<String>) -> NodeChoice {
    name.map_or_else(|| NodeChoice::Hostname(hostname()), NodeChoice::Named)
}

/// The name of this host; empty if it has none that is text.
pub(crate) fn hostname() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default()
}

fn cidr(entry: &InterfaceAddress) -> Option<Cidr> {
    let (address, netmask) = (entry.address.as_ref()?, entry.netmask.as_ref()?);
    if let (Some(address), Some(netmask)) = (address.as_sockaddr_in(), netmask.as_sockaddr_in()) {
        let prefix_len = netmask.ip().to_bits().leading_ones();
        return Cidr::new(IpAddr::V4(address.ip()), u8::try_from(prefix_len).ok()?);
    }
    if let (Some(address), Some(netmask)) = (address.as_sockaddr_in6(), netmask.as_sockaddr_in6()) {
        let prefix_len = netmask.ip().to_bits().leading_ones();
        return Cidr::new(IpAddr::V6(address.ip()), u8::try_from(prefix_len).ok()?);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_has_a_loopback_interface() {
        let facts = read_facts().expect("the system tells its interfaces");
        assert!(facts.interface("lo").is_some(), "{facts:?}");
    }

    #[test]
    fn argument_beats_the_hostname() {
        let choice = node_choice(Some("router-b".to_owned()));
        assert_eq!(choice, NodeChoice::Named("router-b".to_owned()));
        assert_eq!(node_choice(None), NodeChoice::Hostname(hostname()));
    }
}
