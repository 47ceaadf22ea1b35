//! Processes that we watch but need not be the parent of.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::wait::{PATIENCE, eventually};

/// A process, by a handle that never means another one.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    handle: OwnedFd,
}

impl Process {
    /// `None` if it has ended and is forgotten.
    pub(crate) fn find(pid: u32) -> Option<Self> {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
        let handle = pidfd_open(number, PidfdFlags::empty()).ok()?;
        Some(Self { pid, handle })
    }

    /// Sends a signal; one that has ended does not mind.
    pub(crate) fn signal(&self, signal: Signal) {
        match pidfd_send_signal(&self.handle, signal) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => panic!("cannot send {signal:?} to {}: {error}", self.pid),
        }
    }

    /// `kill -9`, and waits until it is so.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
        self.ended();
    }

    /// Waits until it has ended.
    pub(crate) fn ended(&self) {
        assert!(self.ends_within(PATIENCE), "process {} does not end", self.pid);
    }

    /// Waits for its end, but no longer than this. Tells whether it has ended.
    pub(crate) fn ends_within(&self, patience: Duration) -> bool {
        let patience = Timespec::try_from(patience).expect("a short time");
        let mut ends = [PollFd::new(&self.handle, PollFlags::IN)];
        loop {
            match poll(&mut ends, Some(&patience)) {
                Err(Errno::INTR) => {}
                Err(error) => panic!("cannot wait for {}: {error}", self.pid),
                Ok(ended) => return ended > 0,
            }
        }
    }

    /// Stops all of its threads where they are, and waits until it is so.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        let tasks = Path::new("/proc").join(self.pid.to_string()).join("task");
        eventually("all threads are stopped", || {
            let mut tasks = std::fs::read_dir(&tasks).expect("a process has threads");
            tasks.all(|task| state(&task.expect("a thread").path()) == Some('T')).then_some(())
        });
    }

    /// The processes that it started and that have not ended.
    pub(crate) fn children(&self) -> Vec<Self> {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.filter(|pid| parent(*pid) == Some(self.pid)).filter_map(Self::find).collect()
    }

    /// What the kernel says about each of its threads, as in `/proc/PID/status`.
    pub(crate) fn threads(&self) -> io::Result<Vec<String>> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid))?;
        tasks.map(|task| std::fs::read_to_string(task?.path().join("status"))).collect()
    }
}

/// The parent of a process, if there is such a process.
fn parent(pid: u32) -> Option<u32> {
    fields(Path::new("/proc").join(pid.to_string()).as_path())?.split(' ').nth(1)?.parse().ok()
}

fn state(task: &Path) -> Option<char> {
    fields(task)?.chars().next()
}

/// What follows the name in the `stat` of a task: its state, its parent, and more.
fn fields(task: &Path) -> Option<String> {
    let stat = std::fs::read_to_string(task.join("stat")).ok()?;
    // The name is in parentheses and may itself contain any character.
    Some(stat.rsplit_once(") ")?.1.to_owned())
}
