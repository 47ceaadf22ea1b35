//! `haagent check`: all problems at once, each at its place; 0, 1 or 2.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::bed::{Answer, Server, Settings, TestBed, unprivileged};

/// A box where nothing runs, and a good config for it.
fn prepared() -> (TestBed, Server, String) {
    let (bed, server) = (TestBed::new(), Server::refusing('a'));
    let settings = Settings::new(bed.address(), &[server.address()]).to_string();
    bed.configure(&settings);
    (bed, server, settings)
}

/// What `check` says when the config has these problems: each a message, and the text it points to.
fn rejected(bed: &TestBed, config: &str, problems: &[(&str, &str)]) -> Answer {
    bed.configure(config);
    let answer = bed.run(&["check"]);
    assert_eq!((answer.code, &*answer.output), (1, ""), "{}", answer.errors);
    for (message, text) in problems {
        let offset = config.find(text).unwrap_or_else(|| panic!("`{text}` is in the config"));
        let before = &config[..offset];
        let line = before.matches('\n').count() + 1;
        let column = offset - before.rfind('\n').map_or(0, |newline| newline + 1) + 1;
        let message = format!("error: {message}\n");
        let place = format!("--> {}:{line}:{column}\n", bed.file().display());
        let said = answer
            .errors
            .split("\n\n")
            .any(|said| said.starts_with(&message) && said.contains(&place) && said.contains(text));
        assert!(said, "{message}{place}is not in:\n{}", answer.errors);
    }
    let count = match problems.len() {
        1 => "\n\n1 problem\n".to_owned(),
        count => format!("\n\n{count} problems\n"),
    };
    assert!(answer.errors.ends_with(&count), "{}", answer.errors);
    answer
}

#[test]
fn a_good_config_is_summed_up() {
    let (bed, _server, _) = prepared();
    let answer = bed.run(&["check"]);
    assert_eq!((answer.code, &*answer.errors), (0, ""));
    let expected = format!(
        "{}: ok, 0 virtual routers, 1 frontend, 1 backend, 1 server\n",
        bed.file().display()
    );
    assert_eq!(answer.output, expected);
}

#[test]
fn an_unknown_key_is_a_problem() {
    let (bed, _server, good) = prepared();
    let config = good.replace("balance =", "balence =");
    let answer = rejected(&bed, &config, &[("unknown key `balence`", "balence")]);
    assert!(answer.errors.contains("hint: did you mean `balance`?"), "{}", answer.errors);
}

#[test]
fn a_value_of_the_wrong_type_is_a_problem() {
    let (bed, _server, good) = prepared();
    let config = good.replace("threads = 2", "threads = \"two\"");
    let message = "`threads` must be a whole number, not a string";
    rejected(&bed, &config, &[(message, "\"two\"")]);
}

#[test]
fn all_problems_are_told_at_once() {
    let (bed, _server, good) = prepared();
    let config = good.replace("threads", "threats").replace("round_robin", "fair");
    let unknown_key = ("unknown key `threats`", "threats");
    let unknown_value = ("balance `fair` is unknown", "\"fair\"");
    rejected(&bed, &config, &[unknown_key, unknown_value]);
}

#[test]
fn a_config_that_cannot_be_read_cannot_be_checked() {
    let (bed, _server, _) = prepared();
    fs::remove_file(bed.file()).expect("the scratch directory is ours");
    let answer = bed.run(&["check"]);
    assert_eq!((answer.code, &*answer.output), (2, ""));
    let expected = format!(
        "error: cannot read `{}`: no such file\nhint: `-f FILE` names another file\n",
        bed.file().display()
    );
    assert_eq!(answer.errors, expected);
}

#[test]
fn a_config_that_may_not_be_read_cannot_be_checked() {
    let (bed, _server, _) = prepared();
    fs::set_permissions(bed.file(), Permissions::from_mode(0o000)).expect("the file is ours");
    let answer = unprivileged(|| bed.run(&["check"]));
    assert_eq!((answer.code, &*answer.output), (2, ""));
    assert!(answer.errors.contains("permission denied\nhint: "), "{}", answer.errors);
}

#[test]
fn a_wrong_command_line_cannot_be_checked() {
    let answer = TestBed::new().run(&["check", "--bogus"]);
    assert_eq!((answer.code, &*answer.output), (2, ""));
    assert!(answer.errors.contains("--bogus"), "{}", answer.errors);
}

#[test]
fn a_port_that_somebody_else_uses_is_a_problem() {
    let (bed, _server, good) = prepared();
    let _somebody = TcpListener::bind(bed.address()).expect("the port is ours");
    let address = bed.address();
    let message = format!("address `{address}` is in use");
    rejected(&bed, &good, &[(&message, &format!("\"{address}\""))]);
}

#[test]
fn a_port_that_haagent_itself_uses_is_fine() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let answer = bed.run(&["check"]);
    assert_eq!((answer.code, &*answer.errors), (0, ""));
    // To another one it is in use.
    let elsewhere = bed.directory().join("elsewhere").display().to_string();
    assert_eq!(bed.run(&["check", "--run-dir", &elsewhere]).code, 1);
}
