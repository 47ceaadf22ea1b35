//! The supervisor: the one loop that hears of everything, asks the [`Coordinator`] and does what it says.
//!
//! It decides nothing itself. Nothing in the loop waits for another process: orders are queued, answers
//! come back as notices, and every answer that may fail to come has a deadline.

mod reload;
mod report;
mod start;
mod steps;
mod trials;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};
use vrrp::Role;
use vrrp::linux::Netlink;

pub(crate) use start::run;
use trials::Trying;

use crate::bind::Listeners;
use crate::config::{Config, NodeChoice, Router, RouterKey, Source};
use crate::control::{Call, Reply, Request, RunDirectory};
use crate::coordinator::{Coordinator, Notice, Timer};
use crate::engine::{Engine, Statuses};
use crate::guard::parent::GuardProcess;
use crate::hooks::{self, Hooks};
use crate::overhear::Overheard;
use crate::sequences::Sequences;
use crate::sysctl::Sysctls;
use crate::virtual_mac::Reach;
use crate::worker::parent::{Happening, Worker};
use crate::worker::{Event, KnownServer, Report};

/// Notices, happenings and calls that wait for the loop; senders wait when it is full.
const QUEUE: usize = 64;
/// How often the worker is asked what is going on.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Heartbeats without an answer after which a worker counts as hung.
const HEARTBEATS_MISSED_MAX: u32 = 5;
/// How long `status` waits for fresh figures of the worker before it shows the last ones.
const REPORT_DEADLINE: Duration = Duration::from_millis(500);
/// Pause before a guard that died is replaced.
const GUARD_BACKOFF: Duration = Duration::from_millis(500);

/// Everything that `haagent run` was started with.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The config file.
    pub(crate) file: PathBuf,
    /// Which node this box is.
    pub(crate) node: NodeChoice,
    /// For the control socket and its lock.
    pub(crate) run_directory: PathBuf,
    /// For what outlives a reboot.
    pub(crate) state_directory: PathBuf,
}

/// What reaches the loop from tasks that it started.
#[derive(Debug)]
enum Inner {
    Notice(Notice),
    /// The worker did not report in time for these `status` calls.
    ReportOverdue,
    RespawnGuard,
    /// The hooks that come before a stop are done, or late.
    Prepared,
    /// So are those that come before a reload takes virtual routers away, or late.
    Vacated,
    /// A virtual MAC was tried.
    Reach(RouterKey, Reach),
}

struct Supervisor {
    options: Options,
    source: Source,
    config: Config,
    /// Threads of every worker: the number of sockets per bind address is fixed at the start.
    threads: usize,
    revision: u64,
    rejected: Option<String>,

    coordinator: Coordinator,
    timers: BTreeMap<Timer, AbortHandle>,
    listeners: Listeners,

    engine: Option<Engine>,
    hooks: Option<Hooks>,
    /// A stop waits for the hooks that come before it.
    is_preparing: bool,
    guard: Option<GuardProcess>,
    sysctls: Sysctls,
    sequences: Sequences,
    overheard: Overheard,
    /// The roles at the last look, to see who stopped to be active.
    roles: BTreeMap<RouterKey, Role>,

    /// Of the virtual MACs that are in use.
    trials: BTreeMap<RouterKey, Trying>,

    worker: Option<Worker>,
    generation: u64,
    heartbeats_missed: u32,
    known: Vec<KnownServer>,
    report: Report,

    /// `status` calls that wait for a report.
    waiting_for_report: Vec<oneshot::Sender<Reply>>,
    /// The `reload` call that waits for the worker, with what changed.
    waiting_for_load: Option<reload::Pending>,
    /// The reload that waits for hooks.
    waiting_for_hooks: Option<reload::Accepted>,

    inner: mpsc::Sender<Inner>,
    happenings: mpsc::Sender<(u64, Happening)>,
    exiting: bool,
    _run_directory: RunDirectory,
}

/// What the loop listens to.
struct Inbox {
    inner: mpsc::Receiver<Inner>,
    happenings: mpsc::Receiver<(u64, Happening)>,
    calls: mpsc::Receiver<Call>,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Supervisor {
    /// Runs until the coordinator says to leave.
    async fn run(mut self, mut inbox: Inbox) -> ExitCode {
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.notice(Notice::Started).await;
        while !self.exiting {
            let mut statuses = self.engine.as_ref().map(Engine::statuses);
            tokio::select! {
                Some(inner) = inbox.inner.recv() => self.handle(inner).await,
                Some((generation, happening)) = inbox.happenings.recv() => {
                    if generation == self.generation {
                        self.worker_did(happening).await;
                    }
                }
                Some((request, reply)) = inbox.calls.recv() => self.answer(request, reply).await,
                _ = inbox.terminate.recv() => self.terminate().await,
                _ = inbox.interrupt.recv() => self.terminate().await,
                _ = inbox.hangup.recv() => self.reload(None).await,
                _ = heartbeat.tick() => {
                    self.heartbeat();
                    // For interfaces that have come since.
                    self.hold_sysctls();
                }
                () = changed(statuses.as_mut(), &self.roles) => self.look_at_roles().await,
                status = exit_of(self.guard.as_mut()) => self.guard_exited(&status),
            }
        }
        // Its end lets go of addresses that are still held.
        self.engine = None;
        remove_devices(&BTreeSet::new());
        self.sysctls.restore();
        ExitCode::SUCCESS
    }

    /// Reserves sequences if a virtual router signs with them.
    fn reserve_sequences(&mut self) {
        let signs = self.config.routers.iter().any(Router::signs);
        self.sequences.configure(signs);
    }

    /// Sets up the kernel on interfaces with virtual IPv4 addresses.
    fn hold_sysctls(&mut self) {
        let routers = self.config.routers.iter();
        let ipv4 = routers.filter(|router| router.held().any(|virt| virt.address.is_ipv4()));
        self.sysctls.hold(&ipv4.map(|router| router.interface.as_str()).collect());
    }

    async fn handle(&mut self, inner: Inner) {
        match inner {
            Inner::Notice(notice) => self.notice(notice).await,
            Inner::ReportOverdue => self.answer_status_calls().await,
            Inner::RespawnGuard => self.spawn_guard().await,
            Inner::Reach(key, reach) => {
                if let Some(trying) = self.trials.get_mut(&key) {
                    trying.reach = reach;
                }
            }
            Inner::Prepared if self.coordinator.is_stopping() => {}
            Inner::Prepared => self.notice(Notice::Terminate).await,
            Inner::Vacated => self.go_on_with_reload().await,
        }
    }

    async fn notice(&mut self, notice: Notice) {
        for step in self.coordinator.handle(notice) {
            self.perform(step).await;
        }
    }

    async fn terminate(&mut self) {
        tracing::info!("stopping as asked");
        // Not under a service manager: nobody to tell.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        // Asked twice: no more waiting.
        if !std::mem::replace(&mut self.is_preparing, true)
            && let Some(hooks) = &self.hooks
            && let Some(prepared) = hooks.prepare(hooks.groups().cloned().collect()).await
        {
            let sender = self.inner.clone();
            tokio::spawn(async move {
                prepared.await;
                // The loop has ended: nothing is left to do.
                let _ = sender.send(Inner::Prepared).await;
            });
            return;
        }
        self.notice(Notice::Terminate).await;
    }

    /// Makes the hooks those of the config in force, which the VRRP thread has: a group that is gone is told of its end.
    async fn configure_hooks(&mut self) {
        let hooks = match hooks::of(&self.config) {
            Ok(hooks) => hooks,
            Err(error) => return tracing::error!(%error, "hooks stay as they are"),
        };
        if self.hooks.is_none() && !hooks.is_empty() {
            let Some(engine) = &self.engine else { return };
            let Some(answers) = engine.answers() else { return };
            match Hooks::start(engine.statuses(), answers) {
                Ok(started) => self.hooks = Some(started),
                Err(error) => return tracing::error!(%error, "cannot start the hooks' thread"),
            }
        }
        if let Some(running) = &mut self.hooks {
            running.configure(hooks).await;
        }
    }

    async fn answer(&mut self, request: Request, reply: oneshot::Sender<Reply>) {
        match request {
            Request::Reload => self.reload(Some(reply)).await,
            Request::Status => match &self.worker {
                Some(worker) => {
                    worker.report();
                    self.waiting_for_report.push(reply);
                    self.later(REPORT_DEADLINE, Inner::ReportOverdue);
                }
                None => {
                    // The client may have hung up.
                    let _ = reply.send(self.status().await);
                }
            },
        }
    }

    async fn worker_did(&mut self, happening: Happening) {
        match happening {
            Happening::Told(event) => self.worker_told(event).await,
            Happening::Exited(how) => {
                if !self.coordinator.is_stopping() {
                    tracing::error!(pid = self.worker_pid(), %how, "worker ended");
                }
                self.worker = None;
                // The next worker starts with the new config.
                self.finish_reload(Ok(()));
                self.answer_status_calls().await;
                self.notice(Notice::WorkerExited).await;
            }
        }
    }

    async fn worker_told(&mut self, event: Event) {
        match event {
            Event::Loaded { revision } => {
                tracing::info!(revision, "config is in force");
                if revision == self.revision {
                    self.finish_reload(Ok(()));
                }
            }
            Event::Rejected { revision, reason } => {
                tracing::error!(revision, %reason, "worker rejected the config");
                self.finish_reload(Err(reason));
            }
            Event::Standby { revision } if revision == self.revision => {
                tracing::info!(pid = self.worker_pid(), "worker is ready");
                // Not under a service manager: nobody to tell.
                let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
                self.notice(Notice::WorkerStandby).await;
            }
            // Of a config that was replaced meanwhile.
            Event::Standby { .. } => {}
            Event::Health(known) => self.known = known,
            Event::Report(report) => {
                self.heartbeats_missed = 0;
                self.report = report;
                self.answer_status_calls().await;
            }
            Event::Drained { remaining } => {
                tracing::info!(remaining, "drained");
                self.notice(Notice::Drained).await;
            }
            Event::Closed => self.notice(Notice::Closed).await,
        }
    }

    /// Asks the worker for a sign of life; one that gave none for too long is replaced.
    fn heartbeat(&mut self) {
        let Some(worker) = &self.worker else { return };
        if self.heartbeats_missed >= HEARTBEATS_MISSED_MAX {
            tracing::error!(pid = worker.pid, "worker hangs, ending it");
            // Its process is killed if it does not end by itself, and that is told as its exit.
            self.worker = None;
            return;
        }
        self.heartbeats_missed += 1;
        worker.report();
    }

    async fn look_at_roles(&mut self) {
        let Some(engine) = &self.engine else { return };
        let statuses = engine.statuses().borrow().clone();
        self.try_virtual_macs(&statuses);
        let now = roles(&statuses);
        let lost: Vec<IpAddr> = statuses
            .iter()
            .filter(|(key, status)| {
                let held = self.roles.get(*key).is_some_and(|role| role.may_hold());
                held && !status.role().may_hold()
            })
            .flat_map(|(_, status)| status.config().held().iter().copied())
            .collect();
        self.roles = now;
        if !lost.is_empty() {
            self.notice(Notice::AddressesLost(lost)).await;
        }
    }

    fn guard_exited(&mut self, status: &str) {
        self.guard = None;
        tracing::error!(status, "guard ended, starting another");
        self.later(GUARD_BACKOFF, Inner::RespawnGuard);
    }

    fn worker_pid(&self) -> Option<u32> {
        self.worker.as_ref().and_then(|worker| worker.pid)
    }

    /// Every address that a virtual router of this box holds now.
    fn held_addresses(&self) -> Vec<IpAddr> {
        let Some(engine) = &self.engine else { return Vec::new() };
        let statuses = engine.statuses();
        let statuses = statuses.borrow();
        let holders = statuses.values().filter(|status| status.role().may_hold());
        holders.flat_map(|status| status.config().held().iter().copied()).collect()
    }

    /// Sends this to the loop after a time.
    fn later(&self, delay: Duration, inner: Inner) -> AbortHandle {
        let sender = self.inner.clone();
        let task = tokio::spawn(async move {
            sleep(delay).await;
            // The loop has ended: nothing is left to do.
            let _ = sender.send(inner).await;
        });
        task.abort_handle()
    }
}

/// Those of our devices that no virtual router needs: none of them has an address. It takes the kernel a while, so the
/// VRRP thread leaves it to us.
fn remove_devices(needed: &BTreeSet<String>) {
    if let Err(error) = Netlink::open().and_then(|mut netlink| netlink.remove_devices(needed)) {
        tracing::error!(%error, "cannot remove devices that nobody needs");
    }
}

fn roles(statuses: &Statuses) -> BTreeMap<RouterKey, Role> {
    statuses.iter().map(|(key, status)| (key.clone(), status.role())).collect()
}

/// Until a virtual router has another role than it had. Pends for ever without virtual routers. Cancel-safe.
async fn changed(
    statuses: Option<&mut tokio::sync::watch::Receiver<Statuses>>,
    known: &BTreeMap<RouterKey, Role>,
) {
    if let Some(statuses) = statuses
        && statuses.wait_for(|statuses| roles(statuses) != *known).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// How the guard ended. Pends for ever without one. Cancel-safe.
async fn exit_of(guard: Option<&mut GuardProcess>) -> String {
    match guard {
        Some(guard) => match guard.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        },
        None => std::future::pending().await,
    }
}

fn open_signals() -> std::io::Result<[Signal; 3]> {
    Ok([
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::hangup())?,
    ])
}
