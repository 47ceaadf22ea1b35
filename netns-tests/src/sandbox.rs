//! The program's own namespaces, entered before anything else happens.
//!
//! Nothing here ever touches the host: the program starts itself again as the first process of a
//! new network, mount and process namespace (below a new user namespace when it is not root), and
//! works there. The kernel ends every process of a process namespace together with its first one,
//! and that one dies with the program that the user started: so nothing is left behind, whether
//! the lab ends well, panics, is interrupted or is killed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::failure::{Failure, OrFail, Result};

/// What became of [`enter`].
#[derive(Debug)]
pub enum Entered {
    /// This is the process inside; the lab's copy of the binary is at this path.
    Inside(PathBuf),
    /// The work was done by a process inside, which ended with this code.
    Done(ExitCode),
    /// This machine does not let us have namespaces; the text says what is missing.
    Impossible(Failure),
}

/// Scratch space of the lab: a file system in memory that vanishes with the namespaces.
pub const SCRATCH: &str = "/run/lab";

/// Carries the path of the binary to the process inside, and marks it.
const BINARY: &str = "HAAGENT_LAB_BINARY";

/// Enters the namespaces. Must be called while the program has only one thread.
///
/// `prepare` runs outside and names the `haagent` binary to test.
///
/// # Errors
/// When `prepare` fails, or the namespaces exist but cannot be furnished.
pub fn enter(prepare: impl FnOnce() -> Result<PathBuf>) -> Result<Entered> {
    match std::env::var_os(BINARY) {
        Some(binary) if std::process::id() == 1 => furnish(Path::new(&binary)).map(Entered::Inside),
        _ => {
            let binary = prepare()?;
            match leave_host() {
                Ok(()) => run_inside(&binary).map(Entered::Done),
                Err(errno) => Ok(Entered::Impossible(Failure::new(format!(
                    "cannot make namespaces: {}; run as root, or allow unprivileged user namespaces",
                    errno.desc()
                )))),
            }
        }
    }
}

/// Makes new namespaces for this process and its children: as root directly, else as the root of a
/// new user namespace.
fn leave_host() -> nix::Result<()> {
    let namespaces = CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWPID;
    match unshare(namespaces) {
        Err(Errno::EPERM) => {}
        result => return result,
    }
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(namespaces | CloneFlags::CLONE_NEWUSER)?;
    // Only a process that gave up setgroups(2) may map its group without privileges.
    let files = [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {uid} 1")),
        ("gid_map", format!("0 {gid} 1")),
    ];
    for (file, text) in files {
        let written = fs::write(format!("/proc/self/{file}"), text);
        written.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
    }
    Ok(())
}

/// Starts this program again, as the first process of the new process namespace.
fn run_inside(binary: &Path) -> Result<ExitCode> {
    let program = std::env::current_exe().or_fail("cannot find this program")?;
    let status = Command::new(program)
        .args(std::env::args_os().skip(1))
        .env(BINARY, binary)
        .status()
        .or_fail("cannot start the process inside the namespaces")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The first act inside: die with the parent, see our own processes only, have our own `/run`.
fn furnish(binary: &Path) -> Result<PathBuf> {
    set_parent_process_death_signal(Some(Signal::KILL)).or_fail("cannot tie us to our parent")?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .or_fail("cannot make mounts private")?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none)
        .or_fail("cannot mount `/proc`")?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=0755"))
        .or_fail("cannot mount `/run`")?;
    fs::create_dir(SCRATCH).or_fail("cannot make the scratch directory")?;
    adopt(binary)
}

/// Copies the binary to where every user may execute it: the worker runs as another user, who may
/// not be able to enter the directory that it was built in.
fn adopt(binary: &Path) -> Result<PathBuf> {
    let copy = Path::new(SCRATCH).join("haagent");
    fs::copy(binary, &copy).or_fail(format!("cannot copy `{}`", binary.display()))?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))
        .or_fail("cannot make the binary executable")?;
    Ok(copy)
}
