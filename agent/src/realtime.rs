//! Scheduling and memory of the threads that must not be late.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// Half of the range: above ordinary work, below the kernel's own threads.
const PRIORITY: u8 = 50;

/// The map of a process that is in no user namespace of its own.
const INITIAL_UID_MAP: [&str; 3] = ["0", "0", "4294967295"];

/// Gives this thread round-robin real-time scheduling.
///
/// # Errors
/// A text for the operator: the thread stays as it is, which a busy box may make late.
pub(crate) fn schedule() -> Result<(), String> {
    let priority = PRIORITY.try_into()?;
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let thread = thread_native_id();
    set_thread_priority_and_policy(thread, ThreadPriority::Crossplatform(priority), policy)
        .map_err(|error| format!("no real-time scheduling (CAP_SYS_NICE allows it): {error:?}"))
}

/// Keeps all memory of this process, now and later, from being paged out.
///
/// # Errors
/// A text for the operator: a box that swaps may be late.
pub(crate) fn lock_memory() -> Result<(), String> {
    if !locking_is_unlimited() {
        return Err("memory is not locked (CAP_IPC_LOCK or LimitMEMLOCK= allows it)".to_owned());
    }
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE)
        .map_err(|error| format!("memory is not locked: {error}"))
}

/// Under a limit, locking what is yet to come would make a later allocation fail, which is worse than a page fault.
fn locking_is_unlimited() -> bool {
    let capable =
        capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let unlimited = getrlimit(Resource::Memlock).current.is_none();
    unlimited || (capable && map.split_whitespace().eq(INITIAL_UID_MAP))
}
