//! `haagent exec`: what a command of the config is when it runs.

use std::process::{Command, Output};

use rustix::process::{getegid, geteuid};

use crate::bed::binary;

/// Runs a command as ourselves, as the supervisor does.
fn exec(argv: &[&str]) -> Output {
    let (uid, gid) = (geteuid().as_raw().to_string(), getegid().as_raw().to_string());
    let mut command = Command::new(binary());
    command.args(["exec", "--uid", &uid, "--gid", &gid, argv[0], "--"]).args(argv);
    command.env_clear().env("HAAGENT_ROUTER", "wan").output().expect("haagent starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[test]
fn a_command_has_no_privileges_and_cannot_gain_any() {
    let output = exec(&["/bin/cat", "/proc/self/status"]);
    let status = text(&output.stdout);
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert!(status.contains(&format!("{set}:\t0000000000000000\n")), "{status}");
    }
    assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
}

#[test]
fn a_command_gets_the_arguments_and_the_environment_as_they_are() {
    let output = exec(&["/bin/sh", "-c", "echo \"$1|$HAAGENT_ROUTER\"", "sh", "-- $HOME *"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "-- $HOME *|wan\n"));
    assert_eq!(exec(&["/bin/sh", "-c", "exit 7"]).status.code(), Some(7));
}

#[test]
fn a_command_that_cannot_be_executed_is_told() {
    let output = exec(&["/nonexistent/hook"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "error: No such file or directory (os error 2)\n");
}
