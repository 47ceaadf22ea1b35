//! The names of RFC 8347, and how often something is told.

use vrrp::hmac::HmacError;
use vrrp::{Complaint, DecodeError, LinkId, Preempt, Priority, Role, TOLD_EVERY, Telling};

use crate::subject::{ACTIVE_DOWN, SKEW, Subject, advert, epoch, host, ms, settings, with_preempt};

#[test]
fn why_a_router_became_active_has_the_name_of_the_rfc() {
    type Story = fn() -> Subject;
    let stories: [(&str, Story); 6] = [
        ("not-master", || Subject::in_backup(settings())),
        ("priority", || {
            let owner = settings().with_priority(Priority::OWNER).expect("not 0");
            Subject::in_active(owner)
        }),
        ("no-response", || Subject::in_active(settings())),
        ("priority", || {
            let mut backup = Subject::in_backup(settings());
            backup.hears(advert(9, 200)).nothing();
            backup.hears(advert(9, 0)).nothing();
            let _ = backup.after(SKEW);
            backup
        }),
        ("preempted", || {
            let mut backup = Subject::in_backup(with_preempt(Preempt::Immediate));
            backup.after(ACTIVE_DOWN - ms(1)).nothing();
            backup.hears(advert(9, 50)).nothing();
            let _ = backup.after(ms(1));
            backup
        }),
        ("no-response", || {
            let mut active = Subject::in_active(settings());
            let _ = active.hears(advert(9, 200));
            active.is(Role::Backup);
            active
        }),
    ];
    for (expected, story) in stories {
        let subject = story();
        let counters = subject.router.counters(LinkId::FIRST);
        assert_eq!(counters.new_master_reason.to_string(), expected);
        let never = counters.active_transitions == 0;
        assert_eq!(never, expected == "not-master");
    }
}

#[test]
fn what_is_wrong_with_an_advertisement_has_the_name_of_the_rfc() {
    let (protocol, router) = ("vrrp-protocol-error-event", "vrrp-virtual-router-error-event");
    let cases = [
        (DecodeError::Checksum, protocol, "checksum-error"),
        (DecodeError::Version(1), protocol, "version-error"),
        (DecodeError::Vrid, protocol, "vrid-error"),
        (DecodeError::Ttl(254), protocol, "ip-ttl-error"),
        (DecodeError::Interval, router, "interval-error"),
        (DecodeError::NoAddress, router, "address-list-error"),
        (DecodeError::Length { expected: 12, actual: 8 }, router, "packet-length-error"),
        (DecodeError::Source(host(9)), "none", "source-error"),
        (DecodeError::Hmac(HmacError::Replay), "none", "hmac-replay"),
    ];
    for (error, notification, reason) in cases {
        assert_eq!(Complaint::from(&error), Complaint { notification, reason }, "{error}");
    }
}

#[test]
fn a_complaint_is_told_once_in_a_while_with_the_number_of_those_that_were_not() {
    let (ttl, length) = (DecodeError::Ttl(1), DecodeError::Length { expected: 12, actual: 8 });
    let [ttl, length] = [&ttl, &length].map(Complaint::from);
    let (mut telling, start) = (Telling::default(), epoch());
    assert_eq!(telling.is_due(ttl, start), Some(0));
    for after in 1..=1000 {
        assert_eq!(telling.is_due(ttl, start + ms(after)), None);
    }
    assert_eq!(telling.is_due(length, start + ms(500)), Some(0), "another one is told at once");
    assert_eq!(telling.is_due(ttl, start + TOLD_EVERY), Some(1000));
    assert_eq!(telling.is_due(ttl, start + TOLD_EVERY * 2), Some(0));
}
