//! What a reload does to a running router, and which settings there are.

use vrrp::{
    Checksum, ConfigError, Event, Interval, LinkConfig, LinkId, Preempt, Priority, Role,
    RouterConfig, Version, Vrid,
};

use crate::subject::{
    ACTIVE_DOWN, OTHER_VIP, SECOND, Subject, VIP, advert, host, interval, ms, settings, vrid,
    with_addresses, with_interval, with_preempt, with_priority, with_version,
};

#[test]
fn an_active_router_exchanges_addresses_and_stays_active() {
    let mut active = Subject::in_active(settings());
    active
        .on(Event::Reconfigure(with_addresses(&[VIP, OTHER_VIP])))
        .does("add .100 .101, advertise 100, announce .100 .101");
    active
        .on(Event::Reconfigure(with_addresses(&[OTHER_VIP])))
        .does("remove .100, add .101, advertise 100, announce .101");
    active.is(Role::Active);
    active.after(ms(40)).does("announce .101, announce .101");
    active.on(Event::Shutdown).does("remove .101, advertise 0");
}

#[test]
fn an_active_router_tells_its_new_priority_and_interval() {
    let mut active = Subject::in_active(settings());
    active.on(Event::Reconfigure(with_priority(120))).does("advertise 120");
    let faster = with_interval(100).with_priority(Priority::new(120)).expect("not 0");
    active.on(Event::Reconfigure(faster)).does("advertise 120");
    assert_eq!(active.after(SECOND).adverts(), 10);
}

#[test]
fn a_longer_interval_does_not_make_a_late_router_punctual() {
    let mut active = Subject::in_active(settings());
    active.frozen_for(ms(3000));
    active.on(Event::Reconfigure(with_interval(10_000))).does("remove .100");
    active.is(Role::Backup);
}

#[test]
fn preemption_and_checksum_take_effect_silently() {
    let mut active = Subject::in_active(settings());
    active.on(Event::Reconfigure(with_preempt(Preempt::Immediate))).nothing();
    let checksum =
        with_version(Version::V3 { checksum: Checksum::Rfc5798 }).with_preempt(Preempt::Immediate);
    active.on(Event::Reconfigure(checksum)).nothing();
    active.is(Role::Active);
}

#[test]
fn another_source_is_another_participant() {
    let elsewhere = LinkConfig::new(vrid(), host(20), vec![VIP]).expect("valid settings");
    let elsewhere = RouterConfig::new(elsewhere);
    let mut active = Subject::in_active(settings());
    active.on(Event::Reconfigure(elsewhere.clone())).does("remove .100, advertise 0");
    active.is(Role::Backup);
    active.because("new links, VRID, source address or version");

    let mut stopped = Subject::stopped(settings());
    stopped.on(Event::Reconfigure(elsewhere)).nothing();
    stopped.is(Role::Initialize);
}

#[test]
fn a_backup_with_a_new_priority_waits_as_long_as_that_asks() {
    let mut backup = Subject::in_backup(settings());
    backup.hears(advert(9, 250)).nothing();
    backup.after(SECOND).nothing();
    backup.on(Event::Reconfigure(with_priority(200))).nothing();
    assert_eq!(backup.wait(), Some(Interval::DEFAULT.active_down(Priority::new(200)) - SECOND));
}

#[test]
fn a_backup_that_may_no_longer_preempt_takes_the_weaker_router_for_alive() {
    let mut backup = Subject::in_backup(with_preempt(Preempt::Immediate));
    backup.after(ms(3500)).nothing();
    backup.hears(advert(9, 50)).nothing();
    backup.on(Event::Reconfigure(settings())).nothing();
    backup.after(ms(3609)).nothing();
}

/// Meanwhile it may have yielded to one with our interval, which we did not hear.
#[test]
fn the_longer_interval_counts_for_a_weaker_router_that_is_left_alone_from_now_on() {
    let mut backup = Subject::in_backup(with_preempt(Preempt::Immediate));
    backup.hears(advert(9, 50).every(interval(100))).nothing();
    backup.on(Event::Reconfigure(settings())).nothing();
    assert_eq!(backup.wait(), Some(ACTIVE_DOWN));
}

#[test]
fn another_participant_knows_no_peer() {
    let mut stopped = Subject::in_backup(settings());
    stopped.hears(advert(9, 150)).nothing();
    stopped.on(Event::Shutdown).nothing();
    let vrid = Vrid::new(52).expect("not 0");
    let elsewhere = LinkConfig::new(vrid, host(10), vec![VIP]).expect("valid settings");
    stopped.on(Event::Reconfigure(RouterConfig::new(elsewhere))).nothing();
    assert_eq!(stopped.router.peer(LinkId::FIRST), None);
}

#[test]
fn a_backup_that_becomes_weaker_does_not_preempt() {
    let mut backup = Subject::in_backup(with_preempt(Preempt::Immediate));
    backup.after(ms(3500)).nothing();
    backup.hears(advert(9, 50)).nothing();
    let weaker = with_priority(20).with_preempt(Preempt::Immediate);
    backup.on(Event::Reconfigure(weaker)).nothing();
    backup.after(ms(3609)).nothing();
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let new = |addresses: Vec<std::net::IpAddr>| LinkConfig::new(vrid(), host(10), addresses);
    let v6 = "2001:db8::1".parse().expect("an address");
    assert_eq!(new(vec![]), Err(ConfigError::NoAddress));
    assert_eq!(new(vec![VIP, VIP]), Err(ConfigError::DuplicateAddress(VIP)));
    assert_eq!(new(vec![VIP, v6]), Err(ConfigError::MixedFamilies(v6, host(10))));
    let many = (0..=255).map(host).collect();
    assert_eq!(new(many), Err(ConfigError::TooManyAddresses(256)));
    let over_ipv6 = |addresses: &[&str]| {
        let addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        LinkConfig::new(vrid(), "fe80::2".parse().expect("an address"), addresses)
    };
    let global = "2001:db8::1".parse().expect("an address");
    assert_eq!(over_ipv6(&["2001:db8::1"]), Err(ConfigError::FirstAddress(global)));
    assert!(over_ipv6(&["fe80::1", "2001:db8::1"]).is_ok());
    let released = settings().with_priority(Priority::RELEASE);
    assert_eq!(released, Err(ConfigError::PriorityZero));
    assert_eq!(Vrid::new(0), None);
}

#[test]
fn intervals_are_whole_centiseconds_in_range() {
    for bad in [ms(0), ms(9), ms(15), ms(255_010), ms(256_000), ms(1000 * 60 * 60 * 24 * 365)] {
        assert_eq!(Interval::from_duration(bad), None, "{bad:?}");
    }
    for good in [10, 100, 1000, 40_950, 255_000] {
        assert_eq!(interval(good).duration(), ms(good));
    }
    assert_eq!(Interval::from_seconds(0), None);
    assert_eq!(Interval::from_seconds(255), Some(Interval::MAX));
    assert_eq!(interval(3000).seconds(), Some(3));
    assert_eq!(interval(3010).seconds(), None);
}

#[test]
fn skew_is_computed_to_the_nanosecond() {
    // 39 us between neighbours at 10 ms is all that separates them.
    let skew = |priority| interval(10).skew(Priority::new(priority)).as_nanos();
    assert_eq!(skew(255), 39_062);
    assert_eq!(skew(254), 78_125);
    assert_eq!(interval(40_950).skew(Priority::new(1)).as_micros(), 40_790_039);
}
