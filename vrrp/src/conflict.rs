//! Another host that says it has an address of ours.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::mac::Mac;

/// What a host of the link claims that is ours, or would be. `Display` says it to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The virtual address that it claimed last.
    pub address: IpAddr,
    /// Who claims it.
    pub mac: Mac,
    /// When this host was first heard to.
    pub since: Instant,
    /// When it was heard last.
    pub heard_at: Instant,
}

impl Conflict {
    /// A claim is part of the conflict before if that is with the same host.
    pub(crate) fn heard(before: Option<Self>, address: IpAddr, mac: Mac, now: Instant) -> Self {
        let goes_on = before.filter(|conflict| conflict.mac == mac);
        let since = goes_on.map_or(now, |conflict| conflict.since);
        Self { address, mac, since, heard_at: now }
    }

    /// Nothing was heard of it for [`CONFLICT_OVER`].
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard_at) >= CONFLICT_OVER
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is in use by {}", self.address, self.mac)
    }
}

/// A conflict of which nothing is heard for this long is over: several questions in a row were not answered.
pub const CONFLICT_OVER: Duration = Duration::from_secs(3);
