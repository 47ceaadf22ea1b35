//! Runs the hooks of every group: in order, one at a time, on a thread of their own.
//!
//! ```text
//! engine ─ statuses (watch) ─▶ runner per group ─ Plan (pure) ─▶ commands
//!    ▲───────── answer ───────────────┘ before_active
//! supervisor ─ prepare ─▶ runner ─ before_release ─▶ reply
//! ```
//!
//! The VRRP thread never waits for a hook: a group that needs the consent of one stays a backup meanwhile. Nor does the
//! supervisor: what it waits for comes back as a notice, and has a deadline.

mod plan;
mod runner;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::timeout;

use crate::command::{ExternalCommand, Runnable};
use crate::config::{self, Config, Router, RouterKey, Stage};
use crate::engine::{Answers, Statuses};

use runner::Runner;

/// Orders of the supervisor that wait for the thread.
const QUEUE: usize = 16;
/// On top of what the hooks themselves may take.
const MARGIN: Duration = Duration::from_millis(200);

/// The hooks of a group of virtual routers that move as one, found fit to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupHooks {
    /// The names of the virtual routers, with commas between them.
    pub(crate) routers: String,
    /// The name of the group; empty for a virtual router that moves alone.
    pub(crate) group: String,
    /// The commands of each stage, in order.
    pub(crate) commands: BTreeMap<Stage, Vec<Runnable>>,
}

/// The hooks of this config, for the groups that have some.
///
/// # Errors
/// A text for the operator: a command that must not, or cannot, be run.
pub(crate) fn of(config: &Config) -> Result<AllHooks, String> {
    let mut all = AllHooks::new();
    for group in config.groups() {
        let Some(hooks) = hooks_of(&group) else { continue };
        let mut commands = BTreeMap::new();
        for (stage, hooks) in &hooks.0 {
            let runnable = hooks.iter().map(|hook| runnable(&hook.command));
            commands.insert(*stage, runnable.collect::<Result<_, _>>()?);
        }
        let names: Vec<_> = group.iter().map(|router| router.name.as_str()).collect();
        let (routers, group_name) = (names.join(","), group[0].group.clone().unwrap_or_default());
        all.insert(group[0].key(), GroupHooks { routers, group: group_name, commands });
    }
    Ok(all)
}

/// How long the consent to a claim of this group may take; `None` if none is needed.
pub(crate) fn consent_of(group: &[&Router]) -> Option<Duration> {
    Some(hooks_of(group)?.time_of(Stage::BeforeActive)? + MARGIN)
}

/// Those of the one member that has some.
fn hooks_of<'a>(group: &[&'a Router]) -> Option<&'a config::Hooks> {
    group.iter().map(|router| &router.hooks).find(|hooks| hooks.all().next().is_some())
}

fn runnable(command: &ExternalCommand) -> Result<Runnable, String> {
    let runnable = command.check().map_err(|refusal| refusal.to_string())?;
    if !runnable.is_attainable() {
        return Err(format!(
            "cannot become the user that is to run `{runnable}`\n\
             hint: start haagent as root, or by its systemd service"
        ));
    }
    Ok(runnable)
}

impl GroupHooks {
    fn time_of(&self, stage: Stage) -> Duration {
        self.commands.get(&stage).into_iter().flatten().map(Runnable::timeout).sum()
    }
}

/// Groups by the first of their virtual routers.
pub(crate) type AllHooks = BTreeMap<RouterKey, GroupHooks>;

/// The hooks that failed when they ran last: which, and how.
pub(crate) type Failures = BTreeMap<RouterKey, String>;

enum Order {
    Configure(AllHooks),
    /// Runs what comes before a planned release of these groups.
    Prepare(BTreeSet<RouterKey>, oneshot::Sender<()>),
}

/// The supervisor's handle on the thread. Dropping it lets the hooks that are due run to their end.
#[derive(Debug)]
pub(crate) struct Hooks {
    orders: Option<mpsc::Sender<Order>>,
    failures: watch::Receiver<Failures>,
    thread: Option<thread::JoinHandle<()>>,
    hooks: AllHooks,
}

impl Hooks {
    /// Starts the thread, without hooks.
    pub(crate) fn start(statuses: watch::Receiver<Statuses>, answers: Answers) -> io::Result<Self> {
        let (orders, receiver) = mpsc::channel(QUEUE);
        let (publish, failures) = watch::channel(Failures::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("hooks".to_owned()).spawn(move || {
            let runners = Runners {
                statuses,
                answers,
                failures: publish,
                running: BTreeMap::new(),
                ending: Vec::new(),
            };
            LocalSet::new().block_on(&runtime, runners.run(receiver));
        })?;
        Ok(Self { orders: Some(orders), failures, thread: Some(thread), hooks: AllHooks::new() })
    }

    /// The groups that have hooks.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &RouterKey> {
        self.hooks.keys()
    }

    /// Makes these the hooks; what a group was told before counts. One that has none any more is told of its end.
    pub(crate) async fn configure(&mut self, hooks: AllHooks) {
        self.hooks.clone_from(&hooks);
        self.order(Order::Configure(hooks)).await;
    }

    /// Runs what comes before a planned release of these groups. The future ends when that is done, or when its time is
    /// over, and does not depend on this handle. `None` if there is nothing to run.
    pub(crate) async fn prepare(
        &self,
        groups: BTreeSet<RouterKey>,
    ) -> Option<impl Future<Output = ()> + use<>> {
        let leaving = self.hooks.iter().filter(|(key, _)| groups.contains(key));
        let times = leaving.map(|(_, hooks)| hooks.time_of(Stage::BeforeRelease));
        let longest = times.max().filter(|longest| !longest.is_zero())?;
        let (done, prepared) = oneshot::channel();
        self.order(Order::Prepare(groups, done)).await;
        Some(async move {
            if timeout(longest + MARGIN, prepared).await.is_err() {
                tracing::warn!("before_release is late: not waited for any longer");
            }
        })
    }

    /// The hooks that failed when they ran last.
    pub(crate) fn failures(&self) -> Failures {
        self.failures.borrow().clone()
    }

    async fn order(&self, order: Order) {
        if let Some(orders) = &self.orders
            && orders.send(order).await.is_err()
        {
            tracing::error!("the thread of the hooks is gone");
        }
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the hooks panicked");
        }
    }
}

/// The runners of all groups that have hooks.
struct Runners {
    statuses: watch::Receiver<Statuses>,
    answers: Answers,
    failures: watch::Sender<Failures>,
    running: BTreeMap<RouterKey, Running>,
    /// Those whose groups are gone: they tell it, and end.
    ending: Vec<JoinHandle<()>>,
}

struct Running {
    hooks: watch::Sender<GroupHooks>,
    prepare: mpsc::Sender<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    /// Its senders gone, it tells what is due and ends. Each command has its deadline.
    fn end(self) -> JoinHandle<()> {
        self.task
    }
}

impl Runners {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        while let Some(order) = orders.recv().await {
            match order {
                Order::Configure(hooks) => self.configure(hooks),
                Order::Prepare(groups, done) => self.prepare(&groups, done),
            }
        }
        self.ending.extend(self.running.into_values().map(Running::end));
        for task in self.ending {
            let _ = task.await;
        }
    }

    fn configure(&mut self, mut all: AllHooks) {
        self.ending.retain(|task| !task.is_finished());
        let gone = self.running.extract_if(.., |key, _| !all.contains_key(key));
        self.ending.extend(gone.map(|(_, running)| running.end()));
        self.failures.send_modify(|failures| failures.retain(|key, _| all.contains_key(key)));
        for (key, running) in &self.running {
            if let Some(hooks) = all.remove(key) {
                running.hooks.send_replace(hooks);
            }
        }
        let earlier = self.end_of_those_that_end();
        for (key, hooks) in all {
            let (hooks, current) = watch::channel(hooks);
            let (prepare, requests) = mpsc::channel(1);
            let runner = Runner::new(
                key.clone(),
                current,
                self.statuses.clone(),
                self.answers.clone(),
                self.failures.clone(),
            );
            let mut earlier = earlier.clone();
            let task = tokio::task::spawn_local(async move {
                // What comes belongs behind what was, perhaps of the same addresses. The sender says nothing and goes.
                let _ = earlier.changed().await;
                runner.run(requests).await;
            });
            self.running.insert(key, Running { hooks, prepare, task });
        }
    }

    /// Its sender goes when they have ended.
    fn end_of_those_that_end(&mut self) -> watch::Receiver<()> {
        let (ended, all_ended) = watch::channel(());
        let earlier = std::mem::take(&mut self.ending);
        self.ending.push(tokio::task::spawn_local(async move {
            for task in earlier {
                let _ = task.await;
            }
            drop(ended);
        }));
        all_ended
    }

    /// Answers when all of them have.
    fn prepare(&self, groups: &BTreeSet<RouterKey>, done: oneshot::Sender<()>) {
        let mut answers = Vec::new();
        for (_, running) in self.running.iter().filter(|(key, _)| groups.contains(key)) {
            let (prepared, answer) = oneshot::channel();
            // One that is still busy with the same is not asked twice.
            if running.prepare.try_send(prepared).is_ok() {
                answers.push(answer);
            }
        }
        tokio::task::spawn_local(async move {
            for answer in answers {
                // A runner that has ended has nothing to prepare.
                let _ = answer.await;
            }
            let _ = done.send(());
        });
    }
}
