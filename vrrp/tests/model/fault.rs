//! What may go wrong with a box, and what comes of it at once.

use vrrp::{Event, Health, LinkId, LinkState, Role};

use super::host::{LINKS_MAX, Process};
use super::laws::Law;
use super::world::World;

/// Something goes wrong, or right again; by host.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    Start(usize),
    /// The router is told to let go at once.
    Stop(usize),
    /// A planned stop.
    Leave(usize),
    /// The supervisor dies, and the guard lets go for it.
    Kill(usize),
    /// Supervisor and guard die: only the lease is left.
    KillAll(usize),
    Pause(usize),
    Resume(usize),
    Link(usize, LinkId, LinkState),
    /// Somebody else removes the address.
    Delete(usize, LinkId),
    /// What the host sends does not arrive, or does again.
    Cut(usize, LinkId),
    Join(usize, LinkId),
    /// The checks of the host are good, cost it priority, or take it out.
    Checks(usize, Verdict),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    Weak,
    Bad,
}

impl Verdict {
    fn health(self) -> Health {
        match self {
            Self::Good => Health::default(),
            // To less than that of the other, in steps of the search.
            Self::Weak => Health { offset: -96, fault: None },
            Self::Bad => Health { offset: 0, fault: Some("track `a`: link down".to_owned()) },
        }
    }
}

impl World {
    /// What can happen to a host as it is.
    pub fn faults(&self, index: usize) -> Vec<Fault> {
        let host = &self.hosts[index];
        let mut faults = match (host.process, host.router.role()) {
            (Process::Dead, _) => vec![Fault::Start(index)],
            (Process::Paused, _) => vec![Fault::Resume(index)],
            (Process::Running, Role::Initialize) if host.has_carriers() => {
                vec![Fault::Start(index)]
            }
            (Process::Running, role) => {
                vec![
                    // Told twice, it lets go at once.
                    if role == Role::Leaving { Fault::Stop(index) } else { Fault::Leave(index) },
                    Fault::Kill(index),
                    Fault::KillAll(index),
                    Fault::Pause(index),
                ]
            }
        };
        for link in self.links() {
            let at = link.index();
            let other = if host.carrier[at] { LinkState::Down } else { LinkState::Up };
            faults.push(Fault::Link(index, link, other));
            let is_cut = self.cut[index][at];
            faults.push(if is_cut { Fault::Join(index, link) } else { Fault::Cut(index, link) });
            if host.held_until[at].is_some() {
                faults.push(Fault::Delete(index, link));
            }
        }
        faults
    }

    /// What its checks may say next.
    pub fn verdicts(&self, index: usize) -> impl Iterator<Item = Fault> {
        let verdicts = [Verdict::Good, Verdict::Weak, Verdict::Bad].into_iter();
        let news = verdicts.filter(move |it| it.health() != self.hosts[index].health);
        news.map(move |verdict| Fault::Checks(index, verdict))
    }

    pub fn suffer(&mut self, fault: Fault) -> Law {
        match fault {
            Fault::Start(index) => self.start(index),
            Fault::Stop(index) => self.feed(index, Event::Shutdown),
            Fault::Leave(index) => self.feed(index, Event::Leave),
            Fault::Kill(index) => {
                self.die(index);
                self.let_go_for(index);
                Ok(())
            }
            Fault::KillAll(index) => {
                self.die(index);
                Ok(())
            }
            Fault::Pause(index) => {
                self.host(index).process = Process::Paused;
                Ok(())
            }
            Fault::Resume(index) => self.resume(index),
            Fault::Link(index, link, state) => {
                self.host(index).carrier[link.index()] = state == LinkState::Up;
                self.memory.disturb(link, self.now);
                self.input(index, Event::Link { link, state })
            }
            Fault::Delete(index, link) => {
                let now = self.now;
                self.host(index).deleted_at.push((link, now));
                self.drop_address(index, link)
            }
            Fault::Cut(index, link) => {
                self.cut[index][link.index()] = true;
                self.memory.disturb(link, self.now);
                Ok(())
            }
            Fault::Join(index, link) => {
                self.cut[index][link.index()] = false;
                self.memory.disturb(link, self.now);
                Ok(())
            }
            Fault::Checks(index, verdict) => {
                self.host(index).health = verdict.health();
                if self.hosts[index].process == Process::Running {
                    self.feed(index, Event::Health(verdict.health()))?;
                }
                Ok(())
            }
        }
    }

    /// What the guard does.
    fn let_go_for(&mut self, index: usize) {
        if self.hosts[index].holds() {
            self.host(index).held_until = [None; LINKS_MAX];
            for link in self.links() {
                let (farewell, form) = self.hosts[index].router.farewell(link);
                self.send(index, link, farewell, form);
            }
        }
    }

    fn start(&mut self, index: usize) -> Law {
        if self.hosts[index].process == Process::Dead {
            self.host(index).restart();
            for link in self.links() {
                if !self.hosts[index].carrier[link.index()] {
                    self.feed(index, Event::Link { link, state: LinkState::Down })?;
                }
            }
            self.feed(index, Event::Health(self.hosts[index].health.clone()))?;
        }
        self.feed(index, Event::Startup)
    }

    fn die(&mut self, index: usize) {
        let host = self.host(index);
        host.process = Process::Dead;
        host.inbox.clear();
    }

    /// What waited is read before the timer.
    pub fn resume(&mut self, index: usize) -> Law {
        self.host(index).process = Process::Running;
        for (at, mut event) in std::mem::take(&mut self.host(index).inbox) {
            if let Event::Advertisement { waited, .. } = &mut event {
                *waited = self.now - at;
            }
            self.feed(index, event)?;
        }
        self.feed(index, Event::Health(self.hosts[index].health.clone()))?;
        self.feed(index, Event::Timer)
    }
}
