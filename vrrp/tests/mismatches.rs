//! What the operator is told of settings that differ between boxes.

use vrrp::{
    Auth, Checksum, ChecksumForm, Event, LinkId, MISMATCH_OVER, MISMATCHES_MAX, Password, Role,
    RouterConfig, Version,
};

use crate::subject::{
    Heard, OTHER_VIP, SECOND, Subject, VIP, advert, host, interval, link, ms, settings,
    with_addresses, with_version,
};

fn told(subject: &Subject) -> Vec<String> {
    let known = subject.router.mismatches(LinkId::FIRST).iter();
    known.filter(|known| !known.is_over(subject.now)).map(ToString::to_string).collect()
}

fn version_2(auth: Auth) -> RouterConfig {
    with_version(Version::V2 { auth })
}

fn password(text: &str) -> Auth {
    Auth::Password(Password::new(text).expect("a password"))
}

/// An advertisement as `settings()` would send it, from a stronger router.
fn equal() -> Heard {
    advert(9, 200)
}

fn equal_v2(auth: Auth) -> Heard {
    equal().in_form(ChecksumForm::Rfc3768(auth))
}

#[test]
fn each_setting_that_differs_is_told() {
    let (open, closed) = (Auth::None, password("secret"));
    let strict = |checksum| with_version(Version::V3 { checksum });
    let deaf = "; so neither hears the other";
    let cases: [(&str, RouterConfig, Heard, &[&str]); 18] = [
        ("nothing differs", settings(), equal(), &[]),
        ("nor in version 2", version_2(closed), equal_v2(closed), &[]),
        ("we are of version 3", settings(), equal_v2(open), &["speaks version 2, we version 3"]),
        ("we are of version 2", version_2(open), equal(), &["speaks version 3, we version 2"]),
        ("only it", version_2(open), equal_v2(closed), &["sends a password, we do not"]),
        ("only we", version_2(closed), equal_v2(open), &["sends no password, we do"]),
        (
            "both",
            version_2(closed),
            equal_v2(password("other")),
            &["sends another password than we"],
        ),
        (
            "version 2 demands it",
            version_2(open),
            equal_v2(open).every(interval(2000)),
            &["advertises every 2000 ms, we every 1000 ms"],
        ),
        (
            "version 3 learns it",
            settings(),
            equal().every(interval(200)),
            &["advertises every 200 ms, we every 1000 ms"],
        ),
        (
            "one too many",
            settings(),
            equal().of(&[VIP, OTHER_VIP]),
            &["advertises 2 addresses, we 1; we lack `192.0.2.101`"],
        ),
        (
            "one is missing",
            with_addresses(&[VIP, OTHER_VIP]),
            equal().of(&[VIP]),
            &["advertises 1 address, we 2; it lacks `192.0.2.101`"],
        ),
        (
            "another one",
            settings(),
            equal().of(&[OTHER_VIP]),
            &["uses our VRID and none of our addresses, but `192.0.2.101`"],
        ),
        (
            "another one besides",
            with_addresses(&[VIP, host(7)]),
            equal().of(&[VIP, OTHER_VIP]),
            &["advertises 2 addresses, we 2; it lacks `192.0.2.7`; we lack `192.0.2.101`"],
        ),
        (
            "their order says nothing",
            with_addresses(&[VIP, OTHER_VIP]),
            equal().of(&[OTHER_VIP, VIP]),
            &[],
        ),
        ("a tie", settings(), advert(9, 100), &["has priority 100, as we do"]),
        (
            "we follow no form of checksum",
            strict(Checksum::Rfc9568),
            equal().in_form(ChecksumForm::Rfc5798),
            &["sends the checksum of rfc5798, we that of rfc9568"],
        ),
        ("we do", strict(Checksum::Auto), equal().in_form(ChecksumForm::Rfc5798), &[]),
        (
            "several at once",
            strict(Checksum::Rfc5798),
            advert(9, 100).every(interval(200)),
            &[
                "advertises every 200 ms, we every 1000 ms",
                "has priority 100, as we do",
                "sends the checksum of rfc9568, we that of rfc5798",
            ],
        ),
    ];
    for (what, config, heard, expected) in cases {
        let mut backup = Subject::in_backup(config);
        backup.hears(heard).nothing();
        let is_heard = backup.router.peer(LinkId::FIRST).is_some();
        let end = if is_heard { "" } else { deaf };
        let expected: Vec<_> =
            expected.iter().map(|text| format!("{} {text}{end}", host(9))).collect();
        assert_eq!(told(&backup), expected, "{what}");
    }
}

#[test]
fn an_active_router_tells_what_it_hears_as_well() {
    let mut active = Subject::in_active(version_2(Auth::None));
    active.hears(equal()).nothing();
    active.is(Role::Active);
    assert_eq!(told(&active).len(), 1);
}

#[test]
fn a_mismatch_ends_with_its_cause() {
    let wrong = || equal().every(interval(200)).of(&[OTHER_VIP]);
    let after = |change: fn(&mut Subject)| {
        let mut backup = Subject::in_backup(settings());
        backup.hears(wrong()).nothing();
        assert_eq!(told(&backup).len(), 2);
        change(&mut backup);
        told(&backup).len()
    };
    assert_eq!(after(|backup| backup.hears(equal()).nothing()), 0, "the other box was put right");
    assert_eq!(after(|backup| backup.hears(equal().of(&[OTHER_VIP])).nothing()), 1, "in part");
    let reload = |backup: &mut Subject| {
        let fast = link().with_interval(interval(200)).expect("sayable");
        backup.on(Event::Reconfigure(RouterConfig::new(fast))).nothing();
    };
    assert_eq!(after(reload), 0, "this box was changed");
    assert_eq!(after(|backup| backup.frozen_for(MISMATCH_OVER - ms(1))), 2, "it fell silent");
    assert_eq!(after(|backup| backup.frozen_for(MISMATCH_OVER)), 0, "for long");
    assert_eq!(after(|backup| backup.hears(advert(8, 200)).nothing()), 2, "another box is right");
}

#[test]
fn who_advertises_rarely_is_remembered_for_three_intervals() {
    let mut backup = Subject::in_backup(settings());
    backup.hears(equal().every(interval(40_000))).nothing();
    backup.frozen_for(SECOND * 119);
    assert_eq!(told(&backup).len(), 1);
    backup.frozen_for(SECOND);
    assert_eq!(told(&backup).len(), 0);
}

#[test]
fn who_let_go_has_no_priority_to_compare() {
    let mut backup = Subject::in_backup(settings());
    backup.hears(advert(9, 0)).nothing();
    assert_eq!(told(&backup).len(), 0);
}

#[test]
fn a_flood_of_senders_is_remembered_in_part() {
    let mut backup = Subject::in_backup(settings());
    for sender in 20..220 {
        backup.hears(advert(sender, 200).of(&[OTHER_VIP])).nothing();
    }
    let told = told(&backup);
    assert_eq!(told.len(), MISMATCHES_MAX);
    assert!(told.last().is_some_and(|last| last.starts_with("192.0.2.219 ")), "{told:?}");
}
