//! Tracking: looks at what the config says, and tells the VRRP thread what that does to the virtual routers.
//!
//! ```text
//! kernel, gateways, files, commands … ── Sampler ─ Outcome ─▶ Board ─ watch<Healths> ─▶ VRRP thread
//!                                        one per thing         │ vrrp::track::Tracker per group
//!                                                              └── watch<Trackers> ─▶ `haagent status`
//! ```
//!
//! On a thread of its own, so that neither adverts nor the supervisor's loop ever wait for a check. The health of the
//! local proxy is no check: [`coordinator`](crate::coordinator) takes the routers out of the election without a proxy.

mod blocking;
mod board;
mod command;
mod file;
mod gateway;
mod http;
mod process;
mod sample;

use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::thread::JoinHandle;

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::LocalSet;
use tokio::time::sleep_until;
use vrrp::track::{Impact, Outcome, Tracked};

pub(crate) use board::{GroupKey, Healths, Trackers};
pub(crate) use command::problems as command_problems;

use crate::clock::now;
use crate::config::{Track, names};
use board::{Board, SourceId};
use sample::Sampler;

/// Orders and outcomes that wait for the board; samplers wait when it is full.
const QUEUE: usize = 64;
/// Samples that are taken at once: processes, sockets and threads have their price.
const SAMPLES_MAX: usize = 16;
/// Threads for reads of files, which may hang.
const BLOCKING_THREADS_MAX: usize = 8;
/// The memory of this process is locked, stacks included.
const STACK_SIZE: usize = 512 << 10;

/// What each group tracks.
pub(crate) type Tracks = BTreeMap<GroupKey, Vec<Track>>;

/// The owner's handle on the tracking thread. Dropping it ends all checks.
#[derive(Debug)]
pub(crate) struct Tracking {
    commands: Option<mpsc::Sender<(Tracks, oneshot::Sender<()>)>>,
    healths: watch::Receiver<Healths>,
    trackers: watch::Receiver<Trackers>,
    thread: Option<JoinHandle<()>>,
}

impl Tracking {
    /// Starts the thread, with nothing to track.
    pub(crate) fn start() -> io::Result<Self> {
        let (commands, receiver) = mpsc::channel(QUEUE);
        let (publish_healths, healths) = watch::channel(Healths::new());
        let (publish_trackers, trackers) = watch::channel(Trackers::new());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .thread_stack_size(STACK_SIZE)
            .build()?;
        let run = move || {
            let desk = Desk::new(publish_healths, publish_trackers);
            LocalSet::new().block_on(&runtime, desk.run(receiver));
            // A read that hangs must not hold up our end.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("track".to_owned()).stack_size(STACK_SIZE);
        let thread = thread.spawn(run)?;
        Ok(Self { commands: Some(commands), healths, trackers, thread: Some(thread) })
    }

    /// Makes this what is tracked; returns when the [healths](Self::healths) say so. What did not change goes on.
    pub(crate) async fn configure(&self, tracks: Tracks) {
        let (done, answer) = oneshot::channel();
        if let Some(commands) = &self.commands
            && commands.send((tracks, done)).await.is_ok()
            && answer.await.is_ok()
        {
            return;
        }
        tracing::error!("the tracking thread is gone");
    }

    /// What the checks do to each virtual router.
    pub(crate) fn healths(&self) -> watch::Receiver<Healths> {
        self.healths.clone()
    }

    /// The checks as they are now.
    pub(crate) fn trackers(&self) -> Trackers {
        self.trackers.borrow().clone()
    }
}

impl Drop for Tracking {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the tracking thread panicked");
        }
    }
}

/// The board, and the samplers that feed it.
struct Desk {
    board: Board,
    /// Dropping a task ends it.
    samplers: BTreeMap<SourceId, AbortOnDrop>,
    permits: Rc<Semaphore>,
    healths: watch::Sender<Healths>,
    trackers: watch::Sender<Trackers>,
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Desk {
    fn new(healths: watch::Sender<Healths>, trackers: watch::Sender<Trackers>) -> Self {
        let permits = Rc::new(Semaphore::new(SAMPLES_MAX));
        Self { board: Board::default(), samplers: BTreeMap::new(), permits, healths, trackers }
    }

    async fn run(mut self, mut commands: mpsc::Receiver<(Tracks, oneshot::Sender<()>)>) {
        let (sender, mut outcomes) = mpsc::channel(QUEUE);
        loop {
            let due_at = self.board.poll_timeout();
            tokio::select! {
                command = commands.recv() => match command {
                    Some((tracks, done)) => {
                        self.configure(&tracks, &sender);
                        self.publish();
                        // The asker may have given up; that changes nothing here.
                        let _ = done.send(());
                    }
                    None => return,
                },
                Some((id, outcome)) = outcomes.recv() => {
                    self.board.observe(id, &outcome, now().into_std());
                    self.publish();
                }
                () = until(due_at) => {
                    self.board.elapse(now().into_std());
                    self.publish();
                }
            }
        }
    }

    fn configure(&mut self, tracks: &Tracks, outcomes: &mpsc::Sender<(SourceId, Outcome)>) {
        let started = self.board.configure(tracks, now().into_std());
        self.samplers.retain(|id, _| self.board.has(*id));
        for (id, sampling) in started {
            let (permits, outcomes) = (Rc::clone(&self.permits), outcomes.clone());
            let sampler = Sampler { id, sampling, permits, outcomes };
            let task = tokio::task::spawn_local(sampler.run());
            self.samplers.insert(id, AbortOnDrop(task));
        }
    }

    fn publish(&self) {
        let trackers = self.board.trackers();
        self.trackers.send_modify(|published| {
            log_changes(published, trackers);
            published.clone_from(trackers);
        });
        self.healths.send_if_modified(|published| {
            let healths = self.board.healths();
            let changed = *published != healths;
            *published = healths;
            changed
        });
    }
}

async fn until(due_at: Option<std::time::Instant>) {
    match due_at {
        Some(due_at) => sleep_until(due_at.into()).await,
        None => std::future::pending().await,
    }
}

/// Each change that counts is told once.
fn log_changes(before: &Trackers, after: &Trackers) {
    for (group, tracker) in after {
        let old = before.get(group).map(vrrp::track::Tracker::tracked).unwrap_or_default();
        for new in tracker.tracked() {
            let name = &new.check().name;
            let known = old.iter().find(|old| old.check().name == *name);
            let impact = known.filter(|old| old.verdict().is_some()).map(Tracked::impact);
            if new.verdict().is_some() && impact != Some(new.impact()) {
                log_change(group, new, impact);
            }
        }
    }
}

fn log_change(group: &GroupKey, check: &Tracked, before: Option<Impact>) {
    let (name, cause) = (&check.check().name, check.cause());
    let routers = names(group);
    let worse = before.unwrap_or(Impact::Offset(0)) > check.impact();
    match check.impact() {
        Impact::Fault => tracing::warn!(routers, track = name, cause, "out of the election"),
        Impact::Offset(offset) if worse => {
            tracing::warn!(routers, track = name, cause, offset, "priority lowered");
        }
        Impact::Offset(offset) => tracing::info!(routers, track = name, cause, offset, "good"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vrrp::track::{Check, Effect};
    use vrrp::{Family, Health, Vrid};

    use super::*;
    use crate::config::{Probe, RouterKey, Sampling};

    /// Long for a test, and never waited for.
    const DEADLINE: Duration = Duration::from_secs(10);

    fn key() -> GroupKey {
        let vrid = Vrid::new(51).expect("not 0");
        vec![RouterKey { interface: "eth0".to_owned(), family: Family::Ipv4, vrid }]
    }

    fn tracks(probe: Probe) -> Tracks {
        let effect = Effect::Fault;
        let hold = Duration::from_millis(50);
        let interval = Duration::from_millis(10);
        let check = Check { name: "a".to_owned(), effect, rise: 2, fall: 1, hold };
        let sampling = Sampling { probe, interval, timeout: Duration::from_secs(1) };
        Tracks::from([(key(), vec![Track { check, sampling }])])
    }

    async fn becomes(healths: &mut watch::Receiver<Healths>, fault: Option<&str>) {
        let is_so = |healths: &Healths| {
            healths.get(&key()).map(|health| health.fault.as_deref()) == Some(fault)
        };
        let seen = tokio::time::timeout(DEADLINE, healths.wait_for(is_so)).await.is_ok();
        assert!(seen, "not {fault:?} but {:?}", healths.borrow());
    }

    #[tokio::test]
    async fn a_file_comes_and_goes() {
        let directory = tempfile::tempdir().expect("scratch directory");
        let path = directory.path().join("flag");
        std::fs::write(&path, "").expect("scratch file");
        let tracking = Tracking::start().expect("a thread");
        let mut healths = tracking.healths();
        tracking.configure(tracks(Probe::File(path.clone()))).await;
        assert!(healths.borrow().contains_key(&key()), "known before `configure` returns");
        becomes(&mut healths, None).await;
        std::fs::remove_file(&path).expect("removed");
        becomes(&mut healths, Some("track `a`: no such file")).await;
        std::fs::write(&path, "").expect("scratch file");
        becomes(&mut healths, None).await;
        tracking.configure(Tracks::new()).await;
        assert_eq!(*healths.borrow(), Healths::new());
    }

    #[tokio::test]
    async fn the_loopback_interface_is_looked_at_and_another_is_missed() {
        let tracking = Tracking::start().expect("a thread");
        let mut healths = tracking.healths();
        tracking.configure(tracks(Probe::Interface("no-such-link".to_owned()))).await;
        becomes(&mut healths, Some("track `a`: there is no such interface")).await;
        let state = tracking.trackers()[&key()].tracked()[0].text().to_owned();
        assert_eq!(state, "there is no such interface");
        tracking.configure(Tracks::from([(key(), Vec::new())])).await;
        assert_eq!(healths.borrow()[&key()], Health::default());
    }
}
