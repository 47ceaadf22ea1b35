//! What a client sees of single failures, with exact bounds: two routers, priorities 150 and 100.

use std::time::Duration;

use vrrp::state::YIELD;
use vrrp::{LinkConfig, Preempt, Priority, RouterConfig};

use super::network::WAKE_LATE_MAX;
use super::plan::Fault;
use super::rng::Rng;
use super::world::World;
use crate::subject::{VIP, host, interval, ms, vrid};

const STRONG: usize = 0;
const WEAK: usize = 1;
const DELAY_MAX: Duration = Duration::from_micros(200);

/// Time for one packet and one timer.
const SLACK: Duration = ms(3);
const GUARD: Duration = ms(5);

/// The strong router is active, nothing else happens.
fn pair(milliseconds: u64, preempt: Preempt, seed: u64) -> World {
    let config = |last, priority| {
        let link = LinkConfig::new(vrid(), host(last), vec![VIP])
            .expect("valid addresses")
            .with_interval(interval(milliseconds))
            .expect("sayable");
        RouterConfig::new(link)
            .with_priority(Priority::new(priority))
            .expect("not 0")
            .with_preempt(preempt)
    };
    let mut world = World::new(vec![config(10, 150), config(11, 100)], DELAY_MAX, Rng::new(seed));
    world.run_for(ms(milliseconds) * 5).expect("no law is broken");
    assert!(world.hosts[STRONG].is_active());
    world.measure.restart(world.now);
    world
}

fn suffer(world: &mut World, fault: Fault, duration: Duration) {
    world.apply(fault).expect("no law is broken");
    world.run_for(duration).expect("no law is broken");
}

/// The same failure at many moments between two advertisements.
fn at_any_moment(milliseconds: u64, preempt: Preempt, check: impl Fn(World)) {
    for moment in 0..100 {
        let mut world = pair(milliseconds, preempt, moment);
        world
            .run_for(ms(milliseconds) * u32::try_from(moment).expect("few") / 100)
            .expect("no law");
        check(world);
    }
}

fn skew(milliseconds: u64) -> Duration {
    interval(milliseconds).skew(Priority::new(100))
}

fn active_down(milliseconds: u64) -> Duration {
    interval(milliseconds).active_down(Priority::new(100))
}

#[test]
fn killed_supervisor_is_replaced_after_the_skew() {
    at_any_moment(100, Preempt::Never, |mut world| {
        suffer(&mut world, Fault::Kill(STRONG), ms(1000));
        assert!(world.hosts[WEAK].is_active());
        assert!(world.measure.gap_longest <= skew(100) + GUARD + SLACK);
        assert_eq!(world.measure.both_held, Duration::ZERO);
    });
}

#[test]
fn planned_stop_takes_the_skew() {
    at_any_moment(100, Preempt::Never, |mut world| {
        suffer(&mut world, Fault::Stop(STRONG), ms(1000));
        assert!(world.hosts[WEAK].is_active());
        assert!(world.measure.gap_longest <= skew(100) + SLACK);
        assert_eq!(world.measure.both_held, Duration::ZERO);
    });
}

#[test]
fn link_loss_takes_active_down_interval() {
    at_any_moment(100, Preempt::Never, |mut world| {
        suffer(&mut world, Fault::LinkDown(STRONG), ms(1000));
        assert!(world.hosts[WEAK].is_active());
        assert!(world.measure.gap_longest <= active_down(100) + SLACK);
        suffer(&mut world, Fault::LinkUp(STRONG), ms(1000));
        assert!(world.hosts[WEAK].is_active(), "the returning router waits");
        assert_eq!(world.measure.both_held, Duration::ZERO);
    });
}

#[test]
fn a_box_whose_processes_are_all_dead_never_holds_the_address_beside_its_peer() {
    for milliseconds in [1000, 1010, 2000] {
        at_any_moment(milliseconds, Preempt::Never, |mut world| {
            suffer(&mut world, Fault::KillAll(STRONG), ms(milliseconds) * 5);
            assert!(world.hosts[WEAK].is_active());
            assert!(world.measure.gap_longest <= active_down(milliseconds) + SLACK);
            assert_eq!(world.measure.both_held, Duration::ZERO);
        });
    }
}

#[test]
fn a_frozen_active_router_loses_the_address_to_its_lease_and_returns_as_backup() {
    at_any_moment(1000, Preempt::Never, |mut world| {
        suffer(&mut world, Fault::Pause(STRONG), ms(10_000));
        assert!(world.hosts[WEAK].is_active());
        suffer(&mut world, Fault::Resume(STRONG), ms(10_000));
        assert!(world.hosts[WEAK].is_active() && !world.hosts[STRONG].is_active());
        assert_eq!(world.measure.both_held, Duration::ZERO);
    });
}

#[test]
fn preemption_waits_until_the_weaker_router_has_let_go() {
    at_any_moment(100, Preempt::Immediate, |mut world| {
        suffer(&mut world, Fault::Stop(STRONG), ms(1000));
        world.measure.restart(world.now);
        suffer(&mut world, Fault::Start(STRONG), ms(1000));
        assert!(world.hosts[STRONG].is_active());
        assert!(world.measure.gap_longest <= YIELD + WAKE_LATE_MAX);
        assert_eq!(world.measure.both_held, Duration::ZERO);
    });
}

#[test]
fn a_deleted_address_is_back_after_one_event() {
    at_any_moment(100, Preempt::Never, |mut world| {
        suffer(&mut world, Fault::DeleteAddresses(STRONG), ms(1000));
        assert!(world.hosts[STRONG].is_active());
        assert!(world.measure.gap_longest <= WAKE_LATE_MAX);
    });
}

#[test]
fn equals_do_not_preempt_each_other() {
    at_any_moment(100, Preempt::Immediate, |mut world| {
        let equal = world.hosts[WEAK].config().clone().with_priority(Priority::new(150));
        let equal = Box::new(equal.expect("not 0"));
        suffer(&mut world, Fault::Reload(WEAK, equal), ms(5000));
        assert!(world.hosts[STRONG].is_active());
        assert_eq!(world.measure.both_held, Duration::ZERO);
    });
}
