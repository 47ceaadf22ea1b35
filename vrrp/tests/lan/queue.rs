//! What happens when.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use vrrp::{Event, LinkId};

use super::plan::Fault;

/// What happens at a time; of two things at the same time the one scheduled first.
pub struct Scheduled {
    pub at: Instant,
    pub number: u64,
    pub what: What,
}

/// What is rare and large is boxed: the queue moves its entries a lot.
pub enum What {
    /// A packet arrives at a host.
    Packet { to: usize, link: LinkId, source: IpAddr, destination: IpAddr, payload: Rc<[u8]> },
    /// The kernel tells a host's process.
    Netlink { to: usize, event: Box<Event> },
    /// A timer fires.
    Wake { host: usize, generation: u64 },
    /// Those who were asked in this life of the process answer.
    Answer { host: usize, life: usize, number: u64, answer: Result<(), String> },
    /// A sluggish process reads what waits.
    Read { host: usize },
    /// The kernel looks for leases that have ended.
    LeaseCheck { host: usize },
    /// The guard notices that the supervisor died.
    Guard { host: usize },
    /// The guard has heard nothing for too long of a supervisor that stands still since then.
    Impatience { host: usize, since: Instant },
    /// The process lists everything anew, because it missed events.
    Dump { host: usize },
    /// Something goes wrong, or right again.
    Fault(Box<Fault>),
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}
