//! One group's hooks: looks at what the group does, and runs what is due.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot, watch};

use super::plan::{Next, Plan, Seen};
use super::{Failures, GroupHooks};
use crate::config::{RouterKey, Stage};
use crate::engine::{Answers, RouterStatus, Statuses};

/// The runner of one group.
pub(super) struct Runner {
    group: RouterKey,
    hooks: watch::Receiver<GroupHooks>,
    statuses: watch::Receiver<Statuses>,
    answers: Answers,
    failures: watch::Sender<Failures>,
    plan: Plan,
    /// Of the last claim; see [`next_generation`].
    generation: u64,
    /// Who waits for a preparation.
    leaving: Option<oneshot::Sender<()>>,
    /// What the group was last seen doing.
    reason: String,
}

impl Runner {
    pub(super) fn new(
        group: RouterKey,
        hooks: watch::Receiver<GroupHooks>,
        statuses: watch::Receiver<Statuses>,
        answers: Answers,
        failures: watch::Sender<Failures>,
    ) -> Self {
        Self {
            group,
            hooks,
            statuses,
            answers,
            failures,
            plan: Plan::default(),
            generation: 0,
            leaving: None,
            reason: String::new(),
        }
    }

    /// Runs until nobody can change anything any more.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<oneshot::Sender<()>>) {
        loop {
            while let Some(next) = self.look() {
                self.act(next).await;
            }
            tokio::select! {
                changed = self.statuses.changed() => if changed.is_err() { break },
                request = requests.recv() => match request {
                    Some(done) => self.leaving = Some(done),
                    None => break,
                },
            }
        }
        // What the group did last.
        while let Some(next) = self.look() {
            self.act(next).await;
        }
    }

    fn look(&mut self) -> Option<Next> {
        let statuses = self.statuses.borrow_and_update();
        // One that is not there any more holds no address.
        let mut seen = statuses.get(&self.group).map(seen).unwrap_or_default();
        if let Some(status) = statuses.get(&self.group) {
            self.reason = reason(status);
        } else {
            seen.activations = self.plan.activations();
        }
        seen.is_leaving = self.leaving.is_some();
        drop(statuses);
        self.plan.next(&seen)
    }

    async fn act(&mut self, next: Next) {
        match next {
            Next::Ask(question) => {
                self.generation = next_generation(self.generation);
                let answer = self.run_stage(Stage::BeforeActive).await;
                self.answers.answer(&self.group, question, answer).await;
            }
            Next::Run { stage, skipped } => {
                if skipped > 0 {
                    tracing::warn!(
                        group = %self.group, skipped, stage = stage.name(),
                        "hooks were too slow: the group became active and let go without them"
                    );
                }
                // A claim that needed no consent.
                if stage == Stage::AfterActive && !self.has(Stage::BeforeActive) {
                    self.generation = next_generation(self.generation);
                }
                let _ = self.run_stage(stage).await;
            }
            Next::Prepare { is_active } => {
                if is_active {
                    let _ = self.run_stage(Stage::BeforeRelease).await;
                }
                if let Some(done) = self.leaving.take() {
                    // It may have lost its patience.
                    let _ = done.send(());
                }
            }
        }
    }

    fn has(&self, stage: Stage) -> bool {
        self.hooks.borrow().commands.contains_key(&stage)
    }

    /// Runs the commands of a stage, in order; those of [`Stage::BeforeActive`] until one fails.
    async fn run_stage(&self, stage: Stage) -> Result<(), String> {
        let hooks = self.hooks.borrow().clone();
        let Some(commands) = hooks.commands.get(&stage) else { return Ok(()) };
        let variables = [
            ("HAAGENT_ROUTER", hooks.routers.clone()),
            ("HAAGENT_GROUP", hooks.group.clone()),
            ("HAAGENT_STATE", stage.name().to_owned()),
            ("HAAGENT_REASON", self.reason.clone()),
            ("HAAGENT_GENERATION", self.generation.to_string()),
        ];
        let mut result = Ok(());
        for command in commands {
            let outcome = command.run(&variables).await;
            let (router, stage) = (&hooks.routers, stage.name());
            if outcome.is_success() {
                tracing::info!(router, stage, %command, %outcome, "hook ran");
                continue;
            }
            tracing::error!(router, stage, %command, %outcome, "hook failed");
            result = Err(format!("{stage}: `{command}`: {outcome}"));
            if stage == Stage::BeforeActive.name() {
                break;
            }
        }
        self.report(&result);
        result
    }

    fn report(&self, result: &Result<(), String>) {
        self.failures.send_modify(|failures| {
            match result {
                Ok(()) => failures.remove(&self.group),
                Err(failure) => failures.insert(self.group.clone(), failure.clone()),
            };
        });
    }
}

fn seen(status: &RouterStatus) -> Seen {
    Seen {
        activations: status.activations(),
        is_active: status.role().may_hold(),
        question: status.group.question.as_ref().map(|question| question.number),
        is_leaving: false,
    }
}

fn reason(status: &RouterStatus) -> String {
    let question = status.group.question.as_ref().map(|question| question.reason.to_string());
    let transition = status.group.last_transition.as_ref();
    question.or_else(|| Some(transition?.reason.to_string())).unwrap_or_default()
}

/// A number that grows with every claim, over restarts and reboots too, as long as the clock is not set back: who is told
/// of two claims follows the one with the greater number.
#[expect(clippy::disallowed_methods, reason = "no other clock outlives a reboot")]
fn next_generation(last: u64) -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let milliseconds = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    milliseconds.max(last.saturating_add(1))
}
