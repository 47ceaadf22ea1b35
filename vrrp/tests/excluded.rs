//! Addresses that are held like the others and not advertised.

use std::net::IpAddr;

use vrrp::{Action, ConfigError, EXCLUDED_MAX, Event, LinkId, Mac, Role, RouterConfig};

use crate::subject::{
    ACTIVE_DOWN, OTHER_VIP, Subject, VIP, advert, host, link, lost, ms, settings,
};

fn v6() -> IpAddr {
    "2001:db8::11".parse().expect("an address")
}

fn with_excluded(addresses: &[IpAddr]) -> RouterConfig {
    RouterConfig::new(link().with_excluded(addresses.to_vec()).expect("valid"))
}

#[test]
fn they_come_and_go_with_the_others() {
    let mut router = Subject::in_backup(with_excluded(&[OTHER_VIP, v6()]));
    router.after(ACTIVE_DOWN).does("advertise 100, add .100 .101 :11, announce .100 .101 :11");
    router.on(Event::Shutdown).does("remove .100 .101 :11, advertise 0");
}

#[test]
fn they_are_not_advertised_and_not_missed() {
    let mut active = Subject::in_active(with_excluded(&[OTHER_VIP]));
    let did = active.after(ms(1000)).0;
    let adverts = did.iter().filter_map(|action| match action {
        Action::Advertise { advert, .. } => Some(&advert.addresses),
        _ => None,
    });
    assert_eq!(adverts.collect::<Vec<_>>(), [&[VIP]]);
    let _ = active.hears(advert(9, 50));
    assert_eq!(active.router.counters(LinkId::FIRST).address_list_errors, 0);
}

#[test]
fn one_that_is_lost_is_restored() {
    let mut active = Subject::in_active(with_excluded(&[v6()]));
    active.on(lost(v6())).does("add :11, announce :11");
}

#[test]
fn one_that_a_stranger_has_is_asked_for_and_keeps_all_away() {
    let link = link().with_excluded(vec![OTHER_VIP]).expect("valid").with_duplicate_check();
    let mut backup = Subject::in_backup(RouterConfig::new(link));
    backup.after(ACTIVE_DOWN - ms(200)).does("ask .100 .101");
    let mac = Mac([0x02, 0xbb, 0, 0, 0, 1]);
    backup.on(Event::Claimed { link: LinkId::FIRST, address: OTHER_VIP, mac }).nothing();
    backup.after(ms(100)).does("ask .100 .101");
    backup.after(ms(100)).nothing();
    assert_eq!(backup.router.role(), Role::Backup);
    let conflict = backup.router.conflict(LinkId::FIRST).expect("noted");
    assert_eq!((conflict.address, conflict.mac), (OTHER_VIP, mac));
}

#[test]
fn they_are_exchanged_without_a_word_to_the_peer() {
    let mut active = Subject::in_active(with_excluded(&[OTHER_VIP]));
    active
        .on(Event::Reconfigure(with_excluded(&[v6()])))
        .does("remove .101, add .100 :11, announce .100 :11");
    let advertised = link_with_both();
    active
        .on(Event::Reconfigure(advertised))
        .does("remove :11, add .100 .101, advertise 100, announce .100 .101");
    active
        .on(Event::Reconfigure(settings()))
        .does("remove .101, add .100, advertise 100, announce .100");
}

fn link_with_both() -> RouterConfig {
    crate::subject::with_addresses(&[VIP, OTHER_VIP])
}

#[test]
fn there_may_be_hundreds_and_none_twice() {
    let many = |count: u16| -> Vec<IpAddr> {
        (0..count).map(|n| [10, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]].into()).collect()
    };
    let max = u16::try_from(EXCLUDED_MAX).expect("few");
    assert!(link().with_excluded(many(max)).is_ok());
    let refused = Err(ConfigError::TooManyExcluded(EXCLUDED_MAX + 1));
    assert_eq!(link().with_excluded(many(max + 1)), refused);
    for repeated in [vec![VIP], vec![v6(), host(7), v6()]] {
        let last = *repeated.last().expect("not empty");
        assert_eq!(link().with_excluded(repeated), Err(ConfigError::DuplicateAddress(last)));
    }
}
