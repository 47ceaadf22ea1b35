//! A machine of the lab: a network namespace and the thread that owns it.
//!
//! The thread moves into a new namespace before it does anything else and runs the jobs sent to it
//! on its own runtime, so every socket they open and every process they start belongs there. The
//! namespace vanishes with the thread; the processes in it are ended with it.

use std::fs::{self, File};
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::pin::Pin;
use std::process::{Child, Command};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, LocalSet, spawn_local};

use super::netlink::Netlink;
use crate::failure::{Failure, OrFail, Result, eventually};

/// A network namespace with a thread of its own.
#[derive(Debug)]
pub struct Node {
    name: String,
    namespace: File,
    netlink: Netlink,
    /// `None` only while the node is taken down.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// Made on the node's thread, so that what it captures may stay there.
type Job = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// Jobs that may wait for a busy node; senders wait beyond that.
const JOBS_MAX: usize = 16;

/// Written in each namespace before it gets its first link: no IPv6 noise on the wire, and no
/// dropping of packets because a virtual address moved to another box.
const SETTINGS: [(&str, &str); 4] = [
    ("ipv6/conf/all/disable_ipv6", "1"),
    ("ipv6/conf/default/disable_ipv6", "1"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
];

/// Written where a drill wants IPv6: without the addresses that the kernel makes up.
const SETTINGS_IPV6: [(&str, &str); 4] = [
    ("ipv6/conf/default/addr_gen_mode", "1"),
    ("ipv6/conf/all/addr_gen_mode", "1"),
    ("ipv6/conf/all/accept_dad", "0"),
    ("ipv6/conf/all/disable_ipv6", "0"),
];

impl Node {
    /// Makes the namespace.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn new(name: &str) -> Result<Self> {
        let (jobs, waiting) = mpsc::channel(JOBS_MAX);
        let (ready, made) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || live(ready, waiting))
            .or_fail("cannot start a thread")?;
        let (namespace, netlink) = made.await.or_fail("a node died at birth")??;
        let name = name.to_owned();
        Ok(Self { name, namespace, netlink, jobs: Some(jobs), thread: Some(thread) })
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node's links and addresses.
    #[must_use]
    pub const fn netlink(&self) -> &Netlink {
        &self.netlink
    }

    /// A handle by which others can put links into the namespace.
    #[must_use]
    pub fn namespace(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }

    /// Runs `job` inside and waits for its result.
    ///
    /// # Errors
    /// When the job panicked.
    pub async fn run<T, F, Work>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Work + Send + 'static,
        Work: Future<Output = T> + 'static,
    {
        let (result, done) = oneshot::channel();
        let job: Job = Box::new(move || {
            Box::pin(async move {
                // Nobody waits any more when the caller was dropped.
                let _ = result.send(job().await);
            })
        });
        let jobs = self.jobs.as_ref().expect("present until the node is dropped");
        jobs.send(job).await.or_fail(format!("node `{}` is gone", self.name))?;
        done.await.or_fail(format!("a job on `{}` panicked", self.name))
    }

    /// Starts `task` inside and leaves it running.
    ///
    /// # Errors
    /// When the node is gone.
    pub async fn start<F, Work>(&self, task: F) -> Result<Running>
    where
        F: FnOnce() -> Work + Send + 'static,
        Work: Future<Output = ()> + 'static,
    {
        self.run(|| async { Running::start(task()) }).await
    }

    /// Starts a process inside.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn spawn(&self, mut command: Command) -> Result<Child> {
        let program = command.get_program().to_string_lossy().into_owned();
        self.run(move || async move { command.spawn() })
            .await?
            .or_fail(format!("cannot start `{program}`"))
    }
}

impl Node {
    /// Switches IPv6 on, with no other addresses than those that are added.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn enable_ipv6(&self) -> Result<()> {
        let work =
            || async { SETTINGS_IPV6.iter().try_for_each(|(setting, value)| set(setting, value)) };
        self.run(work).await?.or_fail("cannot switch IPv6 on")
    }

    /// Ends every process in the namespace, also those that a box left behind, and waits until they have ended: what
    /// they had open is free then.
    ///
    /// # Errors
    /// When one lives on.
    pub async fn end_processes(&self) -> Result<()> {
        let killed = self.kill_processes();
        eventually("the end of all processes of a box", END_DEADLINE, || async {
            let alive: Vec<_> = killed.iter().filter(|process| runs(**process)).collect();
            if alive.is_empty() { Ok(()) } else { Err(Failure::new(format!("{alive:?} run"))) }
        })
        .await
    }

    /// Kills every process in the namespace, and says which.
    fn kill_processes(&self) -> Vec<Pid> {
        let ours = self.namespace.metadata().map(|namespace| namespace.ino());
        let is_here = |process: &Pid| {
            let theirs = fs::metadata(format!("/proc/{process}/ns/net"));
            theirs.is_ok_and(|theirs| ours.as_ref().is_ok_and(|ours| *ours == theirs.ino()))
        };
        let here: Vec<_> = processes().into_iter().filter(is_here).collect();
        for process in &here {
            // It may have ended in the meantime.
            let _ = kill(*process, Signal::SIGKILL);
        }
        here
    }
}

/// How long a process may live on that was killed.
const END_DEADLINE: Duration = Duration::from_secs(5);

/// Does the process still run, in any of its threads? A dead one that nobody has waited for does not.
#[must_use]
pub fn runs(process: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    threads.into_iter().any(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The state follows the name, which is in parentheses and may itself contain any character.
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        matches!(state, Some(state) if state != 'Z' && state != 'X')
    })
}

/// All processes that we see: those of our own process namespace.
fn processes() -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.map(Pid::from_raw).filter(|process| *process != Pid::this()).collect()
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill_processes();
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported where it happened.
            let _ = thread.join();
        }
    }
}

/// A task inside a node; it ends when this is dropped.
#[derive(Debug)]
pub struct Running(AbortHandle);

impl Running {
    /// Starts it, on a node's thread.
    pub(super) fn start(task: impl Future<Output = ()> + 'static) -> Self {
        Self(spawn_local(task).abort_handle())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The life of a node's thread.
fn live(ready: oneshot::Sender<Result<(File, Netlink)>>, mut jobs: mpsc::Receiver<Job>) {
    let runtime = match move_in() {
        Ok(runtime) => runtime,
        Err(failure) => return drop(ready.send(Err(failure))),
    };
    LocalSet::new().block_on(&runtime, async move {
        let furnished = furnish().await;
        let dead = furnished.is_err();
        if ready.send(furnished).is_err() || dead {
            return;
        }
        while let Some(job) = jobs.recv().await {
            spawn_local(job());
        }
    });
}

/// Enters a new namespace and makes a runtime whose sockets belong to it.
fn move_in() -> Result<Runtime> {
    unshare(CloneFlags::CLONE_NEWNET).or_fail("cannot make a network namespace")?;
    Builder::new_current_thread().enable_all().build().or_fail("cannot make a runtime")
}

async fn furnish() -> Result<(File, Netlink)> {
    for (setting, value) in SETTINGS {
        set(setting, value).or_fail(format!("cannot set `{setting}`"))?;
    }
    let namespace =
        File::open("/proc/thread-self/ns/net").or_fail("cannot open the network namespace")?;
    let netlink = Netlink::open()?;
    netlink.up(netlink.interface("lo").await?).await?;
    Ok((namespace, netlink))
}

/// Writes a setting below `/proc/sys/net`; a kernel without IPv6 has nothing to switch off.
fn set(setting: &str, value: &str) -> io::Result<()> {
    let path = Path::new("/proc/sys/net").join(setting);
    if path.exists() { fs::write(path, value) } else { Ok(()) }
}
