//! All drills, by name, and how one of them is run.
//!
//! A drill builds its own lab, does one thing to the boxes in it, and returns a
//! [`Verdict`]. Those that the demo shows too keep the event in a function of its own, next to the
//! drill.

pub mod arp_flux;
pub mod backend_cut;
pub mod backend_loss;
pub mod bad_config;
pub mod cold_start;
pub mod crash;
pub mod duplicate;
pub mod failover;
pub mod faults;
pub mod flood;
pub mod frozen;
pub mod guard;
pub mod hmac;
pub mod hooks;
pub mod inspection;
pub mod interop;
pub mod ipv6;
pub mod late_interface;
pub mod link_down;
pub mod matrix;
pub mod message_only;
pub mod partition;
pub mod planned_stop;
pub mod preempt;
pub mod privileges;
pub mod reload;
pub mod routes;
pub mod stale_vip;
pub mod steady;
pub mod strangers;
pub mod track;
pub mod unicast;
pub mod vip_deleted;
pub mod virtual_mac;
pub mod worker_crash;
pub mod worker_loop;

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::time::timeout;

use crate::failure::{Failure, Result};
use crate::lab::Family;
use crate::program::{IP, KEEPALIVED, Program, TSHARK};
use crate::router::settings::Protocol;
use crate::verdict::Verdict;

/// A drill.
#[derive(Clone, Copy, Debug)]
pub struct Drill {
    /// What it is called on the command line and in reports.
    pub name: &'static str,
    /// The foreign programs it needs.
    pub needs: &'static [Program],
    run: Run,
}

type Run = fn(PathBuf) -> LocalBoxFuture<'static, Result<Verdict>>;

/// Every drill, in the order they run.
pub const DRILLS: &[Drill] = &[
    Drill { name: "steady", needs: &[], run: |binary| steady::run(binary).boxed_local() },
    Drill { name: "failover", needs: &[], run: |binary| failover::run(binary).boxed_local() },
    Drill { name: "planned_stop", needs: &[], run: |b| planned_stop::run(b).boxed_local() },
    Drill { name: "link_down", needs: &[], run: |binary| link_down::run(binary).boxed_local() },
    Drill { name: "late_interface", needs: &[], run: |b| late_interface::run(b).boxed_local() },
    Drill { name: "worker_crash", needs: &[], run: |b| worker_crash::run(b).boxed_local() },
    Drill { name: "worker_loop", needs: &[], run: |b| worker_loop::run(b).boxed_local() },
    Drill { name: "backend_loss", needs: &[], run: |b| backend_loss::run(b).boxed_local() },
    Drill { name: "backend_cut", needs: &[], run: |b| backend_cut::run(b).boxed_local() },
    Drill { name: "guard", needs: &[], run: |binary| guard::run(binary).boxed_local() },
    Drill { name: "crash", needs: &[], run: |binary| crash::run(binary).boxed_local() },
    Drill { name: "frozen", needs: &[], run: |binary| frozen::run(binary).boxed_local() },
    Drill { name: "partition", needs: &[], run: |binary| partition::run(binary).boxed_local() },
    Drill { name: "preempt", needs: &[], run: |binary| preempt::run(binary).boxed_local() },
    Drill { name: "cold_start", needs: &[], run: |b| cold_start::run(b).boxed_local() },
    Drill { name: "vip_deleted", needs: &[], run: |b| vip_deleted::run(b).boxed_local() },
    Drill {
        name: "virtual_mac",
        needs: &[],
        run: |b| virtual_mac::run(b, Family::Ipv4).boxed_local(),
    },
    Drill {
        name: "virtual_mac_ipv6",
        needs: &[],
        run: |b| virtual_mac::run(b, Family::Ipv6).boxed_local(),
    },
    Drill {
        name: "virtual_mac_killed",
        needs: &[],
        run: |b| virtual_mac::everything_killed(b).boxed_local(),
    },
    Drill {
        name: "virtual_mac_refused",
        needs: &[],
        run: |b| virtual_mac::refused(b).boxed_local(),
    },
    Drill {
        name: "virtual_mac_late_interface",
        needs: &[],
        run: |b| late_interface::virtual_mac(b).boxed_local(),
    },
    Drill {
        name: "virtual_mac_routes",
        needs: &[IP],
        run: |binary| routes::virtual_mac(binary).boxed_local(),
    },
    Drill {
        name: "virtual_mac_deleted",
        needs: &[],
        run: |b| virtual_mac::deleted(b).boxed_local(),
    },
    Drill { name: "stale_vip", needs: &[], run: |binary| stale_vip::run(binary).boxed_local() },
    Drill {
        name: "duplicate",
        needs: &[],
        run: |b| duplicate::stranger(b, Family::Ipv4, None).boxed_local(),
    },
    Drill {
        name: "duplicate_ipv6",
        needs: &[],
        run: |b| duplicate::stranger(b, Family::Ipv6, None).boxed_local(),
    },
    Drill {
        name: "duplicate_excluded",
        needs: &[],
        run: |b| duplicate::stranger(b, Family::Ipv4, Some(duplicate::EXCLUDED)).boxed_local(),
    },
    Drill { name: "duplicate_frozen", needs: &[], run: |b| duplicate::frozen(b).boxed_local() },
    Drill { name: "flood", needs: &[], run: |binary| flood::run(binary).boxed_local() },
    Drill { name: "arp_flux", needs: &[], run: |binary| arp_flux::run(binary).boxed_local() },
    Drill { name: "hooks", needs: &[], run: |binary| hooks::run(binary).boxed_local() },
    Drill { name: "routes", needs: &[IP], run: |binary| routes::run(binary).boxed_local() },
    Drill { name: "track", needs: &[], run: |binary| track::run(binary).boxed_local() },
    Drill { name: "reload", needs: &[], run: |binary| reload::run(binary).boxed_local() },
    Drill { name: "bad_config", needs: &[], run: |b| bad_config::run(b).boxed_local() },
    Drill { name: "privileges", needs: &[], run: |b| privileges::run(b).boxed_local() },
    Drill { name: "hmac", needs: &[], run: |binary| hmac::run(binary).boxed_local() },
    Drill { name: "hmac_mixed", needs: &[], run: |binary| hmac::mixed(binary).boxed_local() },
    Drill { name: "hmac_clock_behind", needs: &[], run: |b| hmac::clock_behind(b).boxed_local() },
    Drill { name: "unicast", needs: &[], run: |binary| unicast::run(binary).boxed_local() },
    Drill { name: "strangers", needs: &[], run: |b| strangers::run(b).boxed_local() },
    Drill { name: "ipv6", needs: &[], run: |binary| ipv6::run(binary).boxed_local() },
    Drill {
        name: "interop_stronger",
        needs: &[KEEPALIVED, TSHARK],
        run: |binary| interop::stronger(binary, Protocol::V3).boxed_local(),
    },
    Drill {
        name: "interop_weaker",
        needs: &[KEEPALIVED, TSHARK],
        run: |binary| interop::weaker(binary, Protocol::V3).boxed_local(),
    },
    Drill {
        name: "interop_v2_stronger",
        needs: &[KEEPALIVED, TSHARK],
        run: |binary| interop::stronger(binary, V2).boxed_local(),
    },
    Drill {
        name: "interop_v2_weaker",
        needs: &[KEEPALIVED, TSHARK],
        run: |binary| interop::weaker(binary, V2).boxed_local(),
    },
    Drill {
        name: "interop_ipv6",
        needs: &[KEEPALIVED, TSHARK],
        run: |binary| interop::ipv6(binary).boxed_local(),
    },
    Drill {
        name: "interop_unicast_stronger",
        needs: &[KEEPALIVED, TSHARK],
        run: |b| interop::unicast_stronger(b, Family::Ipv4, Protocol::V3).boxed_local(),
    },
    Drill {
        name: "interop_unicast_weaker",
        needs: &[KEEPALIVED, TSHARK],
        run: |binary| interop::unicast_weaker(binary).boxed_local(),
    },
    Drill {
        name: "interop_unicast_v2",
        needs: &[KEEPALIVED, TSHARK],
        run: |b| interop::unicast_stronger(b, Family::Ipv4, V2).boxed_local(),
    },
    Drill {
        name: "interop_unicast_ipv6",
        needs: &[KEEPALIVED, TSHARK],
        run: |b| interop::unicast_stronger(b, Family::Ipv6, Protocol::V3).boxed_local(),
    },
    Drill {
        name: "interop_virtual_mac_stronger",
        needs: &[KEEPALIVED, TSHARK],
        run: |b| interop::virtual_mac_stronger(b, Family::Ipv4).boxed_local(),
    },
    Drill {
        name: "interop_virtual_mac_weaker",
        needs: &[KEEPALIVED, TSHARK],
        run: |b| interop::virtual_mac_weaker(b, Family::Ipv4).boxed_local(),
    },
    Drill {
        name: "interop_virtual_mac_ipv6",
        needs: &[KEEPALIVED, TSHARK],
        run: |b| interop::virtual_mac_stronger(b, Family::Ipv6).boxed_local(),
    },
    Drill { name: "message_only", needs: &[TSHARK], run: |b| message_only::run(b).boxed_local() },
    in_dialect("matrix_v3", |b| matrix::run(b, matrix::V3).boxed_local()),
    in_dialect("matrix_v3_rfc5798", |b| matrix::run(b, matrix::V3_RFC5798).boxed_local()),
    in_dialect("matrix_v3_ipv6", |b| matrix::run(b, matrix::V3_IPV6).boxed_local()),
    in_dialect("matrix_v3_unicast", |b| matrix::run(b, matrix::V3_UNICAST).boxed_local()),
    in_dialect("matrix_v3_ipv6_unicast", |b| matrix::run(b, matrix::V3_IPV6_UNICAST).boxed_local()),
    in_dialect("matrix_v2_unicast", |b| matrix::run(b, matrix::V2_UNICAST).boxed_local()),
    in_dialect("matrix_v2", |b| matrix::run(b, matrix::V2).boxed_local()),
    in_dialect("matrix_v2_password", |b| matrix::run(b, matrix::V2_PASSWORD).boxed_local()),
    against_keepalived("fault_stop", |b| faults::stop::run(b).boxed_local()),
    against_keepalived("fault_kill_supervisor", |b| faults::kill::elector(b).boxed_local()),
    against_keepalived("fault_kill_worker", |b| faults::kill::other(b).boxed_local()),
    against_keepalived("fault_kill_guard", |b| faults::kill::guard(b).boxed_local()),
    against_keepalived("fault_kill_everything", |b| faults::kill::everything(b).boxed_local()),
    against_keepalived("fault_freeze_supervisor", |b| faults::freeze::elector(b).boxed_local()),
    against_keepalived("fault_freeze_everything", |b| faults::freeze::everything(b).boxed_local()),
    against_keepalived("fault_freeze_group", |b| faults::freeze::group(b).boxed_local()),
    against_keepalived("fault_link_loss", |b| faults::link::loss(b).boxed_local()),
    against_keepalived("fault_link_flap", |b| faults::link::flapping(b).boxed_local()),
    against_keepalived("fault_one_way", |b| faults::link::one_way(b).boxed_local()),
    against_keepalived("fault_address_deleted", |b| faults::address::deleted(b).boxed_local()),
    against_keepalived("fault_address_flushed", |b| faults::address::flushed(b).boxed_local()),
    against_keepalived("fault_restart", |b| faults::restart::run(b).boxed_local()),
    against_keepalived("fault_overrun", |b| faults::overrun::run(b).boxed_local()),
    against_keepalived("fault_group", |b| faults::group::run(b).boxed_local()),
    against_keepalived("fault_excluded", |b| faults::excluded::run(b).boxed_local()),
    against_keepalived("fault_hogs", |b| faults::hogs::run(b).boxed_local()),
    against_keepalived("crowd_addresses", |b| faults::crowd::addresses(b).boxed_local()),
    against_keepalived("crowd_routers", |b| faults::crowd::routers(b).boxed_local()),
];

/// A drill with keepalived as the peer, whose packets Wireshark judges.
const fn in_dialect(name: &'static str, run: Run) -> Drill {
    Drill { name, needs: &[KEEPALIVED, TSHARK], run }
}

/// A drill that keepalived goes through as well.
const fn against_keepalived(name: &'static str, run: Run) -> Drill {
    Drill { name, needs: &[KEEPALIVED], run }
}

/// Version 2 as most keepalived boxes are set up: with a password.
const V2: Protocol = Protocol::V2 { password: Some("h4-lab") };

/// No drill takes longer unless something hangs.
const DEADLINE: Duration = Duration::from_secs(120);

impl Drill {
    /// The first program it needs that is not installed.
    #[must_use]
    pub fn missing(&self) -> Option<Program> {
        self.needs.iter().find(|program| program.find().is_none()).copied()
    }

    /// Runs it with this binary.
    ///
    /// # Errors
    /// When it cannot be brought to its end.
    pub async fn run(&self, binary: &Path) -> Result<Verdict> {
        let hangs = |_| Failure::new(format!("it hangs: not done after {} s", DEADLINE.as_secs()));
        timeout(DEADLINE, (self.run)(binary.into())).await.map_err(hangs)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = DRILLS.iter().map(|drill| drill.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DRILLS.len());
    }

    #[test]
    fn a_program_that_nobody_has_is_missing() {
        let drill = Drill {
            name: "x",
            needs: &[Program { name: "no-such-program", package: "x" }],
            run: |_| async { Ok(Verdict::default()) }.boxed_local(),
        };
        assert_eq!(drill.missing().map(|program| program.name), Some("no-such-program"));
    }
}
