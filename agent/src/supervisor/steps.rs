//! Carries out what the coordinator says.

use std::time::Duration;

use super::{Inner, Supervisor};
use crate::clock::now;
use crate::coordinator::{Notice, Step, Timer};
use crate::guard;
use crate::privilege::Identity;
use crate::worker::Load;
use crate::worker::parent::Worker;

/// A worker that did not drain or close by then will not.
const ANSWER_MARGIN: Duration = Duration::from_secs(1);

/// How long the worker has to close its sessions while the addresses are still here. Clients come back at once, and what is
/// not closed by then is cut off.
const CLOSING: Duration = Duration::from_millis(5);

impl Supervisor {
    pub(super) async fn perform(&mut self, step: Step) {
        match step {
            Step::SpawnWorker => self.spawn_worker().await,
            Step::StartRouters => {
                if let Some(engine) = &self.engine {
                    engine.start_routers().await;
                }
            }
            Step::LeaveRouters => self.leave_routers().await,
            Step::ReleaseRouters => self.release_routers().await,
            Step::Drain => self.drain(),
            Step::CloseSessions(addresses) => {
                if let Some(worker) = &self.worker {
                    worker.close(addresses);
                }
            }
            Step::CloseHeldSessions => self.close_held_sessions(),
            Step::Set(timer, delay) => self.set(timer, delay),
            Step::Clear(timer) => self.clear(timer),
            Step::Exit => self.exiting = true,
        }
    }

    async fn spawn_worker(&mut self) {
        self.generation += 1;
        self.heartbeats_missed = 0;
        let identity = self.identity();
        match Worker::spawn(self.generation, identity, self.happenings.clone()) {
            Ok(worker) => {
                tracing::info!(pid = worker.pid, "worker started");
                self.worker = Some(worker);
                self.hand_over(&self.listeners.addresses());
                self.load_worker();
            }
            Err(error) => {
                tracing::error!(%error, "cannot start a worker");
                // As if it had started and died, so that it is tried again, ever more slowly.
                self.later(Duration::ZERO, Inner::Notice(Notice::WorkerExited));
            }
        }
    }

    /// The user that workers run as; `None` to stay what we are, where another user cannot be had.
    fn identity(&self) -> Option<Identity> {
        let user = self.config.worker.user.as_deref();
        match Identity::find(user) {
            Ok(Some(identity)) if identity.is_attainable() => Some(identity),
            Ok(Some(Identity { uid, .. })) => {
                tracing::warn!(uid, "worker keeps our user: no privilege to become another here");
                None
            }
            Ok(None) => {
                tracing::warn!(user, "worker keeps our user: there is no such user");
                None
            }
            Err(error) => {
                tracing::warn!(user, %error, "worker keeps our user: users cannot be looked up");
                None
            }
        }
    }

    /// Gives the worker the sockets of these addresses.
    pub(super) fn hand_over(&self, addresses: &[std::net::SocketAddr]) {
        let Some(worker) = &self.worker else { return };
        for address in addresses {
            match self.listeners.duplicate(*address) {
                Ok(sockets) => worker.adopt(*address, sockets),
                Err(error) => tracing::error!(%address, %error, "cannot hand over sockets"),
            }
        }
    }

    /// Gives the worker the config in force.
    pub(super) fn load_worker(&self) {
        let Some(worker) = &self.worker else { return };
        worker.load(Load {
            revision: self.revision,
            file: self.source.name.clone(),
            text: self.source.text.clone(),
            node: self.config.node.as_ref().map(|node| node.name.clone()),
            threads: self.threads,
            known: self.known.clone(),
        });
    }

    async fn leave_routers(&self) {
        let until = match &self.engine {
            Some(engine) => engine.leave_routers().await,
            None => None,
        };
        let time =
            until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now().into_std()));
        self.later(time.saturating_sub(CLOSING), Inner::Notice(Notice::Left));
    }

    async fn release_routers(&self) {
        if let Some(engine) = &self.engine {
            engine.release_routers().await;
        }
        self.later(Duration::ZERO, Inner::Notice(Notice::Released));
    }

    fn drain(&self) {
        let within = self.config.worker.drain_timeout;
        if let Some(worker) = &self.worker {
            tracing::info!(?within, "waiting for open sessions");
            worker.drain(within);
        }
        self.later(within + ANSWER_MARGIN, Inner::Notice(Notice::Drained));
    }

    fn close_held_sessions(&self) {
        if let Some(worker) = &self.worker {
            worker.close(self.held_addresses());
        }
        self.later(ANSWER_MARGIN, Inner::Notice(Notice::Closed));
    }

    fn set(&mut self, timer: Timer, delay: Duration) {
        let task = self.later(delay, Inner::Notice(Notice::Elapsed(timer)));
        if let Some(earlier) = self.timers.insert(timer, task) {
            earlier.abort();
        }
    }

    fn clear(&mut self, timer: Timer) {
        if let Some(task) = self.timers.remove(&timer) {
            task.abort();
        }
    }

    /// Starts a guard and tells the VRRP thread of it. Without virtual routers there is nothing to guard.
    pub(super) async fn spawn_guard(&mut self) {
        let Some(engine) = &self.engine else { return };
        match guard::parent::spawn().await {
            Ok((guard, socket)) => {
                engine.use_guard(socket).await;
                self.guard = Some(guard);
            }
            Err(error) => {
                tracing::error!(%error, "cannot start a guard, trying again");
                self.later(super::GUARD_BACKOFF, Inner::RespawnGuard);
            }
        }
    }
}
