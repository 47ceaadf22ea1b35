//! Two boxes, the wire between them, and what may happen next.

use std::time::{Duration, Instant};

use vrrp::{Action, Advertisement, ChecksumForm, Event, LinkId, Role, RouterConfig, VirtualRouter};

use super::fault::Fault;
use super::laws::{self, Law, Memory};
use crate::subject::{VIP, epoch, lost, ms};

/// What may still go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    pub faults: u8,
    /// Advertisements lost.
    pub losses: u8,
}

#[derive(Clone)]
pub struct World {
    pub now: Instant,
    pub hosts: [Host; 2],
    pub packets: Vec<Packet>,
    /// What the host sends does not arrive.
    pub cut: [bool; 2],
    pub budget: Budget,
    pub memory: Memory,
}

#[derive(Clone)]
pub struct Host {
    pub router: VirtualRouter,
    pub process: Process,
    pub carrier: bool,
    /// The kernel has the address until then.
    pub held_until: Option<Instant>,
    /// What arrived while the process was paused, and when.
    pub inbox: Vec<(Instant, Event)>,
    /// When somebody else removed the address: the router remembers it.
    pub deleted_at: Vec<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Process {
    Running,
    Paused,
    Dead,
}

/// An advertisement under way.
#[derive(Clone)]
pub struct Packet {
    pub from: usize,
    pub sent_at: Instant,
    pub advert: Advertisement,
    pub form: ChecksumForm,
}

#[derive(Clone, Copy, Debug)]
pub enum Move {
    /// The packet arrives.
    Deliver(usize),
    /// The packet gets lost.
    Lose(usize),
    /// The timer of a host fires.
    Timer(usize),
    /// Time passes until something is due, but no longer than [`STEP`].
    Wait,
    Fault(Fault),
}

/// The longest time between two moments at which something may go wrong.
pub const STEP: Duration = ms(500);

/// How long a packet takes at most. It arrives at once or then.
pub const DELAY: Duration = ms(5);

const INBOX_MAX: usize = 3;

/// How late the kernel ends a lease.
const LEASE_LATE: Duration = ms(100);

impl World {
    /// Both boxes have just been started.
    pub fn new(configs: [RouterConfig; 2], budget: Budget) -> Self {
        let hosts = configs.map(|config| Host {
            router: VirtualRouter::new(config),
            process: Process::Running,
            carrier: true,
            held_until: None,
            inbox: Vec::new(),
            deleted_at: Vec::new(),
        });
        let now = epoch();
        let memory = Memory::new(now);
        let mut world = Self { now, hosts, packets: Vec::new(), cut: [false; 2], budget, memory };
        for host in 0..2 {
            world.feed(host, Event::Startup).expect("a start breaks no law");
        }
        world
    }

    pub fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        for (index, packet) in self.packets.iter().enumerate() {
            if self.now == packet.sent_at || self.now >= packet.sent_at + DELAY {
                moves.push(Move::Deliver(index));
                if self.budget.losses > 0 {
                    moves.push(Move::Lose(index));
                }
            }
        }
        moves.extend((0..2).filter(|&host| self.is_due(host)).map(Move::Timer));
        if self.may_wait() {
            moves.push(Move::Wait);
        }
        if self.budget.faults > 0 {
            moves.extend((0..2).flat_map(|host| self.faults(host)).map(Move::Fault));
        }
        moves
    }

    fn is_due(&self, index: usize) -> bool {
        self.timer(index).is_some_and(|at| at <= self.now)
    }

    fn timer(&self, index: usize) -> Option<Instant> {
        let host = &self.hosts[index];
        let is_running = host.process == Process::Running;
        host.router.poll_timeout().filter(|_| is_running)
    }

    fn may_wait(&self) -> bool {
        let overdue = |packet: &Packet| self.now >= packet.sent_at + DELAY;
        !(0..2).any(|host| self.is_due(host)) && !self.packets.iter().any(overdue)
    }

    /// # Errors
    /// The law that is broken by it.
    pub fn make(&mut self, by: Move) -> Law {
        match by {
            Move::Deliver(index) => self.deliver(index)?,
            Move::Lose(index) => {
                self.budget.losses -= 1;
                self.packets.remove(index);
                self.memory.disturb(self.now);
            }
            Move::Timer(host) => self.feed(host, Event::Timer)?,
            Move::Wait => self.wait()?,
            Move::Fault(fault) => {
                self.budget.faults -= 1;
                self.suffer(fault)?;
            }
        }
        laws::check_world(self)
    }

    fn wait(&mut self) -> Law {
        let timers = (0..2).filter_map(|host| self.timer(host));
        let leases = self.hosts.iter().filter_map(|host| host.held_until);
        let packets = self.packets.iter().map(|packet| packet.sent_at + DELAY);
        let due = timers.chain(leases.map(|until| until + LEASE_LATE)).chain(packets);
        self.now = due.chain([self.now + STEP]).min().expect("at least the step");
        for index in 0..2 {
            if self.hosts[index].held_until.is_some_and(|until| until + LEASE_LATE <= self.now) {
                self.drop_address(index)?;
            }
            self.announce(index);
        }
        Ok(())
    }

    /// Announcements change nothing about the election, so they are no moves.
    fn announce(&mut self, index: usize) {
        while self.is_due(index) {
            let mut after = self.hosts[index].router.clone();
            let actions = after.handle(Event::Timer, self.now);
            if !actions.iter().all(|action| matches!(action, Action::Announce { .. })) {
                return;
            }
            if after.role() != self.hosts[index].router.role() {
                return;
            }
            self.hosts[index].router = after;
        }
    }

    pub fn drop_address(&mut self, index: usize) -> Law {
        self.hosts[index].held_until = None;
        self.input(index, lost(VIP))
    }

    fn deliver(&mut self, index: usize) -> Law {
        let Packet { from, advert, form, .. } = self.packets.remove(index);
        let to = 1 - from;
        if !self.hosts[to].carrier {
            return Ok(());
        }
        self.memory.unheard[from] = false;
        let link = LinkId::FIRST;
        let source = self.hosts[from].router.config().link(link).source();
        let waited = Duration::ZERO;
        self.input(to, Event::Advertisement { link, source, advert, form, waited })
    }

    pub fn input(&mut self, index: usize, event: Event) -> Law {
        match self.hosts[index].process {
            Process::Running => self.feed(index, event)?,
            Process::Paused => self.hosts[index].queue(event, self.now),
            Process::Dead => {}
        }
        Ok(())
    }

    pub fn feed(&mut self, index: usize, event: Event) -> Law {
        let before = self.hosts[index].router.last_transition().cloned();
        let actions = self.hosts[index].router.handle(event.clone(), self.now);
        let after = self.hosts[index].router.last_transition().cloned();
        if let Some(transition) = after.filter(|after| Some(after) != before.as_ref()) {
            laws::check_transition(self, index, &transition)?;
            self.memory.advertised_at[index] = None;
        }
        self.memory.note(index, &event, self.hosts[index].router.role(), self.now);
        laws::check_actions(self, index, &event, &actions)?;
        for action in actions {
            self.perform(index, action);
        }
        Ok(())
    }

    fn perform(&mut self, index: usize, action: Action) {
        match action {
            Action::AddAddresses { lease, .. } => {
                self.hosts[index].held_until = Some(self.now + lease);
            }
            Action::RemoveAddresses { .. } => self.hosts[index].held_until = None,
            Action::Advertise { advert, form, .. } => {
                let is_active = self.hosts[index].is_active();
                self.memory.advertised_at[index] = is_active.then_some(self.now);
                self.send(index, advert, form);
            }
            Action::AddRoutes { .. }
            | Action::RemoveRoutes { .. }
            | Action::Announce { .. }
            | Action::Ask { .. } => {}
        }
    }

    pub fn send(&mut self, from: usize, advert: Advertisement, form: ChecksumForm) {
        let arrives = self.hosts[from].carrier && !self.cut[from];
        self.memory.unheard[from] = true;
        if arrives {
            self.packets.push(Packet { from, sent_at: self.now, advert, form });
        }
    }

    /// The run in which nothing goes wrong any more.
    pub fn calm_down(&mut self) -> Law {
        self.cut = [false; 2];
        for index in 0..2 {
            if self.hosts[index].process == Process::Paused {
                self.resume(index)?;
            }
        }
        Ok(())
    }

    /// What happens next if nothing goes wrong.
    pub fn calm_move(&self) -> Move {
        if !self.packets.is_empty() {
            return Move::Deliver(0);
        }
        (0..2).find(|&host| self.is_due(host)).map_or(Move::Wait, Move::Timer)
    }
}

impl Host {
    /// Of more than a socket's buffer takes, the oldest tells least.
    fn queue(&mut self, event: Event, now: Instant) {
        if self.inbox.len() == INBOX_MAX {
            self.inbox.remove(0);
        }
        self.inbox.push((now, event));
    }

    /// Whether it can take part.
    pub fn is_able(&self) -> bool {
        self.process == Process::Running && self.carrier && self.router.role() != Role::Initialize
    }

    pub fn is_active(&self) -> bool {
        self.process != Process::Dead && self.router.role() == Role::Active
    }

    /// Whether the router means to have the address in the kernel.
    pub fn means_to_hold(&self) -> bool {
        self.router.state().holds_addresses()
    }
}
