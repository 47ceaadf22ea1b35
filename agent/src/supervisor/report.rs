//! Puts together what `haagent status` shows.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use vrrp::driver::LinkStatus;
use vrrp::track::Tracker;
use vrrp::{ChecksumForm, LinkState, Role, Transport};

use super::Supervisor;
use crate::clock::now;
use crate::config::Router;
use crate::control::Reply;
use crate::coordinator;
use crate::engine;
use crate::hooks::Hooks;
use crate::status::{
    ConfigStatus, ConflictStatus, CounterStatus, GuardStatus, MismatchStatus, OtherStatus,
    PeerStatus, RefusalStatus, RouterStatus, SCHEMA, StatusReport, TrackStatus, TransitionStatus,
    VirtualMacStatus, WorkerState, WorkerStatus, date_time, ms, way_out_of_refusal,
};
use crate::virtual_mac::Reach;
use crate::worker::ServerHealth;

impl Supervisor {
    /// Answers every `status` call that waits.
    pub(super) async fn answer_status_calls(&mut self) {
        for reply in std::mem::take(&mut self.waiting_for_report) {
            // The client may have hung up.
            let _ = reply.send(self.status().await);
        }
    }

    /// How things are.
    pub(super) async fn status(&self) -> Reply {
        let virtual_routers = self.router_statuses().await;
        let others = self.overheard.others(now().into_std());
        let mut problems = self.problems(&virtual_routers);
        problems.extend(others.iter().filter_map(OtherStatus::problem));
        Reply::Status(Box::new(StatusReport {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            node: self.config.node.as_ref().map(|node| node.name.clone()),
            pid: std::process::id(),
            healthy: problems.is_empty(),
            problems,
            config: ConfigStatus {
                file: self.source.name.clone(),
                digest: self.config.digest.clone(),
                revision: self.revision,
                rejected: self.rejected.clone(),
            },
            guard: GuardStatus { pid: self.guard.as_ref().and_then(|guard| guard.child.id()) },
            worker: WorkerStatus {
                state: self.worker_state(),
                pid: self.worker_pid(),
                restarts: self.generation.saturating_sub(1),
            },
            virtual_routers,
            others,
            frontends: self.report.frontends.clone(),
            backends: self.report.backends.clone(),
        }))
    }

    fn worker_state(&self) -> WorkerState {
        match self.coordinator.worker() {
            coordinator::Worker::Down => WorkerState::Down,
            coordinator::Worker::Starting => WorkerState::Starting,
            coordinator::Worker::Standby if self.coordinator.is_stopping() => WorkerState::Draining,
            coordinator::Worker::Standby if self.serves() => WorkerState::Serving,
            coordinator::Worker::Standby => WorkerState::Standby,
        }
    }

    /// Whether clients can reach a frontend on this box now.
    fn serves(&self) -> bool {
        let held = self.held_addresses();
        let mut virtual_addresses = self.config.routers.iter().flat_map(Router::held);
        self.config.binds.iter().any(|bind| {
            let ip = bind.address.ip();
            held.contains(&ip) || !virtual_addresses.any(|virt| virt.address == ip)
        })
    }

    async fn router_statuses(&self) -> Vec<RouterStatus> {
        let Some(engine) = &self.engine else { return Vec::new() };
        let statuses = engine.report().await;
        let (trackers, now) = (engine.trackers(), now().into_std());
        let tracker = |router: &Router| {
            let key = router.key();
            trackers.iter().find(|(group, _)| group.contains(&key)).map(|(_, tracker)| tracker)
        };
        let routers = self.config.routers.iter();
        routers
            .filter_map(|router| {
                let status = statuses.get(&router.key())?;
                let mut shown = router_status(router, status, tracker(router), now);
                shown.virtual_mac = self.virtual_mac(router, status);
                Some(shown)
            })
            .collect()
    }

    /// Claims that a hook does not allow, and hooks that failed.
    fn hook_problems(&self, routers: &[RouterStatus]) -> Vec<String> {
        let refused = routers.iter().filter_map(|router| {
            let why = router.claim_refused.as_ref()?;
            Some(format!("virtual router {} must not become active: {why}", router.name))
        });
        let mut problems: Vec<_> = refused.collect();
        let failures = self.hooks.as_ref().map(Hooks::failures).unwrap_or_default();
        for router in &self.config.routers {
            if let Some(failure) = failures.get(&router.key())
                && !problems.iter().any(|problem| problem.ends_with(failure.as_str()))
            {
                problems.push(format!("hook of virtual router {} failed: {failure}", router.name));
            }
        }
        problems
    }

    fn virtual_mac(
        &self,
        router: &Router,
        status: &engine::RouterStatus,
    ) -> Option<VirtualMacStatus> {
        let trying = self.trials.get(&router.key());
        Some(VirtualMacStatus {
            mac: status.config().virtual_mac()?.to_string(),
            device: router.device()?,
            answered: trying.and_then(|trying| match trying.reach {
                Reach::Unknown => None,
                Reach::Answered => Some(true),
                Reach::Unanswered(_) => Some(false),
            }),
        })
    }

    /// Virtual MACs that hosts do not answer.
    fn virtual_mac_problems(&self) -> impl Iterator<Item = String> {
        self.config.routers.iter().filter_map(|router| {
            let Reach::Unanswered(host) = self.trials.get(&router.key())?.reach else {
                return None;
            };
            Some(format!(
                "virtual router {}: {host} answers this box and not its virtual MAC\n\
                 hint: something lets one MAC through only: permit others, or `virtual_mac = false`",
                router.name
            ))
        })
    }

    fn problems(&self, routers: &[RouterStatus]) -> Vec<String> {
        let mut problems = Vec::new();
        if self.coordinator.worker() != coordinator::Worker::Standby {
            problems.push("the worker is not ready".to_owned());
        } else if self.heartbeats_missed > 1 {
            problems.push("the worker does not answer".to_owned());
        }
        if self.engine.is_some() && self.guard.is_none() {
            problems.push("there is no guard: addresses would outlive a crash".to_owned());
        }
        for router in routers {
            if router.state == Role::Initialize.to_string() {
                let transition = router.last_transition.as_ref();
                let why = transition.map_or("it was not started", |last| last.reason.as_str());
                let why = router.obstacle.as_deref().unwrap_or(why);
                let why = router.track_fault.as_deref().unwrap_or(why);
                problems.push(format!("virtual router {} takes no part: {why}", router.name));
            }
            if let Some(refused) =
                router.refused.as_ref().filter(|it| it.ago_ms < REFUSALS_SHOWN_MS)
            {
                let RefusalStatus { source, reason, hint, .. } = refused;
                let hint = hint.as_ref().map_or_else(String::new, |hint| format!("\nhint: {hint}"));
                problems.push(format!(
                    "virtual router {} refuses what {source} advertises: {reason}{hint}",
                    router.name
                ));
            }
            for MismatchStatus { text, hint, .. } in
                router.mismatches.iter().filter(|mismatch| mismatch.problem)
            {
                problems.push(format!("virtual router {}: {text}\nhint: {hint}", router.name));
            }
            if let Some(ConflictStatus { address, mac, .. }) = &router.conflict {
                problems.push(format!(
                    "address {address} of virtual router {} is in use by {mac}",
                    router.name
                ));
            }
            for track in router.tracks.iter().filter(|track| track.is_against() && !track.fault) {
                let TrackStatus { name, offset, cause, .. } = track;
                let router = &router.name;
                problems.push(format!(
                    "virtual router {router} is weaker by {}: track `{name}`: {cause}",
                    offset.unsigned_abs()
                ));
            }
        }
        problems.extend(self.sequences.problem());
        problems.extend(self.hook_problems(routers));
        problems.extend(self.virtual_mac_problems());
        for backend in &self.report.backends {
            if !backend.servers.iter().any(|server| server.health == ServerHealth::Up) {
                problems.push(format!("backend {} has no server that is up", backend.name));
            }
        }
        if let Some(rejected) = &self.rejected {
            problems.push(format!("the newest config was rejected:\n{rejected}"));
        }
        problems
    }
}

fn router_status(
    router: &Router,
    status: &engine::RouterStatus,
    tracker: Option<&Tracker>,
    now: Instant,
) -> RouterStatus {
    let since = |then| now.saturating_duration_since(then);
    let (group, config) = (&*status.group, status.config());
    let link = &group.links[status.link.index()];
    RouterStatus {
        name: router.name.clone(),
        vrid: router.vrid.value(),
        version: config.version().number(),
        interface: router.interface.clone(),
        group: router.group.clone(),
        link: match link.state {
            LinkState::Up => "up",
            LinkState::Down => "down",
        }
        .to_owned(),
        obstacle: link.obstacle.clone(),
        source: Some(link.source).filter(|source| !source.is_unspecified()),
        state: group.role.to_string(),
        priority: group.config.priority().value(),
        configured_priority: group.config.configured_priority().value(),
        track_fault: tracker.and_then(|tracker| tracker.health().fault),
        tracks: tracker
            .into_iter()
            .flat_map(Tracker::tracked)
            .map(|tracked| TrackStatus::new(tracked, now))
            .collect(),
        addresses: config.addresses().to_vec(),
        virtual_mac: None,
        excluded: router.excluded.iter().map(|cidr| cidr.address).collect(),
        settling_ms: link.settles_until.map(|until| ms(until.saturating_duration_since(now))),
        claim_refused: group.refusal.clone(),
        routes: config.routes().iter().map(ToString::to_string).collect(),
        advert_interval_ms: ms(config.interval().duration()),
        peer: link.peer.map(|peer| PeerStatus {
            address: peer.address,
            priority: peer.priority.value(),
            last_advert_ms: ms(since(peer.heard_at)),
            advert_interval_ms: ms(peer.interval.duration()),
            checksum: match peer.form {
                ChecksumForm::Rfc3768(_) => "rfc3768",
                ChecksumForm::Rfc9568 => "rfc9568",
                ChecksumForm::Rfc5798 | ChecksumForm::Rfc5798Multicast => "rfc5798",
            }
            .to_owned(),
        }),
        unicast_peers: match router.peering().transport {
            Transport::Multicast => Vec::new(),
            Transport::Unicast(peers) => peers,
        },
        refused: link.decode_errors.last_refusal.map(|refusal| RefusalStatus {
            source: refusal.source,
            reason: refusal.error.to_string(),
            hint: way_out_of_refusal(&refusal.error).map(str::to_owned),
            ago_ms: ms(since(refusal.at)),
        }),
        mismatches: link
            .mismatches
            .iter()
            .filter(|mismatch| !mismatch.is_over(now))
            .map(|mismatch| MismatchStatus::new(mismatch, now))
            .collect(),
        last_transition: group.last_transition.as_ref().map(|transition| TransitionStatus {
            from: transition.from.to_string(),
            to: transition.to.to_string(),
            reason: transition.reason.to_string(),
            ago_ms: ms(since(transition.at)),
        }),
        conflict: link.conflict.map(|conflict| ConflictStatus {
            address: conflict.address,
            mac: conflict.mac.to_string(),
            since_ms: ms(since(conflict.since)),
            heard_ms: ms(since(conflict.heard_at)),
        }),
        counters: counters(link, date_time(at(group.since, now)), group.scheduling_delay_max),
    }
}

fn counters(link: &LinkStatus, since: String, scheduling_delay_max: Duration) -> CounterStatus {
    let (counters, errors) = (&link.counters, &link.decode_errors);
    CounterStatus {
        discontinuity_datetime: since,
        master_transitions: counters.active_transitions,
        new_master_reason: counters.new_master_reason.to_string(),
        advertisement_rcvd: counters.advertisements_received,
        advertisement_sent: counters.advertisements_sent,
        priority_zero_pkts_rcvd: counters.priority_zero_received,
        priority_zero_pkts_sent: counters.priority_zero_sent,
        interval_errors: counters.advertise_interval_errors + errors.interval_errors,
        ip_ttl_errors: errors.ip_ttl_errors,
        invalid_type_pkts_rcvd: errors.invalid_type,
        address_list_errors: counters.address_list_errors + errors.address_list_errors,
        packet_length_errors: errors.packet_length_errors + errors.ip_header_errors,
        checksum_errors: errors.checksum_errors,
        version_errors: counters.version_errors + errors.version_errors,
        vrid_errors: counters.vrid_errors + errors.vrid_errors,
        own_source_received: counters.own_source_received,
        address_conflicts: counters.address_conflicts,
        late: counters.late,
        auth_type_mismatches: counters.auth_type_mismatches,
        auth_failures: counters.auth_failures,
        invalid_auth_type: errors.invalid_auth_type,
        source_errors: errors.source_errors,
        hmac_missing: errors.hmac_missing,
        hmac_failures: errors.hmac_failures,
        hmac_replays: errors.hmac_replays,
        hmac_unsigned: errors.hmac_unsigned,
        scheduling_delay_max_us: u64::try_from(scheduling_delay_max.as_micros())
            .unwrap_or(u64::MAX),
    }
}

/// How long a refusal counts as a problem.
const REFUSALS_SHOWN_MS: u64 = 60_000;

/// When this was by the clock of today.
#[expect(clippy::disallowed_methods, reason = "a date is wanted")]
fn at(then: Instant, now: Instant) -> SystemTime {
    SystemTime::now().checked_sub(now.saturating_duration_since(then)).unwrap_or(UNIX_EPOCH)
}
