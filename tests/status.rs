//! `haagent status`: its exit codes, its table and its JSON.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::bed::{Server, TestBed, pid, unprivileged};

#[test]
fn a_healthy_box_is_shown_as_a_table() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let (client, _) = bed.served();
    let answer = bed.run(&["status"]);
    assert_eq!((answer.code, &*answer.errors), (0, ""));
    let supervisor = bed.supervisor().pid;
    let address = server.address();
    for line in [
        format!("this box: healthy, haagent {}, pid {supervisor}", env!("CARGO_PKG_VERSION")),
        format!("worker: serving, pid {}", bed.worker().pid),
        format!("frontend web: {} to backend web", bed.address()),
        "  sessions: 1 open, 1 in total".to_owned(),
        "backend web: round_robin".to_owned(),
        format!("  s1             {:<21} up            1 open", address.to_string()),
    ] {
        assert!(answer.output.lines().any(|shown| shown == line), "{line}\n{}", answer.output);
    }
    let lines = answer.output.lines().filter(|line| !line.starts_with("config: "));
    lines.for_each(|line| assert!(line.len() <= 80, "{line}"));
    client.finish();
}

#[test]
fn the_report_is_complete() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let (client, _) = bed.served();
    let status = bed.status();
    assert_eq!(status["schema"], 2);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert!(status["node"].is_null());
    assert_eq!(status["pid"], bed.supervisor().pid);
    assert_eq!(status["healthy"], true);
    assert_eq!(status["problems"], serde_json::json!([]));
    assert_eq!(status["config"]["file"], bed.file().display().to_string());
    let digest = status["config"]["digest"].as_str().expect("a digest");
    assert!(digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit()), "{digest}");
    assert_eq!(status["config"]["revision"], 1);
    assert!(status["config"]["rejected"].is_null());
    assert!(status["guard"]["pid"].is_null());
    assert_eq!(status["worker"]["state"], "serving");
    assert_eq!(status["worker"]["restarts"], 0);
    assert!(pid(&status).is_some_and(|pid| bed.supervisor().children()[0].pid == pid));
    assert_eq!(status["virtual_routers"], serde_json::json!([]));
    assert_eq!(
        status["frontends"],
        serde_json::json!([{
            "name": "web", "bind": [bed.address().to_string()], "backend": "web",
            "sessions": 1, "sessions_total": 1,
        }])
    );
    let backend = &status["backends"][0];
    assert_eq!((&backend["name"], &backend["balance"]), (&"web".into(), &"round_robin".into()));
    let server_shown = &backend["servers"][0];
    assert_eq!(server_shown["name"], "s1");
    assert_eq!(server_shown["address"], server.address().to_string());
    assert_eq!(server_shown["health"], "up");
    assert_eq!(server_shown["sessions"], 1);
    assert_eq!(server_shown["sessions_total"], 1);
    client.finish();
}

#[test]
fn a_degraded_box_is_told_from_a_healthy_one() {
    let only = Server::refusing('a');
    let bed = TestBed::serving(&[only.address()]);
    bed.until_health(1, "down");
    let answer = bed.run(&["status"]);
    assert_eq!((answer.code, &*answer.errors), (1, ""));
    assert!(answer.output.starts_with("this box: degraded, "), "{}", answer.output);
    assert!(
        answer.output.contains("\n  problem: backend web has no server that is up\n"),
        "{}",
        answer.output
    );
    let row = answer.output.lines().last().expect("a row for the server");
    assert!(row.contains("down") && row.ends_with("  connection refused"), "{row}");
    assert_eq!(bed.run(&["status", "--json"]).code, 1);
}

#[test]
fn a_box_that_does_not_run_has_no_status() {
    let bed = TestBed::new();
    for arguments in [&["status"][..], &["status", "--json"]] {
        let answer = bed.run(arguments);
        assert_eq!((answer.code, &*answer.output), (2, ""));
        let expected = format!(
            "error: haagent is not running: nobody answers in `{}`\n\
             hint: `--run-dir` names another directory\n",
            bed.run_directory().display()
        );
        assert_eq!(answer.errors, expected);
    }
}

#[test]
fn the_run_directory_can_be_named_in_two_ways() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let directory = bed.run_directory().display().to_string();
    assert_eq!(bed.run(&["status", "--run-dir", &directory]).code, 0);
    assert_eq!(bed.run(&["status", "--run-dir", "/nonexistent"]).code, 2);
}

#[test]
fn only_its_own_user_may_ask() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let socket = bed.run_directory().join("control.sock");
    let mode = fs::metadata(&socket).expect("the socket is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    fs::set_permissions(&socket, Permissions::from_mode(0o000)).expect("the socket is ours");
    let answer = unprivileged(|| bed.run(&["status"]));
    assert_eq!((answer.code, &*answer.output), (2, ""));
    assert!(answer.errors.contains("permission denied\nhint: try it as root"), "{answer:?}");
    fs::set_permissions(&socket, Permissions::from_mode(0o600)).expect("the socket is ours");
}
