//! The VRRP thread: a real-time thread with a runtime of its own that runs every virtual router.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, LocalSet};
use tokio::time::timeout;
use vrrp::RouterConfig;
use vrrp::driver::{self, Driver};
use vrrp::linux::Linux;

use crate::config::RouterKey;
use crate::guard::parent::Guard;
use crate::realtime;

/// Orders that wait for the VRRP thread; it answers within microseconds.
const QUEUE: usize = 64;
/// Longest wait for one virtual router to let go.
const RELEASE_DEADLINE: Duration = Duration::from_secs(2);

/// A virtual router: where it lives, and what it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouterSettings {
    pub(crate) key: RouterKey,
    pub(crate) config: RouterConfig,
}

/// What the virtual routers are doing.
pub(crate) type Statuses = BTreeMap<RouterKey, driver::Status>;

enum Command {
    Guard(OwnedFd),
    Configure(Vec<RouterSettings>, oneshot::Sender<io::Result<()>>),
    Start,
    Release(oneshot::Sender<()>),
}

/// The supervisor's handle on the VRRP thread. Dropping it lets go of every address.
#[derive(Debug)]
pub(crate) struct Engine {
    commands: Option<mpsc::Sender<Command>>,
    statuses: watch::Receiver<Statuses>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the thread, with no virtual router.
    pub(crate) fn start() -> io::Result<Self> {
        let (commands, receiver) = mpsc::channel(QUEUE);
        let (publish, statuses) = watch::channel(Statuses::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("vrrp".to_owned()).spawn(move || {
            for problem in [realtime::lock_memory(), realtime::schedule()] {
                if let Err(problem) = problem {
                    tracing::warn!("{problem}: a busy box may advertise late");
                }
            }
            LocalSet::new().block_on(&runtime, Fleet::new(publish).run(receiver));
        })?;
        Ok(Self { commands: Some(commands), statuses, thread: Some(thread) })
    }

    /// Makes this the guard that is told what to do.
    pub(crate) async fn use_guard(&self, socket: OwnedFd) {
        self.send(Command::Guard(socket)).await;
    }

    /// Makes these the virtual routers; those that did not change are not touched.
    pub(crate) async fn configure(&self, routers: Vec<RouterSettings>) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        self.send(Command::Configure(routers, done)).await;
        answer.await.unwrap_or_else(|_| Err(io::Error::other("the VRRP thread is gone")))
    }

    /// Lets every virtual router take part in the election.
    pub(crate) async fn start_routers(&self) {
        self.send(Command::Start).await;
    }

    /// Lets go of every address and leaves the election; returns when that is done.
    pub(crate) async fn release_routers(&self) {
        let (done, answer) = oneshot::channel();
        self.send(Command::Release(done)).await;
        // An error means that the thread is gone, which lets go as well.
        let _ = answer.await;
    }

    /// What the virtual routers are doing.
    pub(crate) fn statuses(&self) -> watch::Receiver<Statuses> {
        self.statuses.clone()
    }

    async fn send(&self, command: Command) {
        if let Some(commands) = &self.commands
            && commands.send(command).await.is_err()
        {
            tracing::error!("the VRRP thread is gone");
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the VRRP thread panicked");
        }
    }
}

/// Every virtual router of this box.
struct Fleet {
    guard: Guard,
    publish: watch::Sender<Statuses>,
    routers: BTreeMap<RouterKey, Member>,
    started: bool,
}

struct Member {
    settings: RouterSettings,
    commands: mpsc::Sender<driver::Command>,
    driver: tokio::task::JoinHandle<()>,
    follower: AbortHandle,
}

impl Fleet {
    fn new(publish: watch::Sender<Statuses>) -> Self {
        Self { guard: Guard::default(), publish, routers: BTreeMap::new(), started: false }
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.recv().await {
            match command {
                Command::Guard(socket) => {
                    self.guard.replace(socket);
                    self.tell_all(|| driver::Command::Rearm).await;
                }
                Command::Configure(routers, done) => {
                    let _ = done.send(self.configure(routers).await);
                }
                Command::Start => {
                    self.started = true;
                    self.tell_all(|| driver::Command::Start).await;
                }
                Command::Release(done) => {
                    self.started = false;
                    self.release().await;
                    let _ = done.send(());
                }
            }
        }
        let keys: Vec<_> = self.routers.keys().cloned().collect();
        for key in keys {
            self.remove(&key).await;
        }
    }

    async fn tell_all(&self, command: impl Fn() -> driver::Command) {
        for member in self.routers.values() {
            // A driver ends only when its member is removed.
            let _ = member.commands.send(command()).await;
        }
    }

    async fn release(&self) {
        let mut answers = Vec::new();
        for member in self.routers.values() {
            let (done, answer) = oneshot::channel();
            let _ = member.commands.send(driver::Command::Release(done)).await;
            answers.push(answer);
        }
        for answer in answers {
            if timeout(RELEASE_DEADLINE, answer).await.is_err() {
                tracing::error!("a virtual router did not let go in time");
            }
        }
    }

    async fn configure(&mut self, routers: Vec<RouterSettings>) -> io::Result<()> {
        let stale: Vec<_> = self
            .routers
            .values()
            .filter(|member| !routers.iter().any(|router| member.stays_for(router)))
            .map(|member| member.settings.key.clone())
            .collect();
        for key in stale {
            self.remove(&key).await;
        }
        for settings in routers {
            match self.routers.get_mut(&settings.key) {
                Some(member) if member.settings == settings => {}
                Some(member) => {
                    let config = settings.config.clone();
                    let _ = member.commands.send(driver::Command::Reconfigure(config)).await;
                    member.settings = settings;
                }
                None => self.add(settings).await?,
            }
        }
        Ok(())
    }

    async fn add(&mut self, settings: RouterSettings) -> io::Result<()> {
        let (interface, config) = (&settings.key.interface, &settings.config);
        let host =
            Linux::open(interface, config.vrid(), config.source(), self.guard.clone()).await?;
        let (driver, status) = Driver::new(settings.config.clone(), host);
        let (commands, receiver) = mpsc::channel(QUEUE);
        if self.started {
            let _ = commands.send(driver::Command::Start).await;
        }
        let driver = tokio::task::spawn_local(driver.run(receiver));
        let follow = follow(settings.key.clone(), status, self.publish.clone());
        let follower = tokio::task::spawn_local(follow).abort_handle();
        let member = Member { settings, commands, driver, follower };
        self.routers.insert(member.settings.key.clone(), member);
        Ok(())
    }

    async fn remove(&mut self, key: &RouterKey) {
        let Some(member) = self.routers.remove(key) else { return };
        // The end of its commands makes the driver let go and return.
        drop(member.commands);
        if timeout(RELEASE_DEADLINE, member.driver).await.is_err() {
            tracing::error!("{key} did not let go in time");
        }
        member.follower.abort();
        self.publish.send_modify(|statuses| {
            statuses.remove(key);
        });
    }
}

impl Member {
    /// Whether the running driver can go on with these settings.
    fn stays_for(&self, other: &RouterSettings) -> bool {
        let (ours, theirs) = (&self.settings, other);
        ours.key == theirs.key && ours.config.source() == theirs.config.source()
    }
}

async fn follow(
    key: RouterKey,
    mut status: watch::Receiver<driver::Status>,
    publish: watch::Sender<Statuses>,
) {
    loop {
        let current = status.borrow_and_update().clone();
        publish.send_modify(|statuses| {
            statuses.insert(key.clone(), current);
        });
        if status.changed().await.is_err() {
            return;
        }
    }
}
