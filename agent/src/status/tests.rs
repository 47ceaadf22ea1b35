//! The table as a person sees it, and the JSON as a program does.

use super::track::{TrackEffect, TrackState};
use super::*;

fn good_track() -> TrackStatus {
    TrackStatus {
        name: "uplink".to_owned(),
        effect: TrackEffect::Weight,
        weight: Some(-20),
        state: TrackState::Up,
        offset: 0,
        fault: false,
        since_ms: 90_000,
        cause: "link up".to_owned(),
        last: "link up".to_owned(),
    }
}

fn report() -> StatusReport {
    StatusReport {
        schema: SCHEMA,
        version: "0.1.0".to_owned(),
        node: Some("router-a".to_owned()),
        pid: 100,
        healthy: false,
        problems: vec!["backend web has no server that is up".to_owned()],
        config: ConfigStatus {
            file: "/etc/haagent/haagent.toml".to_owned(),
            digest: "8577a16f6b03ffffffffffff".to_owned(),
            revision: 2,
            rejected: None,
        },
        guard: GuardStatus { pid: Some(101) },
        worker: WorkerStatus { state: WorkerState::Serving, pid: Some(102), restarts: 0 },
        virtual_routers: vec![RouterStatus {
            name: "web".to_owned(),
            vrid: 51,
            version: 3,
            interface: "eth0".to_owned(),
            group: Some("edge".to_owned()),
            link: "up".to_owned(),
            obstacle: None,
            source: Some("192.0.2.2".parse().expect("an address")),
            state: "active".to_owned(),
            priority: 150,
            configured_priority: 150,
            track_fault: None,
            tracks: vec![good_track()],
            addresses: vec!["192.0.2.1".parse().expect("an address")],
            excluded: vec!["192.0.2.4".parse().expect("an address")],
            virtual_mac: Some(VirtualMacStatus {
                mac: "00:00:5e:00:01:33".to_owned(),
                device: "v4-51-eth0".to_owned(),
                answered: Some(true),
            }),
            settling_ms: None,
            claim_refused: None,
            routes: vec!["0.0.0.0/0 via 192.0.2.254".to_owned()],
            advert_interval_ms: 100,
            unicast_peers: Vec::new(),
            refused: None,
            mismatches: Vec::new(),
            peer: Some(PeerStatus {
                address: "192.0.2.3".parse().expect("an address"),
                priority: 100,
                last_advert_ms: 61_000,
                advert_interval_ms: 100,
                checksum: "rfc9568".to_owned(),
            }),
            last_transition: Some(TransitionStatus {
                from: "backup".to_owned(),
                to: "active".to_owned(),
                reason: "no advertisement for 341 ms".to_owned(),
                ago_ms: 60_500,
            }),
            conflict: Some(ConflictStatus {
                address: "192.0.2.1".parse().expect("an address"),
                mac: "02:bb:00:00:00:01".to_owned(),
                since_ms: 90_000,
                heard_ms: 400,
            }),
            counters: CounterStatus::default(),
        }],
        others: vec![OtherStatus {
            interface: "eth0".to_owned(),
            vrid: 77,
            source: "192.0.2.77".parse().expect("an address"),
            priority: 100,
            advert_interval_ms: 1000,
            addresses: vec!["192.0.2.78".parse().expect("an address")],
            address_count: 3,
            collides: false,
            last_advert_ms: 400,
        }],
        frontends: vec![FrontendReport {
            name: "web".to_owned(),
            bind: vec!["192.0.2.1:80".parse().expect("an address")],
            backend: "web".to_owned(),
            sessions: 1,
            sessions_total: 10,
        }],
        backends: vec![BackendReport {
            name: "web".to_owned(),
            balance: "round_robin".to_owned(),
            servers: vec![ServerReport {
                name: "s1".to_owned(),
                address: "192.0.2.10:80".parse().expect("an address"),
                weight: 1,
                backup: false,
                health: ServerHealth::Down,
                last_check: Some("connection refused".to_owned()),
                sessions: 0,
                sessions_total: 10,
                connect_errors: 3,
            }],
        }],
    }
}

#[test]
fn the_table_says_what_matters_within_80_columns() {
    let table = report().to_string();
    let expected = "\
router-a: degraded, haagent 0.1.0, pid 100
  problem: backend web has no server that is up
config: /etc/haagent/haagent.toml (revision 2, 8577a16f6b03)
worker: serving, pid 102
guard: ready

virtual router web: active
  eth0, vrid 51, priority 150, advert every 100 ms
  group: edge
  addresses: 192.0.2.1
  virtual MAC: 00:00:5e:00:01:33 on v4-51-eth0, answered
  not advertised: 1 more
  routes: 0.0.0.0/0 via 192.0.2.254
  peer: 192.0.2.3, priority 100, last advert 61 s ago
  conflict: 192.0.2.1 is in use by 02:bb:00:00:00:01
    last claimed 400 ms ago
  last change: backup to active 60 s ago
    because no advertisement for 341 ms

other on eth0: vrid 77, 192.0.2.77, priority 100
  addresses 192.0.2.78 and 2 more

frontend web: 192.0.2.1:80 to backend web
  sessions: 1 open, 10 in total

backend web: round_robin
  s1             192.0.2.10:80         down          0 open  connection refused
";
    assert_eq!(table, expected);
    assert!(table.lines().all(|line| line.len() <= 80));
}

#[test]
fn a_check_that_fails_is_told_with_its_effect_and_cause() {
    let mut report = report();
    let router = &mut report.virtual_routers[0];
    router.priority = 130;
    let down = TrackStatus {
        state: TrackState::Down,
        offset: -20,
        cause: "no answer for 1000 ms".to_owned(),
        ..good_track()
    };
    let effect = TrackEffect::Fault;
    let fault = TrackStatus { effect, offset: 0, fault: true, ..down.clone() };
    router.tracks = vec![good_track(), down, fault];
    let table = report.to_string();
    let expected = "    because no advertisement for 341 ms
  track uplink: down for 90 s, priority -20
    because no answer for 1000 ms
  track uplink: down for 90 s, fault
    because no answer for 1000 ms
";
    assert!(table.contains("vrid 51, priority 130 (of 150), advert"), "{table}");
    assert!(table.contains(expected), "{table}");
}

#[test]
fn a_peer_that_let_go_is_told_as_such() {
    let mut report = report();
    if let Some(peer) = &mut report.virtual_routers[0].peer {
        peer.priority = 0;
    }
    assert!(report.to_string().contains("\n  peer: 192.0.2.3, let go 61 s ago\n"));
}

#[test]
fn another_user_of_our_vrid_is_a_problem() {
    let mut other = report().others.remove(0);
    assert_eq!(other.problem(), None);
    (other.vrid, other.address_count, other.collides) = (51, 1, true);
    let problem = other.problem().expect("a collision");
    let expected = "vrid 51 on eth0 is also used by 192.0.2.77 (priority 100, address 192.0.2.78)";
    assert!(problem.starts_with(expected) && problem.contains("\nhint: "), "{problem}");
}

#[test]
fn the_json_keeps_its_field_names() {
    let json = serde_json::to_value(report()).expect("JSON");
    assert_eq!(json["schema"], 2);
    assert_eq!(json["worker"]["state"], "serving");
    assert_eq!(json["virtual_routers"][0]["peer"]["last_advert_ms"], 61_000);
    assert_eq!(json["virtual_routers"][0]["last_transition"]["ago_ms"], 60_500);
    assert_eq!(json["backends"][0]["servers"][0]["health"], "down");
    let back: StatusReport = serde_json::from_value(json).expect("the same shape");
    assert_eq!(back.to_string(), report().to_string());
}

#[test]
fn ages_are_said_in_the_unit_that_fits() {
    let said = [42, 1_500, 300_000, 7_200_000, 200_000_000].map(age);
    assert_eq!(said, ["42 ms", "1 s", "5 min", "2 h", "2 d"]);
}
