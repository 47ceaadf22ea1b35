//! The shapes of the TOML file: which tables and keys there are, and what is used where one is absent.
//!
//! Every value keeps its place, for the rules in [`validate`](super::validate).
//! A field that is `None` though the file must have it has already been reported.

mod announce;
mod hmac;
mod hooks;
mod route;
mod track;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use proxy::config::Balance;
use toml::Spanned;
use toml::de::DeTable;
use vrrp::schedule::Announcing;
use vrrp::{Checksum, Interval, Password, Preempt, Priority, Vrid};

pub(super) use hmac::{HmacTable, KeyTable};
pub(super) use hooks::{HookTable, HooksTable};
pub(super) use route::RouteTable;

use super::cidr::Cidr;
use super::diagnostic::{Diagnostic, Span};
use super::reader::Reader;
use super::source::Source;
use super::units::DURATION_MAX;
use super::value;

pub(super) use track::{TARGETS, Target, TrackTable};

/// The whole file.
#[derive(Default)]
pub(super) struct File {
    pub(super) nodes: Vec<NodeTable>,
    pub(super) worker: WorkerTable,
    pub(super) routers: Vec<RouterTable>,
    pub(super) frontends: Vec<FrontendTable>,
    pub(super) backends: Vec<BackendTable>,
}

impl File {
    /// Reads the text; every problem found on the way is added to `problems`.
    ///
    /// A syntax error ends the reading, for what follows it cannot be trusted.
    pub(super) fn read(source: &Source, problems: &mut Vec<Diagnostic>) -> Option<Self> {
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        // The parser finds some kinds of error before others; what comes first in the text caused the rest.
        match errors.iter().min_by_key(|error| error.span().map(|span| span.start)) {
            None => Some(Reader::read_file(&table, problems, Self::read_tables)),
            Some(error) => {
                let message = format!("syntax error: {}", error.message());
                problems.push(Diagnostic::new(error.span().unwrap_or_default(), message));
                None
            }
        }
    }

    fn read_tables(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            nodes: reader.tables("node", NodeTable::read),
            worker: reader.table("worker", WorkerTable::read).unwrap_or_default(),
            routers: reader.tables("virtual_router", RouterTable::read),
            frontends: reader.tables("frontend", FrontendTable::read),
            backends: reader.tables("backend", BackendTable::read),
        }
    }
}

/// A `[[node]]`: one of the boxes that share this file.
pub(super) struct NodeTable {
    pub(super) span: Span,
    pub(super) name: Option<Spanned<String>>,
    pub(super) address: Option<Spanned<IpAddr>>,
    pub(super) priority: Option<Spanned<Priority>>,
}

impl NodeTable {
    fn read(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            span: reader.span(),
            name: reader.required("name", value::name),
            address: reader.required("address", value::ip_address),
            priority: reader.required("priority", value::priority),
        }
    }
}

/// The `[worker]`: the process that runs the proxy.
#[derive(Default)]
pub(super) struct WorkerTable {
    pub(super) user: Option<Spanned<String>>,
    pub(super) threads: Option<Spanned<usize>>,
    pub(super) drain_timeout: Option<Spanned<Duration>>,
}

impl WorkerTable {
    fn read(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            user: reader.optional("user", value::name),
            threads: reader.optional("threads", value::integer(1..=THREADS_MAX)),
            drain_timeout: reader.optional("drain_timeout", value::duration(TIMEOUTS)),
        }
    }
}

/// A `[[virtual_router]]`: addresses that move between the boxes together.
pub(super) struct RouterTable {
    pub(super) span: Span,
    pub(super) name: Option<Spanned<String>>,
    pub(super) vrid: Option<Spanned<Vrid>>,
    pub(super) interface: Option<Spanned<String>>,
    pub(super) addresses: Option<Vec<Spanned<Cidr>>>,
    pub(super) excluded: Vec<Spanned<Cidr>>,
    pub(super) advert_interval: Spanned<Interval>,
    /// By the names of nodes.
    pub(super) priorities: Vec<(Spanned<String>, Spanned<Priority>)>,
    pub(super) preempt: Spanned<Preempt>,
    pub(super) group: Option<Spanned<String>>,
    pub(super) virtual_mac: Spanned<bool>,
    pub(super) duplicate_check: Spanned<bool>,
    pub(super) settle: Spanned<Duration>,
    pub(super) announce: Announcing,
    pub(super) version: VersionNumber,
    pub(super) password: Option<Spanned<Password>>,
    pub(super) checksum: Option<Spanned<Checksum>>,
    pub(super) routes: Vec<RouteTable>,
    pub(super) hooks: Option<HooksTable>,
    pub(super) auth_hmac: Option<HmacTable>,
    pub(super) transport: TransportKind,
    /// By the names of the nodes.
    pub(super) sources: Vec<(Spanned<String>, Spanned<IpAddr>)>,
    pub(super) tracks: Vec<TrackTable>,
}

/// The `transport` of advertisements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TransportKind {
    #[default]
    Multicast,
    /// To each box by itself.
    Unicast,
}

/// The `version` of VRRP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum VersionNumber {
    /// For a peer that knows no other.
    Two,
    #[default]
    Three,
}

impl RouterTable {
    fn read(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            span: reader.span(),
            name: reader.required("name", value::name),
            vrid: reader.required("vrid", value::vrid),
            interface: reader.required("interface", value::name),
            addresses: reader.list("addresses", value::virtual_address),
            excluded: reader.optional_list("excluded", value::virtual_address).unwrap_or_default(),
            advert_interval: reader.optional_or(
                "advert_interval",
                value::interval,
                Interval::DEFAULT,
            ),
            priorities: reader.entries("priority", value::priority),
            preempt: reader.optional_or("preempt", value::preempt, Preempt::Never),
            group: reader.optional("group", value::name),
            virtual_mac: reader.optional_or("virtual_mac", value::boolean, false),
            duplicate_check: reader.optional_or("duplicate_check", value::boolean, true),
            settle: reader.optional_or("settle", value::duration(SETTLES), SETTLE_DEFAULT),
            announce: reader.table("announce", announce::read).unwrap_or_default(),
            version: reader
                .optional("version", value::version)
                .map_or_else(VersionNumber::default, Spanned::into_inner),
            password: reader.optional("password", value::password),
            checksum: reader.optional("checksum", value::one_of(CHECKSUMS)),
            routes: reader.tables("routes", RouteTable::read),
            hooks: reader.table("hooks", HooksTable::read),
            auth_hmac: reader.table("auth_hmac", HmacTable::read),
            transport: reader
                .optional("transport", value::one_of(TRANSPORTS))
                .map_or_else(TransportKind::default, Spanned::into_inner),
            sources: reader.entries("sources", value::ip_address),
            tracks: reader.tables("track", TrackTable::read),
        }
    }
}

/// A `[[frontend]]`: addresses that clients connect to.
pub(super) struct FrontendTable {
    pub(super) name: Option<Spanned<String>>,
    pub(super) binds: Option<Vec<Spanned<SocketAddr>>>,
    pub(super) backend: Option<Spanned<String>>,
    pub(super) idle_timeout: Spanned<Duration>,
    pub(super) connections_max: Spanned<usize>,
}

impl FrontendTable {
    fn read(reader: &mut Reader<'_, '_>) -> Self {
        reader.optional("mode", value::one_of(MODES));
        Self {
            name: reader.required("name", value::name),
            binds: reader.list("bind", value::bind_address),
            backend: reader.required("backend", value::name),
            idle_timeout: reader.optional_or(
                "idle_timeout",
                value::duration(TIMEOUTS),
                Duration::from_secs(3600),
            ),
            connections_max: reader.optional_or(
                "connections_max",
                value::integer(1..=CONNECTIONS_MAX),
                4000,
            ),
        }
    }
}

/// A `[[backend]]`: servers that can stand in for one another.
pub(super) struct BackendTable {
    pub(super) name: Option<Spanned<String>>,
    pub(super) balance: Spanned<Balance>,
    pub(super) connect_timeout: Spanned<Duration>,
    pub(super) retries: Spanned<u32>,
    pub(super) check: CheckTable,
    pub(super) servers: Option<Vec<ServerTable>>,
}

impl BackendTable {
    fn read(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            name: reader.required("name", value::name),
            balance: reader.optional_or("balance", value::one_of(BALANCES), Balance::RoundRobin),
            connect_timeout: reader.optional_or(
                "connect_timeout",
                value::duration(TIMEOUTS),
                Duration::from_secs(1),
            ),
            retries: reader.optional_or("retries", value::integer(0..=RETRIES_MAX), 2),
            check: reader.table("check", CheckTable::read).unwrap_or_default(),
            servers: reader.required_tables("server", ServerTable::read),
        }
    }
}

/// A `check`: how the health of servers is found out. All defaults if absent.
#[derive(Default)]
pub(super) struct CheckTable {
    pub(super) kind: Option<Spanned<CheckKind>>,
    pub(super) interval: Option<Spanned<Duration>>,
    pub(super) timeout: Option<Spanned<Duration>>,
    pub(super) rise: Option<Spanned<u32>>,
    pub(super) fall: Option<Spanned<u32>>,
}

impl CheckTable {
    fn read(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            kind: reader.optional("type", value::one_of(CHECK_KINDS)),
            interval: reader.optional("interval", value::duration(CHECK_INTERVALS)),
            timeout: reader.optional("timeout", value::duration(TIMEOUTS)),
            rise: reader.optional("rise", value::integer(1..=CHECKS_IN_A_ROW_MAX)),
            fall: reader.optional("fall", value::integer(1..=CHECKS_IN_A_ROW_MAX)),
        }
    }
}

/// The `type` of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum CheckKind {
    /// Every server counts as up.
    None,
    /// A connection is opened and closed.
    #[default]
    Tcp,
}

/// A `server` of a backend.
pub(super) struct ServerTable {
    pub(super) name: Option<Spanned<String>>,
    pub(super) address: Option<Spanned<SocketAddr>>,
    pub(super) weight: Spanned<u16>,
    pub(super) backup: Spanned<bool>,
}

impl ServerTable {
    fn read(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            name: reader.required("name", value::name),
            address: reader.required("address", value::server_address),
            weight: reader.optional_or("weight", value::integer(1..=WEIGHT_MAX), 1),
            backup: reader.optional_or("backup", value::boolean, false),
        }
    }
}

const MODES: &[(&str, ())] = &[("tcp", ())];
const BALANCES: &[(&str, Balance)] = &[
    ("round_robin", Balance::RoundRobin),
    ("least_connections", Balance::LeastConnections),
    ("source_hash", Balance::SourceHash),
    ("random", Balance::Random),
];
const CHECK_KINDS: &[(&str, CheckKind)] = &[("tcp", CheckKind::Tcp), ("none", CheckKind::None)];
const CHECKSUMS: &[(&str, Checksum)] =
    &[("auto", Checksum::Auto), ("rfc9568", Checksum::Rfc9568), ("rfc5798", Checksum::Rfc5798)];
const TRANSPORTS: &[(&str, TransportKind)] =
    &[("multicast", TransportKind::Multicast), ("unicast", TransportKind::Unicast)];

/// A timeout of zero would cut everything off at once; off is said in other ways.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=DURATION_MAX;

/// Checks at a shorter distance are an attack on the server.
const CHECK_INTERVALS: RangeInclusive<Duration> = Duration::from_millis(10)..=DURATION_MAX;

/// Ports of switches with spanning tree take 30 s at most, and 50 s by its oldest form.
const SETTLES: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(600);

/// What a switch takes whose ports are set up for hosts.
const SETTLE_DEFAULT: Duration = Duration::from_secs(5);

/// More threads than any host has cores.
const THREADS_MAX: u64 = 1024;

/// Two file descriptors per session; the kernel's usual limit per process is 2^20.
const CONNECTIONS_MAX: u64 = 500_000;

/// The client waits `connect_timeout` for each of them.
const RETRIES_MAX: u64 = 100;

/// A verdict that takes longer is none.
const CHECKS_IN_A_ROW_MAX: u64 = 1000;

/// As in HAProxy, where weights come from.
const WEIGHT_MAX: u64 = 256;
