//! The demo: one pair, one event after the other, a line for each and a table at the end.

pub mod table;

use std::path::Path;
use std::process::ExitCode;

use crate::drills::{backend_loss, failover, link_down, planned_stop, steady, worker_crash};
use crate::failure::Result;
use crate::lab::ROUTERS;
use crate::pair::{A, B, Pair};
use crate::report::{begin, say, show_logs};
use crate::router::settings::Settings;
use crate::verdict::Verdict;
use table::{Row, table};

/// Runs the demo; the code says whether every step kept its bound.
///
/// # Errors
/// When a step could not be brought to its end.
pub async fn run(binary: &Path) -> Result<ExitCode> {
    let mut demo = Demo { pair: start(binary).await?, active: A, rows: Vec::new() };
    let played = demo.play().await;
    say(format!("\n{}", table(&demo.rows)));
    if played.is_err() || !demo.rows.iter().all(|row| row.verdict.passed()) {
        show_logs();
    }
    played?;
    let passed = demo.rows.iter().all(|row| row.verdict.passed());
    say(if passed { "every step kept its bound" } else { "FAILED: a step missed its bound" });
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn start(binary: &Path) -> Result<Pair> {
    say("a switch, two routers, a client and three servers, each in a network namespace");
    say("the client: a new connection every 10 ms, and one connection that stays open");
    let pair = Pair::start(binary, Settings::default()).await;
    if pair.is_err() {
        show_logs();
    }
    pair
}

struct Demo {
    pair: Pair,
    active: usize,
    rows: Vec<Row>,
}

impl Demo {
    async fn play(&mut self) -> Result<()> {
        self.announce("a", "nothing happens");
        let verdict = steady::watch(&self.pair, self.active).await?;
        self.note(verdict);

        self.announce("b", "kill -9 of the active supervisor");
        let verdict = failover::kill(&mut self.pair, A).await?;
        self.active = B;
        self.note(verdict);

        self.announce("c", "its return");
        let verdict = failover::bring_back(&mut self.pair, A).await?;
        self.note(verdict);

        self.announce("d", "3 planned stops of the active box");
        let verdict = planned_stop::stop(&mut self.pair, B).await?;
        self.active = A;
        self.note(verdict);

        self.announce("e", "loss of the active box's link");
        let verdict = link_down::cut_and_heal(&self.pair, A).await?;
        self.active = B;
        self.note(verdict);

        self.announce("f", "loss of one of three servers");
        let verdict = backend_loss::kill_server(&mut self.pair, B).await?;
        self.note(verdict);

        self.announce("g", "kill -9 of the active box's worker");
        let verdict = worker_crash::kill(&self.pair, B).await?;
        self.note(verdict);
        Ok(())
    }

    fn announce(&mut self, letter: &'static str, event: &'static str) {
        begin(format!("{letter}  {event:<36} "));
        let (active, _) = ROUTERS[self.active];
        self.rows.push(Row { letter, event, active, verdict: Verdict::default() });
    }

    fn note(&mut self, verdict: Verdict) {
        let (active, _) = ROUTERS[self.active];
        let gap = verdict.measurement.gap_ms.unwrap_or_default();
        let word = if verdict.passed() { "ok" } else { "FAILED" };
        say(format!("{active} is active, gap {gap} ms, {word}"));
        for problem in &verdict.problems {
            say(format!("   {problem}"));
        }
        if let Some(row) = self.rows.last_mut() {
            row.active = active;
            row.verdict = verdict;
        }
    }
}
