//! What the config says, once it is known to be right.

mod hooks;
mod track;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use vrrp::hmac::{HmacKeys, HmacMode};
use vrrp::linux::{SourceRules, device_name};
use vrrp::schedule::Announcing;
use vrrp::{
    Authentication, Checksum, ConfigError, Family, Interval, LinkConfig, Peering, Preempt,
    Priority, Route, Version, Vrid,
};

pub(crate) use hooks::{Hook, Hooks, Stage};

use super::cidr::Cidr;
use super::diagnostic::{Diagnostics, Span};

pub(crate) use track::{
    CommandLine, Gateway, GatewayMethod, Http, Place, Probe, Process, Sampling, Track, Url,
};

/// A valid config, as seen by one of the boxes that share the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// Which of the nodes this box is. `None` only in a file without nodes, and so without virtual routers.
    pub(crate) node: Option<Node>,
    /// All boxes that share the file, this one included.
    pub(crate) nodes: Vec<Node>,
    /// How the proxy process is run.
    pub(crate) worker: WorkerSettings,
    /// The virtual routers, in the order of the file.
    pub(crate) routers: Vec<Router>,
    /// What the proxy is told.
    pub(crate) proxy: proxy::config::Config,
    /// Every address that the proxy listens on, in the order of the file.
    pub(crate) binds: Vec<Bind>,
    /// What is right, but not yet so on this host.
    pub(crate) warnings: Option<Diagnostics>,
    /// SHA-256 of the text, in hexadecimal: equal on two boxes with the same file.
    pub(crate) digest: String,
}

/// One of the boxes that share the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its hostname, or what `--node` calls it.
    pub(crate) name: String,
    /// Its own address, by which the others know it.
    pub(crate) address: IpAddr,
    /// Its strength in elections of virtual routers that do not say another.
    pub(crate) priority: Priority,
}

/// How the proxy process is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkerSettings {
    /// The user it runs as; `None` leaves the choice to the supervisor.
    pub(crate) user: Option<String>,
    /// Its threads; `None` is one per core.
    pub(crate) threads: Option<NonZeroUsize>,
    /// How long running sessions may go on when this box is stopped as planned.
    pub(crate) drain_timeout: Duration,
}

impl WorkerSettings {
    /// Far less than the 90 s after which service managers lose their patience with a stop.
    pub(crate) const DRAIN_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self { user: None, threads: None, drain_timeout: Self::DRAIN_TIMEOUT_DEFAULT }
    }
}

/// One virtual router as this box takes part in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Router {
    /// Unique among virtual routers.
    pub(crate) name: String,
    /// Unique on its interface in its family.
    pub(crate) vrid: Vrid,
    /// The interface it speaks on and holds its addresses on.
    pub(crate) interface: String,
    /// The virtual addresses with their networks; at least one, all of one family.
    pub(crate) addresses: Vec<Cidr>,
    /// Held like them and not advertised; of either family.
    pub(crate) excluded: Vec<Cidr>,
    /// That of this node.
    pub(crate) priority: Priority,
    /// The highest of the other nodes; `None` if there are none.
    pub(crate) strongest_other: Option<Priority>,
    /// Time between advertisements while active.
    pub(crate) interval: Interval,
    /// Whether a stronger router takes over from a weaker one.
    pub(crate) preempt: Preempt,
    /// Those of the same group move as one.
    pub(crate) group: Option<String>,
    /// Whether its addresses have a MAC of their own, the same on every box.
    pub(crate) virtual_mac: bool,
    /// Whether it leaves an address to a stranger that has it.
    pub(crate) checks_duplicates: bool,
    /// How much time its link has to show that it receives.
    pub(crate) settle: Duration,
    /// How its addresses are announced.
    pub(crate) announcing: Announcing,
    /// The own addresses of the other boxes, of its family.
    pub(crate) others: Vec<IpAddr>,
    /// The version of VRRP it speaks, one that can say the interval.
    pub(crate) version: Version,
    /// The routes that come and go with its addresses.
    pub(crate) routes: Vec<Route>,
    /// Commands that run when its addresses come and go.
    pub(crate) hooks: Hooks,
    /// How it reaches the others.
    pub(crate) transport: Transport,
    /// What moves its priority, or takes it out of the election.
    pub(crate) tracks: Vec<Track>,
    /// The keys that authenticate its advertisements, if there are any.
    pub(crate) auth_hmac: Option<AuthHmac>,
}

/// What is signed, and by which keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthHmac {
    /// What is signed, and what is accepted.
    pub(crate) mode: HmacMode,
    /// Where the keys are.
    pub(crate) files: Vec<KeyFile>,
    /// What is in the files, once they are read: the worker does not read them.
    pub(crate) keys: Option<HmacKeys>,
}

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyFile {
    /// Its number.
    pub(crate) id: u8,
    /// The file with the secret.
    pub(crate) path: PathBuf,
    /// Where the config says so.
    pub(crate) place: Place,
}

/// How advertisements reach the other boxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// By the group of all VRRP routers on the link.
    Multicast,
    /// One by one.
    Unicast {
        /// The address of this box.
        source: IpAddr,
        /// The addresses of the others.
        peers: Vec<IpAddr>,
    },
}

impl Router {
    /// What makes it the same virtual router after a change of the config.
    pub(crate) fn key(&self) -> RouterKey {
        RouterKey { interface: self.interface.clone(), family: self.family(), vrid: self.vrid }
    }

    /// All addresses that it holds while active.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Cidr> {
        self.addresses.iter().chain(&self.excluded)
    }

    /// The family of the addresses that it advertises.
    pub(crate) fn family(&self) -> Family {
        self.addresses.first().map_or(Family::Ipv4, |cidr| Family::of(cidr.address))
    }

    /// The device that has its addresses, if not the interface.
    pub(crate) fn device(&self) -> Option<String> {
        self.virtual_mac.then(|| device_name(&self.interface, self.family(), self.vrid))
    }

    /// How it talks with the other boxes.
    pub(crate) fn peering(&self) -> Peering {
        let transport = match &self.transport {
            Transport::Multicast => vrrp::Transport::Multicast,
            Transport::Unicast { peers, .. } => vrrp::Transport::Unicast(peers.clone()),
        };
        let mirrors_checksums = self.version == Version::V3 { checksum: Checksum::Auto };
        let authentication = self.auth_hmac.as_ref().and_then(|auth| {
            auth.keys.clone().map(|keys| Authentication { mode: auth.mode, keys })
        });
        Peering { transport, mirrors_checksums, authentication }
    }

    /// Whether what it sends is signed.
    pub(crate) fn signs(&self) -> bool {
        self.auth_hmac.as_ref().is_some_and(|auth| auth.mode != HmacMode::ReceiveOnly)
    }

    /// The link of an election, which sends with unicast from the address in the file, else from what the host chooses.
    pub(crate) fn link(&self) -> Result<LinkConfig, ConfigError> {
        let source = match (&self.transport, self.family()) {
            (Transport::Unicast { source, .. }, _) => *source,
            (Transport::Multicast, Family::Ipv4) => Ipv4Addr::UNSPECIFIED.into(),
            (Transport::Multicast, Family::Ipv6) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let plain = |cidrs: &[Cidr]| cidrs.iter().map(|cidr| cidr.address).collect();
        let link = LinkConfig::new(self.vrid, source, plain(&self.addresses))?
            .with_excluded(plain(&self.excluded))?
            .with_version(self.version)?
            .with_interval(self.interval)?
            .with_routes(self.routes.clone())?
            .with_settle(self.settle)
            .with_announcing(self.announcing)
            .with_others(self.others.clone());
        let link = if self.virtual_mac { link.with_virtual_mac() } else { link };
        Ok(if self.checks_duplicates { link.with_duplicate_check() } else { link })
    }
}

/// A virtual router among all: a VRID means something on its link only (RFC 9568 §1.6), and in its family (§5.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RouterKey {
    /// The interface it speaks on.
    pub(crate) interface: String,
    /// The family of its addresses.
    pub(crate) family: Family,
    /// Its number there.
    pub(crate) vrid: Vrid,
}

impl std::fmt::Display for RouterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let family = if self.family == Family::Ipv6 { "IPv6 " } else { "" };
        write!(f, "{family}virtual router {} on `{}`", self.vrid, self.interface)
    }
}

/// Virtual routers in the log.
pub(crate) fn names(keys: &[RouterKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// An address to listen on, and its place in the file for the case that the system refuses it.
#[derive(Clone, Debug)]
pub(crate) struct Bind {
    /// Address and port.
    pub(crate) address: SocketAddr,
    /// Where the file says so.
    pub(crate) span: Span,
}

/// The place in the file is no part of what the config says.
impl PartialEq for Bind {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl Eq for Bind {}

impl Config {
    /// Every command that hooks run.
    pub(crate) fn hooks(&self) -> impl Iterator<Item = &Hook> {
        self.routers.iter().flat_map(|router| router.hooks.all())
    }

    /// The virtual routers that move as one, most of them alone; where they stand in the file has no meaning.
    pub(crate) fn groups(&self) -> Vec<Vec<&Router>> {
        let mut routers: Vec<&Router> = self.routers.iter().collect();
        routers.sort_by_key(|router| router.key());
        let mut groups: Vec<Vec<&Router>> = Vec::new();
        for router in routers {
            let is_fellow = |group: &&mut Vec<&Router>| {
                router.group.is_some() && group.iter().any(|other| other.group == router.group)
            };
            match groups.iter_mut().find(is_fellow) {
                Some(group) => group.push(router),
                None => groups.push(vec![router]),
            }
        }
        groups
    }

    /// The devices that virtual routers need.
    pub(crate) fn devices(&self) -> BTreeSet<String> {
        self.routers.iter().filter_map(Router::device).collect()
    }

    /// How the addresses that virtual routers send from are chosen.
    pub(crate) fn source_rules(&self) -> SourceRules {
        let virtual_addresses = self.routers.iter().flat_map(Router::held);
        SourceRules {
            preferred: self.node.as_ref().map(|node| node.address),
            virtual_addresses: virtual_addresses.map(|virt| virt.address).collect(),
        }
    }
}

/// May a virtual router of this family send from it (RFC 9568 §5.1.1.1, §5.1.2.1)?
pub(crate) fn is_source(family: Family, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => family == Family::Ipv4,
        IpAddr::V6(address) => family == Family::Ipv6 && address.is_unicast_link_local(),
    }
}

/// What an interface must have for virtual routers of this family, in words.
pub(crate) fn wanted_source(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "an IPv4 address",
        Family::Ipv6 => "a link-local IPv6 address",
    }
}
