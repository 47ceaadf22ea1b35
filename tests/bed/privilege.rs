//! What a root user can do without his privileges.

use std::thread;

use rustix::thread::{
    CapabilitySet, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set,
};

/// Programs that are started in here have no capabilities, whoever runs the tests.
///
/// Capabilities belong to threads: those of the others are not touched.
pub(crate) fn unprivileged<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    let work = || {
        give_up_capabilities();
        act()
    };
    let result = thread::scope(|scope| scope.spawn(work).join());
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The bounding set is what even root cannot get back by executing a program.
fn give_up_capabilities() {
    clear_ambient_capability_set().expect("a thread may have less");
    for bit in 0..64 {
        // It takes CAP_SETPCAP, which an ordinary user lacks, and so has nothing to give up.
        let _ = remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit));
    }
    let is_root = rustix::process::geteuid().is_root();
    let is_left = capability_is_in_bounding_set(CapabilitySet::NET_ADMIN).expect("known to Linux");
    assert!(!is_root || !is_left, "root cannot give up its capabilities here");
}
