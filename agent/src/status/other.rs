//! Routers of others on our links.

use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use vrrp::Stranger;

use super::{list, ms};

/// An active router on one of our interfaces that is none of our boxes, or of another virtual router.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OtherStatus {
    pub(crate) interface: String,
    pub(crate) vrid: u8,
    pub(crate) source: IpAddr,
    pub(crate) priority: u8,
    pub(crate) advert_interval_ms: u64,
    /// The first of its addresses.
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) address_count: usize,
    /// Its VRID is one of ours.
    pub(crate) collides: bool,
    pub(crate) last_advert_ms: u64,
}

impl OtherStatus {
    pub(crate) fn new(interface: &str, stranger: &Stranger, collides: bool, now: Instant) -> Self {
        Self {
            interface: interface.to_owned(),
            vrid: stranger.vrid.value(),
            source: stranger.source,
            priority: stranger.priority.value(),
            advert_interval_ms: ms(stranger.interval.duration()),
            addresses: stranger.addresses.clone(),
            address_count: stranger.address_count,
            collides,
            last_advert_ms: ms(now.saturating_duration_since(stranger.heard_at)),
        }
    }

    /// What is wrong, if our VRID is not ours alone.
    pub(crate) fn problem(&self) -> Option<String> {
        let Self { interface, vrid, source, priority, .. } = self;
        self.collides.then(|| {
            format!(
                "vrid {vrid} on {interface} is also used by {source} (priority {priority}, {})\n\
                 hint: choose another `vrid`; if that is a box of ours, its `node` has another \
                 address",
                self.has()
            )
        })
    }

    /// Its addresses, in words.
    fn has(&self) -> String {
        let plural = if self.address_count == 1 { "" } else { "es" };
        let more = self.address_count.saturating_sub(self.addresses.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("address{plural} {}{more}", list(&self.addresses))
    }
}

impl fmt::Display for OtherStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interface, vrid, source, priority, .. } = self;
        writeln!(f, "other on {interface}: vrid {vrid}, {source}, priority {priority}")?;
        writeln!(f, "  {}", self.has())
    }
}
