//! The supervisor dies.

use std::net::TcpListener;

use crate::bed::{Server, TestBed, eventually};

#[test]
fn nothing_outlives_a_killed_supervisor() {
    let server = Server::echo('a');
    let mut bed = TestBed::serving(&[server.address()]);
    let (mut client, _) = bed.served();
    let worker = bed.worker();
    bed.kill();
    worker.ended();
    client.closed();
    TcpListener::bind(bed.address()).expect("the port is free");
    let answer = bed.run(&["status"]);
    assert_eq!(answer.code, 2, "{answer:?}");
}

#[test]
fn what_a_killed_supervisor_left_does_not_keep_the_next_one_from_starting() {
    let server = Server::echo('a');
    let mut bed = TestBed::serving(&[server.address()]);
    let worker = bed.worker();
    bed.kill();
    worker.ended();
    assert!(bed.run_directory().join("control.sock").exists(), "nobody could remove it");
    bed.start();
    assert_eq!(bed.ask(), 'a');
    let restarts = eventually("it has a status", || bed.status()["worker"]["restarts"].as_u64());
    assert_eq!(restarts, 0);
}
