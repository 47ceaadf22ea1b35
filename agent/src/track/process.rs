//! Whether a process lives: its death is told by the kernel, its return is looked for.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::net::unix::pipe;
use tokio::time::{sleep, timeout};

use super::blocking::Blocking;
use super::sample::{Sampler, failure, success};
use crate::config::Process;

/// How often a process that is missing is looked for.
const SEARCH: Duration = Duration::from_secs(1);
/// The kernel keeps so many bytes of a name.
const NAME_MAX: usize = 15;
/// A process number and a newline are shorter.
const PID_FILE_MAX: usize = 32;

/// Tells whether it lives, until the task is dropped.
pub(super) async fn follow(sampler: &Sampler, wanted: Process) {
    let mut search = Blocking::default();
    loop {
        let wanted = wanted.clone();
        let found = timeout(sampler.sampling.timeout, search.run(move || find(&wanted))).await;
        let found = found.unwrap_or_else(|_| Ok(Err("the search takes too long".to_owned())));
        match found.and_then(|found| watch(found?)) {
            Ok((pid, process)) => {
                let alive = success(format!("pid {pid}"));
                sampler.tell(alive.clone()).await;
                // Told again now and then: the check may be new to somebody.
                while timeout(sampler.sampling.interval, death(&process)).await.is_err() {
                    sampler.tell(alive.clone()).await;
                }
            }
            Err(why) => {
                sampler.tell(failure(why)).await;
                sleep(SEARCH).await;
            }
        }
    }
}

/// Until the process has ended. Cancel-safe.
async fn death(process: &pipe::Receiver) {
    // An error means that the kernel cannot tell; then it is looked for again.
    let _ = process.readable().await;
}

/// To the runtime it is a pipe like any other: it becomes readable at the end of the process.
fn watch((pid, process): (Pid, OwnedFd)) -> Result<(Pid, pipe::Receiver), String> {
    let process = pipe::Receiver::from_owned_fd_unchecked(process)
        .map_err(|error| format!("cannot follow pid {pid}: {error}"))?;
    Ok((pid, process))
}

/// A process that lives, or why there is none.
fn find(wanted: &Process) -> Result<(Pid, OwnedFd), String> {
    match wanted {
        Process::Name(name) => by_name(name).ok_or_else(|| "no such process".to_owned()),
        Process::PidFile(path) => by_pid_file(path),
    }
}

fn by_pid_file(path: &Path) -> Result<(Pid, OwnedFd), String> {
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "no pid file".to_owned(),
        _ => format!("cannot read the pid file: {error}"),
    })?;
    let pid = Some(text.trim()).filter(|text| text.len() < PID_FILE_MAX);
    let pid = pid.and_then(number);
    let pid = pid.filter(|pid| !pid.is_init()).ok_or("the pid file holds no pid")?;
    let process = open(pid).ok_or_else(|| format!("pid {pid} is gone"))?;
    Ok((pid, process))
}

fn by_name(name: &str) -> Option<(Pid, OwnedFd)> {
    let kept = &name[..name.floor_char_boundary(NAME_MAX)];
    let is_named = |pid: Pid| {
        let comm = fs::read(format!("/proc/{pid}/comm"));
        comm.is_ok_and(|comm| comm.strip_suffix(b"\n") == Some(kept.as_bytes()))
    };
    fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| number(entry.ok()?.file_name().to_str()?))
        .filter(|pid| is_named(*pid))
        // Its number may have gone to another one in between.
        .find_map(|pid| open(pid).filter(|_| is_named(pid)).map(|process| (pid, process)))
}

fn number(text: &str) -> Option<Pid> {
    text.parse::<i32>().ok().filter(|number| *number > 0).and_then(Pid::from_raw)
}

/// A process that has ended and is not yet waited for lives no more.
fn open(pid: Pid) -> Option<OwnedFd> {
    let process = pidfd_open(pid, PidfdFlags::NONBLOCK).ok()?;
    let mut ready = [PollFd::new(&process, PollFlags::IN)];
    let ended = poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).ok()? > 0;
    (!ended).then_some(process)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    /// A process with a name that no other has.
    struct Sleeper {
        child: Child,
        directory: tempfile::TempDir,
    }

    impl Sleeper {
        fn start(name: &str) -> Self {
            let directory = tempfile::tempdir().expect("scratch directory");
            let program = directory.path().join(name);
            std::os::unix::fs::symlink("/bin/sleep", &program).expect("a link");
            let child = Command::new(program).arg("60").spawn().expect("started");
            Self { child, directory }
        }

        fn pid_file(&self) -> Process {
            let path = self.directory.path().join("pid");
            fs::write(&path, format!("{}\n", self.child.id())).expect("scratch file");
            Process::PidFile(path)
        }

        fn end(&mut self) {
            self.child.kill().expect("killed");
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    async fn dies(found: (Pid, OwnedFd)) {
        let (_, process) = watch(found).expect("it can be followed");
        timeout(Duration::from_secs(5), death(&process)).await.expect("its death is told");
    }

    #[tokio::test]
    async fn a_process_is_found_by_its_number_and_its_death_is_told() {
        let mut sleeper = Sleeper::start("track-number");
        let wanted = sleeper.pid_file();
        let (pid, process) = find(&wanted).expect("it lives");
        assert_eq!(u32::try_from(pid.as_raw_pid()).expect("positive"), sleeper.child.id());
        sleeper.end();
        dies((pid, process)).await;
        let gone = format!("pid {} is gone", sleeper.child.id());
        assert_eq!(find(&wanted).map(|(pid, _)| pid), Err(gone), "even before it is waited for");
    }

    #[tokio::test]
    async fn a_process_is_found_by_the_start_of_its_name() {
        let name = format!("trk{:012}-and-more", std::process::id());
        let mut sleeper = Sleeper::start(&name);
        let wanted = Process::Name(name);
        // A moment after its program was started, the kernel changes its name.
        let eventually = async {
            loop {
                match find(&wanted) {
                    Ok(found) => break found,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        let process = timeout(Duration::from_secs(5), eventually).await.expect("it lives");
        sleeper.end();
        dies(process).await;
        let found = find(&wanted).map(|(pid, _)| pid);
        assert_eq!(found, Err("no such process".to_owned()));
    }

    #[tokio::test]
    async fn a_pid_file_may_be_wrong() {
        let directory = tempfile::tempdir().expect("scratch directory");
        let path = directory.path().join("pid");
        let why = || find(&Process::PidFile(path.clone())).map(|(pid, _)| pid);
        assert_eq!(why(), Err("no pid file".to_owned()));
        for text in ["", "x", "0", "-5", "1"] {
            fs::write(&path, text).expect("scratch file");
            assert_eq!(why(), Err("the pid file holds no pid".to_owned()), "{text:?}");
        }
    }
}
