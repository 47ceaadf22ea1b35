//! Whether a command of the operator's ends well.

use std::time::Duration;

use vrrp::track::Outcome;

use super::sample::{failure, success};
use crate::command::ExternalCommand;
use crate::config::{CommandLine, Config, Diagnostic, Probe};

/// The command as it is run.
pub(super) fn external(line: &CommandLine, timeout: Duration) -> ExternalCommand {
    ExternalCommand { argv: line.argv.clone(), user: line.user.clone(), timeout }
}

/// Runs it once. The rules are applied each time: the program may have been replaced since the config was read.
pub(super) async fn run(command: &ExternalCommand) -> Outcome {
    match command.check() {
        Ok(runnable) if !runnable.is_attainable() => {
            failure("haagent has no privilege to become its user")
        }
        Ok(runnable) => match runnable.run(&[]).await {
            outcome if outcome.is_success() => success(outcome.to_string()),
            outcome => failure(outcome.to_string()),
        },
        Err(refusal) => failure(refusal.to_string()),
    }
}

/// What is wrong with the commands of a config on this host.
pub(crate) fn problems(config: &Config) -> Vec<Diagnostic> {
    let tracks = config.routers.iter().flat_map(|router| &router.tracks);
    let problems = tracks.filter_map(|track| {
        let Probe::Command(line) = &track.sampling.probe else { return None };
        let refusal = external(line, track.sampling.timeout).check().err()?;
        let problem = Diagnostic::new(line.place.0.clone(), refusal.to_string());
        Some(problem.maybe_hint(refusal.hint().map(str::to_owned)))
    });
    problems.collect()
}
