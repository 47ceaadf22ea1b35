//! Runs drills one after the other and reports on them, in the two forms that are asked for.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use crate::clock::Clock;
use crate::comparison::{Comparison, table};
use crate::drills::{DRILLS, Drill};
use crate::failure::{OrFail, Result};
use crate::report::{begin, say, show_logs};
use crate::verdict::{Measurement, Verdict};

/// What became of a drill.
#[derive(Debug)]
pub enum Outcome {
    /// It was brought to its end.
    Judged(Verdict),
    /// It could not be brought to its end.
    Failed(String),
    /// A program is missing, or something else that the machine should have.
    Skipped(String),
}

/// A drill's line in the JSON report.
#[derive(Debug, Serialize)]
struct Line {
    drill: &'static str,
    #[serde(flatten)]
    measurement: Measurement,
    pass: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    comparisons: Vec<Comparison>,
}

/// The runtime that drills run on; the machines of the lab have their own.
///
/// # Errors
/// When the kernel refuses.
pub fn runtime() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().or_fail("cannot make a runtime")
}

/// Must a drill that cannot run count as failed? In CI it must: nobody reads there.
#[must_use]
pub fn strict() -> bool {
    ["CI", "HAAGENT_REQUIRE_LAB"].iter().any(|name| std::env::var_os(name).is_some())
}

/// Runs the drills that need no foreign program and are named by one of `filters`, and reports as
/// the tests of a crate do.
#[must_use]
pub fn as_tests(binary: &Path, runtime: &Runtime, selected: &[Drill], filtered: usize) -> ExitCode {
    let clock = Clock::start();
    say(format!("\nrunning {} tests", selected.len()));
    let mut failed = 0;
    for drill in selected {
        begin(format!("test {} ... ", drill.name));
        let outcome = run(drill, binary, runtime);
        say(outcome.word());
        outcome.explain();
        failed += usize::from(!outcome.passed());
    }
    let (word, passed) = (if failed == 0 { "ok" } else { "FAILED" }, selected.len() - failed);
    let seconds = clock.now().as_secs_f64();
    say(format!(
        "\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; \
         {filtered} filtered out; finished in {seconds:.2}s\n"
    ));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs drills, prints a line with the numbers of each, and writes them to `json` if given.
///
/// # Errors
/// When the report cannot be written.
pub fn as_report(
    binary: &Path,
    runtime: &Runtime,
    selected: &[Drill],
    json: Option<PathBuf>,
) -> Result<ExitCode> {
    let outcomes: Vec<_> = selected
        .iter()
        .map(|drill| {
            begin(format!("{:<22}", drill.name));
            let outcome = run(drill, binary, runtime);
            say(outcome.numbers());
            outcome.explain();
            (drill, outcome)
        })
        .collect();
    let lines: Vec<_> = outcomes.iter().flat_map(|(_, outcome)| outcome.comparisons()).collect();
    if !lines.is_empty() {
        say(format!("\n{}", table(&lines)));
    }
    if let Some(path) = json {
        write_json(&path, &outcomes)?;
    }
    let count = |wanted: fn(&Outcome) -> bool| {
        outcomes.iter().filter(|(_, outcome)| wanted(outcome)).count()
    };
    let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
    let passed = count(Outcome::passed);
    let failed = outcomes.len() - passed - skipped;
    say(format!("{passed} passed, {failed} failed, {skipped} skipped"));
    let good = failed == 0 && (skipped == 0 || !strict());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(drill: &Drill, binary: &Path, runtime: &Runtime) -> Outcome {
    if let Some(program) = drill.missing() {
        let (name, package) = (program.name, program.package);
        return Outcome::Skipped(format!("needs {name} (apt-get install {package})"));
    }
    match runtime.block_on(drill.run(binary)) {
        Ok(Verdict { skipped: Some(why), .. }) => Outcome::Skipped(why),
        Ok(verdict) => Outcome::Judged(verdict),
        Err(failure) => Outcome::Failed(failure.to_string()),
    }
}

fn write_json(path: &Path, outcomes: &[(&Drill, Outcome)]) -> Result<()> {
    let lines: Vec<_> = outcomes
        .iter()
        .filter(|(_, outcome)| !matches!(outcome, Outcome::Skipped(_)))
        .map(|(drill, outcome)| Line {
            drill: drill.name,
            measurement: outcome.measurement(),
            pass: outcome.passed(),
            comparisons: outcome.comparisons().to_vec(),
        })
        .collect();
    let text = serde_json::to_string_pretty(&lines).or_fail("cannot write the report")?;
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).or_fail("cannot make the report's directory")?;
    }
    std::fs::write(path, text + "\n").or_fail(format!("cannot write `{}`", path.display()))?;
    say(format!("wrote {}", path.display()));
    Ok(())
}

impl Outcome {
    fn passed(&self) -> bool {
        matches!(self, Self::Judged(verdict) if verdict.passed())
    }

    fn measurement(&self) -> Measurement {
        match self {
            Self::Judged(verdict) => verdict.measurement,
            Self::Failed(_) | Self::Skipped(_) => Measurement::default(),
        }
    }

    fn comparisons(&self) -> &[Comparison] {
        match self {
            Self::Judged(verdict) => &verdict.comparisons,
            Self::Failed(_) | Self::Skipped(_) => &[],
        }
    }

    fn word(&self) -> &'static str {
        if self.passed() { "ok" } else { "FAILED" }
    }

    fn numbers(&self) -> String {
        match self {
            Self::Skipped(why) => format!("skipped: {why}"),
            Self::Failed(_) => "FAILED".to_owned(),
            Self::Judged(verdict) if !verdict.comparisons.is_empty() => {
                format!("in the table below  {}", self.word())
            }
            Self::Judged(verdict) => {
                let Measurement { gap_ms, failed_requests, lost_connections, both_held_ms, .. } =
                    verdict.measurement;
                let gap = gap_ms.map_or_else(|| "-".to_owned(), |gap| format!("{gap} ms"));
                format!(
                    "gap {gap:>7}, failed {failed_requests:>3}, lost {lost_connections}, \
                     both held {both_held_ms:>3} ms  {}",
                    self.word()
                )
            }
        }
    }

    /// What the one word leaves out; the logs too, of a good drill only if `HAAGENT_LAB_LOGS` is set.
    fn explain(&self) {
        match self {
            Self::Judged(verdict) => {
                for problem in &verdict.problems {
                    say(format!("  FAILED: {problem}"));
                }
                for remark in &verdict.remarks {
                    say(format!("  {remark}"));
                }
            }
            Self::Failed(why) => say(format!("  FAILED: {why}")),
            Self::Skipped(_) => return,
        }
        if !self.passed() || std::env::var_os("HAAGENT_LAB_LOGS").is_some() {
            show_logs();
        }
    }
}

/// The drills that match: all when there is no filter.
#[must_use]
pub fn select(filters: &[String], matches: fn(&Drill, &str) -> bool) -> Vec<Drill> {
    let wanted =
        |drill: &&Drill| filters.is_empty() || filters.iter().any(|filter| matches(drill, filter));
    DRILLS.iter().filter(wanted).copied().collect()
}
