//! The guard: a small process that lets go of our addresses when the supervisor dies by whatever means, or hangs.
//!
//! [`parent`] is the supervisor's side, on the VRRP thread; [`child`] is the process. Between them
//! runs a socket that keeps the bounds of messages, whose end doubles as a sign of death. For every
//! virtual router that holds addresses they share an [`alarm`], which each advertisement puts off.

mod alarm;
pub(crate) mod child;
pub(crate) mod parent;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use vrrp::Family;
use vrrp::linux::RouterId;

/// Which virtual router a will belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Slot {
    index: u32,
    ipv6: bool,
    vrid: u8,
}

impl From<RouterId> for Slot {
    fn from(router: RouterId) -> Self {
        let RouterId { index, family, vrid } = router;
        Self { index, ipv6: family == Family::Ipv6, vrid: vrid.value() }
    }
}

/// What the guard is told.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
enum Order {
    /// Do this when the supervisor dies or lets the alarm ring. The socket that the farewell leaves by comes along, and
    /// then the alarm.
    Arm {
        slot: Slot,
        route_removals: Vec<Vec<u8>>,
        addresses: Vec<IpAddr>,
        farewells: Vec<(SocketAddr, Vec<u8>)>,
        device_down: Option<Vec<u8>>,
        seal: Option<SealOrder>,
    },
    /// Forget what was said of this virtual router.
    Disarm { slot: Slot },
}

/// How to sign a farewell when it is sent.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct SealOrder {
    id: u8,
    secret: Vec<u8>,
    source: IpAddr,
    after: u64,
}

/// A farewell may contain a password, and a seal a key.
impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arm { slot, .. } => {
                f.debug_struct("Arm").field("slot", slot).finish_non_exhaustive()
            }
            Self::Disarm { slot } => f.debug_struct("Disarm").field("slot", slot).finish(),
        }
    }
}

/// 755 addresses, removals of 64 routes of 120 bytes each, and four farewells of 4 KiB, as JSON, with room to spare.
const ORDER_MAX: usize = 192 << 10;

/// What comes along with an order: a socket and an alarm.
const DESCRIPTORS_MAX: usize = 2;

#[cfg(test)]
mod tests;
