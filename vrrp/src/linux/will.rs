//! What is left to another process, should this one die or hang.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::family::Family;
use crate::hmac::{HmacKey, Sequence};
use crate::types::Vrid;

/// What must be done if this process dies or hangs while it holds addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Netlink requests that remove the routes, which goes before.
    pub route_removals: Vec<Vec<u8>>,
    /// To be removed by [`removal_request`](super::removal_request)s.
    pub addresses: Vec<IpAddr>,
    /// The advertisement with priority 0, for each destination.
    pub farewells: Vec<Farewell>,
    /// A netlink request that comes last: it sets the device down that had the addresses, if they had one of their own.
    pub device_down: Option<Vec<u8>>,
    /// What is to be done to the farewells before they are sent.
    pub seal: Option<Seal>,
    /// Without a beat for this long the process counts as hung: as long as it takes until it would call itself late.
    pub patience: Duration,
}

/// A packet to be sent. `Debug` does not show the message: it may contain a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Farewell {
    /// Where to.
    pub to: SocketAddr,
    /// The payload.
    pub message: Vec<u8>,
}

/// How to sign payloads that end with room for a trailer, when they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The key to sign with.
    pub key: HmacKey,
    /// The source of the packets.
    pub source: IpAddr,
    /// What the signer signed last.
    pub after: Sequence,
}

impl fmt::Debug for Farewell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Farewell").field("to", &self.to).finish_non_exhaustive()
    }
}

/// A link of a virtual router among those of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouterId {
    /// The kernel's number of the interface or device that has its addresses.
    pub index: u32,
    /// The family of its addresses.
    pub family: Family,
    /// Its number there.
    pub vrid: Vrid,
}

/// Keeps a [`Will`] where neither the death nor a hang of this process reaches it.
pub trait Executor: fmt::Debug {
    /// Replaces the will of this virtual router; `sender` is the socket the farewell leaves by. Counts as a beat.
    fn arm(&self, router: RouterId, will: &Will, sender: BorrowedFd<'_>);
    /// Forgets the will of this virtual router.
    fn disarm(&self, router: RouterId);
    /// This virtual router, which is armed, is alive. Must not block.
    fn beat(&self, router: RouterId);
}
