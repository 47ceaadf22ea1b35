//! The drills that need no foreign program, as tests of this package.
//!
//! Not the usual harness: the namespaces must be entered before a second thread starts. Of its
//! options this one knows `--list`, `--exact`, `--ignored` and filters; others change nothing.

use std::process::ExitCode;

use netns_tests::binary;
use netns_tests::drills::Drill;
use netns_tests::report::say;
use netns_tests::runner::{as_tests, runtime, select, strict};
use netns_tests::sandbox::{Entered, enter};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let filters: Vec<_> =
        arguments.iter().filter(|argument| !argument.starts_with("--")).cloned().collect();
    let matches: fn(&Drill, &str) -> bool = if has("--exact") {
        |drill, filter| drill.name == filter
    } else {
        |drill, filter| drill.name.contains(filter)
    };
    let own = |drills: Vec<Drill>| -> Vec<_> {
        drills.into_iter().filter(|drill| drill.needs.is_empty()).collect()
    };
    let mut selected = own(select(&filters, matches));
    let filtered = own(select(&[], matches)).len() - selected.len();
    if has("--ignored") {
        selected.clear();
    }
    if has("--list") {
        selected.iter().for_each(|drill| say(format!("{}: test", drill.name)));
        return ExitCode::SUCCESS;
    }
    run(&selected, filtered)
}

fn run(selected: &[Drill], filtered: usize) -> ExitCode {
    match enter(binary::build) {
        Ok(Entered::Done(code)) => code,
        Ok(Entered::Inside(binary)) => match runtime() {
            Ok(runtime) => as_tests(&binary, &runtime, selected, filtered),
            Err(failure) => fail(failure),
        },
        Ok(Entered::Impossible(why)) => {
            let count = selected.len();
            say(format!("skipped: {why}"));
            let (word, code) =
                if strict() { ("FAILED", ExitCode::FAILURE) } else { ("ok", ExitCode::SUCCESS) };
            say(format!(
                "\ntest result: {word}. 0 passed; 0 failed; {count} ignored; 0 measured; \
                 {filtered} filtered out\n"
            ));
            code
        }
        Err(failure) => fail(failure),
    }
}

fn fail(why: impl std::fmt::Display) -> ExitCode {
    say(format!("error: {why}"));
    ExitCode::FAILURE
}
