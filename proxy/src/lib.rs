//! The data plane of haagent: TCP sessions from clients to servers.
//!
//! A [`Proxy`] is given a [`Config`](config::Config) and sockets that listen already
//! ([`Listening`]); it needs no privileges and opens no files. It knows nothing of VRRP, of the
//! config file, or of the processes around it.
//!
//! # The life of a session
//!
//! ```text
//!              one thread of several, each with its own sockets (SO_REUSEPORT)
//!  client ──▶ listener ──▶ session ──▶ backend ──────────▶ relay ⇄ ──▶ end
//!             waits for    counted,    balance: which      copies,     FIN, or RST if something
//!             a client,    can be      server? connect;    half-close, broke; one CloseReason
//!             then for a   dismissed   else another one    idle time
//!             free slot    (registry)
//! ```
//!
//! A session stays on the thread that accepted it and keeps the config it began with. It ends by
//! itself, or is dismissed: when its server goes down, when the address of its client is given up
//! ([`Proxy::close_sessions`]), or when the proxy stops.
//!
//! # Where to read on
//!
//! `proxy` is the API, `setup` how one config follows another. `session` is the path above, and
//! leads to `backend` and `relay`. What is decided on this path is pure and stands by itself:
//! `balance` (which server) and `health` (is it up). `probe` checks servers, `board` makes their
//! health known and acts on it.
//!
//! # Limits
//!
//! Sessions per frontend: [`connections_max`](config::Frontend::connections_max). Time to connect,
//! servers to try and idle time: as configured. Memory of a session: about 2 KB, and per direction
//! up to 256 KiB while its reader is slower than its writer.

mod backend;
mod balance;
mod board;
mod clock;
pub mod config;
mod drain;
mod frontend;
mod health;
mod listener;
mod probe;
mod proxy;
mod registry;
mod relay;
mod server;
mod session;
mod setup;
mod stats;
mod tcp;
mod thread;

pub use health::{Health, ServerHealth};
pub use listener::Listening;
pub use proxy::Proxy;
pub use setup::LoadError;
pub use stats::{BackendReport, CloseReason, FrontendReport, Report, ServerReport};
