//! The config: one TOML file that all boxes share.
//!
//! ```text
//! Source ── file ──▶ File ── validate ──▶ Config ── diff ──▶ [Change]
//!  text     shapes,   places   rules       model
//!           values
//! ```
//!
//! [`load`] is the whole way from text to model and collects every problem on
//! it. It is a pure function, run by the supervisor and again by the worker on
//! the same text. Carrying out the [`Change`]s is left to the supervisor.

mod cidr;
mod diagnostic;
mod diff;
mod file;
mod flaw;
mod model;
mod reader;
mod secret;
mod source;
mod suggest;
#[cfg(test)]
mod tests;
mod units;
mod validate;
mod value;

pub(crate) use cidr::Cidr;
pub(crate) use diagnostic::{Diagnostic, Diagnostics};
pub(crate) use diff::{Change, diff};
pub(crate) use model::{
    AuthHmac, Bind, CommandLine, Config, Gateway, GatewayMethod, Hook, Hooks, Http, KeyFile, Probe,
    Process, Router, RouterKey, Sampling, Stage, Track, Transport, names,
};
#[cfg(test)]
pub(crate) use model::{Place, Url};
pub(crate) use source::Source;

use crate::host::HostFacts;

/// How this box finds itself among the nodes of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NodeChoice {
    /// The user named the node.
    Named(String),
    /// The node has the name of the host, or its first label.
    Hostname(String),
}

/// Reads and validates a config as the chosen node on this host, and reports every problem at once.
pub(crate) fn load(
    source: &Source,
    node: &NodeChoice,
    host: &HostFacts,
) -> Result<Config, Diagnostics> {
    let mut problems = Vec::new();
    let config = file::File::read(source, &mut problems)
        .and_then(|file| validate::validate(&file, source, node, host, &mut problems));
    let problems = (!problems.is_empty()).then(|| Diagnostics::new(source, problems));
    match (config, problems) {
        (Some(config), warnings) => Ok(Config { warnings, ..config }),
        (None, problems) => Err(problems.unwrap_or_else(|| Diagnostics::new(source, Vec::new()))),
    }
}
