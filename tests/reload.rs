//! A config takes the place of another, or does not.

use std::net::TcpListener;

use rustix::process::Signal;

use crate::bed::{Client, Port, Server, Settings, TestBed, eventually, frontend, server};

fn refused(port: &Port) {
    eventually("clients are refused", || Client::try_connect(port.address()).err());
}

#[test]
fn new_sessions_use_the_new_backend_while_an_old_one_goes_on() {
    let [old, new] = ['a', 'b'].map(Server::echo);
    let bed = TestBed::serving(&[old.address()]);
    let (mut client, name) = bed.served();
    assert_eq!(name, 'a');

    bed.configure(Settings::new(bed.address(), &[new.address()]));
    let answer = bed.reload();
    assert_eq!(answer.code, 0, "{answer:?}");
    assert_eq!(answer.output, "revision 2 is in force:\n  frontends or backends changed\n");

    assert_eq!((0..3).map(|_| bed.ask()).collect::<String>(), "bbb");
    client.ping();
    client.finish();
    let status = bed.status();
    assert_eq!(status["config"]["revision"], 2);
    assert_eq!(server(&status, 1)["address"], new.address().to_string());
}

#[test]
fn the_same_config_changes_nothing() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let (mut client, _) = bed.served();
    let worker = bed.worker();
    let answer = bed.reload();
    assert_eq!(answer.code, 0, "{answer:?}");
    assert_eq!(answer.output, "config did not change, revision 1 stays in force\n");
    client.ping();
    assert_eq!(bed.worker().pid, worker.pid);
}

#[test]
fn other_words_for_the_same_config_change_nothing_but_the_digest() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let before = bed.status();
    bed.configure(format!(
        "# By another hand.\n{}",
        Settings::new(bed.address(), &[server.address()])
    ));
    assert_eq!(bed.reload().output, "config did not change, revision 1 stays in force\n");
    assert_ne!(bed.status()["config"]["digest"], before["config"]["digest"]);
}

#[test]
fn a_bad_config_is_rejected_and_the_old_one_stays() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let good = Settings::new(bed.address(), &[server.address()]);
    let digest = bed.status()["config"]["digest"].clone();
    bed.configure(good.to_string().replace("threads = 2", "threads = 2\nbogus = 1"));

    let answer = bed.reload();
    assert_eq!(answer.code, 1, "{answer:?}");
    let place = format!("--> {}:3:1\n", bed.file().display());
    assert!(answer.errors.contains("error: unknown key `bogus`\n"), "{}", answer.errors);
    assert!(answer.errors.contains(&place), "{}", answer.errors);
    assert!(
        answer.errors.ends_with("\nconfig rejected, the old one stays in force\n"),
        "{}",
        answer.errors
    );

    assert_eq!(bed.ask(), 'a');
    let status = bed.status();
    assert_eq!(status["healthy"], false);
    let rejected = status["config"]["rejected"].as_str().expect("a reason");
    assert!(rejected.contains("unknown key `bogus`") && rejected.contains(&place), "{rejected}");
    assert_eq!(status["config"]["revision"], 1);
    assert_eq!(status["config"]["digest"], digest);
    let table = bed.run(&["status"]);
    assert_eq!(table.code, 1);
    assert!(table.output.contains("problem: the newest config was rejected"), "{}", table.output);

    bed.configure(good);
    assert_eq!(bed.reload().code, 0);
    assert!(bed.status()["config"]["rejected"].is_null());
    assert_eq!(bed.run(&["status"]).code, 0);
}

#[test]
fn a_config_that_is_gone_is_rejected() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    std::fs::remove_file(bed.file()).expect("the scratch directory is ours");
    let answer = bed.reload();
    assert_eq!(answer.code, 1, "{answer:?}");
    let expected = format!("cannot read `{}`: no such file", bed.file().display());
    assert!(answer.errors.contains(&expected), "{}", answer.errors);
    let status = bed.status();
    let rejected = status["config"]["rejected"].as_str().expect("a reason");
    assert!(rejected.contains(&expected), "{rejected}");
    assert_eq!(bed.ask(), 'a');
}

#[test]
fn a_frontend_comes_and_goes() {
    let server = Server::echo('a');
    let other = Port::reserve();
    let bed = TestBed::serving(&[server.address()]);
    let one = Settings::new(bed.address(), &[server.address()]);
    let two = Settings { more: frontend("other", other.address()), ..one.clone() };
    refused(&other);

    bed.configure(two);
    let answer = bed.reload();
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.output.contains(&format!("listener {} added", other.address())), "{answer:?}");
    let (mut client, _) = Client::served(other.address());
    assert_eq!(bed.ask(), 'a');
    assert_eq!(bed.status()["frontends"][1]["name"], "other");

    bed.configure(one);
    let answer = bed.reload();
    assert!(answer.output.contains(&format!("listener {} removed", other.address())), "{answer:?}");
    refused(&other);
    TcpListener::bind(other.address()).expect("the port is free");
    client.ping();
    assert_eq!(bed.ask(), 'a');
    assert_eq!(bed.status()["frontends"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_frontend_can_move_to_another_port() {
    let server = Server::echo('a');
    let other = Port::reserve();
    let bed = TestBed::serving(&[server.address()]);
    bed.configure(Settings::new(other.address(), &[server.address()]));
    assert_eq!(bed.reload().code, 0);
    Client::served(other.address()).0.finish();
    eventually("the old port refuses", || Client::try_connect(bed.address()).err());
}

#[test]
fn a_port_in_use_rejects_the_config_at_its_place() {
    let server = Server::echo('a');
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = other.local_addr().expect("an address");
    let bed = TestBed::serving(&[server.address()]);
    let settings = Settings {
        more: frontend("other", taken),
        ..Settings::new(bed.address(), &[server.address()])
    };
    let line = settings.to_string().lines().position(|line| line.contains(&taken.to_string()));
    let line = line.expect("it is in the file") + 1;
    bed.configure(settings);

    let answer = bed.reload();
    assert_eq!(answer.code, 1, "{answer:?}");
    let message = format!("error: address `{taken}` is in use\n");
    assert!(answer.errors.contains(&message), "{}", answer.errors);
    let place = format!("--> {}:{line}:9\n", bed.file().display());
    assert!(answer.errors.contains(&place), "{}", answer.errors);
    assert_eq!(bed.ask(), 'a');
    let rejected = &bed.status()["config"]["rejected"];
    assert!(rejected.as_str().is_some_and(|text| text.contains("is in use")), "{rejected}");

    drop(other);
    assert_eq!(bed.reload().code, 0);
    Client::served(taken).0.finish();
}

#[test]
fn a_hangup_reloads_too() {
    let [old, new] = ['a', 'b'].map(Server::echo);
    let bed = TestBed::serving(&[old.address()]);
    bed.configure(Settings::new(bed.address(), &[new.address()]));
    bed.supervisor().signal(Signal::HUP);
    bed.until("the new config is in force", |status| {
        server(status, 1)["address"] == new.address().to_string()
    });
    bed.until_health(1, "up");
    assert_eq!(bed.ask(), 'b');

    bed.configure("bogus = 1\n");
    bed.supervisor().signal(Signal::HUP);
    bed.until("the bad config is rejected", |status| status["config"]["rejected"].is_string());
    assert_eq!(bed.ask(), 'b');
}

#[test]
fn without_wait_a_reload_is_only_asked_for() {
    let [old, new] = ['a', 'b'].map(Server::echo);
    let bed = TestBed::serving(&[old.address()]);
    bed.configure(Settings::new(bed.address(), &[new.address()]));
    let answer = bed.run(&["reload"]);
    assert_eq!((answer.code, &*answer.output, &*answer.errors), (0, "", ""));
    bed.until("the new config is in force", |status| status["config"]["revision"] == 2);
}

#[test]
fn the_next_worker_starts_with_the_new_config() {
    let [old, new] = ['a', 'b'].map(Server::echo);
    let other = Port::reserve();
    let bed = TestBed::serving(&[old.address()]);
    bed.configure(Settings {
        more: frontend("other", other.address()),
        ..Settings::new(bed.address(), &[new.address()])
    });
    assert_eq!(bed.reload().code, 0);
    bed.worker().kill();
    assert_eq!(bed.ask(), 'b');
    assert_eq!(Client::served(other.address()).1, 'b');
}

#[test]
fn nobody_to_reload_is_an_error() {
    let answer = TestBed::new().run(&["reload", "--wait"]);
    assert_eq!(answer.code, 2, "{answer:?}");
    assert!(answer.errors.starts_with("error: haagent is not running"), "{}", answer.errors);
}
