//! The product in one minute: two routers, a client, and everything that can go wrong.

use std::process::ExitCode;

use netns_tests::binary;
use netns_tests::demo;
use netns_tests::failure::Result;
use netns_tests::report::say;
use netns_tests::runner::runtime;
use netns_tests::sandbox::{Entered, enter};

fn main() -> ExitCode {
    match show() {
        Ok(code) => code,
        Err(failure) => {
            say(format!("error: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn show() -> Result<ExitCode> {
    let build = || {
        say("building the release binary");
        binary::build()
    };
    match enter(build)? {
        Entered::Done(code) => Ok(code),
        Entered::Inside(binary) => runtime()?.block_on(demo::run(&binary)),
        Entered::Impossible(why) => {
            say(format!("skipped: {why}"));
            Ok(ExitCode::FAILURE)
        }
    }
}
