//! Rules about virtual routers with a MAC of their own.

use std::collections::BTreeSet;

use toml::Spanned;
use vrrp::Priority;
use vrrp::linux::device_name;

use super::priorities::priority;
use super::repeats::{Repeat, repeats};
use super::routers::family;
use crate::config::diagnostic::Diagnostic;
use crate::config::file::{File, RouterTable, TransportKind};

/// Checks that each can have one.
pub(super) fn check(file: &File, problems: &mut Vec<Diagnostic>) {
    let routers = || file.routers.iter().filter(|router| *router.virtual_mac.get_ref());
    for router in routers() {
        let span = router.virtual_mac.span();
        if router.transport == TransportKind::Unicast {
            // Switches learn where it is from what is sent to the group.
            problems.push(Diagnostic::new(span.clone(), "a virtual MAC needs multicast").hint(
                "networks without it seldom let a foreign MAC through: remove `virtual_mac`",
            ));
        }
        if is_owned(file, router) {
            problems.push(
                Diagnostic::new(span, "a virtual router with an owner has no virtual MAC")
                    .hint("the owner, with priority 255, has the addresses at its own MAC"),
            );
        }
    }
    names_differ(routers(), problems);
}

fn is_owned(file: &File, router: &RouterTable) -> bool {
    let priorities = file.nodes.iter().filter_map(|node| priority(router, node));
    priorities.map(Spanned::get_ref).any(|priority| *priority == Priority::OWNER)
}

/// Of long interface names only the end is in that of the device.
fn names_differ<'a>(
    routers: impl Iterator<Item = &'a RouterTable>,
    problems: &mut Vec<Diagnostic>,
) {
    let devices = routers.filter_map(|router| {
        let (interface, vrid) = (router.interface.as_ref()?, router.vrid.as_ref()?);
        let name = device_name(interface.get_ref(), family(router)?, *vrid.get_ref());
        Some(((name, interface.get_ref()), interface.span()))
    });
    // A VRID that appears twice on an interface is another mistake.
    let mut known = BTreeSet::new();
    let devices = devices.filter(|(device, _)| known.insert(device.clone()));
    for Repeat { value, span, first } in repeats(devices.map(|((name, _), span)| (name, span))) {
        let message = format!("two virtual routers would have the device `{value}`");
        problems.push(
            Diagnostic::new(span, message)
                .first_at(first)
                .hint("it has the VRID and the end of the interface's name: choose another VRID"),
        );
    }
}
