//! What may go wrong with a box, and what comes of it at once.

use vrrp::{Event, LinkId, LinkState, Role, VirtualRouter};

use super::laws::Law;
use super::world::{Process, World};
use crate::subject::link_is;

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
    Link(usize, LinkState),
    /// Somebody else removes the address.
    Delete(usize),
    /// What the host sends does not arrive, or does again.
    Cut(usize),
    Join(usize),
}

impl World {
    /// What can happen to a host as it is.
    pub fn faults(&self, index: usize) -> Vec<Fault> {
        let host = &self.hosts[index];
        let mut faults = match (host.process, host.router.role()) {
            (Process::Dead, _) => vec![Fault::Start(index)],
            (Process::Paused, _) => vec![Fault::Resume(index)],
            (Process::Running, Role::Initialize) if host.carrier => vec![Fault::Start(index)],
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
        faults.push(match host.carrier {
            true => Fault::Link(index, LinkState::Down),
            false => Fault::Link(index, LinkState::Up),
        });
        faults.push(if self.cut[index] { Fault::Join(index) } else { Fault::Cut(index) });
        if host.held_until.is_some() {
            faults.push(Fault::Delete(index));
        }
        faults
    }

    pub fn suffer(&mut self, fault: Fault) -> Law {
        match fault {
            Fault::Start(index) => self.start(index),
            Fault::Stop(index) => self.feed(index, Event::Shutdown),
            Fault::Leave(index) => self.feed(index, Event::Leave),
            Fault::Kill(index) => {
                let (farewell, form) = self.hosts[index].router.farewell(LinkId::FIRST);
                let held = self.hosts[index].held_until.take().is_some();
                self.die(index);
                if held {
                    self.send(index, farewell, form);
                }
                Ok(())
            }
            Fault::KillAll(index) => {
                self.die(index);
                Ok(())
            }
            Fault::Pause(index) => {
                self.hosts[index].process = Process::Paused;
                Ok(())
            }
            Fault::Resume(index) => self.resume(index),
            Fault::Link(index, link) => {
                self.hosts[index].carrier = link == LinkState::Up;
                self.memory.disturb(self.now);
                self.input(index, link_is(link))
            }
            Fault::Delete(index) => {
                self.hosts[index].deleted_at.push(self.now);
                self.drop_address(index)
            }
            Fault::Cut(index) => {
                self.cut[index] = true;
                self.memory.disturb(self.now);
                Ok(())
            }
            Fault::Join(index) => {
                self.cut[index] = false;
                self.memory.disturb(self.now);
                Ok(())
            }
        }
    }

    fn start(&mut self, index: usize) -> Law {
        let host = &mut self.hosts[index];
        if host.process == Process::Dead {
            host.router = VirtualRouter::new(host.router.config().clone());
            host.process = Process::Running;
            // What an earlier life left behind is swept.
            host.held_until = None;
            if !host.carrier {
                self.feed(index, link_is(LinkState::Down))?;
            }
        }
        self.feed(index, Event::Startup)
    }

    fn die(&mut self, index: usize) {
        self.hosts[index].process = Process::Dead;
        self.hosts[index].inbox.clear();
    }

    /// What waited is read before the timer.
    pub fn resume(&mut self, index: usize) -> Law {
        self.hosts[index].process = Process::Running;
        for (at, mut event) in std::mem::take(&mut self.hosts[index].inbox) {
            if let Event::Advertisement { waited, .. } = &mut event {
                *waited = self.now - at;
            }
            self.feed(index, event)?;
        }
        self.feed(index, Event::Timer)
    }
}
