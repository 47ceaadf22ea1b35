//! The benchmark: haagent, HAProxy and nginx beside each other, in the same run.
//!
//! All proxies are pinned to one core and run all the time; load and origin share another one and turn to one proxy after
//! the other, so that whatever else the machine does in a round happens to all. What counts is the CPU time that a unit of
//! work costs the proxy, as the kernel accounts for it, and its ratio to that of a peer: the median over the rounds of the
//! ratio within a round.
//!
//! Each has the configuration that suits the case best; what ours does by default it does here as well.

mod accounting;
mod arena;
mod case;
mod contender;
mod load;
mod origin;
mod summary;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use tokio::task::LocalSet;

pub use arena::separate;
pub use case::{CASES, Case};
pub use summary::JSON;

use crate::failure::Result;
use crate::report::{begin, say};
use crate::runner::{runtime, strict};
use contender::{Contender, Running};
use origin::Origin;
use summary::{Round, Summary};

/// What the user asks for.
#[derive(Debug)]
pub struct Options {
    /// Which cases.
    pub cases: Vec<Case>,
    /// How many rounds of each; at least one.
    pub rounds: usize,
}

/// Rounds, unless told otherwise.
pub const ROUNDS: usize = 5;

/// Runs the cases and prints a table of each; writes the ratios to [`JSON`].
///
/// # Errors
/// When a proxy does not serve, or the report cannot be written.
pub fn run(binary: &Path, options: &Options) -> Result<ExitCode> {
    LocalSet::new().block_on(&runtime()?, measure(binary, options))
}

async fn measure(binary: &Path, options: &Options) -> Result<ExitCode> {
    say(format!(
        "congestion control `{}`; proxies on core 0, load and origin on core 1",
        arena::CONGESTION_CONTROL
    ));
    arena::furnish().await?;
    let origin = Origin::start().await?;
    let (mut summaries, mut skipped) = (Vec::new(), false);
    for case in &options.cases {
        let present: Vec<_> =
            case.contenders.iter().copied().filter(Contender::is_installed).collect();
        for missing in case.contenders.iter().filter(|contender| !present.contains(contender)) {
            skipped = true;
            say(format!("skipped: {} is not installed", missing.name()));
        }
        let summary = compare(binary, case, &present, &origin, options.rounds).await?;
        say(format!("\n{summary}"));
        summaries.push(summary);
    }
    summary::write(&summaries)?;
    Ok(if skipped && strict() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn start(
    binary: &Path,
    contenders: &[Contender],
    origin: SocketAddr,
) -> Result<Vec<Running>> {
    let mut running = Vec::new();
    for contender in contenders {
        running.push(Running::start(*contender, binary, origin).await?);
    }
    Ok(running)
}

async fn compare(
    binary: &Path,
    case: &Case,
    contenders: &[Contender],
    origin: &Origin,
    rounds: usize,
) -> Result<Summary> {
    let target = case.load.origin(origin);
    let mut running = start(binary, contenders, target).await?;
    let mut all = Vec::new();
    for number in 1..=rounds {
        if number > 1 && case.load.leaves_traces() {
            drop(running);
            running = start(binary, contenders, target).await?;
        }
        begin(format!("\r{}: round {number} of {rounds}", case.name));
        let mut samples = Vec::new();
        for proxy in &running {
            samples.push(case.load.apply(proxy).await?);
        }
        all.push(Round(samples));
    }
    Ok(Summary::new(case, contenders.to_vec(), all))
}
