//! The health of all servers in one place: told to whoever watches, and acted upon.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::drain::Drain;
use crate::health::{Health, ServerHealth};
use crate::registry;
use crate::server::Server;
use crate::stats::CloseReason;

/// The health of all servers of the current config.
#[derive(Debug)]
pub(crate) struct Board {
    /// In the order of the config. Locked for changes of health and of the config only.
    servers: Mutex<Vec<Arc<Server>>>,
    health: watch::Sender<Arc<[ServerHealth]>>,
    /// The threads that may have sessions.
    threads: Vec<Handle>,
}

impl Board {
    pub(crate) fn new(threads: Vec<Handle>) -> Self {
        let health = watch::Sender::new(Arc::default());
        Self { servers: Mutex::default(), health, threads }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<[ServerHealth]>> {
        self.health.subscribe()
    }

    /// Goes over to the servers of another config.
    pub(crate) fn set(&self, servers: Vec<Arc<Server>>) {
        let mut current = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        *current = servers;
        self.publish(&current);
    }

    /// Carries out a change of health, which the last check is the reason for: publishes it, and
    /// ends the sessions of a server that went down, so that nobody waits on a dead host.
    pub(crate) fn change(&self, server: &Arc<Server>, health: Health, reason: &str) {
        let current = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if !server.set_health(health) {
            return;
        }
        self.publish(&current);
        drop(current);
        let (backend, name) = (&server.id.backend, &server.id.name);
        match health {
            Health::Up => info!(backend, server = name, reason, "server is up"),
            Health::Down => {
                warn!(backend, server = name, reason, "server is down");
                self.dismiss_sessions(server);
            }
            Health::Probing => {}
        }
    }

    /// Publishes while the servers are locked, so that the newest list is the last one out.
    fn publish(&self, servers: &[Arc<Server>]) {
        let list: Arc<[ServerHealth]> = servers.iter().map(|server| server.state()).collect();
        self.health.send_if_modified(|published| {
            let modified = *published != list;
            *published = list;
            modified
        });
    }

    fn dismiss_sessions(&self, server: &Arc<Server>) {
        for thread in &self.threads {
            let server = Arc::clone(server);
            thread.spawn(async move {
                // Nobody waits for these sessions: they end within the time of a farewell.
                let drain = Drain::new();
                registry::dismiss(CloseReason::ServerDown, &drain, |entry| entry.uses(&server));
            });
        }
    }
}
