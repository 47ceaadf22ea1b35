//! What changed between two configs, in the order in which to carry it out.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::model::{Bind, Config, Node, Router, RouterKey, WorkerSettings};

/// One difference between the running config and a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The proxy listens on a further address.
    ListenerAdded(Bind),
    /// Frontends, backends or servers changed: the whole new state of the proxy.
    ProxyChanged(proxy::config::Config),
    /// The boxes changed; the address that advertisements are sent from may have.
    NodesChanged {
        /// Which one this box is.
        node: Option<Node>,
        /// All of them.
        nodes: Vec<Node>,
    },
    /// A virtual router is gone: its addresses are released.
    RouterRemoved(RouterKey),
    /// The settings of a virtual router changed.
    RouterChanged(Router),
    /// A virtual router moves with others than before: their election starts again.
    RouterRegrouped(Router),
    /// A virtual router is new.
    RouterAdded(Router),
    /// The proxy no longer listens on an address.
    ListenerRemoved(SocketAddr),
    /// Running sessions may go on for another time when this box is stopped.
    DrainTimeoutChanged(Duration),
    /// User or threads of the worker changed: they take effect when a worker is started, not before.
    WorkerNeedsRestart(WorkerSettings),
}

/// The changes from `old` to `new`; none if both say the same, wherever they say it.
///
/// Make before break: what is new listens and serves before an address can
/// arrive for it, and what is old stops listening after its address was
/// released. Routers are removed before others are added, so that an address
/// that moves from one to another is not taken from its new holder.
pub(crate) fn diff(old: &Config, new: &Config) -> Vec<Change> {
    let mut changes = Vec::new();
    changes.extend(absent_in(old, &new.binds).map(Change::ListenerAdded));
    if old.proxy != new.proxy {
        changes.push(Change::ProxyChanged(new.proxy.clone()));
    }
    if (&old.node, &old.nodes) != (&new.node, &new.nodes) {
        let (node, nodes) = (new.node.clone(), new.nodes.clone());
        changes.push(Change::NodesChanged { node, nodes });
    }
    changes.extend(router_changes(&old.routers, &new.routers));
    changes.extend(absent_in(new, &old.binds).map(|bind| Change::ListenerRemoved(bind.address)));
    changes.extend(worker_changes(&old.worker, &new.worker));
    changes
}

fn absent_in<'a>(config: &'a Config, binds: &'a [Bind]) -> impl Iterator<Item = Bind> + 'a {
    binds.iter().filter(|bind| !config.binds.contains(bind)).cloned()
}

fn router_changes(old: &[Router], new: &[Router]) -> Vec<Change> {
    let before = |router: &Router| old.iter().find(|old| old.key() == router.key());
    let is_left = |router: &Router| new.iter().any(|new| new.key() == router.key());
    let is_changed = |router: &Router| before(router).is_some_and(|old| old != router);
    let is_new = |router: &Router| before(router).is_none();

    let removed = old.iter().filter(|router| !is_left(router));
    let changed = new.iter().filter(|router| is_changed(router)).map(|router| {
        let is_regrouped = before(router).is_some_and(|old| old.group != router.group);
        let change = if is_regrouped { Change::RouterRegrouped } else { Change::RouterChanged };
        change(router.clone())
    });
    let added = new.iter().filter(|router| is_new(router));
    removed
        .map(|router| Change::RouterRemoved(router.key()))
        .chain(changed)
        .chain(added.cloned().map(Change::RouterAdded))
        .collect()
}

fn worker_changes(old: &WorkerSettings, new: &WorkerSettings) -> Vec<Change> {
    let mut changes = Vec::new();
    if old.drain_timeout != new.drain_timeout {
        changes.push(Change::DrainTimeoutChanged(new.drain_timeout));
    }
    if (&old.user, old.threads) != (&new.user, new.threads) {
        changes.push(Change::WorkerNeedsRestart(new.clone()));
    }
    changes
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ListenerAdded(bind) => write!(f, "listener {} added", bind.address),
            Self::ProxyChanged(_) => f.write_str("frontends or backends changed"),
            Self::NodesChanged { .. } => f.write_str("nodes changed"),
            Self::RouterRemoved(key) => write!(f, "{key} removed"),
            Self::RouterChanged(router) => write!(f, "{} changed", router.key()),
            Self::RouterRegrouped(router) => match &router.group {
                Some(group) => write!(f, "{} changed: it moves with group `{group}`", router.key()),
                None => write!(f, "{} changed: it moves alone", router.key()),
            },
            Self::RouterAdded(router) => write!(f, "{} added", router.key()),
            Self::ListenerRemoved(address) => write!(f, "listener {address} removed"),
            Self::DrainTimeoutChanged(timeout) => {
                write!(f, "drain timeout changed to {timeout:?}")
            }
            Self::WorkerNeedsRestart(_) => {
                f.write_str("user or threads of the worker changed: restart haagent to apply")
            }
        }
    }
}
