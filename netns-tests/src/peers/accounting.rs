//! What the kernel accounts for: the CPU time and the memory of a process and all that it started.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::failure::{OrFail, Result};

/// The processes of one program.
#[derive(Debug)]
pub(super) struct Family(Vec<u32>);

impl Family {
    /// A process and its descendants, as they are now.
    pub(super) fn of(process: u32) -> Result<Self> {
        let mut parents = BTreeMap::new();
        for entry in fs::read_dir("/proc").or_fail("cannot list processes")?.flatten() {
            let number = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            if let Some(number) = number
                && let Some(parent) = parent_of(number)
            {
                parents.insert(number, parent);
            }
        }
        let is_ours = |number: &u32| {
            let ancestors = std::iter::successors(Some(*number), |it| parents.get(it).copied());
            ancestors.take(DEPTH_MAX).any(|it| it == process)
        };
        Ok(Self(parents.keys().copied().filter(is_ours).collect()))
    }

    /// The time that they spent on a core, in user space and in the kernel (`/proc/PID/task/TID/schedstat`).
    pub(super) fn cpu_time(&self) -> Result<Duration> {
        let mut nanos = 0;
        for process in &self.0 {
            let tasks = fs::read_dir(format!("/proc/{process}/task"));
            for task in tasks.or_fail("a process is gone")?.flatten() {
                let text = fs::read_to_string(task.path().join("schedstat"));
                let text = text.or_fail("a thread is gone")?;
                let first = text.split_whitespace().next().unwrap_or_default();
                nanos += first.parse::<u64>().or_fail("a schedstat is not understood")?;
            }
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Kills them.
    pub(super) fn end(&self) {
        for process in &self.0 {
            if let Ok(process) = i32::try_from(*process) {
                // It may have ended by itself, which is all that is wanted.
                let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
            }
        }
    }

    /// The memory that they have, in bytes; what several have is counted once (`Pss`).
    pub(super) fn memory(&self) -> Result<u64> {
        let mut kilobytes = 0;
        for process in &self.0 {
            let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"));
            let text = text.or_fail("a process is gone")?;
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
            let number = line.split_whitespace().next().unwrap_or_default();
            kilobytes += number.parse::<u64>().or_fail("a smaps_rollup is not understood")?;
        }
        Ok(kilobytes * 1024)
    }
}

/// `None` for a process that has just ended.
fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // After the name, which may contain anything: the state, and the parent.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// More generations than any of the programs has.
const DEPTH_MAX: usize = 8;
