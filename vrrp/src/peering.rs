//! How a virtual router talks with the others on a link. The election does not care.

use std::net::IpAddr;

use crate::family::Family;
use crate::hmac::{HmacKeys, HmacMode};

/// How advertisements reach the other routers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Sent to the group of all VRRP routers on the link, and taken from each of them (RFC 9568 §5.1.1.2, §5.1.2.2).
    Multicast,
    /// Sent to each of these addresses, and taken from nobody else. Their family is that of the virtual router.
    Unicast(Vec<IpAddr>),
}

impl Transport {
    /// Where each advertisement goes to.
    #[must_use]
    pub fn destinations(&self, family: Family) -> Vec<IpAddr> {
        match self {
            Self::Multicast => vec![family.multicast_group()],
            Self::Unicast(peers) => peers.clone(),
        }
    }

    /// Whether an advertisement from this address may count.
    #[must_use]
    pub fn admits(&self, source: IpAddr) -> bool {
        match self {
            Self::Multicast => true,
            Self::Unicast(peers) => peers.contains(&source),
        }
    }
}

/// The settings of a link that are no matter of the election. They can change while the link is in use, but for the
/// kind of transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peering {
    /// Who the others are.
    pub transport: Transport,
    /// Whether each peer of unicast is sent the form of checksum that it sends itself.
    pub mirrors_checksums: bool,
    /// What is signed, with which keys; nothing if there are none.
    pub authentication: Option<Authentication>,
}

/// What is signed, and with which keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// What is signed, and what is accepted.
    pub mode: HmacMode,
    /// The first one signs.
    pub keys: HmacKeys,
}

impl Peering {
    /// That of RFC 9568.
    pub const MULTICAST: Self =
        Self { transport: Transport::Multicast, mirrors_checksums: false, authentication: None };
}
