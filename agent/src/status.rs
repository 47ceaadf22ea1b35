//! What `haagent status` shows: a stable JSON schema, and a table that fits 80 columns.

mod mismatch;
mod other;
mod times;
mod track;

use std::fmt::{self, Display, Write as _};
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

pub(crate) use mismatch::{MismatchStatus, way_out_of_refusal};
pub(crate) use other::OtherStatus;
pub(crate) use times::{date_time, ms};
pub(crate) use track::TrackStatus;

use crate::worker::{BackendReport, FrontendReport, ServerHealth, ServerReport};

/// The version of the schema: it grows when a field changes its meaning or goes, not when one is added.
pub(crate) const SCHEMA: u32 = 2;

/// Everything about one box.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StatusReport {
    pub(crate) schema: u32,
    pub(crate) version: String,
    pub(crate) node: Option<String>,
    pub(crate) pid: u32,
    /// No problem is known.
    pub(crate) healthy: bool,
    /// What is wrong, in sentences.
    pub(crate) problems: Vec<String>,
    pub(crate) config: ConfigStatus,
    pub(crate) guard: GuardStatus,
    pub(crate) worker: WorkerStatus,
    pub(crate) virtual_routers: Vec<RouterStatus>,
    /// Who else speaks VRRP on their interfaces.
    #[serde(default)]
    pub(crate) others: Vec<OtherStatus>,
    pub(crate) frontends: Vec<FrontendReport>,
    pub(crate) backends: Vec<BackendReport>,
}

/// The config in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ConfigStatus {
    pub(crate) file: String,
    /// SHA-256 of the text: equal on both boxes if they share it.
    pub(crate) digest: String,
    /// Counts the configs since the start, from 1.
    pub(crate) revision: u64,
    /// Why the newest config was not taken, if it was not.
    pub(crate) rejected: Option<String>,
}

/// The process that lets go when the supervisor dies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GuardStatus {
    pub(crate) pid: Option<u32>,
}

/// The process that serves clients.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WorkerStatus {
    pub(crate) state: WorkerState,
    pub(crate) pid: Option<u32>,
    /// Since the supervisor started.
    pub(crate) restarts: u64,
}

/// What the worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WorkerState {
    Down,
    Starting,
    /// Ready, but no address is here that it could serve.
    Standby,
    Serving,
    Draining,
}

/// A virtual router.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RouterStatus {
    pub(crate) name: String,
    pub(crate) vrid: u8,
    /// The version of VRRP: 2 or 3.
    pub(crate) version: u8,
    pub(crate) interface: String,
    /// Virtual routers of the same group move as one.
    pub(crate) group: Option<String>,
    /// `up` or `down`.
    pub(crate) link: String,
    /// What keeps the link down, in words, if something does.
    pub(crate) obstacle: Option<String>,
    /// The address that it sends from, once there is one.
    pub(crate) source: Option<IpAddr>,
    /// `initialize`, `backup` or `active`.
    pub(crate) state: String,
    /// What counts in the election: what tracking leaves of the configured one.
    pub(crate) priority: u8,
    pub(crate) configured_priority: u8,
    /// The check that keeps it out of the election, and why.
    pub(crate) track_fault: Option<String>,
    /// What is tracked, by the whole group.
    pub(crate) tracks: Vec<TrackStatus>,
    pub(crate) addresses: Vec<IpAddr>,
    /// Held like them and not advertised.
    #[serde(default)]
    pub(crate) excluded: Vec<IpAddr>,
    /// The MAC of its addresses, if it is not that of the interface.
    #[serde(default)]
    pub(crate) virtual_mac: Option<VirtualMacStatus>,
    /// So much time has its link left to show that it receives; a claim waits for that.
    #[serde(default)]
    pub(crate) settling_ms: Option<u64>,
    /// Why it does not become active though nobody else is.
    #[serde(default)]
    pub(crate) claim_refused: Option<String>,
    /// As `ip route` shows them.
    #[serde(default)]
    pub(crate) routes: Vec<String>,
    pub(crate) advert_interval_ms: u64,
    /// The boxes that it speaks to one by one; empty if it speaks to the group.
    #[serde(default)]
    pub(crate) unicast_peers: Vec<IpAddr>,
    pub(crate) peer: Option<PeerStatus>,
    /// The last advertisement that was well-formed and refused for its sender.
    #[serde(default)]
    pub(crate) refused: Option<RefusalStatus>,
    /// The settings in which other boxes differ from this one.
    #[serde(default)]
    pub(crate) mismatches: Vec<MismatchStatus>,
    pub(crate) last_transition: Option<TransitionStatus>,
    /// The last host that claimed an address of this virtual router, if that is not long ago.
    pub(crate) conflict: Option<ConflictStatus>,
    pub(crate) counters: CounterStatus,
}

/// The other router of a virtual router.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PeerStatus {
    pub(crate) address: IpAddr,
    pub(crate) priority: u8,
    /// Age of its last advertisement.
    pub(crate) last_advert_ms: u64,
    pub(crate) advert_interval_ms: u64,
    pub(crate) checksum: String,
}

/// A MAC that is the same on every box.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VirtualMacStatus {
    pub(crate) mac: String,
    /// What has it while the router is active.
    pub(crate) device: String,
    /// Whether a host was seen to answer it since the router became active: `null` while that is not known.
    pub(crate) answered: Option<bool>,
}

/// An advertisement that must not count.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RefusalStatus {
    pub(crate) source: IpAddr,
    pub(crate) reason: String,
    /// The way out, if there is one to name.
    #[serde(default)]
    pub(crate) hint: Option<String>,
    pub(crate) ago_ms: u64,
}

/// Another host with a virtual address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ConflictStatus {
    pub(crate) address: IpAddr,
    /// Its Ethernet address.
    pub(crate) mac: String,
    pub(crate) since_ms: u64,
    /// Since it was last heard to claim the address.
    pub(crate) heard_ms: u64,
}

/// The last change of state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TransitionStatus {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) reason: String,
    pub(crate) ago_ms: u64,
}

/// The statistics of RFC 8347 by their names there, with `_` for `-`; those of RFC 2787 for version 2, and some of ours.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct CounterStatus {
    /// Since when is counted, in UTC as RFC 3339 writes it.
    pub(crate) discontinuity_datetime: String,
    /// How often the router became active.
    pub(crate) master_transitions: u64,
    /// `not-master`, `priority`, `preempted` or `no-response`.
    pub(crate) new_master_reason: String,
    pub(crate) advertisement_rcvd: u64,
    pub(crate) advertisement_sent: u64,
    pub(crate) priority_zero_pkts_rcvd: u64,
    pub(crate) priority_zero_pkts_sent: u64,
    pub(crate) interval_errors: u64,
    pub(crate) ip_ttl_errors: u64,
    pub(crate) invalid_type_pkts_rcvd: u64,
    pub(crate) address_list_errors: u64,
    pub(crate) packet_length_errors: u64,
    pub(crate) checksum_errors: u64,
    pub(crate) version_errors: u64,
    pub(crate) vrid_errors: u64,
    pub(crate) own_source_received: u64,
    /// Claims of our addresses by other hosts.
    pub(crate) address_conflicts: u64,
    pub(crate) late: u64,
    pub(crate) auth_type_mismatches: u64,
    pub(crate) auth_failures: u64,
    pub(crate) invalid_auth_type: u64,
    #[serde(default)]
    pub(crate) source_errors: u64,
    #[serde(default)]
    pub(crate) hmac_missing: u64,
    #[serde(default)]
    pub(crate) hmac_failures: u64,
    #[serde(default)]
    pub(crate) hmac_replays: u64,
    #[serde(default)]
    pub(crate) hmac_unsigned: u64,
    /// The longest time that a timer was honoured late.
    pub(crate) scheduling_delay_max_us: u64,
}

impl Display for StatusReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.healthy { "healthy" } else { "degraded" };
        let node = self.node.as_deref().unwrap_or("this box");
        writeln!(f, "{node}: {verdict}, haagent {}, pid {}", self.version, self.pid)?;
        for problem in &self.problems {
            writeln!(f, "  problem: {}", problem.replace('\n', "\n    "))?;
        }
        let digest = self.config.digest.get(..12).unwrap_or_default();
        writeln!(f, "config: {} (revision {}, {digest})", self.config.file, self.config.revision)?;
        writeln!(f, "worker: {}{}", snake(&self.worker.state), process(self.worker.pid))?;
        writeln!(f, "guard: {}", if self.guard.pid.is_some() { "ready" } else { "none" })?;
        self.virtual_routers.iter().try_for_each(|router| write!(f, "\n{router}"))?;
        self.others.iter().try_for_each(|other| write!(f, "\n{other}"))?;
        self.frontends.iter().try_for_each(|frontend| write!(f, "\n{frontend}"))?;
        self.backends.iter().try_for_each(|backend| write!(f, "\n{backend}"))
    }
}

impl Display for RouterStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, state, interface, vrid, version, priority, .. } = self;
        writeln!(f, "virtual router {name}: {state}")?;
        if let Some(obstacle) = &self.obstacle {
            writeln!(f, "  {obstacle}")?;
        }
        if let Some(left) = self.settling_ms {
            let (interface, left) = (&self.interface, left.div_ceil(1000));
            writeln!(f, "  waiting for evidence that `{interface}` receives, {left} s more")?;
        }
        let interval = self.advert_interval_ms;
        let version = if *version == 2 { ", version 2" } else { "" };
        let priority = match self.configured_priority {
            configured if configured == *priority => priority.to_string(),
            configured => format!("{priority} (of {configured})"),
        };
        writeln!(
            f,
            "  {interface}, vrid {vrid}{version}, priority {priority}, advert every {interval} ms"
        )?;
        if let Some(group) = &self.group {
            writeln!(f, "  group: {group}")?;
        }
        if self.link == "down" {
            writeln!(f, "  link: down")?;
        }
        writeln!(f, "  addresses: {}", list(&self.addresses))?;
        if let Some(VirtualMacStatus { mac, device, answered }) = &self.virtual_mac {
            let answered = match answered {
                Some(true) => ", answered",
                Some(false) => ", not answered",
                None => "",
            };
            writeln!(f, "  virtual MAC: {mac} on {device}{answered}")?;
        }
        if !self.excluded.is_empty() {
            writeln!(f, "  not advertised: {} more", self.excluded.len())?;
        }
        if !self.routes.is_empty() {
            writeln!(f, "  routes: {}", list(&self.routes))?;
        }
        if !self.unicast_peers.is_empty() {
            writeln!(f, "  unicast to: {}", list(&self.unicast_peers))?;
        }
        match &self.peer {
            Some(peer) => {
                let (address, age) = (peer.address, age(peer.last_advert_ms));
                match peer.priority {
                    0 => writeln!(f, "  peer: {address}, let go {age} ago")?,
                    priority => writeln!(
                        f,
                        "  peer: {address}, priority {priority}, last advert {age} ago"
                    )?,
                }
            }
            None => writeln!(f, "  peer: none heard")?,
        }
        if let Some(ConflictStatus { address, mac, heard_ms, .. }) = &self.conflict {
            writeln!(f, "  conflict: {address} is in use by {mac}")?;
            writeln!(f, "    last claimed {} ago", age(*heard_ms))?;
        }
        if let Some(TransitionStatus { from, to, reason, ago_ms }) = &self.last_transition {
            writeln!(f, "  last change: {from} to {to} {} ago", age(*ago_ms))?;
            writeln!(f, "    because {reason}")?;
        }
        self.tracks.iter().try_for_each(|track| track.fmt(f))
    }
}

impl Display for FrontendReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, bind, backend, sessions, sessions_total } = self;
        writeln!(f, "frontend {name}: {} to backend {backend}", list(bind))?;
        writeln!(f, "  sessions: {sessions} open, {sessions_total} in total")
    }
}

impl Display for BackendReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "backend {}: {}", self.name, self.balance)?;
        self.servers.iter().try_for_each(|server| server.fmt(f))
    }
}

impl Display for ServerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, address, sessions, .. } = self;
        let health = snake(&self.health);
        write!(f, "  {name:<14} {:<21} {health:<8} {sessions:>6} open", address.to_string())?;
        if self.backup {
            write!(f, "  backup")?;
        }
        match &self.last_check {
            Some(check) if self.health != ServerHealth::Up => writeln!(f, "  {check}"),
            _ => writeln!(f),
        }
    }
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(", pid {pid}"))
}

/// The name of a variant as the JSON has it.
fn snake(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

fn list<T: Display>(items: &[T]) -> String {
    let mut text = String::new();
    for item in items {
        let separator = if text.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{item}");
    }
    text
}

/// A duration as a person says it.
fn age(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

impl StatusReport {
    /// Every address that the running haagent listens on.
    pub(crate) fn binds(&self) -> impl Iterator<Item = SocketAddr> {
        self.frontends.iter().flat_map(|frontend| frontend.bind.iter().copied())
    }
}

#[cfg(test)]
mod tests;
