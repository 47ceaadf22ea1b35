//! One box: a kernel that holds addresses and queues input, and a process that may stand still or die.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use vrrp::{
    Event, Health, LinkConfig, LinkId, Reason, Role, RouterConfig, Tempo, Transition, Transport,
    VirtualRouter,
};

use super::network::Network;
use crate::subject::understands;

pub struct Host {
    /// What the process is told when it is started.
    pub config_file: RouterConfig,
    tempo: Tempo,
    pub router: VirtualRouter,
    pub process: Process,
    /// When the process stopped running, if it did.
    pub stopped_at: Option<Instant>,
    /// What arrived while the process was paused, and when.
    pub inbox: VecDeque<(Instant, Event)>,
    /// The addresses that the kernel has, and until when.
    pub held: BTreeMap<Place, Instant>,
    /// Those of them that the process could not remove, and knows no more of.
    pub stuck: BTreeSet<Place>,
    /// What others removed and the process has not been told yet.
    pub lost: BTreeSet<Place>,
    pub lease_watched: bool,
    /// The kernel drops word of changes until the process lists everything anew.
    pub has_overrun: bool,
    /// How much later than others the process runs when it is its turn.
    pub sluggish: Duration,
    /// Of each link.
    pub carrier: Vec<bool>,
    /// What its checks say.
    pub health: Health,
    /// Those whose consent a claim needs.
    pub hooks: Hooks,
    /// The question that they ponder, by its number.
    pub pondered: Option<u64>,
    /// How often the process was started.
    pub lives: usize,
    /// The one wake-up that is not void.
    pub wake_generation: u64,
    /// The timer that it is for.
    pub wake_for: Option<Instant>,
    /// The next attempt to add addresses fails.
    pub fail_add: bool,
    /// The next attempt to remove addresses fails.
    pub fail_remove: bool,
    /// The process dies after this many of its next actions.
    pub dies_after: Option<usize>,
    pub record: Record,
}

/// An address on a link.
pub type Place = (LinkId, IpAddr);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    Running,
    Paused,
    Dead,
}

/// How those whose consent a claim needs answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hooks {
    /// They agree within milliseconds.
    Prompt,
    /// They agree in the end.
    Slow(Duration),
    /// They do not agree.
    Refuse,
}

/// What the laws need to know about a host's past.
pub struct Record {
    pub links: Vec<LinkRecord>,
    /// When a stranger last said that it has an address, in this silence.
    pub stranger_at: Option<Instant>,
    /// The process was told that a check fails.
    pub unhealthy: bool,
    pub transitions: usize,
    /// The settings or the priority have changed since a release was heard.
    pub is_doubtful: bool,
    pub reloads: usize,
}

/// The same of one link.
#[derive(Clone, Default)]
pub struct LinkRecord {
    /// When the host last advertised, in this stay in the active state.
    pub advertised_at: Option<Instant>,
    /// The last advertisement that a backup has to respect.
    pub respect: Option<Respect>,
    /// A release was heard, here or on another link, and nothing here since.
    pub is_released: bool,
    pub sent: usize,
    pub heard: usize,
}

/// How long an advertisement keeps a backup waiting at least.
#[derive(Clone, Copy)]
pub struct Respect {
    pub until: Instant,
    /// When the next is due: if the sender lets go on another link, it need not be waited for any longer.
    pub next_at: Instant,
}

impl Record {
    /// The state has changed: what was known before counts no more.
    pub fn turn_over(&mut self) {
        self.transitions += 1;
        self.forget();
    }

    /// The same, for a process that starts anew.
    pub fn forget(&mut self) {
        self.stranger_at = None;
        for link in &mut self.links {
            *link = LinkRecord { sent: link.sent, heard: link.heard, ..LinkRecord::default() };
        }
    }

    pub fn on(&mut self, link: LinkId) -> &mut LinkRecord {
        &mut self.links[link.index()]
    }
}

/// As much as a small socket buffer takes.
const INBOX_MAX: usize = 64;

impl Host {
    pub fn new(config: RouterConfig, tempo: Tempo, links: usize) -> Self {
        Self {
            router: VirtualRouter::new(config.clone()).with_tempo(tempo),
            config_file: config,
            tempo,
            process: Process::Dead,
            stopped_at: None,
            inbox: VecDeque::new(),
            held: BTreeMap::new(),
            stuck: BTreeSet::new(),
            lost: BTreeSet::new(),
            lease_watched: false,
            has_overrun: false,
            sluggish: Duration::ZERO,
            carrier: vec![true; links],
            health: Health::default(),
            hooks: Hooks::Prompt,
            pondered: None,
            lives: 0,
            wake_generation: 0,
            wake_for: None,
            fail_add: false,
            fail_remove: false,
            dies_after: None,
            record: Record {
                links: vec![LinkRecord::default(); links],
                stranger_at: None,
                unhealthy: false,
                transitions: 0,
                is_doubtful: false,
                reloads: 0,
            },
        }
    }

    /// A process knows nothing of an earlier one.
    pub fn start_process(&mut self) {
        self.router = VirtualRouter::new(self.config_file.clone()).with_tempo(self.tempo);
        self.process = Process::Running;
        self.stopped_at = None;
        self.lives += 1;
        self.pondered = None;
        self.record.turn_over();
    }

    pub fn is_running(&self) -> bool {
        self.process == Process::Running
    }

    pub fn is_active(&self) -> bool {
        self.process != Process::Dead && self.router.role() == Role::Active
    }

    /// Whether it means to hold addresses, now or soon.
    pub fn may_hold(&self) -> bool {
        self.process != Process::Dead && self.router.role().may_hold()
    }

    /// Whether an event is the consent to what the router asks.
    pub fn agrees(&self, event: &Event) -> bool {
        let asked = self.router.question().map(|question| question.number);
        matches!(event, Event::Consent { number, answer: Ok(()) } if Some(*number) == asked)
    }

    /// Whether it is said by a router of another election.
    pub fn is_strange(&self, event: &Event) -> bool {
        let Event::Advertisement { link, advert, form, .. } = event else { return false };
        let settings = self.config().links().get(link.index());
        settings.is_some_and(|settings| !understands(settings, advert, *form))
    }

    /// How it talks with the others on a link.
    pub fn transport(&self, link: LinkId, network: &Network) -> Transport {
        let settings = self.config().link(link);
        if network.is_unicast {
            Transport::Unicast(settings.others().to_vec())
        } else {
            Transport::Multicast
        }
    }

    /// Whether what is sent there reaches it.
    pub fn hears(&self, link: LinkId, destination: IpAddr) -> bool {
        let settings = self.config().links().get(link.index());
        destination.is_multicast() || settings.is_some_and(|it| it.source() == destination)
    }

    /// Whether an advertisement of the active router keeps it waiting, on each link.
    pub fn has_heard(&self, active: &Self) -> bool {
        self.config().link_ids().all(|link| {
            let source = active.config().links().get(link.index()).map(LinkConfig::source);
            let last = self.router.peer(link).map(|peer| peer.address);
            self.record.links[link.index()].respect.is_some() && last == source
        })
    }

    /// Whether two hosts speak the same version on a link that both are on.
    pub fn speaks_as(&self, other: &Self, link: LinkId) -> bool {
        let version = |host: &Self| host.config().links().get(link.index()).map(number);
        version(self) == version(other)
    }

    /// Whether it became another participant after this transition.
    pub fn restarted_since(&self, before: &Option<Transition>) -> bool {
        let last = self.router.last_transition();
        last.is_some_and(|last| {
            last.reason == Reason::Reconfigured && Some(last) != before.as_ref()
        })
    }

    /// Whether the settings in force have this link.
    pub fn has(&self, link: LinkId) -> bool {
        link.index() < self.config().links().len()
    }

    /// The settings in force.
    pub fn config(&self) -> &RouterConfig {
        self.router.config()
    }

    /// Whether it is on this link, and the carrier is there.
    pub fn carries(&self, link: LinkId) -> bool {
        self.has(link) && self.carrier[link.index()]
    }

    /// What the settings in force say that it holds while active.
    pub fn places(&self) -> impl Iterator<Item = Place> + '_ {
        let links = self.config().link_ids().zip(self.config().links());
        links.flat_map(|(id, link)| link.held().iter().map(move |&address| (id, address)))
    }

    /// Sockets take so much; what the kernel tells of links and addresses is always current.
    pub fn queue(&mut self, event: Event, now: Instant) {
        if !is_packet(&event) || self.packets() < INBOX_MAX {
            self.inbox.push_back((now, event));
        }
    }

    fn packets(&self) -> usize {
        self.inbox.iter().filter(|(_, event)| is_packet(event)).count()
    }

    /// What waits unread, with how long it waited. Where so much waits that more may be lost, the last counts as new.
    pub fn unread(&mut self, now: Instant) -> Vec<Event> {
        let mut left = self.packets();
        let last_is_new = left == INBOX_MAX;
        let unread = self.inbox.drain(..).map(|(at, mut event)| {
            if let Event::Advertisement { waited, .. } = &mut event {
                left -= 1;
                if left > 0 || !last_is_new {
                    *waited = now - at;
                }
            }
            event
        });
        unread.collect()
    }

    /// When the router changed its state last.
    pub fn entered_at(&self) -> Instant {
        self.router.last_transition().expect("it changed its state").at
    }

    /// Whether an active router that stood still has to assume that a peer took over, on any link.
    pub fn is_late(&self, now: Instant) -> bool {
        let mut links = self.record.links.iter().zip(self.config().links());
        self.is_active()
            && links.any(|(record, link)| {
                record.advertised_at.is_some_and(|at| now - at >= link.interval().duration() * 3)
            })
    }

    /// The addresses that the kernel has and the process knows of.
    pub fn known(&self) -> impl Iterator<Item = &Place> {
        self.held.keys().filter(|place| !self.stuck.contains(place))
    }

    pub fn shares_an_address(&self, other: &Self, link: LinkId) -> bool {
        let others = |place: &Place| other.held.contains_key(place) && !other.stuck.contains(place);
        self.known().any(|place| place.0 == link && others(place))
    }
}

fn number(link: &LinkConfig) -> u8 {
    link.version().number()
}

fn is_packet(event: &Event) -> bool {
    matches!(event, Event::Advertisement { .. })
}
