//! A timer of the kernel that two processes share: the supervisor puts it off, the guard waits for it.
//!
//! So a heartbeat costs one system call of the supervisor and nothing of the guard, it cannot find a queue full, and
//! it counts even if the guard has not run since. The clock is monotonic and stands still while the box is suspended.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::read;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// Rings once for every silence.
#[derive(Debug)]
pub(super) struct Alarm(OwnedFd);

impl Alarm {
    /// One that does not ring until it is [put off](Self::put_off) for the first time.
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self(timerfd_create(TimerfdClockId::Monotonic, flags)?))
    }

    /// Lets it ring after this time from now, and not for what was before.
    pub(super) fn put_off(&self, patience: Duration) -> io::Result<()> {
        self.set(Timespec::try_from(patience).map_err(io::Error::other)?)
    }

    /// Lets it never ring.
    pub(super) fn stop(&self) -> io::Result<()> {
        self.set(NEVER)
    }

    fn set(&self, after: Timespec) -> io::Result<()> {
        let once = Itimerspec { it_interval: NEVER, it_value: after };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    /// Whether it rang and was not put off since; it will not say so again for the same silence.
    pub(super) fn take(&self) -> bool {
        let mut rings = [0; size_of::<u64>()];
        read(&self.0, &mut rings).is_ok()
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Made by the other process.
impl From<OwnedFd> for Alarm {
    fn from(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }
}

/// What the kernel takes for a timer that does not run.
const NEVER: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
