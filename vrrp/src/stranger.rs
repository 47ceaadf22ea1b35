//! Routers on a link that are none of ours: who takes part in which other virtual router there.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::advertisement::Advertisement;
use crate::checksum::ChecksumForm;
use crate::family::Family;
use crate::types::{Interval, Priority, Vrid};

/// An active router that was overheard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// Its virtual router, together with the family of `source`.
    pub vrid: Vrid,
    /// Who it is.
    pub source: IpAddr,
    /// How strong it is.
    pub priority: Priority,
    /// Its interval.
    pub interval: Interval,
    /// The first [`ADDRESSES_KEPT`] of its virtual addresses.
    pub addresses: Vec<IpAddr>,
    /// How many it has.
    pub address_count: usize,
    /// Which version and checksum it uses.
    pub form: ChecksumForm,
    /// When it was heard last.
    pub heard_at: Instant,
}

impl Stranger {
    fn is_same(&self, source: IpAddr, vrid: Vrid) -> bool {
        (self.source, self.vrid) == (source, vrid)
    }

    fn is_gone(&self, now: Instant) -> bool {
        let silence = now.saturating_duration_since(self.heard_at);
        silence >= STRANGER_GONE.max(self.interval.duration() * 3)
    }

    /// The family of its virtual router.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(self.source)
    }
}

/// The strangers that are remembered: no more than [`STRANGERS_MAX`], those that were heard last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strangers(Vec<Stranger>);

impl Strangers {
    /// Takes in what was overheard. Who lets go is forgotten.
    pub fn hear(
        &mut self,
        source: IpAddr,
        advert: &Advertisement,
        form: ChecksumForm,
        now: Instant,
    ) {
        let Advertisement { vrid, priority, interval, ref addresses } = *advert;
        self.0.retain(|known| !known.is_same(source, vrid) && !known.is_gone(now));
        if priority == Priority::RELEASE {
            return;
        }
        if self.0.len() == STRANGERS_MAX {
            self.0.remove(0);
        }
        let address_count = addresses.len();
        let addresses = addresses.iter().take(ADDRESSES_KEPT).copied().collect();
        let heard_at = now;
        self.0.push(Stranger {
            vrid,
            source,
            priority,
            interval,
            addresses,
            address_count,
            form,
            heard_at,
        });
    }

    /// Those that are still there, in the order of their virtual routers and addresses.
    #[must_use]
    pub fn present(&self, now: Instant) -> Vec<&Stranger> {
        let mut present: Vec<_> = self.0.iter().filter(|known| !known.is_gone(now)).collect();
        present.sort_by_key(|stranger| (stranger.vrid, stranger.source));
        present
    }
}

/// More than an honest link has.
pub const STRANGERS_MAX: usize = 64;

/// So many addresses of each are remembered.
pub const ADDRESSES_KEPT: usize = 4;

/// Who was not heard for this long, and for three of his intervals, is gone.
pub const STRANGER_GONE: Duration = Duration::from_secs(10);
