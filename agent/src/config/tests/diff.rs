//! The laws of the difference between two configs.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use vrrp::schedule::Announcing;
use vrrp::{Checksum, Interval, Preempt, Priority, Version, Vrid};

use super::{BACKEND, FRONTEND, NODE, OTHER_NODE, ROUTER, file};
use crate::config::diff::{Change, diff};
use crate::config::model::{Bind, Config, Hooks, Node, Router, Transport, WorkerSettings};

/// What carrying out a change does to a config.
fn apply(mut config: Config, change: Change) -> Config {
    match change {
        Change::ListenerAdded(bind) => config.binds.push(bind),
        Change::ProxyChanged(proxy) => config.proxy = proxy,
        Change::NodesChanged { node, nodes } => (config.node, config.nodes) = (node, nodes),
        Change::RouterRemoved(key) => config.routers.retain(|router| router.key() != key),
        Change::RouterChanged(new) | Change::RouterRegrouped(new) => {
            let old = config.routers.iter_mut().find(|router| router.key() == new.key());
            *old.expect("a changed router was there") = new;
        }
        Change::RouterAdded(router) => config.routers.push(router),
        Change::ListenerRemoved(address) => config.binds.retain(|bind| bind.address != address),
        Change::DrainTimeoutChanged(timeout) => config.worker.drain_timeout = timeout,
        Change::WorkerNeedsRestart(WorkerSettings { user, threads, .. }) => {
            (config.worker.user, config.worker.threads) = (user, threads);
        }
    }
    config
}

/// The order of routers and of listeners has no meaning.
fn sorted(mut config: Config) -> Config {
    config.routers.sort_by_key(Router::key);
    config.binds.sort_by_key(|bind| bind.address);
    config
}

/// Where in the order of changes a change belongs.
fn rank(change: &Change) -> u8 {
    match change {
        Change::ListenerAdded(_) => 0,
        Change::ProxyChanged(_) => 1,
        Change::NodesChanged { .. } => 2,
        Change::RouterRemoved(_) => 3,
        Change::RouterChanged(_) | Change::RouterRegrouped(_) => 4,
        Change::RouterAdded(_) => 5,
        Change::ListenerRemoved(_) => 6,
        Change::DrainTimeoutChanged(_) | Change::WorkerNeedsRestart(_) => 7,
    }
}

/// Configs from a small world, so that two of them often have things in common.
fn config() -> impl Strategy<Value = Config> {
    let frontends = prop::collection::vec(0..3_u16, 0..3);
    (routers(), binds(), worker(), nodes(), frontends).prop_map(
        |(routers, binds, worker, nodes, frontends)| Config {
            warnings: None,
            node: nodes.first().cloned(),
            nodes,
            worker,
            routers,
            proxy: proxy::config::Config {
                frontends: frontends.into_iter().map(frontend).collect(),
                backends: Vec::new(),
            },
            binds,
            digest: String::new(),
        },
    )
}

fn routers() -> impl Strategy<Value = Vec<Router>> {
    btree_map(("[ab]", 1..3_u8), (1..3_u8, prop::bool::ANY, option::of("[gh]")), 0..4).prop_map(
        |routers| {
            routers
                .into_iter()
                .map(|((interface, vrid), (host, fast, group))| Router {
                    name: format!("{interface}{vrid}"),
                    vrid: Vrid::new(vrid).expect("from 1 on"),
                    interface,
                    addresses: vec![format!("10.0.0.{host}/24").parse().expect("an address")],
                    excluded: Vec::new(),
                    priority: Priority::DEFAULT,
                    strongest_other: None,
                    interval: if fast { Interval::DEFAULT } else { Interval::MAX_V3 },
                    preempt: Preempt::Never,
                    virtual_mac: false,
                    checks_duplicates: true,
                    settle: Duration::from_secs(5),
                    announcing: Announcing::default(),
                    others: Vec::new(),
                    group,
                    version: Version::V3 { checksum: Checksum::Auto },
                    routes: Vec::new(),
                    hooks: Hooks::default(),
                    transport: Transport::Multicast,
                    tracks: Vec::new(),
                    auth_hmac: None,
                })
                .collect()
        },
    )
}

fn binds() -> impl Strategy<Value = Vec<Bind>> {
    btree_map(1..5_u16, 0..100_usize, 0..4).prop_map(|binds| {
        let bind = |(port, start)| Bind { address: address(port), span: start..start + 1 };
        binds.into_iter().map(bind).collect()
    })
}

fn worker() -> impl Strategy<Value = WorkerSettings> {
    (option::of("[xy]"), 0..3_usize, 1..3_u64).prop_map(|(user, threads, seconds)| WorkerSettings {
        user,
        threads: NonZeroUsize::new(threads),
        drain_timeout: Duration::from_secs(seconds),
    })
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    prop::collection::vec((1..3_u8, 1..3_u8), 0..2).prop_map(|nodes| {
        let node = |(host, priority)| Node {
            name: "router".to_owned(),
            address: Ipv4Addr::new(10, 0, 0, host).into(),
            priority: Priority::new(priority),
        };
        nodes.into_iter().map(node).collect()
    })
}

fn frontend(port: u16) -> proxy::config::Frontend {
    proxy::config::Frontend {
        name: port.to_string(),
        binds: vec![address(port)],
        backend: "web".to_owned(),
        idle_timeout: Duration::from_secs(1),
        connections_max: 1,
    }
}

fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

proptest! {
    #[test]
    fn equal_configs_do_not_differ(config in config()) {
        prop_assert_eq!(diff(&config, &config), []);
    }

    #[test]
    fn changes_lead_from_the_old_config_to_the_new_one(old in config(), new in config()) {
        let result = diff(&old, &new).into_iter().fold(old, apply);
        prop_assert_eq!(sorted(result), sorted(new));
    }

    #[test]
    fn configs_that_differ_have_a_difference(old in config(), new in config()) {
        prop_assume!(sorted(old.clone()) != sorted(new.clone()));
        prop_assert_ne!(diff(&old, &new), []);
    }

    #[test]
    fn new_things_are_made_before_old_ones_are_broken(old in config(), new in config()) {
        prop_assert!(diff(&old, &new).is_sorted_by_key(rank));
    }
}

#[test]
fn comments_and_order_are_no_difference() {
    let old = file(&[NODE, OTHER_NODE, ROUTER, FRONTEND, BACKEND].concat()).loads();
    let comment = "# The same, told in another order.\n";
    let new = file(&[comment, BACKEND, FRONTEND, ROUTER, NODE, OTHER_NODE].concat()).loads();
    assert_eq!(diff(&old, &new), []);
    assert_ne!(old.digest, new.digest, "the texts differ");
}

#[test]
fn another_vrid_is_another_router() {
    let old = file(&[NODE, ROUTER].concat()).loads();
    let new = file(&[NODE, &super::set(ROUTER, "vrid = 52")].concat()).loads();
    let changes = diff(&old, &new);
    let texts: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["virtual router 51 on `eth0` removed", "virtual router 52 on `eth0` added"]);
}

#[test]
fn renamed_router_stays_the_same_router() {
    let old = file(&[NODE, ROUTER].concat()).loads();
    let new = file(&[NODE, &super::set(ROUTER, "name = \"mail\"")].concat()).loads();
    assert_eq!(diff(&old, &new), [Change::RouterChanged(new.routers[0].clone())]);
}

#[test]
fn worker_settings_that_need_a_restart_say_so() {
    let old = file(&[FRONTEND, BACKEND].concat()).loads();
    let new = file(&["[worker]\nthreads = 7\n", FRONTEND, BACKEND].concat()).loads();
    let texts: Vec<String> = diff(&old, &new).iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["user or threads of the worker changed: restart haagent to apply"]);
}
