//! A planned stop: what becomes of the sessions that run, and of those that come.

use rustix::process::Signal;

use crate::bed::{Server, TestBed};

fn until_draining(bed: &TestBed) {
    bed.until("it drains", |status| status["worker"]["state"] == "draining");
}

#[test]
fn a_planned_stop_waits_for_the_sessions_that_run() {
    let server = Server::echo('a');
    let mut bed = TestBed::serving(&[server.address()]);
    let (mut client, _) = bed.served();
    bed.supervisor().signal(Signal::TERM);
    until_draining(&bed);
    client.ping();
    client.finish();
    assert_eq!(bed.ended().code(), Some(0));
}

#[test]
fn a_draining_box_still_serves_who_comes() {
    let server = Server::echo('a');
    let mut bed = TestBed::serving(&[server.address()]);
    let (early, _) = bed.served();
    bed.supervisor().signal(Signal::TERM);
    until_draining(&bed);
    let (mut late, name) = bed.served();
    assert_eq!(name, 'a');
    late.ping();
    early.finish();
    // Nobody waits for the late one.
    assert_eq!(bed.ended().code(), Some(0));
    late.closed();
}

#[test]
fn the_deadline_ends_a_session_that_does_not_finish() {
    let server = Server::echo('a');
    let mut bed =
        TestBed::serving_with(&[server.address()], |settings| settings.drain_timeout = "300ms");
    let (mut client, _) = bed.served();
    bed.supervisor().signal(Signal::TERM);
    client.closed();
    assert_eq!(bed.ended().code(), Some(0));
}

#[test]
fn a_second_signal_ends_the_wait() {
    let server = Server::echo('a');
    let mut bed = TestBed::serving(&[server.address()]);
    let (mut client, _) = bed.served();
    bed.supervisor().signal(Signal::TERM);
    until_draining(&bed);
    client.ping();
    bed.supervisor().signal(Signal::TERM);
    assert_eq!(bed.ended().code(), Some(0));
    client.closed();
}

#[test]
fn an_idle_box_stops_at_once_and_frees_its_port() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::echo('a');
        let mut bed = TestBed::serving(&[server.address()]);
        assert_eq!(bed.ask(), 'a');
        bed.until("no session is open", |status| status["frontends"][0]["sessions"] == 0);
        bed.supervisor().signal(signal);
        assert_eq!(bed.ended().code(), Some(0));
        std::net::TcpListener::bind(bed.address()).expect("the port is free");
        assert_eq!(bed.run(&["status"]).code, 2);
    }
}
