//! Config files.

use std::fmt::{self, Display};
use std::net::SocketAddr;

/// A config of one frontend and one backend. Servers are called by their number: `s1`, `s2`...
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) bind: SocketAddr,
    pub(crate) servers: Vec<SocketAddr>,
    pub(crate) balance: &'static str,
    /// The value of `check`.
    pub(crate) check: &'static str,
    pub(crate) connect_timeout: &'static str,
    pub(crate) drain_timeout: &'static str,
    /// More tables, at the end of the file.
    pub(crate) more: String,
}

/// Every server counts as up.
pub(crate) const UNCHECKED: &str = r#"{ type = "none" }"#;

/// The usual check, often.
pub(crate) const OFTEN: &str = r#"{ interval = "50ms", timeout = "50ms", rise = 2, fall = 3 }"#;

/// One check when the worker starts, and no other while a test runs.
pub(crate) const ONCE: &str = r#"{ interval = "1h", timeout = "1s", rise = 2, fall = 3 }"#;

impl Settings {
    /// Servers that are checked once, when the worker starts.
    pub(crate) fn new(bind: SocketAddr, servers: &[SocketAddr]) -> Self {
        Self {
            bind,
            servers: servers.to_vec(),
            balance: "round_robin",
            check: ONCE,
            connect_timeout: "10s",
            drain_timeout: "10m",
            more: String::new(),
        }
    }
}

impl Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bind, balance, check, connect_timeout, drain_timeout, more, .. } = self;
        writeln!(f, "[worker]\nthreads = 2\ndrain_timeout = \"{drain_timeout}\"\n")?;
        writeln!(f, "{}", frontend("web", *bind))?;
        writeln!(f, "[[backend]]\nname = \"web\"\nbalance = \"{balance}\"")?;
        writeln!(f, "connect_timeout = \"{connect_timeout}\"\ncheck = {check}\nserver = [")?;
        for (number, address) in (1..).zip(&self.servers) {
            writeln!(f, "  {{ name = \"s{number}\", address = \"{address}\" }},")?;
        }
        writeln!(f, "]\n\n{more}")
    }
}

/// Another frontend of the backend.
pub(crate) fn frontend(name: &str, bind: SocketAddr) -> String {
    format!("[[frontend]]\nname = \"{name}\"\nbind = [\"{bind}\"]\nbackend = \"web\"\n")
}
