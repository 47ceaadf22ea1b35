//! The VRRP thread: a real-time thread with a runtime of its own that runs every virtual router.

use std::collections::BTreeMap;
use std::io;
use std::mem::discriminant;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, LocalSet};
use tokio::time::timeout;
use vrrp::driver::{self, Driver};
use vrrp::hmac::Reserved;
use vrrp::linux::{Host, Linux, SourceRules};
use vrrp::{Health, LinkConfig, LinkId, Peering, Role, RouterConfig};

use crate::config::{RouterKey, Track};
use crate::guard::parent::Guard;
use crate::realtime;
use crate::track::{Healths, Trackers, Tracking};

/// Orders that wait for the VRRP thread; it answers within microseconds.
const QUEUE: usize = 64;
/// Longest wait for one virtual router to let go.
const RELEASE_DEADLINE: Duration = Duration::from_secs(2);
/// Longest wait for what the virtual routers have to report.
const REPORT_DEADLINE: Duration = Duration::from_secs(1);

/// Virtual routers that move as one, often a single one: where they live, and what they are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupSettings {
    /// Each is a link of the election, in its order.
    pub(crate) keys: Vec<RouterKey>,
    pub(crate) config: RouterConfig,
    /// Of each link.
    pub(crate) peerings: Vec<Peering>,
    /// What moves its priority, or takes it out of the election.
    pub(crate) tracks: Vec<Track>,
}

impl GroupSettings {
    /// Whether a running driver can go on with the other settings.
    fn stays_for(&self, other: &Self) -> bool {
        let sources = |settings: &Self| -> Vec<_> {
            let links = settings.config.links().iter();
            links.map(|link| (link.source(), link.virtual_mac().is_some())).collect()
        };
        let transports = |settings: &Self| -> Vec<_> {
            settings.peerings.iter().map(|peering| discriminant(&peering.transport)).collect()
        };
        self.keys == other.keys
            && sources(self) == sources(other)
            && transports(self) == transports(other)
    }

    /// Whether a group that is active stays so when it gets the other settings.
    pub(crate) fn holds_on_for(&self, other: &Self) -> bool {
        self.stays_for(other) && self.config.same_participant(&other.config)
    }
}

/// What the virtual routers are doing.
pub(crate) type Statuses = BTreeMap<RouterKey, RouterStatus>;

/// What one virtual router is doing.
#[derive(Clone, Debug)]
pub(crate) struct RouterStatus {
    /// Its whole group.
    pub(crate) group: Arc<driver::Status>,
    /// Which link of it this is.
    pub(crate) link: LinkId,
}

impl RouterStatus {
    pub(crate) fn role(&self) -> Role {
        self.group.role
    }

    /// How often the group became active since it was made.
    pub(crate) fn activations(&self) -> u64 {
        self.group.links.first().map_or(0, |link| link.counters.active_transitions)
    }

    /// What it was told.
    pub(crate) fn config(&self) -> &LinkConfig {
        self.group.config.link(self.link)
    }
}

/// Where the answers to questions of virtual routers go. Does not keep the thread alive.
#[derive(Clone, Debug)]
pub(crate) struct Answers(mpsc::WeakSender<Command>);

impl Answers {
    /// Answers the question of this number of the group that this virtual router is in.
    pub(crate) async fn answer(&self, key: &RouterKey, number: u64, answer: Result<(), String>) {
        if let Some(commands) = self.0.upgrade() {
            // The thread may end meanwhile, and its questions with it.
            let _ = commands.send(Command::Consent(key.clone(), number, answer)).await;
        }
    }
}

#[derive(Debug)]
enum Command {
    Guard(OwnedFd),
    Configure(Vec<GroupSettings>, SourceRules, oneshot::Sender<io::Result<()>>),
    Start,
    Consent(RouterKey, u64, Result<(), String>),
    Leave(oneshot::Sender<Option<Instant>>),
    Release(oneshot::Sender<()>),
    Report(oneshot::Sender<Statuses>),
}

/// The supervisor's handle on the VRRP thread, and on the checks beside it. Dropping it lets go of every address.
#[derive(Debug)]
pub(crate) struct Engine {
    commands: Option<mpsc::Sender<Command>>,
    statuses: watch::Receiver<Statuses>,
    thread: Option<JoinHandle<()>>,
    tracking: Tracking,
}

impl Engine {
    /// Starts the thread, with no virtual router.
    pub(crate) fn start(reserved: watch::Receiver<Reserved>) -> io::Result<Self> {
        let tracking = Tracking::start()?;
        let healths = tracking.healths();
        let (commands, receiver) = mpsc::channel(QUEUE);
        let (publish, statuses) = watch::channel(Statuses::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("vrrp".to_owned()).spawn(move || {
            for problem in [realtime::lock_memory(), realtime::schedule()] {
                if let Err(problem) = problem {
                    tracing::warn!("{problem}: a busy box may advertise late");
                }
            }
            let fleet = Fleet::new(publish, healths, reserved);
            LocalSet::new().block_on(&runtime, fleet.run(receiver));
        })?;
        Ok(Self { commands: Some(commands), statuses, thread: Some(thread), tracking })
    }

    /// Makes this the guard that is told what to do.
    pub(crate) async fn use_guard(&self, socket: OwnedFd) {
        self.send(Command::Guard(socket)).await;
    }

    /// Makes these the virtual routers; those that did not change are not touched. They send from what the rules choose.
    pub(crate) async fn configure(
        &self,
        groups: Vec<GroupSettings>,
        rules: SourceRules,
    ) -> io::Result<()> {
        let tracks = groups.iter().map(|group| (group.keys.clone(), group.tracks.clone()));
        // First, for a new group takes part only once its checks are known.
        self.tracking.configure(tracks.collect()).await;
        let (done, answer) = oneshot::channel();
        self.send(Command::Configure(groups, rules, done)).await;
        answer.await.unwrap_or_else(|_| Err(io::Error::other("the VRRP thread is gone")))
    }

    /// Lets every virtual router take part in the election.
    pub(crate) async fn start_routers(&self) {
        self.send(Command::Start).await;
    }

    /// Leaves the election, but holds every address until just before another box can have it. Returns when the first of
    /// them go, if any are here.
    pub(crate) async fn leave_routers(&self) -> Option<Instant> {
        let (told, answer) = oneshot::channel();
        self.send(Command::Leave(told)).await;
        // An error means that the thread is gone, and every address with it.
        answer.await.unwrap_or_default()
    }

    /// Lets go of every address and leaves the election; returns when that is done.
    pub(crate) async fn release_routers(&self) {
        let (done, answer) = oneshot::channel();
        self.send(Command::Release(done)).await;
        // An error means that the thread is gone, which lets go as well.
        let _ = answer.await;
    }

    /// Where answers to questions go.
    pub(crate) fn answers(&self) -> Option<Answers> {
        self.commands.as_ref().map(|commands| Answers(commands.downgrade()))
    }

    /// What the virtual routers are doing now, with what they count. Empty when the VRRP thread does not answer.
    pub(crate) async fn report(&self) -> Statuses {
        let (asker, answer) = oneshot::channel();
        self.send(Command::Report(asker)).await;
        match timeout(REPORT_DEADLINE, answer).await {
            Ok(Ok(statuses)) => statuses,
            Ok(Err(_)) | Err(_) => Statuses::new(),
        }
    }

    /// What the virtual routers are doing: told when a role, the settings or a link changed.
    pub(crate) fn statuses(&self) -> watch::Receiver<Statuses> {
        self.statuses.clone()
    }

    /// What the checks say.
    pub(crate) fn trackers(&self) -> Trackers {
        self.tracking.trackers()
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
    /// What the virtual routers share, once there is one.
    host: Option<Host>,
    /// What they may sign with.
    reserved: watch::Receiver<Reserved>,
    guard: Guard,
    publish: watch::Sender<Statuses>,
    healths: watch::Receiver<Healths>,
    /// By the virtual routers in them: another set is another group.
    groups: BTreeMap<Vec<RouterKey>, Group>,
    started: bool,
}

struct Group {
    settings: GroupSettings,
    /// Followed by the host of each link.
    peerings: Vec<watch::Sender<Peering>>,
    /// What its driver was told last.
    health: Health,
    commands: mpsc::Sender<driver::Command>,
    driver: tokio::task::JoinHandle<()>,
    follower: AbortHandle,
}

impl Fleet {
    fn new(
        publish: watch::Sender<Statuses>,
        healths: watch::Receiver<Healths>,
        reserved: watch::Receiver<Reserved>,
    ) -> Self {
        let (host, guard, groups) = (None, Guard::default(), BTreeMap::new());
        Self { host, reserved, guard, publish, healths, groups, started: false }
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut healths = self.healths.clone();
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => break,
                },
                Ok(()) = healths.changed() => self.tell_health().await,
            }
        }
        let all: Vec<_> = self.groups.keys().cloned().collect();
        for keys in all {
            self.remove(&keys).await;
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Guard(socket) => {
                self.guard.replace(socket);
                self.tell_all(|| driver::Command::Rearm).await;
            }
            Command::Configure(groups, rules, done) => {
                let _ = done.send(self.configure(groups, rules).await);
            }
            Command::Start => {
                self.started = true;
                self.tell_all(|| driver::Command::Start).await;
            }
            Command::Consent(key, number, answer) => {
                let group = self.groups.values().find(|it| it.settings.keys.contains(&key));
                if let Some(group) = group {
                    let _ = group.commands.send(driver::Command::Consent(number, answer)).await;
                }
            }
            Command::Leave(told) => {
                self.started = false;
                let _ = told.send(self.leave().await);
            }
            Command::Release(done) => {
                self.started = false;
                self.release().await;
                let _ = done.send(());
            }
            Command::Report(asker) => {
                let _ = asker.send(self.report().await);
            }
        }
    }

    /// A group whose health is not known any more is about to be removed.
    async fn tell_health(&mut self) {
        let healths = self.healths.borrow().clone();
        for (keys, group) in &mut self.groups {
            if let Some(health) = healths.get(keys)
                && *health != group.health
            {
                group.health.clone_from(health);
                let _ = group.commands.send(driver::Command::Health(health.clone())).await;
            }
        }
    }

    async fn tell_all(&self, command: impl Fn() -> driver::Command) {
        for group in self.groups.values() {
            // A driver ends only when its group is removed.
            let _ = group.commands.send(command()).await;
        }
    }

    async fn leave(&self) -> Option<Instant> {
        let mut answers = Vec::new();
        for group in self.groups.values() {
            let (told, answer) = oneshot::channel();
            let _ = group.commands.send(driver::Command::Leave(told)).await;
            answers.push(answer);
        }
        let mut first = None;
        for answer in answers {
            let until = timeout(RELEASE_DEADLINE, answer).await.ok().and_then(Result::ok).flatten();
            first = first.into_iter().chain(until).min();
        }
        first
    }

    async fn release(&self) {
        let mut answers = Vec::new();
        for group in self.groups.values() {
            let (done, answer) = oneshot::channel();
            let _ = group.commands.send(driver::Command::Release(done)).await;
            answers.push(answer);
        }
        for answer in answers {
            if timeout(RELEASE_DEADLINE, answer).await.is_err() {
                tracing::error!("a virtual router did not let go in time");
            }
        }
    }

    async fn report(&self) -> Statuses {
        let mut statuses = Statuses::new();
        for group in self.groups.values() {
            let (asker, answer) = oneshot::channel();
            let _ = group.commands.send(driver::Command::Report(asker)).await;
            if let Ok(status) = answer.await {
                statuses.extend(by_router(&group.settings.keys, status));
            }
        }
        statuses
    }

    /// What is gone or made anew lets go of its addresses before anything takes them up.
    async fn configure(
        &mut self,
        groups: Vec<GroupSettings>,
        rules: SourceRules,
    ) -> io::Result<()> {
        self.host().await?.choose_sources_by(rules);
        let stale: Vec<_> = self
            .groups
            .values()
            .filter(|running| !groups.iter().any(|group| running.settings.stays_for(group)))
            .map(|running| running.settings.keys.clone())
            .collect();
        for keys in stale {
            self.remove(&keys).await;
        }
        for settings in groups {
            match self.groups.get_mut(&settings.keys) {
                Some(group) if group.settings == settings => {}
                Some(group) => {
                    let config = settings.config.clone();
                    for (host, peering) in group.peerings.iter().zip(&settings.peerings) {
                        host.send_if_modified(|known| {
                            let changed = known != peering;
                            known.clone_from(peering);
                            changed
                        });
                    }
                    let _ = group.commands.send(driver::Command::Reconfigure(config)).await;
                    group.settings = settings;
                }
                None => self.add(settings).await?,
            }
        }
        Ok(())
    }

    async fn add(&mut self, settings: GroupSettings) -> io::Result<()> {
        let GroupSettings { keys, config, peerings, .. } = &settings;
        let host = self.host().await?;
        let (mut links, mut followed) = (Vec::new(), Vec::new());
        for ((id, key), peering) in config.link_ids().zip(keys).zip(peerings) {
            let (link, guard) = (config.link(id), self.guard.clone());
            let (sender, peering) = watch::channel(peering.clone());
            let (name, vrid, source) = (&key.interface, link.vrid(), link.source());
            let host = Linux::open(&host, id, name, vrid, source, peering, guard).await?;
            links.push(match link.virtual_mac() {
                Some(_) => host.with_virtual_mac().await?,
                None => host,
            });
            followed.push(sender);
        }
        let (driver, status) = Driver::new(config.clone(), links, host.tempo());
        let (commands, receiver) = mpsc::channel(QUEUE);
        let health = self.healths.borrow().get(keys).cloned().unwrap_or_default();
        let _ = commands.send(driver::Command::Health(health.clone())).await;
        if self.started {
            let _ = commands.send(driver::Command::Start).await;
        }
        let driver = tokio::task::spawn_local(driver.run(receiver));
        let follow = follow(keys.clone(), status, self.publish.clone());
        let follower = tokio::task::spawn_local(follow).abort_handle();
        let group = Group { settings, peerings: followed, health, commands, driver, follower };
        self.groups.insert(group.settings.keys.clone(), group);
        Ok(())
    }

    /// Opened for the first virtual router.
    async fn host(&mut self) -> io::Result<Host> {
        if let Some(host) = &self.host {
            return Ok(host.clone());
        }
        let host = Host::open(self.reserved.clone()).await?;
        Ok(self.host.insert(host).clone())
    }

    async fn remove(&mut self, keys: &[RouterKey]) {
        let Some(group) = self.groups.remove(keys) else { return };
        // The end of its commands makes the driver let go and return.
        drop(group.commands);
        if timeout(RELEASE_DEADLINE, group.driver).await.is_err() {
            tracing::error!("{} did not let go in time", names(keys));
        }
        group.follower.abort();
        self.publish.send_modify(|statuses| {
            for key in keys {
                statuses.remove(key);
            }
        });
    }
}

async fn follow(
    keys: Vec<RouterKey>,
    mut status: watch::Receiver<driver::Status>,
    publish: watch::Sender<Statuses>,
) {
    loop {
        let group = status.borrow_and_update().clone();
        publish.send_modify(|statuses| statuses.extend(by_router(&keys, group)));
        if status.changed().await.is_err() {
            return;
        }
    }
}

/// The status of a group as that of each virtual router in it.
fn by_router(
    keys: &[RouterKey],
    group: driver::Status,
) -> impl Iterator<Item = (RouterKey, RouterStatus)> {
    let group = Arc::new(group);
    let links = group.config.link_ids();
    links
        .zip(keys)
        .map(move |(link, key)| (key.clone(), RouterStatus { group: Arc::clone(&group), link }))
}

/// Virtual routers in the log.
pub(crate) fn names(keys: &[RouterKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
