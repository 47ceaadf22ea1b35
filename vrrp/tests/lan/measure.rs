//! What a client would see: how long nobody held the address, how long two did.

use std::time::{Duration, Instant};

use super::host::Host;
use crate::subject::VIP;

pub struct Measure {
    looked_at: Instant,
    holders: usize,
    gap: Duration,
    /// The longest time without a holder.
    pub gap_longest: Duration,
    /// All the time with more than one holder on the LAN.
    pub both_held: Duration,
}

impl Measure {
    pub fn new(now: Instant) -> Self {
        Self {
            looked_at: now,
            holders: 0,
            gap: Duration::ZERO,
            gap_longest: Duration::ZERO,
            both_held: Duration::ZERO,
        }
    }

    /// Measures from now on.
    pub fn restart(&mut self, now: Instant) {
        *self = Self { holders: self.holders, ..Self::new(now) };
    }

    /// Called after every change. A holder counts, dead or alive, while its link is up.
    pub fn look(&mut self, hosts: &[Host], now: Instant) {
        let passed = now - std::mem::replace(&mut self.looked_at, now);
        match self.holders {
            0 => self.gap += passed,
            1 => {}
            _ => self.both_held += passed,
        }
        let holds = |host: &&Host| host.carrier && host.held.contains_key(&VIP);
        self.holders = hosts.iter().filter(holds).count();
        self.gap_longest = self.gap_longest.max(self.gap);
        if self.holders > 0 {
            self.gap = Duration::ZERO;
        }
    }
}
