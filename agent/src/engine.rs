//! The VRRP thread: a real-time thread with a runtime of its own that runs every virtual router.

mod fleet;

use std::collections::BTreeMap;
use std::io;
use std::mem::discriminant;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::LocalSet;
use tokio::time::timeout;
use vrrp::driver;
use vrrp::hmac::Reserved;
use vrrp::linux::SourceRules;
use vrrp::{LinkConfig, LinkId, Peering, Role, RouterConfig};

use crate::config::{RouterKey, Track};
use crate::realtime;
use crate::track::{Trackers, Tracking};
use fleet::Fleet;

/// Orders that wait for the VRRP thread; it answers within microseconds.
const QUEUE: usize = 64;
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
