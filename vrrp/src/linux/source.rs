//! Which of its addresses an interface sends advertisements from.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::interfaces::Own;
use crate::family::Family;

/// What the choice is made by, on every interface of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceRules {
    /// This one wherever it is: the address by which the other boxes know this one.
    pub preferred: Option<IpAddr>,
    /// Addresses that move between boxes: they leave with the role, and would be the same on both.
    pub virtual_addresses: BTreeSet<IpAddr>,
}

impl SourceRules {
    /// The address to send from: the present one while it is there, else the preferred one, else the first one in the
    /// network of a virtual address, else the first one. `None` if the interface has none of this family.
    pub(super) fn choose(
        &self,
        own: &[Own],
        family: Family,
        present: Option<IpAddr>,
    ) -> Option<IpAddr> {
        let lasting =
            || own.iter().filter(|own| may_send(family, own.address) && !self.is_moving(own));
        lasting()
            .find(|own| Some(own.address) == present)
            .or_else(|| lasting().find(|own| Some(own.address) == self.preferred))
            .or_else(|| {
                lasting().find(|own| self.virtual_addresses.iter().any(|ip| own.is_near(*ip)))
            })
            .or_else(|| lasting().next())
            .map(|own| own.address)
    }

    /// A virtual address without a network is held by somebody, us or another program; with one it is the owner's.
    fn is_moving(&self, own: &Own) -> bool {
        own.is_single() && self.virtual_addresses.contains(&own.address)
    }
}

/// May a virtual router of this family send from it (RFC 9568 §5.1.1.1, §5.1.2.1)?
fn may_send(family: Family, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => family == Family::Ipv4,
        IpAddr::V6(address) => family == Family::Ipv6 && address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn own(text: &str) -> Own {
        let (address, prefix_len) = text.split_once('/').expect("a prefix length");
        Own { address: ip(address), prefix_len: prefix_len.parse().expect("a number") }
    }

    /// What is chosen from these addresses.
    fn chosen(has: &[&str], preferred: &str, present: &str) -> Option<String> {
        let family =
            if has.iter().any(|own| own.contains(':')) { Family::Ipv6 } else { Family::Ipv4 };
        let virtual_addresses = ["192.0.2.1", "198.51.100.1", "fe80::51", "2001:db8::1"];
        let rules = SourceRules {
            preferred: preferred.parse().ok(),
            virtual_addresses: virtual_addresses.into_iter().map(ip).collect(),
        };
        let has: Vec<_> = has.iter().map(|text| own(text)).collect();
        rules.choose(&has, family, present.parse().ok()).map(|address| address.to_string())
    }

    #[test]
    fn a_lasting_address_is_chosen() {
        assert_eq!(chosen(&[], "", ""), None);
        assert_eq!(chosen(&["192.0.2.2/24"], "", "").as_deref(), Some("192.0.2.2"));
        let v6 = ["2001:db8::2/64", "fe80::51/128", "fe80::2/64"];
        assert_eq!(chosen(&v6, "", "").as_deref(), Some("fe80::2"));
    }

    #[test]
    fn a_virtual_address_is_chosen_only_by_its_owner() {
        assert_eq!(chosen(&["192.0.2.1/32"], "", ""), None);
        let held = ["192.0.2.1/32", "192.0.2.2/24"];
        assert_eq!(chosen(&held, "", "").as_deref(), Some("192.0.2.2"));
        assert_eq!(chosen(&["192.0.2.1/24"], "", "").as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn of_many_the_preferred_comes_first_then_one_near_a_virtual_address() {
        let near = ["10.0.0.2/8", "192.0.2.2/24", "192.0.2.3/24"];
        assert_eq!(chosen(&near, "", "").as_deref(), Some("192.0.2.2"));
        assert_eq!(chosen(&near, "10.0.0.2", "").as_deref(), Some("10.0.0.2"));
    }

    #[test]
    fn the_choice_stands_while_the_address_does() {
        let near = ["10.0.0.2/8", "192.0.2.2/24", "192.0.2.3/24"];
        assert_eq!(chosen(&near, "10.0.0.2", "192.0.2.3").as_deref(), Some("192.0.2.3"));
        assert_eq!(chosen(&near, "", "192.0.2.4").as_deref(), Some("192.0.2.2"));
    }

    #[test]
    fn the_other_family_does_not_count() {
        let rules = SourceRules::default();
        let has = [own("2001:db8::2/64"), own("192.0.2.2/24")];
        assert_eq!(rules.choose(&has, Family::Ipv4, None), Some(ip("192.0.2.2")));
        assert_eq!(rules.choose(&has, Family::Ipv6, None), None);
    }
}
