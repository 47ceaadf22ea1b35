//! Rules about what the versions of VRRP can say.

use toml::Spanned;
use vrrp::{Auth, Checksum, Interval, Version};

use crate::config::diagnostic::Diagnostic;
use crate::config::file::{File, RouterTable, VersionNumber};
use crate::config::units::InUnits;
use crate::config::value::INTERVAL_HINT;

/// Checks that every virtual router says only what its version can.
pub(super) fn check(file: &File, problems: &mut Vec<Diagnostic>) {
    for router in &file.routers {
        match router.version {
            VersionNumber::Two => check_v2(router, problems),
            VersionNumber::Three => check_v3(router, problems),
        }
    }
}

/// The version of the model.
pub(super) fn version(table: &RouterTable) -> Version {
    match table.version {
        VersionNumber::Two => {
            let password = table.password.as_ref().map(|password| *password.get_ref());
            Version::V2 { auth: password.map_or(Auth::None, Auth::Password) }
        }
        VersionNumber::Three => {
            let checksum = table.checksum.as_ref().map(|checksum| *checksum.get_ref());
            Version::V3 { checksum: checksum.unwrap_or(Checksum::Auto) }
        }
    }
}

fn check_v2(router: &RouterTable, problems: &mut Vec<Diagnostic>) {
    if router.advert_interval.get_ref().seconds().is_none() {
        let complaint = "cannot be said in version 2";
        problems.push(
            interval_problem(&router.advert_interval, complaint)
                .hint("version 2 has whole seconds, `1s` to `255s`, the same on every router"),
        );
    }
    if let Some(checksum) = &router.checksum {
        problems.push(
            Diagnostic::new(checksum.span(), "`checksum` is for version 3")
                .hint("remove it: version 2 has one checksum only"),
        );
    }
    let first = router.addresses.iter().flatten().next();
    if let Some(first) = first.filter(|first| first.get_ref().address.is_ipv6()) {
        let address = first.get_ref().address;
        let message = format!("virtual address `{address}` cannot be said in version 2");
        problems.push(
            Diagnostic::new(first.span(), message)
                .hint("version 2 is for IPv4: remove `version = 2`, or give it IPv4 addresses"),
        );
    }
}

fn check_v3(router: &RouterTable, problems: &mut Vec<Diagnostic>) {
    if *router.advert_interval.get_ref() > Interval::MAX_V3 {
        let problem = interval_problem(&router.advert_interval, "is out of range");
        problems.push(problem.hint(INTERVAL_HINT));
    }
    if let Some(password) = &router.password {
        problems.push(
            Diagnostic::new(password.span(), "`password` is for version 2")
                .hint("remove it, or write `version = 2`: version 3 has no authentication"),
        );
    }
}

fn interval_problem(interval: &Spanned<Interval>, complaint: &str) -> Diagnostic {
    let shown = InUnits(interval.get_ref().duration());
    Diagnostic::new(interval.span(), format!("advert_interval `{shown}` {complaint}"))
}
