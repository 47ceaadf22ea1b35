//! The benchmark beside HAProxy and nginx: `cargo peers [--case NAME]… [--rounds N]`.

use std::process::ExitCode;

use netns_tests::binary;
use netns_tests::failure::Result;
use netns_tests::peers::{CASES, Options, ROUNDS, run, separate};
use netns_tests::report::say;
use netns_tests::sandbox::{Entered, enter};

fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
        say(format!("usage: cargo peers [--case NAME]… [--rounds N]\ncases: {}", names.join(", ")));
        return ExitCode::from(2);
    };
    compete(&options).unwrap_or_else(|failure| {
        say(format!("error: {failure}"));
        ExitCode::FAILURE
    })
}

/// `None` when they are not understood.
fn options(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options { cases: Vec::new(), rounds: ROUNDS };
    while let Some(argument) = arguments.next() {
        let value = arguments.next()?;
        match argument.as_str() {
            "--case" => options.cases.push(*CASES.iter().find(|case| case.name == value)?),
            "--rounds" => options.rounds = value.parse().ok().filter(|rounds| *rounds > 0)?,
            _ => return None,
        }
    }
    if options.cases.is_empty() {
        options.cases = CASES.to_vec();
    }
    Some(options)
}

fn compete(options: &Options) -> Result<ExitCode> {
    match enter(binary::build)? {
        Entered::Done(code) => Ok(code),
        Entered::Inside(binary) => {
            separate()?;
            run(&binary, options)
        }
        Entered::Impossible(why) => {
            say(format!("skipped: {why}"));
            Ok(ExitCode::FAILURE)
        }
    }
}
