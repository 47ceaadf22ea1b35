//! The rules: from the file's values to the model, with every problem collected.
//!
//! A rule looks at what was read and adds to the problems; it never stops the
//! next one. Only a file without a problem becomes a [`Config`].

mod backends;
mod frontends;
mod groups;
mod hmac;
mod hooks;
mod nodes;
mod priorities;
mod repeats;
mod routers;
mod routes;
mod tracks;
mod transports;
mod versions;
mod virtual_macs;

use std::num::NonZeroUsize;

use sha2::{Digest, Sha256};

use super::NodeChoice;
use super::diagnostic::Diagnostic;
use super::file::{File, WorkerTable};
use super::model::{Bind, Config, WorkerSettings};
use super::source::Source;
use crate::host::HostFacts;

/// Applies every rule. `None` if there is any problem, those of reading included.
pub(super) fn validate(
    file: &File,
    source: &Source,
    choice: &NodeChoice,
    host: &HostFacts,
    problems: &mut Vec<Diagnostic>,
) -> Option<Config> {
    something_to_do(file, problems);
    let this = nodes::check(file, choice, host, problems);
    routers::check(file, this, host, problems);
    priorities::check(file, problems);
    versions::check(file, problems);
    virtual_macs::check(file, problems);
    groups::check(file, problems);
    routes::check(file, host, problems);
    hooks::check(file, problems);
    transports::check(file, this, host, problems);
    hmac::check(file, problems);
    tracks::check(file, problems);
    frontends::check(file, host, problems);
    backends::check(file, host, problems);
    if !problems.iter().all(Diagnostic::is_warning) {
        return None;
    }

    let node = match this {
        Some(this) => Some(nodes::node(this)?),
        None => None,
    };
    let routers = file.routers.iter().map(|table| routers::router(file, table, this?));
    Some(Config {
        nodes: file.nodes.iter().map(nodes::node).collect::<Option<_>>()?,
        worker: worker(&file.worker),
        routers: routers.collect::<Option<_>>()?,
        proxy: proxy::config::Config {
            frontends: file.frontends.iter().map(frontends::frontend).collect::<Option<_>>()?,
            backends: file.backends.iter().map(backends::backend).collect::<Option<_>>()?,
        },
        binds: binds(file),
        warnings: None,
        digest: digest(&source.text),
        node,
    })
}

fn something_to_do(file: &File, problems: &mut Vec<Diagnostic>) {
    // A file with faults may have been meant to configure something.
    if problems.is_empty() && file.routers.is_empty() && file.frontends.is_empty() {
        problems.push(
            Diagnostic::new(0..0, "there is neither a `[[virtual_router]]` nor a `[[frontend]]`")
                .hint("a `[[virtual_router]]` holds addresses, a `[[frontend]]` listens on them"),
        );
    }
}

fn worker(table: &WorkerTable) -> WorkerSettings {
    let drain_timeout = table.drain_timeout.as_ref().map(|timeout| *timeout.get_ref());
    WorkerSettings {
        user: table.user.as_ref().map(|user| user.get_ref().clone()),
        threads: table.threads.as_ref().and_then(|threads| NonZeroUsize::new(*threads.get_ref())),
        drain_timeout: drain_timeout.unwrap_or(WorkerSettings::DRAIN_TIMEOUT_DEFAULT),
    }
}

fn binds(file: &File) -> Vec<Bind> {
    let binds = file.frontends.iter().flat_map(|frontend| frontend.binds.iter().flatten());
    binds.map(|bind| Bind { address: *bind.get_ref(), span: bind.span() }).collect()
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
