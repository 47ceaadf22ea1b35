//! When an active router announces its addresses beyond the plan: its interface has another MAC.

use vrrp::{Action, Event, LinkId, RouterConfig};

use crate::subject::{Did, SECOND, Subject, host, link, ms, settings, with_addresses};

fn mac_changed() -> Event {
    Event::MacChanged { link: LinkId::FIRST }
}

#[test]
fn of_another_mac_hosts_are_told_as_after_a_claim() {
    let mut active = Subject::in_active(settings());
    let _ = active.after(SECOND * 10);
    active.on(mac_changed()).does("announce .100");
    active.after(ms(20)).does("announce .100");
    active.after(ms(20)).does("announce .100");
}

#[test]
fn many_addresses_are_announced_in_portions_then_too() {
    let addresses: Vec<_> = (100..140).map(host).collect();
    let mut active = Subject::in_active(with_addresses(&addresses));
    let _ = active.after(SECOND * 10);
    let announced = |did: Did| match &did.0[..] {
        [Action::Announce { addresses, .. }] => addresses.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(announced(active.on(mac_changed())), 32);
    assert_eq!(announced(active.after(ms(10))), 8);
}

#[test]
fn who_holds_no_addresses_has_nothing_to_tell() {
    Subject::in_backup(settings()).on(mac_changed()).nothing();
    let with_virtual_mac = RouterConfig::new(link().with_virtual_mac());
    Subject::in_active(with_virtual_mac).on(mac_changed()).nothing();
}
