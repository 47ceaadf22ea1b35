//! Stories of one router that takes over and stays: what it does, and why it says it did.

use vrrp::{
    Action, Checksum, ChecksumForm, Event, LinkId, LinkState, Preempt, Priority, Role, Version,
};

use crate::subject::{
    ACTIVE_DOWN, Did, OTHER_VIP, PREEMPTS, SECOND, SKEW, Subject, TAKES_OVER, THEN_HOLDS, VIP,
    advert, host, interval, link_is, lost, ms, settings, with_addresses, with_interval,
    with_preempt, with_priority, with_version,
};

// ---- taking over

#[test]
fn silence_makes_a_backup_active_after_active_down_interval() {
    let mut backup = Subject::in_backup(settings());
    backup.after(ACTIVE_DOWN - ms(1)).nothing();
    backup.after(ms(1)).does(TAKES_OVER);
    backup.because("no advertisement for 3609 ms");
}

#[test]
fn advertisements_keep_a_backup_waiting() {
    let mut backup = Subject::in_backup(settings());
    for _ in 0..10 {
        backup.after(ms(3600)).nothing();
        backup.hears(advert(9, 100)).nothing();
    }
    backup.is(Role::Backup);
}

#[test]
fn an_advertisement_that_was_read_late_counts_from_its_arrival() {
    let mut backup = Subject::in_backup(settings());
    backup.frozen_for(ms(10_000));
    backup.hears(advert(9, 150).unread_for(ms(9_000))).nothing();
    backup.hears(advert(9, 150).unread_for(ms(1_000))).nothing();
    backup.after(ACTIVE_DOWN - ms(1_001)).nothing();
    backup.after(ms(1)).does(TAKES_OVER);
    backup.because("no advertisement for 3609 ms");
}

#[test]
fn what_arrived_before_it_listened_does_not_hasten_a_backup() {
    let mut late = Subject::in_active(settings());
    late.frozen_for(ms(10_000));
    late.hears(advert(9, 150).unread_for(ms(9_000))).does("remove .100");
    late.is(Role::Backup);
    assert_eq!(late.router.counters(LinkId::FIRST).late, 1);
    late.after(ACTIVE_DOWN - ms(1)).nothing();
    late.after(ms(1)).does(TAKES_OVER);
}

#[test]
fn priority_zero_hastens_takeover() {
    let mut backup = Subject::in_backup(settings());
    backup.hears(advert(9, 150)).nothing();
    backup.hears(advert(9, 0)).nothing();
    backup.after(SKEW - ms(1)).nothing();
    backup.after(ms(1)).does(TAKES_OVER);
    backup.because("192.0.2.9 let go");
}

#[test]
fn a_stronger_backup_waits_less() {
    let down = |priority| Subject::in_backup(with_priority(priority)).wait();
    assert!(down(254) < down(200));
    assert_eq!(down(254).map(|wait| wait.as_micros()), Some(3_007_812));
}

#[test]
fn backup_adopts_the_interval_of_a_slow_peer() {
    let mut backup = Subject::in_backup(settings());
    backup.hears(advert(9, 150).every(interval(10_000))).nothing();
    backup.after(ms(30_000)).nothing();
    backup.after(ms(6_094)).does(TAKES_OVER);
}

#[test]
fn an_active_router_keeps_its_own_interval() {
    let mut router = Subject::in_backup(settings());
    router.hears(advert(9, 150).every(interval(10_000))).nothing();
    let _ = router.after(ms(40_000));
    router.is(Role::Active);
    let did = router.after(ms(10_000));
    assert_eq!(did.adverts(), 10);
}

#[test]
fn owner_starts_active() {
    let mut owner = Subject::stopped(with_priority(255));
    owner.on(Event::Startup).does("advertise 255, add .100, announce .100");
    owner.because("started as owner of the addresses");
}

#[test]
fn a_stopped_router_only_listens() {
    let mut stopped = Subject::stopped(settings());
    stopped.hears(advert(9, 150)).nothing();
    assert_eq!(stopped.wait(), None);
    let peer = stopped.router.peer(LinkId::FIRST).expect("the peer was heard");
    assert_eq!(
        (peer.address, peer.priority, peer.heard_at),
        (host(9), Priority::new(150), stopped.now)
    );
}

// ---- preemption

#[test]
fn a_weaker_active_router_is_left_alone_by_default() {
    let mut backup = Subject::in_backup(settings());
    for _ in 0..10 {
        backup.hears(advert(9, 1)).nothing();
        backup.after(SECOND).nothing();
    }
}

#[test]
fn a_weaker_active_router_is_preempted_within_active_down_interval() {
    let mut backup = Subject::in_backup(with_preempt(Preempt::Immediate));
    for _ in 0..3 {
        backup.after(SECOND).nothing();
        backup.hears(advert(9, 50)).nothing();
    }
    backup.after(ms(610)).does(PREEMPTS);
    backup.after(ms(19)).nothing();
    backup.after(ms(1)).does(THEN_HOLDS);
    backup.because("preempted 192.0.2.9 with priority 50");
}

#[test]
fn a_router_that_preempts_touches_no_address_before_the_weaker_one_had_time_to_let_go() {
    let mut active = Subject::in_backup(with_preempt(Preempt::Immediate));
    active.hears(advert(9, 50)).nothing();
    active.after(ACTIVE_DOWN).does(PREEMPTS);
    active.hears(advert(9, 50)).does(PREEMPTS);
    active.on(lost(VIP)).nothing();
    let same = active.router.config().clone();
    active.on(Event::Reconfigure(same)).nothing();
    active.clone().on(Event::Shutdown).does("remove .100, advertise 0");
    active.clone().hears(advert(9, 200)).does("remove .100, advertise 100");
    active.after(ms(20)).does(THEN_HOLDS);
    active.after(ms(40)).does("announce .100, announce .100");
}

#[test]
fn a_router_advertises_every_interval_while_it_gives_the_weaker_one_time() {
    let preempting = with_interval(10).with_preempt(Preempt::Immediate);
    let mut active = Subject::in_backup(preempting);
    active.hears(advert(9, 50).every(interval(10))).nothing();
    active.after(ms(37)).does(PREEMPTS);
    active.after(ms(10)).does("advertise 100");
}

#[test]
fn a_preemption_in_progress_takes_new_addresses_at_its_end() {
    let mut active = Subject::in_backup(with_preempt(Preempt::Immediate));
    active.hears(advert(9, 50)).nothing();
    active.after(ACTIVE_DOWN).does(PREEMPTS);
    let other = with_addresses(&[OTHER_VIP]).with_preempt(Preempt::Immediate);
    active.on(Event::Reconfigure(other)).does(PREEMPTS);
    active.after(ms(20)).does("add .101, announce .101");
}

#[test]
fn an_equal_router_is_not_preempted() {
    let mut backup = Subject::in_backup(with_preempt(Preempt::Immediate));
    for _ in 0..10 {
        backup.hears(advert(9, 100)).nothing();
        backup.after(SECOND).nothing();
    }
}

#[test]
fn preemption_waits_for_its_delay() {
    let mut backup = Subject::in_backup(with_preempt(Preempt::After(ms(30_000))));
    backup.after(ms(2500)).nothing();
    for _ in 0..30 {
        backup.hears(advert(9, 50)).nothing();
        backup.after(ms(999)).nothing();
        backup.frozen_for(ms(1));
    }
    backup.on(Event::Timer).does(PREEMPTS);
    backup.because("preempted 192.0.2.9 with priority 50");
}

#[test]
fn a_delayed_preemption_still_sees_the_peer_die() {
    let mut backup = Subject::in_backup(with_preempt(Preempt::After(ms(30_000))));
    backup.hears(advert(9, 50)).nothing();
    backup.after(ACTIVE_DOWN).does(TAKES_OVER);
    backup.because("no advertisement for 3609 ms");
}

#[test]
fn a_delay_beyond_the_clock_never_ends() {
    let mut backup = Subject::in_backup(with_preempt(Preempt::After(std::time::Duration::MAX)));
    backup.hears(advert(9, 50)).nothing();
    backup.after(ACTIVE_DOWN).does(TAKES_OVER);
    backup.because("no advertisement for 3609 ms");
}

#[test]
fn a_stronger_active_router_cancels_delayed_preemption() {
    let mut backup = Subject::in_backup(with_preempt(Preempt::After(ms(2000))));
    backup.hears(advert(9, 50)).nothing();
    backup.after(SECOND).nothing();
    backup.hears(advert(8, 150)).nothing();
    backup.after(SECOND).nothing();
    backup.hears(advert(9, 50)).nothing();
    backup.after(ms(1999)).nothing();
    backup.after(ms(1)).does(PREEMPTS);
}

#[test]
fn a_release_cancels_delayed_preemption() {
    let mut backup = Subject::in_backup(with_preempt(Preempt::After(SKEW / 2)));
    backup.hears(advert(9, 50)).nothing();
    backup.hears(advert(9, 0)).nothing();
    backup.after(SKEW - ms(1)).nothing();
    backup.after(ms(1)).does(TAKES_OVER);
    backup.because("192.0.2.9 let go");
}

#[test]
fn an_owner_preempts_whatever_its_settings_say() {
    let mut owner = Subject::without_link(with_priority(255));
    owner.on(link_is(LinkState::Up)).does("advertise 255, add .100, announce .100");
    let _ = owner.on(Event::ActionFailed("busy".to_owned()));
    let _ = owner.after(ms(5000));
    owner.is(Role::Backup);
    for _ in 0..3 {
        owner.hears(advert(9, 200)).nothing();
        let _ = owner.after(SECOND);
    }
    let _ = owner.after(ms(10));
    owner.is(Role::Active);
    owner.because("preempted 192.0.2.9 with priority 200");
}

// ---- staying active

#[test]
fn an_active_router_advertises_every_interval() {
    let mut active = Subject::in_active(settings());
    assert_eq!(active.after(ms(999)).adverts(), 0);
    assert_eq!(active.after(ms(1)).adverts(), 1);
    assert_eq!(active.after(ms(60_000)).adverts(), 60);
}

#[test]
fn an_active_router_renews_its_lease_long_before_it_ends() {
    for milliseconds in [10, 20, 100, 250, 500, 990, 1000, 1010, 3000, 40_950] {
        let config = with_interval(milliseconds);
        let lease = config.link(LinkId::FIRST).lease();
        let mut active = Subject::in_active(config);
        let mut renewed_at = active.now;
        for _ in 0..2000 {
            active.now = active.router.poll_timeout().expect("an active router has timers");
            let did = active.on(Event::Timer);
            if did.0.iter().any(|action| matches!(action, Action::AddAddresses { .. })) {
                assert!(active.now - renewed_at <= lease * 3 / 8, "interval {milliseconds} ms");
                renewed_at = active.now;
            }
        }
        assert!(active.now - renewed_at <= lease * 3 / 8, "interval {milliseconds} ms");
    }
}

#[test]
fn a_lease_that_nobody_renews_ends_before_the_strongest_backup_takes_over() {
    const KERNEL_IS_LATE: std::time::Duration = ms(100);
    for milliseconds in [1000, 1010, 1500, 2000, 10_000] {
        let config = with_interval(milliseconds);
        let link = config.link(LinkId::FIRST);
        let (lease, takeover) = (link.lease(), link.interval().active_down(Priority::new(254)));
        // The advertisement out of turn shifts the two timers against each other in every way.
        for shift in 0..milliseconds / 10 {
            let mut active = Subject::in_active(config.clone());
            let _ = active.after(ms(shift * 10));
            let _ = active.hears(advert(9, 50));
            let mut advertised_at = active.now;
            for _ in 0..20 {
                active.now = active.router.poll_timeout().expect("an active router has timers");
                let did = active.on(Event::Timer);
                if did.adverts() > 0 {
                    advertised_at = active.now;
                }
                if did.0.iter().any(|action| matches!(action, Action::AddAddresses { .. })) {
                    let gone_at = active.now + lease + KERNEL_IS_LATE;
                    assert!(gone_at < advertised_at + takeover, "{milliseconds} ms, {shift}");
                }
            }
        }
    }
}

#[test]
fn leases_are_whole_seconds() {
    let lease = |milliseconds| with_interval(milliseconds).link(LinkId::FIRST).lease();
    assert_eq!([lease(10), lease(990)], [ms(1000); 2]);
    assert_eq!([lease(1000), lease(40_950)], [ms(2000); 2]);
}

#[test]
fn a_lost_address_is_restored_at_once() {
    let mut active = Subject::in_active(settings());
    active.on(lost(VIP)).does("add .100, announce .100");
    active.on(lost(OTHER_VIP)).nothing();
}

#[test]
fn of_several_lost_addresses_each_is_restored_once() {
    let mut active = Subject::in_active(with_addresses(&[VIP, OTHER_VIP]));
    active.on(lost(VIP)).does("add .100, announce .100");
    active.on(lost(OTHER_VIP)).does("add .101, announce .101");
}

#[test]
fn an_address_that_is_lost_three_times_in_ten_seconds_is_let_go() {
    let mut active = Subject::in_active(settings());
    active.on(lost(VIP)).does("add .100, announce .100");
    let _ = active.after(ms(9_000));
    active.on(lost(VIP)).does("add .100, announce .100");
    let mut patient = active.clone();
    let _ = active.after(ms(999));
    active.on(lost(VIP)).does("remove .100, advertise 0");
    active.because("fault: `192.0.2.100` was removed 3 times in 10 s by others");
    let _ = patient.after(ms(1_000));
    patient.on(lost(VIP)).does("add .100, announce .100");
    patient.is(Role::Active);
}

#[test]
fn each_fault_keeps_a_router_out_twice_as_long_until_it_held_for_a_minute() {
    let mut router = Subject::in_active(settings());
    let mut waits = Vec::new();
    for calm in [0, 0, 0, 0, 0, 59, 60] {
        let _ = router.after(SECOND * calm);
        let _ = router.on(Event::ActionFailed("no such device".to_owned()));
        let wait = router.wait().expect("it tries again");
        waits.push(wait.as_secs());
        let _ = router.after(wait + ACTIVE_DOWN);
        router.is(Role::Active);
    }
    assert_eq!(waits, [5, 10, 20, 40, 60, 60, 5]);
}

#[test]
fn addresses_are_announced_in_a_burst_and_then_every_minute() {
    let mut active = Subject::in_active(settings());
    let announcements =
        |did: &Did| did.0.iter().filter(|action| matches!(action, Action::Announce { .. })).count();
    assert_eq!(announcements(&active.after(ms(40))), 2);
    assert_eq!(announcements(&active.after(ms(5000))), 2);
    assert_eq!(announcements(&active.after(ms(59_000))), 0);
    assert_eq!(announcements(&active.after(ms(1_000))), 1);
}

// ---- what is said and counted

#[test]
fn checksums_follow_the_peer_unless_told_otherwise() {
    let sent_after_hearing = |checksum, heard: Option<ChecksumForm>| {
        let mut backup = Subject::in_backup(with_version(Version::V3 { checksum }));
        if let Some(form) = heard {
            backup.hears(advert(9, 150).in_form(form)).nothing();
        }
        let actions = backup.after(ACTIVE_DOWN).0;
        let [Action::Advertise { form, .. }, ..] = actions[..] else { panic!("{actions:?}") };
        form
    };
    use ChecksumForm::{Rfc5798, Rfc5798Multicast, Rfc9568};
    assert_eq!(sent_after_hearing(Checksum::Auto, None), Rfc9568);
    for form in [Rfc9568, Rfc5798, Rfc5798Multicast] {
        assert_eq!(sent_after_hearing(Checksum::Auto, Some(form)), form);
        assert_eq!(sent_after_hearing(Checksum::Rfc9568, Some(form)), Rfc9568);
        assert_eq!(sent_after_hearing(Checksum::Rfc5798, Some(form)), Rfc5798);
    }
}

#[test]
fn counters_count() {
    let mut router = Subject::in_active(settings());
    let _ = router.hears(advert(9, 0));
    let _ = router.hears(advert(9, 50).of(&[OTHER_VIP]));
    let _ = router.on(Event::Shutdown);
    let counters = router.router.counters(LinkId::FIRST);
    assert_eq!(counters.active_transitions, 1);
    assert_eq!(counters.advertisements_received, 2);
    assert_eq!(counters.advertisements_sent, 4);
    assert_eq!(counters.priority_zero_received, 1);
    assert_eq!(counters.priority_zero_sent, 1);
    assert_eq!(counters.address_list_errors, 1);
}

#[test]
fn the_order_of_addresses_does_not_matter() {
    let mut backup = Subject::in_backup(with_addresses(&[VIP, OTHER_VIP]));
    backup.hears(advert(9, 150).of(&[OTHER_VIP, VIP])).nothing();
    assert_eq!(backup.router.counters(LinkId::FIRST).address_list_errors, 0);
    backup.hears(advert(9, 150).of(&[VIP, VIP])).nothing();
    assert_eq!(backup.router.counters(LinkId::FIRST).address_list_errors, 1);
}

#[test]
fn another_vrid_is_not_ours() {
    let mut active = Subject::in_active(settings());
    let mut stranger = advert(9, 200);
    stranger.advert.vrid = vrrp::Vrid::new(7).expect("7 is not 0");
    active.hears(stranger).nothing();
    active.is(Role::Active);
    assert_eq!(active.router.counters(LinkId::FIRST).vrid_errors, 1);
}

// ---- the address that we send from

#[test]
fn the_host_may_choose_the_source() {
    let unspecified = "0.0.0.0".parse().expect("an address");
    let link = vrrp::LinkConfig::new(crate::subject::vrid(), unspecified, vec![VIP]);
    let config = vrrp::RouterConfig::new(link.expect("valid settings"));
    let mut router = Subject::stopped(config.clone());
    router.on(Event::Source { link: LinkId::FIRST, source: host(10) }).nothing();
    router.on(Event::Startup).nothing();
    router.after(ACTIVE_DOWN).does(TAKES_OVER);
    router.on(Event::Reconfigure(config)).nothing();
    router.hears(advert(10, 100)).nothing();
    router.hears(advert(11, 100)).does("remove .100, advertise 100");
}

#[test]
fn who_has_no_source_any_more_says_so_and_waits_for_one() {
    let lost = Event::SourceLost { link: LinkId::FIRST };
    let mut active = Subject::in_active(settings());
    active.on(lost.clone()).does("remove .100, advertise 0");
    active.is(Role::Initialize);
    active.on(link_is(LinkState::Up)).nothing();
    active.is(Role::Backup);
    active.on(lost).nothing();
    active.is(Role::Initialize);
}

#[test]
fn another_source_is_another_participant() {
    let source = |last| Event::Source { link: LinkId::FIRST, source: host(last) };
    let mut active = Subject::in_active(settings());
    active.on(source(10)).nothing();
    active.on(source(20)).does("remove .100, advertise 0");
    active.is(Role::Backup);
    active.because("new links, VRID, source address or version");
}
