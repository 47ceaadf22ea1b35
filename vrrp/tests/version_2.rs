//! One router that speaks version 2: its timers, what it does not listen to, and what it sends.

use vrrp::{
    Action, Auth, Checksum, ChecksumForm, ConfigError, Event, Interval, LinkConfig, LinkId,
    Password, Preempt, Priority, Role, RouterConfig, Version, Vrid,
};

use crate::subject::{
    ACTIVE_DOWN, Heard, SKEW, Subject, TAKES_OVER, VIP, advert, host, interval, link, ms, settings,
    vrid,
};

fn password(text: &str) -> Auth {
    Auth::Password(Password::new(text).expect("1 to 8 octets"))
}

/// Priority 100 and 1 s as in `settings()`.
fn version_2(auth: Auth) -> RouterConfig {
    RouterConfig::new(link_2(auth))
}

fn link_2(auth: Auth) -> LinkConfig {
    link().with_version(Version::V2 { auth }).expect("whole seconds")
}

fn every(seconds: u8) -> LinkConfig {
    let interval = Interval::from_seconds(seconds).expect("not 0");
    link_2(Auth::None).with_interval(interval).expect("whole seconds")
}

/// An advertisement of version 2 from `host(source)`.
fn heard(source: u8, priority: u8, auth: Auth) -> Heard {
    advert(source, priority).in_form(ChecksumForm::Rfc3768(auth))
}

fn sent_form(actions: &[Action]) -> ChecksumForm {
    let forms = actions.iter().filter_map(|action| match action {
        Action::Advertise { form, .. } => Some(*form),
        Action::AddAddresses { .. }
        | Action::RemoveAddresses { .. }
        | Action::AddRoutes { .. }
        | Action::RemoveRoutes { .. }
        | Action::Announce { .. }
        | Action::Ask { .. } => None,
    });
    let forms: Vec<_> = forms.collect();
    let [form] = forms[..] else { panic!("{actions:?}") };
    form
}

// ---- timers

#[test]
fn at_one_second_the_timers_are_those_of_version_3() {
    let mut backup = Subject::in_backup(version_2(Auth::None));
    backup.after(ACTIVE_DOWN - ms(1)).nothing();
    backup.after(ms(1)).does(TAKES_OVER);
}

#[test]
fn skew_is_a_part_of_a_second_at_any_interval() {
    let mut backup = Subject::in_backup(RouterConfig::new(every(20)));
    assert_eq!(backup.wait(), Some(ms(60_000) + SKEW));
    let twenty_seconds = Interval::from_seconds(20).expect("not 0");
    backup.hears(heard(9, 0, Auth::None).every(twenty_seconds)).nothing();
    assert_eq!(backup.wait(), Some(SKEW));
    backup.after(SKEW).does(TAKES_OVER);
    assert_eq!(backup.after(ms(60_000)).adverts(), 3);
}

#[test]
fn the_longest_interval_is_255_seconds() {
    let backup = Subject::in_backup(RouterConfig::new(every(255)));
    assert_eq!(backup.wait(), Some(ms(3 * 255_000) + SKEW));
}

// ---- what is not listened to

/// The advertisement changes nothing but the counter.
#[track_caller]
fn is_discarded(config: RouterConfig, heard: &Heard, count: fn(&vrrp::Counters) -> u64) {
    let mut backup = Subject::in_backup(config);
    backup.after(ms(1000)).nothing();
    backup.hears(heard.clone()).nothing();
    assert_eq!(backup.router.peer(LinkId::FIRST), None);
    assert_eq!(backup.router.counters(LinkId::FIRST).advertisements_received, 0);
    assert_eq!(count(backup.router.counters(LinkId::FIRST)), 1);
    backup.after(ACTIVE_DOWN - ms(1000)).does(TAKES_OVER);
    backup.hears(heard.clone()).nothing();
    backup.is(Role::Active);
    assert_eq!(count(backup.router.counters(LinkId::FIRST)), 2);
}

#[test]
fn another_interval_is_discarded() {
    for other in [interval(2000), Interval::MAX] {
        for priority in [0, 200] {
            let heard = heard(9, priority, Auth::None).every(other);
            is_discarded(version_2(Auth::None), &heard, |c| c.advertise_interval_errors);
        }
    }
}

#[test]
fn another_version_is_discarded() {
    let forms = [ChecksumForm::Rfc9568, ChecksumForm::Rfc5798, ChecksumForm::Rfc5798Multicast];
    for form in forms {
        let heard = advert(9, 200).in_form(form);
        is_discarded(version_2(Auth::None), &heard, |c| c.version_errors);
    }
    for auth in [Auth::None, password("secret")] {
        is_discarded(settings(), &heard(9, 200, auth), |c| c.version_errors);
    }
}

#[test]
fn another_authentication_is_discarded() {
    let (open, closed) = (version_2(Auth::None), version_2(password("secret")));
    is_discarded(open, &heard(9, 200, password("secret")), |c| c.auth_type_mismatches);
    is_discarded(closed.clone(), &heard(9, 200, Auth::None), |c| c.auth_type_mismatches);
    for wrong in ["secre", "secret1", "Secret"] {
        is_discarded(closed.clone(), &heard(9, 200, password(wrong)), |c| c.auth_failures);
    }
}

#[test]
fn the_right_password_is_listened_to() {
    let mut router = Subject::in_active(version_2(password("secret")));
    router.hears(heard(9, 200, password("secret"))).does("remove .100, advertise 100");
    router.is(Role::Backup);
}

// ---- what is sent

#[test]
fn everything_sent_is_of_version_2_and_has_the_password() {
    let form = ChecksumForm::Rfc3768(password("secret"));
    let mut router = Subject::in_backup(version_2(password("secret")));
    assert_eq!(sent_form(&router.after(ACTIVE_DOWN).0), form);
    assert_eq!(sent_form(&router.after(ms(1000)).0), form);
    assert_eq!(router.router.farewell(LinkId::FIRST).1, form);
    assert_eq!(router.router.farewell(LinkId::FIRST).0.priority, Priority::RELEASE);
    let did = router.on(Event::Shutdown);
    assert_eq!(sent_form(&did.0), form);
}

#[test]
fn a_new_password_takes_effect_silently() {
    let mut active = Subject::in_active(version_2(password("old")));
    active.on(Event::Reconfigure(version_2(password("new")))).nothing();
    active.is(Role::Active);
    assert_eq!(active.router.farewell(LinkId::FIRST).1, ChecksumForm::Rfc3768(password("new")));
}

#[test]
fn another_version_is_another_participant() {
    let mut active = Subject::in_active(version_2(Auth::None));
    let did = active.on(Event::Reconfigure(settings()));
    assert_eq!(sent_form(&did.0), ChecksumForm::Rfc3768(Auth::None), "it lets go as it held");
    did.does("remove .100, advertise 0");
    active.because("new links, VRID, source address or version");
}

#[test]
fn a_learned_interval_is_not_taken_along_into_version_2() {
    let mut stopped = Subject::in_backup(settings().with_preempt(Preempt::Immediate));
    stopped.hears(advert(9, 150).every(interval(10_000))).nothing();
    stopped.on(Event::Reconfigure(version_2(Auth::None))).nothing();
    assert_eq!(stopped.wait(), Some(ACTIVE_DOWN));
}

// ---- settings

#[test]
fn intervals_must_fit_the_version() {
    let auth = Auth::None;
    for good in [1000, 40_000, 255_000] {
        assert!(link_2(auth).with_interval(interval(good)).is_ok());
    }
    for bad in [10, 990, 1010, 40_950] {
        let refused = Err(ConfigError::IntervalV2(ms(bad)));
        assert_eq!(link_2(auth).with_interval(interval(bad)), refused);
        let fast = link().with_interval(interval(bad)).expect("version 3 can say it");
        assert_eq!(fast.with_version(Version::V2 { auth }), refused);
    }
    let refused = Err(ConfigError::IntervalV3(ms(41_000)));
    assert_eq!(link().with_interval(interval(41_000)), refused);
    let version_3 = Version::V3 { checksum: Checksum::Auto };
    assert_eq!(every(41).with_version(version_3), refused);
}

#[test]
fn version_2_is_for_ipv4() {
    let ip = |text: &str| text.parse().expect("an address");
    let config = LinkConfig::new(vrid(), ip("fe80::1"), vec![ip("fe80::50")]).expect("valid");
    let refused = Err(ConfigError::FamilyV2(ip("fe80::1")));
    assert_eq!(config.with_version(Version::V2 { auth: Auth::None }), refused);
}

#[test]
fn passwords_have_1_to_8_octets() {
    for good in ["a", "12345678", "äöüß"] {
        assert!(Password::new(good).is_some(), "{good}");
    }
    for bad in ["", "123456789", "äöüß1", "a\0b", "\0"] {
        assert!(Password::new(bad).is_none(), "{bad:?}");
    }
}

#[test]
fn a_password_is_not_shown() {
    let router = Subject::in_active(version_2(password("hunter2")));
    let shown = format!("{:?} {}", router.router, router.router.farewell(LinkId::FIRST).1);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!shown.contains("104, 117"), "not as octets either: {shown}");
    assert_eq!(format!("{:?}", password("hunter2")), "Password(Password(..))");
}

#[test]
fn another_vrid_is_not_judged() {
    let mut backup = Subject::in_backup(version_2(Auth::None));
    let mut stranger = advert(9, 200);
    stranger.advert.vrid = Vrid::new(7).expect("7 is not 0");
    backup.hears(stranger).nothing();
    let counters = backup.router.counters(LinkId::FIRST);
    assert_eq!((counters.vrid_errors, counters.version_errors), (1, 0));
    assert_eq!(backup.router.config().link(LinkId::FIRST).addresses(), [VIP]);
    assert_eq!(backup.router.config().link(LinkId::FIRST).source(), host(10));
}
