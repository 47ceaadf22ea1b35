//! Another router of the same VRID.

use std::net::IpAddr;
use std::time::Instant;

use crate::checksum::ChecksumForm;
use crate::types::{Interval, Priority};

/// The router that we heard last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its source address.
    pub address: IpAddr,
    /// Its priority in that advertisement; 0 when it let go.
    pub priority: Priority,
    /// Its interval.
    pub interval: Interval,
    /// Which version and checksum it uses.
    pub form: ChecksumForm,
    /// When we heard it.
    pub heard_at: Instant,
}
