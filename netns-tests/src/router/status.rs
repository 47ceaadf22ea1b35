//! The part of `haagent status --json` that drills read. It is a promise of the product, so a key
//! that is missing here is a defect there.

use std::net::IpAddr;

use serde::Deserialize;

/// The report of one box.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the report, which documents them")]
pub struct Status {
    pub schema: u32,
    pub node: String,
    pub pid: i32,
    pub healthy: bool,
    pub problems: Vec<String>,
    pub config: ConfigStatus,
    pub guard: GuardStatus,
    pub worker: WorkerStatus,
    pub virtual_routers: Vec<RouterStatus>,
    pub others: Vec<OtherStatus>,
    pub backends: Vec<BackendStatus>,
}

/// What config runs, and which one was refused.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the report, which documents them")]
pub struct ConfigStatus {
    pub digest: String,
    pub revision: u64,
    pub rejected: Option<String>,
}

/// The process that cleans up after the supervisor.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the report, which documents them")]
pub struct GuardStatus {
    pub pid: Option<i32>,
}

/// The process that serves.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the report, which documents them")]
pub struct WorkerStatus {
    pub state: String,
    pub pid: Option<i32>,
    pub restarts: u64,
}

/// One virtual router of the box.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the report, which documents them")]
pub struct RouterStatus {
    pub name: String,
    pub source: Option<IpAddr>,
    pub state: RouterState,
    pub priority: u8,
    pub peer: Option<PeerStatus>,
    pub last_transition: Option<TransitionStatus>,
    pub conflict: Option<ConflictStatus>,
    pub virtual_mac: Option<VirtualMacStatus>,
    pub counters: CounterStatus,
}

/// Somebody else's router on one of its links.
#[derive(Clone, Copy, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the report, which documents them")]
pub struct OtherStatus {
    pub vrid: u8,
    pub collides: bool,
}

/// The MAC of its addresses, if they have one of their own.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the report, which documents them")]
pub struct VirtualMacStatus {
    pub mac: String,
    pub device: String,
    pub answered: Option<bool>,
}

/// What a virtual router counted, as far as drills look at it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the report, which documents them")]
pub struct CounterStatus {
    pub master_transitions: u64,
    pub address_conflicts: u64,
    pub hmac_replays: u64,
    pub hmac_unsigned: u64,
}

/// The state of a virtual router (RFC 9568 §6.4), or its way out of the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the RFC, but for the last")]
pub enum RouterState {
    Initialize,
    Backup,
    Active,
    Leaving,
}

/// The other box, as far as it was heard.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the report, which documents them")]
pub struct PeerStatus {
    pub address: String,
    pub priority: u8,
    pub checksum: String,
}

/// Another host with a virtual address.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the report, which documents them")]
pub struct ConflictStatus {
    pub address: String,
    pub mac: String,
}

/// Why the state is what it is.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the report, which documents them")]
pub struct TransitionStatus {
    pub from: RouterState,
    pub to: RouterState,
    pub reason: String,
}

/// A group of servers.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the report, which documents them")]
pub struct BackendStatus {
    pub name: String,
    pub servers: Vec<ServerStatus>,
}

/// A server and its health.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the report, which documents them")]
pub struct ServerStatus {
    pub name: String,
    pub health: String,
}

impl Status {
    /// The state of the lab's only virtual router.
    #[must_use]
    pub fn state(&self) -> Option<RouterState> {
        self.virtual_routers.first().map(|router| router.state)
    }

    /// The health of a server, by its name.
    #[must_use]
    pub fn health(&self, server: &str) -> Option<&str> {
        let mut servers = self.backends.iter().flat_map(|backend| &backend.servers);
        servers.find(|known| known.name == server).map(|known| known.health.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let report = r#"{ "schema": 2, "version": "0.1.0", "node": "router-a", "pid": 1,
            "healthy": true, "problems": [],
            "config": { "file": "/f", "digest": "00", "revision": 1, "rejected": null },
            "guard": { "pid": 2 }, "worker": { "state": "serving", "pid": 3, "restarts": 0 },
            "virtual_routers": [ { "name": "web", "vrid": 51, "interface": "eth0",
                "state": "active", "priority": 150, "addresses": ["192.168.8.1"],
                "advert_interval_ms": 100, "peer": null,
                "last_transition": { "from": "backup", "to": "active",
                    "reason": "no advertisement for 341 ms", "ago_ms": 12 },
                "counters": { "master_transitions": 1, "address_conflicts": 0, "hmac_replays": 0,
                    "hmac_unsigned": 0 } } ],
            "others": [ { "vrid": 77, "collides": false } ], "frontends": [],
            "backends": [ { "name": "web", "balance": "round_robin", "servers": [
                { "name": "s1", "address": "192.168.8.10:80", "health": "up" } ] } ] }"#;
        let status: Status = serde_json::from_str(report).expect("complete");
        assert_eq!(status.state(), Some(RouterState::Active));
        assert_eq!(status.health("s1"), Some("up"));
        assert_eq!(status.health("s2"), None);
    }
}
