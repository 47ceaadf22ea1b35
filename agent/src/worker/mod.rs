//! The worker: the process that serves clients, without privileges, and its parent's side.

pub(crate) mod child;
pub(crate) mod parent;
mod report;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use report::{
    BackendReport, FrontendReport, KnownServer, Report, ServerHealth, ServerReport,
};

/// What the supervisor orders.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// Sockets of this bind address follow, one per thread; they are used by the next `Load`.
    Adopt { address: SocketAddr },
    /// Serve by this config from now on.
    Load(Load),
    /// Say what is going on.
    Report,
    /// Let open sessions finish for this long, then say how many are left.
    Drain { within: Duration },
    /// End every session whose local address is one of these.
    Close { addresses: Vec<IpAddr> },
}

/// The same text that the supervisor read, for the same code to read again.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Counts the configs of this supervisor.
    pub(crate) revision: u64,
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) node: Option<String>,
    pub(crate) threads: usize,
    /// What an earlier worker knew of the servers.
    pub(crate) known: Vec<KnownServer>,
}

/// The text may contain a password.
impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load").field("revision", &self.revision).finish_non_exhaustive()
    }
}

/// What the worker tells.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Event {
    /// The config of this revision is served from now on.
    Loaded { revision: u64 },
    /// The config of this revision cannot be served; the one before it goes on.
    Rejected { revision: u64, reason: String },
    /// Every server has been checked once, so that a client can be served.
    Standby { revision: u64 },
    /// The health of servers changed.
    Health(Vec<KnownServer>),
    /// The answer to `Report`.
    Report(Report),
    /// The answer to `Drain`.
    Drained { remaining: usize },
    /// The answer to `Close`.
    Closed,
}
