//! `haagent exec`: gives up every privilege, then becomes the command.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::process::{Signal, geteuid, set_parent_process_death_signal};

use crate::privilege::{self, Identity};

/// Becomes the program, told its name and arguments.
///
/// # Errors
/// Why that failed: it does not return otherwise.
pub(crate) fn run(identity: Identity, program: &Path, argv: &[OsString]) -> io::Error {
    let become_it = (identity.uid != geteuid().as_raw()).then_some(identity);
    if let Err(error) = privilege::drop_all(become_it).and_then(|()| leave_no_orphan()) {
        return error;
    }
    let Some((name, arguments)) = argv.split_first() else {
        return io::Error::other("a command has a name");
    };
    Command::new(program).arg0(name).args(arguments).exec()
}

/// A command must not go on after haagent: the next one starts with a clean slate. And it is no more precious than any
/// other process when memory runs out.
fn leave_no_orphan() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Refused where it is below what this process was started with, and then it is no lower than that.
    let _ = std::fs::write("/proc/self/oom_score_adj", "0");
    Ok(())
}
