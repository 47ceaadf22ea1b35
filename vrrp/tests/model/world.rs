//! Two boxes, the wire between them, and what may happen next.

use std::rc::Rc;
use std::time::{Duration, Instant};

use vrrp::{Action, Advertisement, ChecksumForm, Event, LinkId, RouterConfig};

use super::fault::Fault;
use super::host::{Host, LINKS_MAX, Process};
use super::laws::{self, Law, Memory};
use crate::subject::{epoch, host_on, ms};

/// What may still go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    pub faults: u8,
    /// Advertisements lost.
    pub losses: u8,
    /// Checks that say something else than before.
    pub verdicts: u8,
    /// Claims refused by those who must agree.
    pub refusals: u8,
}

#[derive(Clone)]
pub struct World {
    pub now: Instant,
    /// Shared between worlds until they differ.
    pub hosts: [Rc<Host>; 2],
    pub packets: Vec<Packet>,
    /// What the host sends does not arrive, by link.
    pub cut: [[bool; LINKS_MAX]; 2],
    pub budget: Budget,
    pub memory: Memory,
}

/// An advertisement under way.
#[derive(Clone)]
pub struct Packet {
    pub from: usize,
    pub link: LinkId,
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
    /// Who was asked whether the host may claim agrees, or does not.
    Answer(usize, bool),
    /// Time passes until something is due, but no longer than [`STEP`].
    Wait,
    Fault(Fault),
}

/// The longest time between two moments at which something may go wrong.
pub const STEP: Duration = ms(500);

/// How long a packet takes at most. It arrives at once or then.
pub const DELAY: Duration = ms(5);

/// How late the kernel ends a lease.
const LEASE_LATE: Duration = ms(100);

impl World {
    /// Both boxes have just been started.
    pub fn new(configs: [RouterConfig; 2], budget: Budget) -> Self {
        let hosts = configs.map(|config| Rc::new(Host::new(config)));
        let now = epoch();
        let memory = Memory::new(now);
        let cut = [[false; LINKS_MAX]; 2];
        let mut world = Self { now, hosts, packets: Vec::new(), cut, budget, memory };
        for host in 0..2 {
            world.feed(host, Event::Startup).expect("a start breaks no law");
        }
        world
    }

    /// The second box is started, the first one not yet.
    pub fn with_one(configs: [RouterConfig; 2], budget: Budget) -> Self {
        let mut world = Self::new(configs, budget);
        world.feed(0, Event::Shutdown).expect("nothing has happened yet");
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
        for host in (0..2).filter(|&host| self.may_answer(host)) {
            moves.push(Move::Answer(host, true));
            if self.budget.refusals > 0 {
                moves.push(Move::Answer(host, false));
            }
        }
        if self.may_wait() {
            moves.push(Move::Wait);
        }
        if self.budget.faults > 0 {
            moves.extend((0..2).flat_map(|host| self.faults(host)).map(Move::Fault));
        }
        if self.budget.verdicts > 0 {
            moves.extend((0..2).flat_map(|host| self.verdicts(host)).map(Move::Fault));
        }
        moves
    }

    fn may_answer(&self, index: usize) -> bool {
        let host = &self.hosts[index];
        host.process == Process::Running && host.pondered.is_some()
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
                let packet = self.packets.remove(index);
                self.memory.disturb(packet.link, self.now);
            }
            Move::Timer(host) => self.feed(host, Event::Timer)?,
            Move::Answer(host, agrees) => self.answer(host, agrees)?,
            Move::Wait => self.wait()?,
            Move::Fault(fault) => {
                match fault {
                    Fault::Checks(..) => self.budget.verdicts -= 1,
                    _ => self.budget.faults -= 1,
                }
                self.suffer(fault)?;
            }
        }
        laws::check_world(self)
    }

    fn wait(&mut self) -> Law {
        let timers = (0..2).filter_map(|host| self.timer(host));
        let leases = self.hosts.iter().flat_map(|host| host.held_until).flatten();
        let packets = self.packets.iter().map(|packet| packet.sent_at + DELAY);
        let due = timers.chain(leases.map(|until| until + LEASE_LATE)).chain(packets);
        self.now = due.chain([self.now + STEP]).min().expect("at least the step");
        for index in 0..2 {
            for link in self.links() {
                let until = self.hosts[index].held_until[link.index()];
                if until.is_some_and(|until| until + LEASE_LATE <= self.now) {
                    self.drop_address(index, link)?;
                }
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
            let announces = |action| matches!(action, &Action::Announce { .. });
            if actions.is_empty() || !actions.iter().all(announces) {
                return;
            }
            if after.role() != self.hosts[index].router.role() {
                return;
            }
            self.host(index).set_router(after);
        }
    }

    fn answer(&mut self, index: usize, agrees: bool) -> Law {
        self.budget.refusals -= u8::from(!agrees);
        let number = self.host(index).pondered.take().expect("somebody ponders");
        let answer = if agrees { Ok(()) } else { Err("not now".to_owned()) };
        self.feed(index, Event::Consent { number, answer })
    }

    pub fn drop_address(&mut self, index: usize, link: LinkId) -> Law {
        self.host(index).held_until[link.index()] = None;
        self.input(index, Event::AddressLost { link, address: host_on(link, 100) })
    }

    pub fn host(&mut self, index: usize) -> &mut Host {
        Rc::make_mut(&mut self.hosts[index])
    }

    /// Those of both routers.
    pub fn links(&self) -> impl DoubleEndedIterator<Item = LinkId> + use<> {
        self.hosts[0].router.config().link_ids()
    }

    fn deliver(&mut self, index: usize) -> Law {
        let Packet { from, link, advert, form, .. } = self.packets.remove(index);
        let to = 1 - from;
        if !self.hosts[to].carrier[link.index()] {
            return Ok(());
        }
        self.memory.unheard[from][link.index()] = false;
        let source = self.hosts[from].router.config().link(link).source();
        let waited = Duration::ZERO;
        self.input(to, Event::Advertisement { link, source, advert, form, waited })
    }

    pub fn input(&mut self, index: usize, event: Event) -> Law {
        match self.hosts[index].process {
            Process::Running => self.feed(index, event)?,
            Process::Paused => {
                let now = self.now;
                self.host(index).queue(event, now);
            }
            Process::Dead => {}
        }
        Ok(())
    }

    pub fn feed(&mut self, index: usize, event: Event) -> Law {
        let before = self.hosts[index].router.last_transition().cloned();
        let agreed = self.hosts[index].agrees(&event);
        let now = self.now;
        let actions = self.host(index).handle(event.clone(), now);
        let after = self.hosts[index].router.last_transition().cloned();
        if let Some(transition) = after.filter(|after| Some(after) != before.as_ref()) {
            laws::check_transition(self, index, agreed, &transition)?;
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
            Action::AddAddresses { link, lease, .. } => {
                let until = self.now + lease;
                self.host(index).held_until[link.index()] = Some(until);
            }
            Action::RemoveAddresses { link, .. } => {
                self.host(index).held_until[link.index()] = None;
            }
            Action::Advertise { link, advert, form } => {
                let is_active = self.hosts[index].is_active();
                self.memory.advertised_at[index] = is_active.then_some(self.now);
                self.send(index, link, advert, form);
            }
            Action::AddRoutes { .. }
            | Action::RemoveRoutes { .. }
            | Action::Announce { .. }
            | Action::Ask { .. } => {}
        }
    }

    pub fn send(&mut self, from: usize, link: LinkId, advert: Advertisement, form: ChecksumForm) {
        let at = link.index();
        let arrives = self.hosts[from].carrier[at] && !self.cut[from][at];
        self.memory.unheard[from][at] = true;
        if arrives {
            self.packets.push(Packet { from, link, sent_at: self.now, advert, form });
        }
    }

    /// The run in which nothing goes wrong any more.
    pub fn calm_down(&mut self) -> Law {
        self.cut = [[false; LINKS_MAX]; 2];
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
        if let Some(host) = (0..2).find(|&host| self.may_answer(host)) {
            return Move::Answer(host, true);
        }
        (0..2).find(|&host| self.is_due(host)).map_or(Move::Wait, Move::Timer)
    }
}
