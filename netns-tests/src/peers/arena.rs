//! Where the proxies compete: a network namespace with nothing in it but its loopback, and a core for each side.

use std::fs;
use std::thread;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::{Failure, OrFail, Result};
use crate::lab::netlink::Netlink;

/// The same for all; the kernel's default may be one that paces, which hides what a proxy costs.
pub(super) const CONGESTION_CONTROL: &str = "reno";

const PROXIES: usize = 0;
const LOAD: usize = 1;

/// Takes this process off the core of the proxies. Must be called while it has one thread only: the others inherit it.
///
/// # Errors
/// When there is only one core.
pub fn separate() -> Result<()> {
    pin(LOAD).map_err(|failure| Failure::new(format!("{failure}; two cores are needed")))
}

/// Runs `start` on the core of the proxies, where its children stay.
pub(super) fn among_proxies<T: Send + 'static>(
    start: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let started = thread::spawn(|| {
        pin(PROXIES)?;
        start()
    });
    started.join().map_err(|_| Failure::new("a thread panicked"))?
}

fn pin(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core).or_fail("cannot name a core")?;
    sched_setaffinity(Pid::from_raw(0), &cores).or_fail(format!("cannot use core {core}"))
}

/// Brings the loopback up, and allows as many descriptors as can be had. Ports are many and come back soon: none of the
/// proxies is measured by how it runs out of them.
pub(super) async fn furnish() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    setrlimit(Resource::Nofile, raised).or_fail("cannot raise the limit of descriptors")?;
    let netlink = Netlink::open()?;
    netlink.up(netlink.interface("lo").await?).await?;
    for (key, value) in [
        ("tcp_congestion_control", CONGESTION_CONTROL),
        ("ip_local_port_range", "1024 65000"),
        ("tcp_tw_reuse", "1"),
    ] {
        let path = format!("/proc/sys/net/ipv4/{key}");
        fs::write(&path, value).or_fail(format!("cannot write `{path}`"))?;
    }
    Ok(())
}
