//! Static routes that live and move with the virtual addresses.

use std::fmt;
use std::net::IpAddr;

/// A route that the active router has through the interface of its link, and no other router.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    /// The network that it leads to; no bit is set behind [`prefix_len`](Self::prefix_len).
    pub destination: IpAddr,
    /// 0, for everything, to 32 or 128.
    pub prefix_len: u8,
    /// The next router; without one the destination is on the link.
    pub gateway: Option<IpAddr>,
    /// The routing table, 1 to 4294967295. [`MAIN_TABLE`](Self::MAIN_TABLE) is the ordinary one.
    pub table: u32,
    /// The lower wins; 0 leaves it to the kernel.
    pub metric: u32,
    /// What the host itself sends from, if it takes this route: one of the virtual addresses.
    ///
    /// Over IPv4, in the main table, the kernel removes the route together with this address.
    pub source: Option<IpAddr>,
}

impl Route {
    /// The table that is looked at unless a rule says otherwise.
    pub const MAIN_TABLE: u32 = 254;

    /// Whether no bit of the destination is set behind the prefix, and the prefix is not too long.
    #[must_use]
    pub fn is_network(&self) -> bool {
        let (bits, length) = match self.destination {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let host = u128::MAX.checked_shr(self.prefix_len.into()).unwrap_or(0);
        self.prefix_len <= length && bits & host == 0
    }

    /// Whether all of its addresses are of the family of this one.
    #[must_use]
    pub fn is_of_family_of(&self, address: IpAddr) -> bool {
        let others = [Some(self.destination), self.gateway, self.source];
        others.into_iter().flatten().all(|other| other.is_ipv4() == address.is_ipv4())
    }

    /// Whether the kernel takes it for the same entry as `other`: it has room for one of them.
    #[must_use]
    pub fn collides_with(&self, other: &Self) -> bool {
        let entry = |route: &Self| (route.destination, route.prefix_len, route.table, route.metric);
        entry(self) == entry(other)
    }
}

/// As `ip route` shows it.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.destination, self.prefix_len)?;
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        if self.table != Self::MAIN_TABLE {
            write!(f, " table {}", self.table)?;
        }
        if self.metric != 0 {
            write!(f, " metric {}", self.metric)?;
        }
        Ok(())
    }
}

/// The most routes of one link: more would be a routing protocol's work.
pub const ROUTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn route(destination: &str, prefix_len: u8) -> Route {
        Route {
            destination: destination.parse().expect("an address"),
            prefix_len,
            gateway: None,
            table: Route::MAIN_TABLE,
            metric: 0,
            source: None,
        }
    }

    #[test]
    fn a_network_has_no_bits_behind_its_prefix() {
        for (destination, prefix_len, is_network) in [
            ("0.0.0.0", 0, true),
            ("192.0.2.0", 24, true),
            ("192.0.2.1", 24, false),
            ("192.0.2.1", 32, true),
            ("192.0.2.1", 33, false),
            ("::", 0, true),
            ("2001:db8::", 32, true),
            ("2001:db8::1", 64, false),
            ("2001:db8::1", 128, true),
            ("2001:db8::1", 129, false),
        ] {
            let route = route(destination, prefix_len);
            assert_eq!(route.is_network(), is_network, "{route}");
        }
    }

    #[test]
    fn a_route_is_shown_as_ip_route_does() {
        let mut route = route("0.0.0.0", 0);
        assert_eq!(route.to_string(), "0.0.0.0/0");
        route.gateway = Some(IpAddr::from([203, 0, 113, 1]));
        (route.table, route.metric) = (100, 20);
        assert_eq!(route.to_string(), "0.0.0.0/0 via 203.0.113.1 table 100 metric 20");
    }
}
