//! What the proxy is told: frontends, backends and servers, resolved and valid.

use std::net::SocketAddr;
use std::time::Duration;

/// Everything the data plane needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// What is offered to clients.
    pub frontends: Vec<Frontend>,
    /// Where it is served from.
    pub backends: Vec<Backend>,
}

/// A service that clients connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontend {
    /// Unique among frontends.
    pub name: String,
    /// Addresses to listen on.
    pub binds: Vec<SocketAddr>,
    /// Name of the backend that serves it.
    pub backend: String,
    /// A session on which nothing moved in either direction for this long is closed.
    pub idle_timeout: Duration,
    /// Sessions at a time; further clients wait in the listen queue.
    pub connections_max: usize,
}

/// A group of servers that can stand in for one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Unique among backends.
    pub name: String,
    /// How a server is chosen.
    pub balance: Balance,
    /// How the health of the servers is found out.
    pub check: Check,
    /// Time to establish a connection to a server before the next one is tried.
    pub connect_timeout: Duration,
    /// Further servers to try after the first one failed.
    pub retries: u32,
    /// The servers, in the order of the file.
    pub servers: Vec<Server>,
}

/// How a server is chosen among those that are up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// Each in turn, in proportion to the weights.
    RoundRobin,
    /// The one with the fewest sessions in proportion to its weight.
    LeastConnections,
    /// The one that the client's address stands for, in proportion to the weights: the same on every box and after every
    /// restart. Clients of a server that comes or goes move, all others stay.
    SourceHash,
    /// Of two, drawn in proportion to the weights, the one with fewer sessions.
    Random,
}

/// How the health of a server is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Not at all: every server counts as up.
    None,
    /// A TCP connection is opened and closed.
    Tcp(CheckTiming),
}

/// When a server is checked and when a verdict changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckTiming {
    /// Time between two checks.
    pub interval: Duration,
    /// A check that takes longer has failed.
    pub timeout: Duration,
    /// Successes in a row that bring a server up.
    pub rise: u32,
    /// Failures in a row that take a server down.
    pub fall: u32,
}

/// One upstream server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Unique within its backend.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its share of the sessions, 1 to 256.
    pub weight: u16,
    /// It serves only while none of the others can.
    pub is_backup: bool,
}
