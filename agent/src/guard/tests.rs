//! The words between supervisor and guard.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use vrrp::Vrid;
use vrrp::linux::{Executor, Will, removal_request};

use super::child::{obey, receive};
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

fn vrid(value: u8) -> Vrid {
    Vrid::new(value).expect("not 0")
}

#[test]
fn the_largest_virtual_router_fits_one_order() {
    let (guard, theirs) = pair();
    let addresses = (0..255).map(|host| IpAddr::from(Ipv4Addr::new(192, 0, 2, host)));
    let will = Will {
        removals: addresses.map(|address| removal_request(u32::MAX, address)).collect(),
        farewell: vec![255; 8 + 255 * 4],
    };
    let socket = tempfile::tempfile().expect("a descriptor");
    guard.arm(vrid(51), 7, &will, socket.as_fd());

    let mut buffer = vec![0; ORDER_MAX];
    let (order, sender) = receive(&theirs, &mut buffer).expect("understood").expect("open");
    let mut wills = BTreeMap::new();
    obey(&mut wills, order, sender);
    let kept = &wills[&Slot { index: 7, vrid: 51 }];
    assert_eq!((&kept.removals, &kept.farewell), (&will.removals, &will.farewell));
}

#[test]
fn what_is_disarmed_is_forgotten_and_the_rest_is_kept() {
    let (guard, theirs) = pair();
    let will = Will { removals: Vec::new(), farewell: vec![1] };
    let socket = tempfile::tempfile().expect("a descriptor");
    guard.arm(vrid(51), 7, &will, socket.as_fd());
    guard.arm(vrid(52), 7, &will, socket.as_fd());
    guard.disarm(vrid(51), 7);

    let mut buffer = vec![0; ORDER_MAX];
    let mut wills = BTreeMap::new();
    for _ in 0..3 {
        let (order, sender) = receive(&theirs, &mut buffer).expect("understood").expect("open");
        obey(&mut wills, order, sender);
    }
    assert_eq!(wills.into_keys().collect::<Vec<_>>(), [Slot { index: 7, vrid: 52 }]);
}

#[test]
fn the_end_of_the_supervisor_is_the_end_of_the_orders() {
    let (guard, theirs) = pair();
    drop(guard);
    assert!(receive(&theirs, &mut vec![0; ORDER_MAX]).expect("end of stream").is_none());
}
