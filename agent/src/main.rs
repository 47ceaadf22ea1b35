//! `haagent`: floating addresses by VRRP and the proxy behind them, in one command.
//!
//! ```text
//! run ── supervisor ─┬─ engine: the VRRP thread (crate vrrp)
//!                    ├─ guard: lets go when we die
//!                    └─ worker: serves clients (crate proxy)
//! ```

mod args;
mod bind;
mod check;
mod client;
mod clock;
mod command;
mod config;
mod control;
mod coordinator;
mod engine;
mod guard;
mod hooks;
mod host;
mod ipc;
mod keys;
mod logging;
mod overhear;
mod privilege;
mod realtime;
mod sequences;
mod status;
mod supervisor;
mod sysctl;
mod track;
mod virtual_mac;
mod worker;

use std::fmt::Display;
use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use privilege::Identity;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run { config, run, state } => {
            let _logs = logging::start();
            abort_on_panic();
            let options = supervisor::Options {
                file: config.file,
                node: host::node_choice(config.node),
                run_directory: run.path,
                state_directory: state.directory,
            };
            supervisor::run(options).unwrap_or_else(|error| fail(&error))
        }
        Command::Check { config, run } => check::run(&config.file, config.node, &run.path),
        Command::Status { json, run } => client::status(&run.path, json),
        Command::Reload { wait, run } => client::reload(&run.path, wait),
        Command::Release { run } => client::release(&run.path),
        Command::Worker { uid, gid } => {
            let identity = uid.zip(gid).map(|(uid, gid)| Identity { uid, gid });
            child(worker::child::run(identity))
        }
        Command::Guard => child(guard::child::run()),
        Command::Exec { uid, gid, program, argv } => {
            fail(&command::child::run(Identity { uid, gid }, &program, &argv))
        }
    }
}

/// A supervisor of which a part has died must not go on as if nothing were: the guard lets go, and the
/// service manager starts another.
fn abort_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::abort();
    }));
}

fn child(result: std::io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &impl Display) -> ExitCode {
    let text = error.to_string();
    let prefix = if text.starts_with("error") { "" } else { "error: " };
    client::complain(&format!("{prefix}{text}"));
    ExitCode::FAILURE
}
