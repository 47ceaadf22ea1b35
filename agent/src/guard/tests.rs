//! The words between supervisor and guard, and its patience.

use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use vrrp::linux::{Executor, Farewell, RouterId, Will, removal_request};
use vrrp::{Family, Vrid};

use super::child::{Wills, obey, receive, silent};
use super::parent::Guard;
use super::{ORDER_MAX, Slot};

fn pair() -> (Guard, OwnedFd) {
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::NONBLOCK, None)
            .expect("a socket pair");
    let guard = Guard::default();
    guard.replace(ours);
    (guard, theirs)
}

fn router(family: Family, vrid: u8) -> RouterId {
    RouterId { index: 7, family, vrid: Vrid::new(vrid).expect("not 0") }
}

fn farewell(message: Vec<u8>) -> Farewell {
    Farewell { to: "[fe80::3%7]:0".parse().expect("an address"), message }
}

/// Far longer than any test takes.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Over at once.
const IMPATIENCE: Duration = Duration::from_nanos(1);

/// An alarm that does not ring for this long is one with [`PATIENCE`].
const SILENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

fn arm(guard: &Guard, router: RouterId, patience: Duration) {
    let (route_removals, addresses) = (Vec::new(), Vec::new());
    let farewells = vec![farewell(vec![1])];
    let will =
        Will { route_removals, addresses, farewells, device_down: None, seal: None, patience };
    let socket = tempfile::tempfile().expect("a descriptor");
    guard.arm(router, &will, socket.as_fd());
}

/// Does what was said so far.
fn obey_all(theirs: &OwnedFd, wills: &mut Wills) {
    let mut buffer = vec![0; ORDER_MAX];
    while let Ok(Some((order, descriptors))) = receive(theirs, &mut buffer) {
        obey(wills, order, descriptors);
    }
}

/// Waits until each alarm has rung or will not ring.
fn await_rings(wills: &Wills) {
    for alarm in wills.values().filter_map(|will| will.alarm.as_ref()) {
        poll(&mut [PollFd::new(alarm, PollFlags::IN)], Some(&SILENT)).expect("polled");
    }
}

/// The virtual routers that the guard has to let go of now.
fn now_silent(wills: &Wills) -> Vec<u8> {
    await_rings(wills);
    silent(wills).into_iter().map(|(slot, _)| slot.vrid).collect()
}

#[test]
fn the_largest_virtual_router_fits_one_order() {
    let (guard, theirs) = pair();
    let addresses = (0..755).map(|host| IpAddr::from(Ipv6Addr::from(u128::MAX - host)));
    let will = Will {
        route_removals: vec![vec![255; 120]; 64],
        addresses: addresses.collect(),
        farewells: vec![farewell(vec![255; 8 + 255 * 16]); 4],
        device_down: Some(vec![255; 32]),
        seal: None,
        patience: PATIENCE,
    };
    let socket = tempfile::tempfile().expect("a descriptor");
    guard.arm(router(Family::Ipv6, 51), &will, socket.as_fd());

    let mut wills = Wills::new();
    obey_all(&theirs, &mut wills);
    let kept = &wills[&Slot { index: 7, ipv6: true, vrid: 51 }];
    let removals = will.addresses.iter().map(|&address| removal_request(7, address));
    let expected: Vec<_> = will.route_removals.into_iter().chain(removals).collect();
    assert_eq!(kept.removals, expected);
    let farewells: Vec<_> = will.farewells.into_iter().map(|f| (f.to, f.message)).collect();
    assert_eq!(kept.farewells, farewells, "with their interface");
}

#[test]
fn what_is_disarmed_is_forgotten_and_the_rest_is_kept() {
    let (guard, theirs) = pair();
    for (family, vrid) in [(Family::Ipv4, 51), (Family::Ipv4, 52), (Family::Ipv6, 51)] {
        arm(&guard, router(family, vrid), PATIENCE);
    }
    guard.disarm(router(Family::Ipv4, 51));

    let mut wills = Wills::new();
    obey_all(&theirs, &mut wills);
    let kept = [Slot { index: 7, ipv6: false, vrid: 52 }, Slot { index: 7, ipv6: true, vrid: 51 }];
    assert_eq!(wills.into_keys().collect::<Vec<_>>(), kept);
}

#[test]
fn the_end_of_the_supervisor_is_the_end_of_the_orders() {
    let (guard, theirs) = pair();
    drop(guard);
    assert!(receive(&theirs, &mut vec![0; ORDER_MAX]).expect("end of stream").is_none());
}

#[test]
fn each_virtual_router_has_a_patience_of_its_own() {
    let (guard, theirs) = pair();
    let mut wills = Wills::new();
    arm(&guard, router(Family::Ipv4, 51), IMPATIENCE);
    arm(&guard, router(Family::Ipv4, 52), PATIENCE);
    arm(&guard, router(Family::Ipv4, 53), IMPATIENCE);
    obey_all(&theirs, &mut wills);
    assert_eq!(now_silent(&wills), [51, 53]);
}

#[test]
fn a_silence_is_acted_on_once_and_a_beat_ends_it() {
    let (guard, theirs) = pair();
    let mut wills = Wills::new();
    arm(&guard, router(Family::Ipv4, 51), IMPATIENCE);
    obey_all(&theirs, &mut wills);
    assert_eq!(now_silent(&wills), [51]);
    assert_eq!(now_silent(&wills), [0; 0]);
    guard.beat(router(Family::Ipv4, 51));
    assert_eq!(now_silent(&wills), [51]);
}

#[test]
fn a_late_guard_takes_nothing_for_silence_that_was_said_before_it_looked() {
    let (guard, theirs) = pair();
    let mut wills = Wills::new();
    arm(&guard, router(Family::Ipv4, 51), IMPATIENCE);
    obey_all(&theirs, &mut wills);
    await_rings(&wills);
    arm(&guard, router(Family::Ipv4, 51), PATIENCE);
    assert_eq!(now_silent(&wills), [0; 0]);
    obey_all(&theirs, &mut wills);
    guard.beat(router(Family::Ipv4, 51));
    assert_eq!(now_silent(&wills), [0; 0]);
}

#[test]
fn a_new_guard_waits_for_the_same_alarm() {
    let (guard, _lost) = pair();
    arm(&guard, router(Family::Ipv4, 51), PATIENCE);
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::NONBLOCK, None)
            .expect("a socket pair");
    guard.replace(ours);
    arm(&guard, router(Family::Ipv4, 51), IMPATIENCE);
    let mut wills = Wills::new();
    obey_all(&theirs, &mut wills);
    assert_eq!(now_silent(&wills), [51]);
}

#[test]
fn who_disarms_is_not_taken_for_hung_though_the_guard_has_not_heard_it_yet() {
    let (guard, theirs) = pair();
    let mut wills = Wills::new();
    arm(&guard, router(Family::Ipv4, 51), IMPATIENCE);
    obey_all(&theirs, &mut wills);
    guard.disarm(router(Family::Ipv4, 51));
    assert_eq!(now_silent(&wills), [0; 0]);
    guard.beat(router(Family::Ipv4, 51));
    assert_eq!(now_silent(&wills), [0; 0]);
}

#[test]
fn a_guard_that_does_not_listen_delays_no_beat() {
    let (guard, _theirs) = pair();
    arm(&guard, router(Family::Ipv4, 51), PATIENCE);
    for _ in 0..100_000 {
        guard.beat(router(Family::Ipv4, 51));
    }
}
