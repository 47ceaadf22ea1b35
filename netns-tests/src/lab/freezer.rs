//! A control group that stops whatever is in it, as a container's pause or a suspended machine does.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::mount::{MsFlags, mount};
use nix::unistd::Pid;

use crate::failure::{OrFail, Result};
use crate::sandbox::SCRATCH;

/// The control group. When it goes, its processes run and are back where they were.
#[derive(Debug)]
pub struct Freezer {
    directory: PathBuf,
    /// The processes in it, and where they were.
    members: Vec<(Pid, PathBuf)>,
}

impl Freezer {
    /// Makes the group.
    ///
    /// # Errors
    /// When this machine has no version 2 of control groups, or lets nobody make one.
    pub fn new() -> Result<Self> {
        static GROUPS: AtomicU32 = AtomicU32::new(0);
        let number = GROUPS.fetch_add(1, Ordering::Relaxed);
        let directory = root()?.join(format!("haagent-lab-{number}"));
        // One of an earlier lab that was killed is empty.
        let _ = fs::remove_dir(&directory);
        fs::create_dir(&directory).or_fail("cannot make a control group")?;
        let freezer = Self { directory, members: Vec::new() };
        freezer.write("cgroup.freeze", "0")?;
        Ok(freezer)
    }

    /// Takes processes in.
    ///
    /// # Errors
    /// When one of them is gone.
    pub fn admit(&mut self, processes: &[Pid]) -> Result<()> {
        for process in processes {
            let before = group_of(*process)?;
            self.write("cgroup.procs", &process.to_string())?;
            self.members.push((*process, before));
        }
        Ok(())
    }

    /// Stops them, all at once.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn freeze(&self) -> Result<()> {
        self.write("cgroup.freeze", "1")
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn thaw(&self) -> Result<()> {
        self.write("cgroup.freeze", "0")
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.directory.join(file);
        fs::write(path, text).or_fail(format!("cannot write `{file}` of a control group"))
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        // Processes may have ended in the meantime; the rest is cleaned up as far as possible.
        let _ = self.thaw();
        for (process, before) in &self.members {
            let _ = fs::write(before.join("cgroup.procs"), process.to_string());
        }
        let _ = fs::remove_dir(&self.directory);
    }
}

/// The root of all groups, mounted where only we see it: nobody knows where the host has it.
fn root() -> Result<PathBuf> {
    let root = Path::new(SCRATCH).join("cgroup");
    if !root.join("cgroup.procs").exists() {
        fs::create_dir_all(&root).or_fail("cannot make a directory")?;
        mount(Some("cgroup2"), &root, Some("cgroup2"), MsFlags::empty(), None::<&str>)
            .or_fail("cannot mount control groups")?;
    }
    Ok(root)
}

/// The group that a process is in.
fn group_of(process: Pid) -> Result<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{process}/cgroup"));
    let text = text.or_fail(format!("cannot look at process {process}"))?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    Ok(root()?.join(path))
}
