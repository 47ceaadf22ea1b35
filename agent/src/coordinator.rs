//! Policy: what to do about what happens to the worker, the virtual routers and the operator's wishes.
//!
//! Pure: [`Coordinator::handle`] turns a [`Notice`] into [`Step`]s, to be carried out in order. The
//! rule behind all of it: an address follows a working proxy, never a broken one.

use std::net::IpAddr;
use std::time::Duration;

/// How long the addresses wait for a new worker before the peer may have them.
pub(crate) const TAKEOVER_GRACE: Duration = Duration::from_secs(2);
/// A worker that lives this long works; only then is its predecessor's failure forgiven.
pub(crate) const STABLE: Duration = Duration::from_secs(10);
/// Workers in a row that end without having been stable until the peer gets the addresses.
const FAILURES_MAX: u32 = 3;
/// Pause before the second restart in a row; it doubles with each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The supervisor is set up.
    Started,
    /// The worker serves its config and has checked every server once.
    WorkerStandby,
    /// The worker process ended.
    WorkerExited,
    /// A time that was set by [`Step::Set`] has come.
    Elapsed(Timer),
    /// A virtual router stopped to be active: these addresses are no longer here.
    AddressesLost(Vec<IpAddr>),
    /// Someone wants us to stop.
    Terminate,
    /// Open sessions have finished or run out of time.
    Drained,
    /// The addresses we hold are about to go.
    Left,
    /// Sessions on the addresses we hold are closed.
    Closed,
    /// Every virtual router has let go.
    Released,
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Start a worker on the listening sockets.
    SpawnWorker,
    /// Take part in the election.
    StartRouters,
    /// Leave the election, but hold the addresses until just before the peer can have them; answered by [`Notice::Left`].
    LeaveRouters,
    /// Let go of the addresses; answered by [`Notice::Released`].
    ReleaseRouters,
    /// Let open sessions finish; answered by [`Notice::Drained`].
    Drain,
    /// End sessions on these addresses.
    CloseSessions(Vec<IpAddr>),
    /// End sessions on all addresses that are held; answered by [`Notice::Closed`].
    CloseHeldSessions,
    /// Send [`Notice::Elapsed`] after this time; an earlier setting of the same timer is void.
    Set(Timer, Duration),
    /// Do not.
    Clear(Timer),
    /// End the worker and leave.
    Exit,
}

/// The clocks of the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Pause before a restart.
    Backoff,
    /// See [`TAKEOVER_GRACE`].
    Grace,
    /// See [`STABLE`].
    Stable,
}

/// What the worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worker {
    Down,
    Starting,
    Standby,
}

/// What the virtual routers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Routers {
    /// Out of the election: there is no proxy that could serve.
    Released,
    /// In the election.
    Started,
}

/// How far a planned stop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    No,
    Draining,
    Leaving,
    Closing,
    Releasing,
}

/// The state of the policy.
#[derive(Clone, Debug)]
pub(crate) struct Coordinator {
    worker: Worker,
    routers: Routers,
    stopping: Stopping,
    /// Workers that ended one after another without having been stable.
    failures: u32,
}

impl Coordinator {
    pub(crate) const fn new() -> Self {
        Self {
            worker: Worker::Down,
            routers: Routers::Released,
            stopping: Stopping::No,
            failures: 0,
        }
    }

    pub(crate) const fn worker(&self) -> Worker {
        self.worker
    }

    /// Whether the virtual routers are in the election.
    pub(crate) fn routers_are_started(&self) -> bool {
        self.routers == Routers::Started
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping != Stopping::No
    }

    /// Decides. The steps are to be carried out in order.
    pub(crate) fn handle(&mut self, notice: Notice) -> Vec<Step> {
        match notice {
            Notice::Started => self.spawn(),
            Notice::WorkerStandby => self.worker_standby(),
            Notice::WorkerExited => self.worker_exited(),
            Notice::Elapsed(Timer::Backoff) => self.spawn(),
            Notice::Elapsed(Timer::Grace) => self.grace_over(),
            Notice::Elapsed(Timer::Stable) => self.stable(),
            Notice::AddressesLost(addresses) => vec![Step::CloseSessions(addresses)],
            Notice::Terminate => self.terminate(),
            Notice::Drained => self.drained(),
            Notice::Left => self.left(),
            Notice::Closed => self.closed(),
            Notice::Released => self.released(),
        }
    }

    fn spawn(&mut self) -> Vec<Step> {
        if self.is_stopping() || self.worker != Worker::Down {
            return Vec::new();
        }
        self.worker = Worker::Starting;
        vec![Step::SpawnWorker]
    }

    fn worker_standby(&mut self) -> Vec<Step> {
        self.worker = Worker::Standby;
        let mut steps = vec![Step::Clear(Timer::Grace)];
        if self.failures > 0 {
            steps.push(Step::Set(Timer::Stable, STABLE));
        }
        // One that failed before has to prove itself before it gets the addresses back.
        if self.routers == Routers::Released && self.failures == 0 && !self.is_stopping() {
            self.routers = Routers::Started;
            steps.push(Step::StartRouters);
        }
        steps
    }

    fn worker_exited(&mut self) -> Vec<Step> {
        let was_standby = self.worker == Worker::Standby;
        self.worker = Worker::Down;
        match self.stopping {
            Stopping::No => {}
            // Nothing is left to drain or to close.
            Stopping::Draining | Stopping::Leaving | Stopping::Closing => return self.release(),
            Stopping::Releasing => return Vec::new(),
        }
        self.failures = self.failures.saturating_add(1);
        let mut steps = vec![Step::Clear(Timer::Stable)];
        match self.routers {
            Routers::Started if self.failures >= FAILURES_MAX => {
                self.routers = Routers::Released;
                steps.extend([Step::Clear(Timer::Grace), Step::ReleaseRouters]);
            }
            Routers::Started if was_standby => {
                steps.push(Step::Set(Timer::Grace, TAKEOVER_GRACE));
            }
            Routers::Started | Routers::Released => {}
        }
        match backoff(self.failures) {
            Duration::ZERO => steps.extend(self.spawn()),
            pause => steps.push(Step::Set(Timer::Backoff, pause)),
        }
        steps
    }

    fn grace_over(&mut self) -> Vec<Step> {
        if self.worker == Worker::Standby || self.routers == Routers::Released || self.is_stopping()
        {
            return Vec::new();
        }
        self.routers = Routers::Released;
        vec![Step::ReleaseRouters]
    }

    fn stable(&mut self) -> Vec<Step> {
        if self.worker != Worker::Standby || self.is_stopping() {
            return Vec::new();
        }
        self.failures = 0;
        if self.routers == Routers::Started {
            return Vec::new();
        }
        self.routers = Routers::Started;
        vec![Step::StartRouters]
    }

    fn terminate(&mut self) -> Vec<Step> {
        match (self.stopping, self.worker) {
            (Stopping::No, Worker::Standby) => {
                self.stopping = Stopping::Draining;
                vec![Step::Drain]
            }
            (Stopping::No, Worker::Down | Worker::Starting) => self.release(),
            // Asked twice: no more waiting.
            (Stopping::Draining, _) => self.drained(),
            (Stopping::Leaving, _) => self.left(),
            (Stopping::Closing, _) => self.closed(),
            (Stopping::Releasing, _) => Vec::new(),
        }
    }

    fn drained(&mut self) -> Vec<Step> {
        if self.stopping != Stopping::Draining {
            return Vec::new();
        }
        self.stopping = Stopping::Leaving;
        self.routers = Routers::Released;
        vec![Step::LeaveRouters]
    }

    fn left(&mut self) -> Vec<Step> {
        if self.stopping != Stopping::Leaving {
            return Vec::new();
        }
        self.stopping = Stopping::Closing;
        vec![Step::CloseHeldSessions]
    }

    fn closed(&mut self) -> Vec<Step> {
        if self.stopping == Stopping::Closing { self.release() } else { Vec::new() }
    }

    fn release(&mut self) -> Vec<Step> {
        self.stopping = Stopping::Releasing;
        self.routers = Routers::Released;
        vec![Step::ReleaseRouters]
    }

    fn released(&self) -> Vec<Step> {
        if self.stopping == Stopping::Releasing { vec![Step::Exit] } else { Vec::new() }
    }
}

/// None for the first failure, then longer each time.
fn backoff(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        _ => BACKOFF_MIN.saturating_mul(1 << (failures - 2).min(16)).min(BACKOFF_MAX),
    }
}

#[cfg(test)]
mod tests;
