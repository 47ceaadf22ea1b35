//! Runs all drills, those with foreign peers included: `cargo drills [--json] [NAME…]`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use netns_tests::binary;
use netns_tests::failure::Result;
use netns_tests::report::say;
use netns_tests::runner::{as_report, runtime, select};
use netns_tests::sandbox::{Entered, enter};

fn main() -> ExitCode {
    match drills() {
        Ok(code) => code,
        Err(failure) => {
            say(format!("error: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn drills() -> Result<ExitCode> {
    let (options, names): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    if options.iter().any(|option| option != "--json") {
        say("usage: cargo drills [--json] [NAME…]");
        return Ok(ExitCode::from(2));
    }
    let selected = select(&names, |drill, name| drill.name == name);
    if selected.len() < names.len() {
        say("error: there is no drill of that name");
        return Ok(ExitCode::from(2));
    }
    match enter(binary::build)? {
        Entered::Done(code) => Ok(code),
        Entered::Inside(binary) => {
            let json = (!options.is_empty()).then(report);
            as_report(&binary, &runtime()?, &selected, json)
        }
        Entered::Impossible(why) => {
            say(format!("skipped: {why}"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Where `--json` writes: `target/drills.json` of the workspace.
fn report() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("drills.json")
}
