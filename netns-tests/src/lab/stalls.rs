//! When a processor of this machine stood still, as those of a virtual machine do whose host is busy.
//!
//! Nothing that runs on it is to blame then, however important it is, and a protocol that counts in tens of milliseconds
//! rightly takes a box for dead.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use crate::clock::Clock;
use crate::failure::{OrFail, Result};
use crate::traffic::window::Window;

/// Watches every processor for as long as it lives.
#[derive(Debug)]
pub struct Stalls(Notes);

type Notes = Arc<Mutex<Vec<Window>>>;

/// A watcher on time wakes up this long after the last time.
const TICK: Duration = Duration::from_millis(5);

/// The least that is noted: less than what any drill judges.
const NOTED: Duration = Duration::from_millis(15);

/// Above whatever the boxes run with.
const PRIORITY: u8 = 90;

impl Stalls {
    /// Begins to watch. Where nobody may run before all others nothing is noted, for everybody is late sometimes.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn watch(clock: Clock) -> Result<Self> {
        let notes = Notes::default();
        let allowed = sched_getaffinity(None).or_fail("cannot list the processors")?;
        for processor in (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor)) {
            let notes = Arc::downgrade(&notes);
            thread::Builder::new()
                .name(format!("stalls-{processor}"))
                .spawn(move || {
                    if settle(processor).is_some() {
                        look(clock, &notes);
                    }
                })
                .or_fail("cannot start a thread")?;
        }
        Ok(Self(notes))
    }

    /// The longest time that a processor stood still, of those that touch the window.
    #[must_use]
    pub fn longest(&self, window: Window) -> Duration {
        let stalls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lengths = stalls
            .iter()
            .filter(|it| it.to >= window.from && it.from <= window.to)
            .map(|it| it.to - it.from);
        lengths.max().unwrap_or_default()
    }
}

/// Stays on this processor, before all others there.
fn settle(processor: usize) -> Option<()> {
    let mut here = CpuSet::new();
    here.set(processor);
    sched_setaffinity(None, &here).ok()?;
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let priority = ThreadPriority::Crossplatform(PRIORITY.try_into().ok()?);
    set_thread_priority_and_policy(thread_native_id(), priority, policy).ok()
}

#[expect(clippy::disallowed_methods, reason = "how late it wakes up is what is measured")]
fn look(clock: Clock, notes: &Weak<Mutex<Vec<Window>>>) {
    let mut from = clock.now();
    while let Some(notes) = notes.upgrade() {
        thread::sleep(TICK);
        let to = clock.now();
        if to - from >= NOTED {
            notes.lock().unwrap_or_else(PoisonError::into_inner).push(Window { from, to });
        }
        from = to;
    }
}
