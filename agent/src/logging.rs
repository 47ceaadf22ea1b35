//! Logs on standard error, for a person or the journal.

use std::io::IsTerminal;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that wait to be written: a burst of transitions, not a megabyte.
const LINES_MAX: usize = 4096;

/// Starts to log at `info`, or as `RUST_LOG` says. Logs are written out when the guard is dropped.
///
/// A thread of its own writes; when nobody reads, lines are lost rather than an advertisement delayed.
pub(crate) fn start() -> WorkerGuard {
    let builder = NonBlockingBuilder::default().buffered_lines_limit(LINES_MAX);
    let (writer, guard) = builder.finish(std::io::stderr());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_writer(writer)
        .init();
    guard
}
