//! Addresses that somebody else removes: which losses add up.

use vrrp::Role;

use crate::subject::{OTHER_VIP, SECOND, Subject, VIP, lost, settings, with_addresses};

#[test]
fn losses_of_different_addresses_do_not_add_up() {
    let mut active = Subject::in_active(with_addresses(&[VIP, OTHER_VIP]));
    for address in [VIP, OTHER_VIP, VIP, OTHER_VIP] {
        let _ = active.on(lost(address));
    }
    active.is(Role::Active);
    let _ = active.on(lost(VIP));
    active.is(Role::Initialize);
}

#[test]
fn a_fault_forgets_the_losses_before_it() {
    let mut active = Subject::in_active(settings());
    for _ in 0..3 {
        let _ = active.on(lost(VIP));
    }
    active.is(Role::Initialize);
    // The fault ends after 5 s, and Active_Down_Interval later the losses are less than 10 s ago.
    let _ = active.after(SECOND * 9);
    active.is(Role::Active);
    active.on(lost(VIP)).does("add .100, announce .100");
    active.is(Role::Active);
}
