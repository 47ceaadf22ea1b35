//! The simulation: hosts, network and one queue of what happens when. One seed, one run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use vrrp::{Event, Health, LinkId, LinkState, RouterConfig, Tempo};

use super::habits::intervals;
use super::host::{Hooks, Host, Process};
use super::kinds::OTHER_LINKS;
use super::laws::{Law, Laws, law};
use super::measure::Measure;
use super::network::Network;
use super::plan::Fault;
use super::queue::{Scheduled, What};
use super::rng::Rng;
use crate::subject::{epoch, ms};

pub struct World {
    pub hosts: Vec<Host>,
    /// The links, each shared by all hosts.
    pub networks: Vec<Network>,
    pub laws: Laws,
    pub measure: Measure,
    pub now: Instant,
    pub rng: Rng,
    /// The longest time that a guard takes.
    pub guard_late: Duration,
    start: Instant,
    queue: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
    /// Addresses, processes or links have changed since the laws last looked.
    pub is_changed: bool,
    /// What happened, if anybody wants to know.
    pub log: Option<Vec<String>>,
}

impl World {
    /// Hosts that are all started now, on a LAN that is perfect.
    pub fn new(configs: Vec<RouterConfig>, delay_max: Duration, rng: Rng) -> Self {
        let links = configs[0].links().len();
        Self::with_links(configs, links, delay_max, rng)
    }

    /// The same with so many links, some of which no settings may have at present.
    pub fn with_links(
        configs: Vec<RouterConfig>,
        links: usize,
        delay_max: Duration,
        rng: Rng,
    ) -> Self {
        let start = epoch();
        let interval_max = configs.iter().flat_map(intervals).max().expect("a host");
        let network = || Network::new(configs.len(), delay_max, interval_max * 2);
        let networks = (0..links).map(|_| network()).collect();
        let mut world = Self {
            networks,
            hosts: configs
                .into_iter()
                .map(|config| Host::new(config, Tempo::since(start), links))
                .collect(),
            laws: Laws::new(start),
            measure: Measure::new(start),
            now: start,
            rng,
            guard_late: ms(5),
            start,
            queue: BinaryHeap::new(),
            scheduled: 0,
            is_changed: true,
            log: None,
        };
        for index in 0..world.hosts.len() {
            world.laws.know_interval(&world.hosts[index]);
            world.schedule(Duration::ZERO, Fault::Start(index));
        }
        world
    }

    pub fn schedule(&mut self, later: Duration, fault: Fault) {
        self.after(later, What::Fault(Box::new(fault)));
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Lets time pass and things happen.
    pub fn run_for(&mut self, duration: Duration) -> Law {
        let end = self.now + duration;
        while self.queue.peek().is_some_and(|next| next.0.at <= end) {
            let Reverse(next) = self.queue.pop().expect("just peeked");
            self.now = next.at;
            law!(self.queue.len() < QUEUE_MAX, "I10 no storm", "{QUEUE_MAX} things under way");
            self.happen(next.what)?;
            if std::mem::take(&mut self.is_changed) {
                self.laws.relate(&self.hosts, &self.networks, self.now);
                self.measure.look(&self.hosts, self.now);
            }
            self.laws.check_holders(&self.networks, self.now)?;
        }
        self.now = end;
        Ok(())
    }

    /// Puts everything right.
    pub fn heal(&mut self) -> Law {
        self.networks.iter_mut().for_each(Network::heal);
        self.laws.begin_healed(self.now);
        for index in 0..self.hosts.len() {
            self.hosts[index].fail_add = false;
            self.hosts[index].fail_remove = false;
            self.hosts[index].dies_after = None;
            self.hosts[index].sluggish = Duration::ZERO;
            self.hosts[index].hooks = Hooks::Prompt;
            if self.hosts[index].is_running() {
                self.read(index)?;
            }
            self.dump(index)?;
            // A check that costs priority may go on: the strongest is who has the most left.
            let good = Health { fault: None, ..self.hosts[index].health };
            self.set_health(index, good)?;
            for link in (0..self.networks.len()).map(LinkId::new) {
                self.apply(Fault::LinkUp(index, link))?;
            }
            for fault in [Fault::Resume(index), Fault::Start(index), Fault::ReloadFile(index)] {
                self.apply(fault)?;
            }
        }
        self.is_changed = true;
        Ok(())
    }

    pub fn after(&mut self, later: Duration, what: What) {
        self.scheduled += 1;
        let (at, number) = (self.now + later, self.scheduled);
        self.queue.push(Reverse(Scheduled { at, number, what }));
    }

    pub fn note(&mut self, text: impl FnOnce() -> String) {
        let elapsed = self.elapsed();
        if let Some(log) = &mut self.log {
            log.push(format!("{:>12.6} {}", elapsed.as_secs_f64(), text()));
        }
    }

    fn happen(&mut self, what: What) -> Law {
        match what {
            What::Packet { to, link, source, destination, payload } => {
                self.deliver(to, link, (source, destination), &payload)
            }
            What::Netlink { to, event } => self.input(to, *event),
            What::Wake { host, generation } => {
                let is_due = self.hosts[host].wake_generation == generation;
                self.hosts[host].wake_for = self.hosts[host].wake_for.filter(|_| !is_due);
                if is_due && self.hosts[host].is_running() {
                    self.read(host)?;
                }
                if is_due && self.hosts[host].is_running() {
                    self.feed(host, Event::Timer)?;
                }
                Ok(())
            }
            What::Answer { host, life, number, answer } if self.hosts[host].lives == life => {
                self.answer(host, number, answer)
            }
            What::Answer { .. } => Ok(()),
            What::Read { host } if self.hosts[host].is_running() => self.read(host),
            What::Read { .. } => Ok(()),
            What::Impatience { host, since } => {
                if self.hosts[host].stopped_at == Some(since) {
                    self.let_go_for(host);
                }
                Ok(())
            }
            What::Dump { host } => self.dump(host),
            What::LeaseCheck { host } => self.end_leases(host),
            What::Guard { host } => {
                self.guard(host);
                Ok(())
            }
            What::Fault(fault) => {
                self.note(|| format!("-- {fault:?}"));
                self.apply(*fault)
            }
        }
    }

    pub fn apply(&mut self, fault: Fault) -> Law {
        if fault.disturbs() {
            self.laws.disturbed_at = self.now;
        }
        self.is_changed = true;
        match fault {
            Fault::Noise(percent) => {
                self.networks.iter_mut().for_each(|network| network.noise = percent);
            }
            Fault::Cut(link, from, to) => self.networks[link.index()].cut(from, to),
            Fault::Split(link, side) => self.networks[link.index()].split(side),
            Fault::SplitAll(side) => {
                self.networks.iter_mut().for_each(|network| network.split(side));
            }
            Fault::Pause(index) => self.pause(index),
            Fault::Hang(index) => self.hang(index),
            Fault::Resume(index) => return self.resume(index),
            Fault::Kill(index) => self.kill(index),
            Fault::KillMidway(index, actions) => self.hosts[index].dies_after = Some(actions),
            Fault::KillAll(index) => self.die(index),
            Fault::Start(index) => return self.start(index),
            Fault::Stop(index) => return self.input(index, Event::Shutdown),
            Fault::Leave(index) => return self.input(index, Event::Leave),
            Fault::LinkDown(index, link) => self.set_carrier(index, link, LinkState::Down),
            Fault::LinkUp(index, link) => self.set_carrier(index, link, LinkState::Up),
            Fault::Mute(index, link) => self.networks[link.index()].mute(index, true),
            Fault::Unmute(index, link) => self.networks[link.index()].mute(index, false),
            Fault::Overrun(index, duration) => {
                self.hosts[index].has_overrun = true;
                self.after(duration, What::Dump { host: index });
            }
            Fault::Sluggish(index, late) => {
                self.hosts[index].sluggish = late;
                self.laws.sluggish_max = self.laws.sluggish_max.max(late);
            }
            Fault::DeleteAddresses(index) => {
                let held: Vec<_> = self.hosts[index].held.keys().copied().collect();
                self.drop_addresses(index, &held);
            }
            Fault::Stranger(link, is_there) => self.networks[link.index()].stranger = is_there,
            Fault::FailAdd(index) => self.hosts[index].fail_add = true,
            Fault::FailRemove(index) => self.hosts[index].fail_remove = true,
            Fault::Health(index, health) => return self.set_health(index, health),
            Fault::ReloadSame(index) => {
                let same = self.hosts[index].config().clone();
                if self.hosts[index].is_running() {
                    return self.feed(index, Event::Reconfigure(same));
                }
            }
            Fault::Reload(index, config) => {
                let speaks = |config: &RouterConfig| {
                    config.links().iter().map(|link| link.version().number()).collect::<Vec<_>>()
                };
                // The others have the links and versions of the last file for all.
                if speaks(&config) == speaks(&self.hosts[index].config_file) {
                    self.hosts[index].config_file = *config;
                    return self.reload(index);
                }
            }
            Fault::RollOut(configs) => {
                for (host, config) in self.hosts.iter_mut().zip(configs) {
                    host.config_file = config;
                }
            }
            Fault::ReloadFile(index) => return self.reload(index),
            Fault::Hooks(index, hooks) => self.hosts[index].hooks = hooks,
            Fault::Alien(link, priority, is_other_vrid) => {
                self.intrude(link, priority, is_other_vrid);
            }
            Fault::SpuriousTimer(index) => {
                if self.hosts[index].is_running() {
                    self.read(index)?;
                }
                if self.hosts[index].is_running() {
                    return self.feed(index, Event::Timer);
                }
            }
        }
        Ok(())
    }

    /// With other links the router is another one: the old one stops first.
    fn reload(&mut self, index: usize) -> Law {
        let host = &self.hosts[index];
        let config = host.config_file.clone();
        if config.links().len() == host.config().links().len() || host.process == Process::Dead {
            if config != *host.config() {
                return self.input(index, Event::Reconfigure(config));
            }
        } else if host.is_running() {
            self.laws.seen.insert(OTHER_LINKS);
            self.feed(index, Event::Shutdown)?;
            self.die(index);
            return self.start(index);
        }
        Ok(())
    }

    fn start(&mut self, index: usize) -> Law {
        if self.hosts[index].process == Process::Dead {
            self.guard(index);
            // What an earlier life left behind is swept.
            self.hosts[index].held.clear();
            self.hosts[index].stuck.clear();
            self.hosts[index].lost.clear();
            self.hosts[index].start_process();
            for link in self.hosts[index].config().link_ids() {
                if !self.hosts[index].carries(link) {
                    self.feed(index, Event::Link { link, state: LinkState::Down })?;
                }
            }
            let health = self.hosts[index].health.clone();
            self.feed(index, Event::Health(health))?;
            self.laws.know_interval(&self.hosts[index]);
        }
        self.input(index, Event::Startup)
    }

    /// What waited is read before the timer.
    fn resume(&mut self, index: usize) -> Law {
        if self.hosts[index].process == Process::Paused {
            self.hosts[index].process = Process::Running;
            self.hosts[index].stopped_at = None;
            self.read(index)?;
            let health = self.hosts[index].health.clone();
            self.set_health(index, health)?;
            if self.hosts[index].is_running() {
                self.feed(index, Event::Timer)?;
            }
        }
        Ok(())
    }

    fn die(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        host.stopped_at = host.stopped_at.or(Some(self.now));
        host.process = Process::Dead;
        host.inbox.clear();
        host.dies_after = None;
        host.record.forget();
        host.wake_for = None;
        host.wake_generation += 1;
        self.is_changed = true;
    }

    pub fn kill(&mut self, index: usize) {
        if self.hosts[index].process != Process::Dead {
            self.die(index);
            let later = self.rng.between(ms(1), self.guard_late);
            self.after(later, What::Guard { host: index });
        }
    }

    fn pause(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        if host.is_running() {
            host.process = Process::Paused;
            host.stopped_at = Some(self.now);
        }
    }

    /// The guard waits for word as long as peers do, from the last advertisement on.
    fn hang(&mut self, index: usize) {
        let was_running = self.hosts[index].is_running();
        self.pause(index);
        let host = &self.hosts[index];
        let beat = host.record.links.iter().filter_map(|link| link.advertised_at).max();
        if let Some(beat) = beat.filter(|_| was_running && host.may_hold()) {
            let patience_ends = beat + host.router.patience();
            let later = patience_ends.saturating_duration_since(self.now);
            let later = later + self.rng.between(ms(1), self.guard_late);
            self.after(later, What::Impatience { host: index, since: self.now });
        }
    }

    fn guard(&mut self, index: usize) {
        if self.hosts[index].process == Process::Dead {
            self.let_go_for(index);
        }
    }

    /// What the guard does for a supervisor that is dead or hangs: removes the addresses, then says so.
    fn let_go_for(&mut self, index: usize) {
        if self.hosts[index].held.is_empty() {
            return;
        }
        let held: Vec<_> = self.hosts[index].held.keys().copied().collect();
        self.drop_addresses(index, &held);
        self.note(|| format!("guard of host {index} lets go"));
        for link in self.hosts[index].config().link_ids() {
            let (farewell, form) = self.hosts[index].router.farewell(link);
            self.send(index, link, &farewell, form);
        }
    }

    /// A state, not a queue of changes: who does not run finds the last one.
    fn set_health(&mut self, index: usize, health: Health) -> Law {
        self.hosts[index].health = health.clone();
        if self.hosts[index].is_running() {
            return self.feed(index, Event::Health(health));
        }
        Ok(())
    }

    fn set_carrier(&mut self, index: usize, link: LinkId, state: LinkState) {
        let carrier = state == LinkState::Up;
        let before = std::mem::replace(&mut self.hosts[index].carrier[link.index()], carrier);
        if before != carrier {
            self.netlink(index, Event::Link { link, state });
        }
    }
}

/// More than all timers and packets of a few hosts that behave.
const QUEUE_MAX: usize = 1000;
