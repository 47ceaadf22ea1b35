//! What a client sees of single failures, with exact bounds: two routers, priorities 150 and 100.

use std::time::Duration;

use vrrp::state::YIELD;
use vrrp::{LinkConfig, LinkId, Preempt, Priority, RouterConfig};

use super::network::WAKE_LATE_MAX;
use super::plan::Fault;
use super::rng::Rng;
use super::world::World;
use crate::subject::{LAN, VIP, host_on, interval, ms, vrid};

const STRONG: usize = 0;
const WEAK: usize = 1;
const DELAY_MAX: Duration = Duration::from_micros(200);

/// Time for one packet and one timer.
const SLACK: Duration = ms(3);
const GUARD: Duration = ms(5);

/// The strong router is active, nothing else happens.
fn pair(milliseconds: u64, preempt: Preempt, seed: u64) -> World {
    boxes(&[LinkId::FIRST], milliseconds, preempt, seed)
}

/// The same with two links that move as one.
fn gateways(milliseconds: u64, seed: u64) -> World {
    boxes(&[LinkId::FIRST, LAN], milliseconds, Preempt::Never, seed)
}

fn boxes(links: &[LinkId], milliseconds: u64, preempt: Preempt, seed: u64) -> World {
    let config = |last, priority| {
        let link = |id: &LinkId| {
            LinkConfig::new(vrid(), host_on(*id, last), vec![host_on(*id, 100)])
                .expect("valid addresses")
                .with_interval(interval(milliseconds))
                .expect("sayable")
        };
        let others = links[1..].iter().map(link);
        others
            .fold(RouterConfig::new(link(&links[0])), RouterConfig::with_link)
            .with_strongest_other(Priority::new(250 - priority))
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
    at_any_moment_of(|seed| pair(milliseconds, preempt, seed), milliseconds, check);
}

fn at_any_moment_of(world: impl Fn(u64) -> World, milliseconds: u64, check: impl Fn(World)) {
    for moment in 0..100 {
        let mut world = world(moment);
        world
            .run_for(ms(milliseconds) * u32::try_from(moment).expect("few") / 100)
            .expect("no law");
        // Here, nothing overtakes an advertisement that was just sent.
        let advertised_at = world.hosts[STRONG].record.on(LinkId::FIRST).advertised_at;
        if advertised_at.is_some_and(|at| world.now - at < DELAY_MAX) {
            world.run_for(DELAY_MAX).expect("no law");
        }
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
fn boxes_that_boot_behind_a_switch_that_does_not_forward_yet_wait_for_each_other() {
    for forwards_after in [ms(0), ms(100), ms(2500), ms(4900)] {
        let configs = [(10, 150), (11, 100)].map(|(last, priority)| {
            let link = LinkConfig::new(vrid(), host_on(LinkId::FIRST, last), vec![VIP])
                .and_then(|link| link.with_interval(interval(100)))
                .expect("valid")
                .with_settle(ms(5000))
                .with_others(vec![host_on(LinkId::FIRST, 21 - last)]);
            RouterConfig::new(link).with_priority(Priority::new(priority)).expect("not 0")
        });
        for seed in 0..20 {
            let mut world = World::new(configs.to_vec(), DELAY_MAX, Rng::new(seed));
            for host in [STRONG, WEAK] {
                world.apply(Fault::Mute(host, LinkId::FIRST)).expect("no law is broken");
            }
            world.run_for(forwards_after).expect("no law is broken");
            for host in [STRONG, WEAK] {
                world.apply(Fault::Unmute(host, LinkId::FIRST)).expect("no law is broken");
            }
            world.run_for(ms(6000)).expect("no law is broken");
            assert!(world.hosts[STRONG].is_active() && !world.hosts[WEAK].is_active());
            assert_eq!(world.measure.both_held, Duration::ZERO, "{forwards_after:?}");
            // The question that is asked every second is answered, and then Active_Down passes.
            assert!(world.measure.gap_longest <= forwards_after + ms(1000) + active_down(100));
        }
    }
}

#[test]
fn an_immediate_stop_takes_the_skew() {
    at_any_moment(100, Preempt::Never, |mut world| {
        suffer(&mut world, Fault::Stop(STRONG), ms(1000));
        assert!(world.hosts[WEAK].is_active());
        assert!(world.measure.gap_longest <= skew(100) + SLACK);
        assert_eq!(world.measure.both_held, Duration::ZERO);
    });
}

#[test]
fn in_a_planned_stop_nobody_waits_for_the_skew() {
    for milliseconds in [10, 100, 1000, 3000] {
        // The address is held for 0.9 s at most.
        let gap =
            ms(10).min(skew(milliseconds) / 2).max(skew(milliseconds).saturating_sub(ms(900)));
        at_any_moment(milliseconds, Preempt::Never, |mut world| {
            suffer(&mut world, Fault::Leave(STRONG), ms(milliseconds) * 2);
            assert!(world.hosts[WEAK].is_active());
            assert!(world.measure.gap_longest <= gap + SLACK, "{:?}", world.measure.gap_longest);
            assert_eq!(world.measure.both_held, Duration::ZERO);
        });
    }
}

#[test]
fn whatever_strikes_a_box_that_leaves_nobody_holds_the_address_beside_it() {
    for fault in [Fault::Hang(STRONG), Fault::Kill(STRONG), Fault::Stop(STRONG)] {
        for moment in 0..60 {
            at_any_moment(100, Preempt::Never, |mut world| {
                suffer(&mut world, Fault::Leave(STRONG), ms(moment));
                suffer(&mut world, fault.clone(), ms(1000));
                assert!(world.hosts[WEAK].is_active());
                assert!(world.measure.gap_longest <= skew(100) + GUARD + SLACK);
                assert_eq!(world.measure.both_held, Duration::ZERO, "{fault:?} after {moment} ms");
            });
        }
    }
}

#[test]
fn link_loss_takes_active_down_interval() {
    at_any_moment(100, Preempt::Never, |mut world| {
        suffer(&mut world, Fault::LinkDown(STRONG, LinkId::FIRST), ms(1000));
        assert!(world.hosts[WEAK].is_active());
        assert!(world.measure.gap_longest <= active_down(100) + SLACK);
        suffer(&mut world, Fault::LinkUp(STRONG, LinkId::FIRST), ms(1000));
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

// ---- two links that move as one

#[test]
fn the_loss_of_one_link_moves_both() {
    at_any_moment_of(
        |seed| gateways(100, seed),
        100,
        |mut world| {
            suffer(&mut world, Fault::LinkDown(STRONG, LAN), ms(1000));
            assert!(world.hosts[WEAK].is_active());
            // On the link that is lost, an interval of silence stands in for the release.
            assert!(world.measure.gap_longest <= ms(100) + skew(100) + SLACK);
            suffer(&mut world, Fault::LinkUp(STRONG, LAN), ms(1000));
            assert!(world.hosts[WEAK].is_active(), "the returning router waits");
            assert_eq!(world.measure.both_held, Duration::ZERO);
            assert_eq!(world.measure.torn, Duration::ZERO);
        },
    );
}

#[test]
fn while_one_link_connects_the_boxes_only_one_is_active() {
    for fault in
        [Fault::Cut(LAN, STRONG, WEAK), Fault::Split(LAN, 1), Fault::Split(LinkId::FIRST, 1)]
    {
        at_any_moment_of(
            |seed| gateways(100, seed),
            100,
            |mut world| {
                suffer(&mut world, fault.clone(), ms(5000));
                assert!(world.hosts[STRONG].is_active() && !world.hosts[WEAK].is_active());
                world.heal().expect("no law is broken");
                suffer(&mut world, Fault::SpuriousTimer(STRONG), ms(1000));
                assert_eq!(world.measure.gap_longest, Duration::ZERO);
                assert_eq!(world.measure.both_held, Duration::ZERO);
            },
        );
    }
}

#[test]
fn boxes_that_meet_again_on_one_link_settle_all() {
    at_any_moment_of(
        |seed| gateways(100, seed),
        100,
        |mut world| {
            suffer(&mut world, Fault::SplitAll(1), ms(2000));
            assert!(world.hosts[STRONG].is_active() && world.hosts[WEAK].is_active());
            world.networks[LAN.index()].heal();
            suffer(&mut world, Fault::SpuriousTimer(STRONG), ms(110));
            assert!(world.hosts[STRONG].is_active() && !world.hosts[WEAK].is_active());
            assert_eq!(world.measure.gap_longest, Duration::ZERO);
            assert_eq!(world.measure.torn, Duration::ZERO);
        },
    );
}

#[test]
fn a_killed_supervisor_lets_go_of_all_links() {
    at_any_moment_of(
        |seed| gateways(100, seed),
        100,
        |mut world| {
            suffer(&mut world, Fault::Kill(STRONG), ms(1000));
            assert!(world.hosts[WEAK].is_active());
            assert!(world.measure.gap_longest <= skew(100) + GUARD + SLACK);
            assert_eq!(world.measure.both_held, Duration::ZERO);
        },
    );
}

#[test]
fn a_planned_stop_moves_all_links_at_once() {
    at_any_moment_of(
        |seed| gateways(100, seed),
        100,
        |mut world| {
            suffer(&mut world, Fault::Leave(STRONG), ms(1000));
            assert!(world.hosts[WEAK].is_active());
            assert!(world.measure.gap_longest <= ms(10) + SLACK);
            assert_eq!(world.measure.both_held, Duration::ZERO);
            assert_eq!(world.measure.torn, Duration::ZERO);
        },
    );
}

#[test]
fn a_supervisor_that_dies_between_two_links_tears_nothing_apart() {
    for actions in 0..8 {
        at_any_moment_of(
            |seed| gateways(100, seed),
            100,
            |mut world| {
                world.apply(Fault::KillMidway(STRONG, actions)).expect("no law is broken");
                suffer(&mut world, Fault::Stop(STRONG), ms(2000));
                assert!(world.hosts[WEAK].is_active());
                assert_eq!(world.measure.torn, Duration::ZERO);
                assert_eq!(world.measure.both_held, Duration::ZERO);
            },
        );
    }
}

#[test]
fn a_reload_of_one_link_leaves_the_group_alone() {
    at_any_moment_of(
        |seed| gateways(100, seed),
        100,
        |mut world| {
            let lan = LinkConfig::new(
                vrid(),
                host_on(LAN, 10),
                vec![host_on(LAN, 100), host_on(LAN, 101)],
            )
            .and_then(|lan| lan.with_interval(interval(100)))
            .expect("valid");
            let wan = world.hosts[STRONG].config().link(LinkId::FIRST).clone();
            let config = RouterConfig::new(wan)
                .with_link(lan)
                .with_priority(Priority::new(150))
                .expect("not 0");
            suffer(&mut world, Fault::Reload(STRONG, Box::new(config)), ms(1000));
            assert!(world.hosts[STRONG].is_active());
            assert!(world.hosts[STRONG].held.contains_key(&(LAN, host_on(LAN, 101))));
            assert_eq!(world.measure.gap_longest, Duration::ZERO);
        },
    );
}
