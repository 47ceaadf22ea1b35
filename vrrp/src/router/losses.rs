//! How often others removed our addresses of late.

use std::net::IpAddr;
use std::time::{Duration, Instant};

/// So many losses of the same address within [`LOSSES_WITHIN`] are too many.
pub const LOSSES_MAX: usize = 3;

/// How long a loss counts.
pub const LOSSES_WITHIN: Duration = Duration::from_secs(10);

/// The losses that still count. No more than [`LOSSES_MAX`] of each address.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses(Vec<(IpAddr, Instant)>);

impl Losses {
    /// Counts a loss. True if they are too many: then they are forgotten.
    pub(super) fn add(&mut self, address: IpAddr, now: Instant) -> bool {
        self.0.retain(|(_, at)| now.saturating_duration_since(*at) < LOSSES_WITHIN);
        self.0.push((address, now));
        let too_many = self.0.iter().filter(|(other, _)| *other == address).count() >= LOSSES_MAX;
        if too_many {
            self.0.clear();
        }
        too_many
    }
}
