//! Processes that do nothing, as fast as they can.

use std::process::{Child, Command, Stdio};
use std::thread::available_parallelism;
use std::time::Duration;

use crate::failure::{OrFail, Result};

/// The hogs; they end when dropped, and by themselves when they had the processor for long enough.
#[derive(Debug)]
pub struct Hogs(Vec<Child>);

/// So many on each core.
const PER_CORE: usize = 10;

impl Hogs {
    /// Lets them loose on every core. None of them gets the processor for longer than `at_most`, in seconds.
    ///
    /// # Errors
    /// When they cannot be started.
    pub fn start(at_most: Duration) -> Result<Self> {
        let cores = available_parallelism().or_fail("cannot count the cores")?.get();
        let mut hogs = Self(Vec::new());
        let script = format!("ulimit -t {}; while :; do :; done", at_most.as_secs());
        for _ in 0..cores * PER_CORE {
            let mut shell = Command::new("sh");
            shell.args(["-c", &script]).stdin(Stdio::null());
            hogs.0.push(shell.spawn().or_fail("cannot start `sh`")?);
        }
        Ok(hogs)
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        for hog in &mut self.0 {
            // It may have ended by itself, which is all that is wanted.
            let _ = hog.kill();
            let _ = hog.wait();
        }
    }
}
