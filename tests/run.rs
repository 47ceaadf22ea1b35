//! `haagent run` where it cannot.

use std::net::TcpListener;

use crate::bed::{Server, Settings, TestBed, unprivileged};

/// On an interface and in a network that every host has.
const VIRTUAL_ROUTER: &str = r#"
[[node]]
name = "here"
address = "127.0.0.1"
priority = 100

[[virtual_router]]
name = "web"
vrid = 51
interface = "lo"
addresses = ["127.10.20.30/8"]
"#;

#[test]
fn one_run_directory_is_for_one_haagent() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let answer = bed.run(&["run"]);
    assert_eq!((answer.code, &*answer.output), (1, ""));
    let expected = format!(
        "error: another haagent uses `{}`\nhint: `haagent status` shows it\n",
        bed.run_directory().display()
    );
    assert_eq!(answer.errors, expected);
    assert_eq!(bed.ask(), 'a');
    assert_eq!(bed.run(&["status"]).code, 0);
}

#[test]
fn a_port_in_use_is_told_at_its_place() {
    let (bed, server) = (TestBed::new(), Server::refusing('a'));
    let _somebody = TcpListener::bind(bed.address()).expect("the port is ours");
    bed.configure(Settings::new(bed.address(), &[server.address()]));
    let answer = bed.run(&["run"]);
    assert_eq!((answer.code, &*answer.output), (1, ""));
    let message = format!("error: address `{}` is in use\n", bed.address());
    assert!(answer.errors.contains(&message), "{}", answer.errors);
    let place = format!("--> {}:7:9\n", bed.file().display());
    assert!(answer.errors.contains(&place), "{}", answer.errors);
}

#[test]
fn a_bad_config_is_told_at_its_place() {
    let bed = TestBed::new();
    bed.configure("[[virtual_rooter]]\n");
    let answer = bed.run(&["run"]);
    assert_eq!((answer.code, &*answer.output), (1, ""));
    assert!(answer.errors.contains("unknown key `virtual_rooter`"), "{}", answer.errors);
    let place = format!("--> {}:1:3\n", bed.file().display());
    assert!(answer.errors.contains(&place), "{}", answer.errors);
}

#[test]
fn a_missing_config_is_told() {
    let answer = TestBed::new().run(&["run"]);
    assert_eq!((answer.code, &*answer.output), (1, ""));
    assert!(answer.errors.contains("no such file\nhint: `-f FILE`"), "{}", answer.errors);
}

#[test]
fn virtual_routers_without_privileges_name_what_is_missing() {
    let bed = TestBed::new();
    bed.configure(VIRTUAL_ROUTER);
    let answer = unprivileged(|| bed.run(&["run", "--node", "here"]));
    assert_eq!((answer.code, &*answer.output), (1, ""));
    for part in ["virtual routers need", "CAP_NET_ADMIN", "CAP_NET_RAW", "hint: "] {
        assert!(answer.errors.contains(part), "{}", answer.errors);
    }
    assert_eq!(bed.run(&["status"]).code, 2);
}

#[test]
fn addresses_of_a_running_haagent_are_not_released() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let answer = unprivileged(|| bed.run(&["release"]));
    assert_eq!((answer.code, &*answer.output), (1, ""));
    assert!(answer.errors.contains("hint: stop it first"), "{}", answer.errors);
}
