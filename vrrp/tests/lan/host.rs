//! One box: a kernel that holds addresses and queues input, and a process that may stand still or die.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::plan::interval_of;
use vrrp::{Event, Role, RouterConfig, VirtualRouter};

pub struct Host {
    /// What the process is told when it is started.
    pub config_file: RouterConfig,
    pub router: VirtualRouter,
    pub process: Process,
    /// When the process stopped running, if it did.
    pub stopped_at: Option<Instant>,
    /// What arrived while the process was paused, and when.
    pub inbox: VecDeque<(Instant, Event)>,
    /// The addresses that the kernel has, and until when.
    pub held: BTreeMap<IpAddr, Instant>,
    pub lease_watched: bool,
    pub carrier: bool,
    /// The one wake-up that is not void.
    pub wake_generation: u64,
    /// The timer that it is for.
    pub wake_for: Option<Instant>,
    /// The next attempt to add addresses fails.
    pub fail_add: bool,
    /// The process dies after this many of its next actions.
    pub dies_after: Option<usize>,
    pub record: Record,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    Running,
    Paused,
    Dead,
}

/// What the laws need to know about a host's past.
#[derive(Default)]
pub struct Record {
    /// When the host last advertised, in this stay in the active state.
    pub advertised_at: Option<Instant>,
    /// The last advertisement that a backup has to respect, and until when at least.
    pub respected_until: Option<Instant>,
    /// The last advertisement heard was a release.
    pub heard_release: bool,
    pub sent: usize,
    pub heard: usize,
    pub transitions: usize,
    pub reloads: usize,
}

impl Record {
    /// The state has changed: what was known before counts no more.
    pub fn turn_over(&mut self) {
        self.transitions += 1;
        self.advertised_at = None;
        self.respected_until = None;
        self.heard_release = false;
    }
}

/// As much as a small socket buffer takes.
const INBOX_MAX: usize = 64;

impl Host {
    pub fn new(config: RouterConfig) -> Self {
        Self {
            router: VirtualRouter::new(config.clone()),
            config_file: config,
            process: Process::Dead,
            stopped_at: None,
            inbox: VecDeque::new(),
            held: BTreeMap::new(),
            lease_watched: false,
            carrier: true,
            wake_generation: 0,
            wake_for: None,
            fail_add: false,
            dies_after: None,
            record: Record::default(),
        }
    }

    pub fn is_running(&self) -> bool {
        self.process == Process::Running
    }

    pub fn is_active(&self) -> bool {
        self.process != Process::Dead && self.router.role() == Role::Active
    }

    /// The settings in force.
    pub fn config(&self) -> &RouterConfig {
        self.router.config()
    }

    pub fn interval(&self) -> Duration {
        interval_of(self.config())
    }

    pub fn queue(&mut self, event: Event, now: Instant) {
        if self.inbox.len() < INBOX_MAX {
            self.inbox.push_back((now, event));
        }
    }

    /// What waits unread, with how long it waited. Where so much waits that more may be lost, the last counts as new.
    pub fn unread(&mut self, now: Instant) -> Vec<Event> {
        let last_is_new = self.inbox.len() == INBOX_MAX;
        let unread = self.inbox.drain(..).enumerate().map(|(index, (at, mut event))| {
            if let Event::Advertisement { waited, .. } = &mut event
                && !(last_is_new && index + 1 == INBOX_MAX)
            {
                *waited = now - at;
            }
            event
        });
        unread.collect()
    }

    /// When the router changed its state last.
    pub fn entered_at(&self) -> Instant {
        self.router.last_transition().expect("it changed its state").at
    }

    /// Whether an active router that stood still has to assume that a peer took over.
    pub fn is_late(&self, now: Instant) -> bool {
        self.is_active()
            && self.record.advertised_at.is_some_and(|at| now - at >= self.interval() * 3)
    }

    pub fn shares_an_address(&self, other: &Self) -> bool {
        self.held.keys().any(|address| other.held.contains_key(address))
    }
}
