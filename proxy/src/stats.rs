//! What is counted, and the report of it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::config::Balance;
use crate::health::Health;

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Both sides had said all they had to say.
    Finished,
    /// The client reset the connection.
    ClientReset,
    /// The server reset the connection.
    ServerReset,
    /// Nothing moved in either direction for the idle timeout.
    IdleTimeout,
    /// No server of the backend was up.
    NoServer,
    /// Servers were up, but none that was tried could be connected to.
    ConnectFailed,
    /// The server went down.
    ServerDown,
    /// The address that the client had connected to was taken away.
    AddressReleased,
    /// The proxy stopped.
    Shutdown,
    /// The process or the host ran out of descriptors, ports or memory for sockets.
    OutOfResources,
    /// A defect of ours: the session's task panicked, or was dropped before its end.
    Aborted,
}

impl CloseReason {
    /// Every reason, in the order of reports.
    pub const ALL: [Self; 11] = [
        Self::Finished,
        Self::ClientReset,
        Self::ServerReset,
        Self::IdleTimeout,
        Self::NoServer,
        Self::ConnectFailed,
        Self::ServerDown,
        Self::AddressReleased,
        Self::Shutdown,
        Self::OutOfResources,
        Self::Aborted,
    ];

    /// The reason in words, as it appears in logs and reports.
    pub fn text(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::ClientReset => "client reset",
            Self::ServerReset => "server reset",
            Self::IdleTimeout => "idle timeout",
            Self::NoServer => "no server",
            Self::ConnectFailed => "connect failed",
            Self::ServerDown => "server down",
            Self::AddressReleased => "address released",
            Self::Shutdown => "shutdown",
            Self::OutOfResources => "out of resources",
            Self::Aborted => "aborted",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Ended sessions by reason.
#[derive(Debug, Default)]
pub(crate) struct Closed([AtomicU64; CloseReason::ALL.len()]);

impl Closed {
    pub(crate) fn count(&self, reason: CloseReason) {
        self.0[reason as usize].fetch_add(1, Relaxed);
    }

    /// The reasons that occurred.
    pub(crate) fn report(&self) -> Vec<(CloseReason, u64)> {
        let counts = self.0.iter().map(|count| count.load(Relaxed));
        CloseReason::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}

/// Everything that is counted, at one moment, in the order of the config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// One per frontend.
    pub frontends: Vec<FrontendReport>,
    /// One per backend.
    pub backends: Vec<BackendReport>,
}

/// The counters of one frontend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontendReport {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub binds: Vec<SocketAddr>,
    /// Name of the backend that serves it.
    pub backend: String,
    /// Sessions that are open.
    pub sessions: usize,
    /// Sessions accepted since the process started.
    pub sessions_total: u64,
    /// Ended sessions by reason; reasons that never occurred are absent.
    pub closed: Vec<(CloseReason, u64)>,
}

/// The servers of one backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendReport {
    /// Its name.
    pub name: String,
    /// How a server is chosen.
    pub balance: Balance,
    /// One per server.
    pub servers: Vec<ServerReport>,
}

/// The state and the counters of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerReport {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its share of the sessions, 1 to 256.
    pub weight: u16,
    /// It serves only while none of the others can.
    pub is_backup: bool,
    /// Whether it is fit to serve.
    pub health: Health,
    /// How its last check went, in words; nothing before the first one has ended.
    pub last_check: Option<String>,
    /// Sessions that use it, those that are being connected included.
    pub sessions: usize,
    /// Sessions that were connected to it since the process started.
    pub sessions_total: u64,
    /// Attempts of sessions to connect to it that failed since the process started.
    pub connect_errors: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_place() {
        for (place, reason) in CloseReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            let closed = Closed::default();
            closed.count(reason);
            assert_eq!(closed.report(), [(reason, 1)]);
        }
    }
}
