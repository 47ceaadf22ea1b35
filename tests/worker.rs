//! The worker dies, again and again, and has nothing that a thief could use.

use std::time::Duration;

use rustix::process::geteuid;

use crate::bed::{Client, Process, Server, TestBed, eventually, pid, server, time_of};

/// The values of a line of `/proc/PID/status`.
fn line<'a>(status: &'a str, name: &str) -> Vec<&'a str> {
    let mut values = status.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let values = values.next().unwrap_or_else(|| panic!("no `{name}` in {status}"));
    values.split_whitespace().collect()
}

/// Kills the worker and returns the next one, with the pause between the two.
fn replaced(bed: &TestBed, worker: &Process) -> (Process, Duration) {
    let mut next = None;
    let pause = time_of(|| {
        worker.kill();
        next = Some(eventually("another worker runs", || {
            pid(&bed.status()).filter(|pid| *pid != worker.pid).and_then(Process::find)
        }));
    });
    (next.expect("just found"), pause)
}

#[test]
fn clients_of_a_dead_worker_are_served_by_the_next_one() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let (mut old, _) = bed.served();
    let worker = bed.worker();
    worker.freeze();
    // They come while nobody accepts.
    let mut clients: Vec<_> = (0..20).map(|_| bed.client()).collect();
    worker.kill();
    clients.extend((0..20).map(|_| bed.client()));
    for mut client in clients {
        assert_eq!(client.greeting(), 'a');
        client.finish();
    }
    old.closed();

    let status = bed.until("it serves again", |status| status["worker"]["state"] == "serving");
    assert_ne!(pid(&status), Some(worker.pid));
    assert_eq!(status["worker"]["restarts"], 1);
    assert_eq!(status["healthy"], true);
}

#[test]
fn the_next_worker_knows_which_servers_are_down() {
    let (up, mut down) = (Server::echo('a'), Server::refusing('b'));
    let bed = TestBed::serving(&[up.address(), down.address()]);
    bed.until_health(2, "down");
    down.start();
    replaced(&bed, &bed.worker());
    // One success is not a rise for a server that is known to be down; it would be for an unknown one.
    let status = bed.until("the next worker has checked it", |status| {
        let check = server(status, 2)["last_check"].as_str().unwrap_or_default();
        check.starts_with("connected in ")
    });
    assert_eq!(server(&status, 2)["health"], "down");
    assert_eq!(server(&status, 1)["health"], "up");
    assert_eq!((0..3).map(|_| bed.ask()).collect::<String>(), "aaa");
}

#[test]
fn a_worker_that_keeps_dying_is_restarted_ever_more_slowly() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let mut worker = bed.worker();
    let mut pauses = Vec::new();
    for _ in 0..5 {
        let (next, pause) = replaced(&bed, &worker);
        worker = next;
        pauses.push(pause);
    }
    for (pause, at_least_ms) in pauses.iter().zip([0, 100, 200, 400, 800]) {
        assert!(*pause >= Duration::from_millis(at_least_ms), "{pauses:?}");
    }
    let status = bed.until("it serves again", |status| status["worker"]["state"] == "serving");
    assert_eq!(status["worker"]["restarts"], 5);
    assert_eq!(bed.ask(), 'a');
}

#[test]
fn clients_wait_out_the_pause_between_two_workers() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let (second, _) = replaced(&bed, &bed.worker());
    let (third, _) = replaced(&bed, &second);
    third.kill();
    let mut clients: Vec<_> = (0..10).map(|_| bed.client()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.greeting(), 'a'));
    clients.into_iter().for_each(Client::finish);
}

#[test]
fn a_worker_that_hangs_is_told_and_replaced() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let worker = bed.worker();
    worker.freeze();
    let mut client = bed.client();
    let status = bed.until("it is degraded", |status| status["healthy"] == false);
    assert_eq!(status["problems"][0], "the worker does not answer");
    assert_eq!(client.greeting(), 'a');
    worker.ended();
    bed.until("it serves again", |status| status["worker"]["state"] == "serving");
}

#[test]
fn no_thread_of_the_worker_has_any_capability() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    assert_eq!(bed.ask(), 'a');
    let threads = bed.worker().threads().expect("the worker runs");
    assert!(threads.len() > 2, "the proxy has threads of its own");
    for thread in threads {
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(line(&thread, set), ["0000000000000000"], "{set} in {thread}");
        }
        assert_eq!(line(&thread, "NoNewPrivs"), ["1"], "{thread}");
    }
}

#[test]
fn the_worker_is_another_user_or_says_why_not() {
    let bed = TestBed::serving(&[Server::refusing('a').address()]);
    let ours = geteuid().as_raw().to_string();
    let threads = bed.worker().threads().expect("the worker runs");
    let users: Vec<_> = threads.iter().map(|thread| line(thread, "Uid")).collect();
    if bed.log().contains("worker keeps our user") {
        users.iter().for_each(|uids| assert_eq!(uids, &[&ours; 4]));
    } else {
        users.iter().flatten().for_each(|uid| assert_ne!(*uid, ours));
    }
}
