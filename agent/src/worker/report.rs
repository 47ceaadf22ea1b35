//! What a worker knows, in the words of the status report.

use std::net::SocketAddr;

use proxy::config::Balance;
use serde::{Deserialize, Serialize};

/// The health of a server, to outlive the worker that found it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownServer {
    backend: String,
    server: String,
    address: SocketAddr,
    health: ServerHealth,
}

/// As [`proxy::Health`], in the messages and in the status report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServerHealth {
    Probing,
    Up,
    Down,
}

/// What is going on in the proxy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) frontends: Vec<FrontendReport>,
    pub(crate) backends: Vec<BackendReport>,
}

/// A frontend in `haagent status --json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FrontendReport {
    pub(crate) name: String,
    pub(crate) bind: Vec<SocketAddr>,
    pub(crate) backend: String,
    pub(crate) sessions: usize,
    pub(crate) sessions_total: u64,
}

/// A backend in `haagent status --json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BackendReport {
    pub(crate) name: String,
    pub(crate) balance: String,
    pub(crate) servers: Vec<ServerReport>,
}

/// A server in `haagent status --json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServerReport {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) weight: u16,
    /// It serves only while none of the others can.
    #[serde(default)]
    pub(crate) backup: bool,
    pub(crate) health: ServerHealth,
    pub(crate) last_check: Option<String>,
    pub(crate) sessions: usize,
    pub(crate) sessions_total: u64,
    /// Attempts to connect that failed.
    pub(crate) connect_errors: u64,
}

impl From<proxy::Health> for ServerHealth {
    fn from(health: proxy::Health) -> Self {
        match health {
            proxy::Health::Probing => Self::Probing,
            proxy::Health::Up => Self::Up,
            proxy::Health::Down => Self::Down,
        }
    }
}

impl From<&KnownServer> for proxy::ServerHealth {
    fn from(known: &KnownServer) -> Self {
        Self {
            backend: known.backend.clone(),
            server: known.server.clone(),
            address: known.address,
            health: match known.health {
                ServerHealth::Probing => proxy::Health::Probing,
                ServerHealth::Up => proxy::Health::Up,
                ServerHealth::Down => proxy::Health::Down,
            },
        }
    }
}

impl From<&proxy::ServerHealth> for KnownServer {
    fn from(server: &proxy::ServerHealth) -> Self {
        Self {
            backend: server.backend.clone(),
            server: server.server.clone(),
            address: server.address,
            health: server.health.into(),
        }
    }
}

impl From<proxy::Report> for Report {
    fn from(report: proxy::Report) -> Self {
        Self {
            frontends: report.frontends.into_iter().map(Into::into).collect(),
            backends: report.backends.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<proxy::FrontendReport> for FrontendReport {
    fn from(frontend: proxy::FrontendReport) -> Self {
        Self {
            name: frontend.name,
            bind: frontend.binds,
            backend: frontend.backend,
            sessions: frontend.sessions,
            sessions_total: frontend.sessions_total,
        }
    }
}

impl From<proxy::BackendReport> for BackendReport {
    fn from(backend: proxy::BackendReport) -> Self {
        let balance = match backend.balance {
            Balance::RoundRobin => "round_robin",
            Balance::LeastConnections => "least_connections",
            Balance::SourceHash => "source_hash",
            Balance::Random => "random",
        };
        Self {
            name: backend.name,
            balance: balance.to_owned(),
            servers: backend.servers.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<proxy::ServerReport> for ServerReport {
    fn from(server: proxy::ServerReport) -> Self {
        Self {
            name: server.name,
            address: server.address,
            weight: server.weight,
            backup: server.is_backup,
            health: server.health.into(),
            last_check: server.last_check,
            sessions: server.sessions,
            sessions_total: server.sessions_total,
            connect_errors: server.connect_errors,
        }
    }
}
