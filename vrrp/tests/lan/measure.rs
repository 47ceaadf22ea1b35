//! What a client would see: how long nobody held an address, how long two did, how long a group was torn apart.

use std::time::{Duration, Instant};

use vrrp::LinkId;

use super::host::Host;
use crate::subject::host_on;

pub struct Measure {
    looked_at: Instant,
    is_held: bool,
    is_held_twice: bool,
    is_torn: bool,
    gap: Duration,
    /// The longest time in which the address of a link had no holder.
    pub gap_longest: Duration,
    /// All the time in which the address of a link had more than one.
    pub both_held: Duration,
    /// All the time in which no box held the addresses of all links, but several held some.
    pub torn: Duration,
}

impl Measure {
    pub fn new(now: Instant) -> Self {
        Self {
            looked_at: now,
            is_held: false,
            is_held_twice: false,
            is_torn: false,
            gap: Duration::ZERO,
            gap_longest: Duration::ZERO,
            both_held: Duration::ZERO,
            torn: Duration::ZERO,
        }
    }

    /// Measures from now on.
    pub fn restart(&mut self, now: Instant) {
        let Self { is_held, is_held_twice, is_torn, .. } = *self;
        *self = Self { is_held, is_held_twice, is_torn, ..Self::new(now) };
    }

    /// Called after every change. A holder counts, dead or alive, while its link is up.
    pub fn look(&mut self, hosts: &[Host], now: Instant) {
        let passed = now - std::mem::replace(&mut self.looked_at, now);
        if !self.is_held {
            self.gap += passed;
        }
        if self.is_held_twice {
            self.both_held += passed;
        }
        if self.is_torn {
            self.torn += passed;
        }
        self.gap_longest = self.gap_longest.max(self.gap);
        self.see(hosts);
        if self.is_held {
            self.gap = Duration::ZERO;
        }
    }

    fn see(&mut self, hosts: &[Host]) {
        let links: Vec<_> = hosts[0].config().link_ids().collect();
        let holds = |host: &Host, link: LinkId| {
            host.carries(link) && host.held.contains_key(&(link, host_on(link, 100)))
        };
        let holders = |link: LinkId| hosts.iter().filter(|host| holds(host, link)).count();
        self.is_held = links.iter().all(|&link| holders(link) > 0);
        self.is_held_twice = links.iter().any(|&link| holders(link) > 1);
        let has_all = |host: &Host| links.iter().all(|&link| holds(host, link));
        let has_some = |host: &&Host| links.iter().any(|&link| holds(host, link));
        self.is_torn = hosts.iter().filter(has_some).count() > 1 && !hosts.iter().any(has_all);
    }
}
