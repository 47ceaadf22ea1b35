//! One upstream server: who it is, how it is, and how much it has to do.
//!
//! A server outlives the config that named it: a reload that names the same [`ServerId`] goes on
//! with the same `Server`, so health, counters and its place in the rotation survive. What a config
//! may change about it (weight, checks) belongs to [`Backend`](crate::backend).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::balance;
use crate::health::{Health, ServerHealth};

/// What makes a server the same server across reloads and restarts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ServerId {
    pub(crate) backend: String,
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
}

/// One upstream server. Its counters are shared by all threads.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) id: ServerId,
    /// See [`Candidate::server_key`](crate::balance::Candidate::server_key).
    key: u64,
    health: AtomicU8,
    /// See [`Candidate::pass`](crate::balance::Candidate::pass).
    pass: AtomicU64,
    /// Virtual time of the backend's rotation, shared by its servers.
    clock: Arc<AtomicU64>,
    sessions: AtomicUsize,
    sessions_total: AtomicU64,
    connect_errors: AtomicU64,
    /// Written once per check and read by reports, never by a session.
    last_check: Mutex<Option<String>>,
}

impl Server {
    pub(crate) fn new(id: ServerId, health: Health, clock: Arc<AtomicU64>) -> Self {
        Self {
            key: balance::server_key(&id.name, id.address),
            id,
            health: AtomicU8::new(encode(health)),
            pass: AtomicU64::new(clock.load(Relaxed)),
            clock,
            sessions: AtomicUsize::new(0),
            sessions_total: AtomicU64::new(0),
            connect_errors: AtomicU64::new(0),
            last_check: Mutex::new(None),
        }
    }

    pub(crate) fn health(&self) -> Health {
        decode(self.health.load(Relaxed))
    }

    /// Returns whether that is a change.
    pub(crate) fn set_health(&self, health: Health) -> bool {
        if health == Health::Up {
            // Or it would be given every session until it had caught up with the others.
            self.pass.fetch_max(self.clock.load(Relaxed), Relaxed);
        }
        decode(self.health.swap(encode(health), Relaxed)) != health
    }

    pub(crate) fn key(&self) -> u64 {
        self.key
    }

    pub(crate) fn pass(&self) -> u64 {
        self.pass.load(Relaxed)
    }

    /// Charges the server for a session that it was chosen for.
    pub(crate) fn charge(&self, stride: u64) {
        let pass = self.pass.fetch_add(stride, Relaxed);
        self.clock.fetch_max(pass, Relaxed);
    }

    /// Sessions that use the server now, those that are being connected included.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.load(Relaxed)
    }

    /// Sessions that were connected to it.
    pub(crate) fn sessions_total(&self) -> u64 {
        self.sessions_total.load(Relaxed)
    }

    pub(crate) fn count_session(&self) {
        self.sessions_total.fetch_add(1, Relaxed);
    }

    /// Attempts of sessions to connect to it that failed.
    pub(crate) fn connect_errors(&self) -> u64 {
        self.connect_errors.load(Relaxed)
    }

    pub(crate) fn count_connect_error(&self) {
        self.connect_errors.fetch_add(1, Relaxed);
    }

    /// How its last check went, in words.
    pub(crate) fn last_check(&self) -> Option<String> {
        self.last_check.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_last_check(&self, text: String) {
        *self.last_check.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    pub(crate) fn state(&self) -> ServerHealth {
        let ServerId { backend, name, address } = self.id.clone();
        ServerHealth { backend, server: name, address, health: self.health() }
    }
}

/// Keeps a server counted as in use until it is dropped.
#[derive(Debug)]
pub(crate) struct Lease(Arc<Server>);

impl Lease {
    pub(crate) fn take(server: &Arc<Server>) -> Self {
        server.sessions.fetch_add(1, Relaxed);
        Self(Arc::clone(server))
    }

    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Relaxed);
    }
}

fn encode(health: Health) -> u8 {
    match health {
        Health::Probing => 0,
        Health::Up => 1,
        Health::Down => 2,
    }
}

fn decode(code: u8) -> Health {
    match code {
        1 => Health::Up,
        2 => Health::Down,
        _ => Health::Probing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::STRIDE;

    fn server(name: &str, clock: &Arc<AtomicU64>) -> Server {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let id = ServerId { backend: "b".into(), name: name.into(), address };
        Server::new(id, Health::Probing, Arc::clone(clock))
    }

    #[test]
    fn a_server_that_comes_up_joins_the_rotation_where_it_stands() {
        let clock = Arc::default();
        let (old, late) = (server("old", &clock), server("late", &clock));
        for _ in 0..1000 {
            old.charge(STRIDE);
        }
        assert!(late.set_health(Health::Up));
        assert_eq!(late.pass(), 999 * STRIDE);
        assert_eq!(server("new", &clock).pass(), 999 * STRIDE);
    }

    #[test]
    fn only_a_difference_is_a_change() {
        let server = server("s", &Arc::default());
        for (health, change) in [
            (Health::Probing, false),
            (Health::Up, true),
            (Health::Up, false),
            (Health::Down, true),
        ] {
            assert_eq!(server.set_health(health), change);
            assert_eq!(server.health(), health);
        }
    }
}
