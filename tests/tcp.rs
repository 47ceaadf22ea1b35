//! What a client and a server see of each other through the proxy.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;

use crate::bed::{Client, PATIENCE, Server, TestBed, UNCHECKED};

/// More than all buffers on the way hold together.
const LARGE: usize = 16 << 20;

/// Bytes in which every mistake shows: loss, repetition, other order.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()
    };
    let words = std::iter::repeat_with(&mut next).take(length / 4);
    words.flatten().collect()
}

/// A session with a server that the test plays itself.
fn played() -> (TestBed, Client, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let bed = TestBed::serving_with(&[address], |settings| settings.check = UNCHECKED);
    let client = bed.client();
    let server = listener.accept().expect("the proxy connects").0;
    server.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    (bed, client, Client(server))
}

fn rest(client: &mut Client) -> Vec<u8> {
    let mut rest = Vec::new();
    client.0.read_to_end(&mut rest).expect("an orderly end");
    rest
}

#[test]
fn bytes_go_to_the_server_and_back() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let (mut client, greeting) = bed.served();
    assert_eq!(greeting, 'a');
    client.ping();
    client.ping();
    client.finish();
}

#[test]
fn a_client_that_has_no_more_to_say_hears_the_answer() {
    let (_bed, mut client, mut server) = played();
    client.0.write_all(b"question").expect("the session goes on");
    client.0.shutdown(Shutdown::Write).expect("the session goes on");
    assert_eq!(rest(&mut server), b"question");
    server.0.write_all(b"answer").expect("half of the session goes on");
    drop(server);
    assert_eq!(rest(&mut client), b"answer");
}

#[test]
fn a_server_that_has_no_more_to_say_is_still_told() {
    let (_bed, mut client, mut server) = played();
    server.0.write_all(b"answer").expect("the session goes on");
    server.0.shutdown(Shutdown::Write).expect("the session goes on");
    assert_eq!(rest(&mut client), b"answer");
    client.0.write_all(b"thanks").expect("half of the session goes on");
    drop(client);
    assert_eq!(rest(&mut server), b"thanks");
}

#[test]
fn a_large_transfer_arrives_as_it_was_sent() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let (client, _) = bed.served();
    let sent = noise(LARGE);
    let mut received = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            (&client.0).write_all(&sent).expect("the session goes on");
            client.0.shutdown(Shutdown::Write).expect("the session goes on");
        });
        (&client.0).read_to_end(&mut received).expect("an orderly end");
    });
    assert_eq!(received.len(), LARGE);
    assert!(received == sent, "the bytes differ");
}

#[test]
fn many_clients_are_served_at_once() {
    let server = Server::echo('a');
    let bed = TestBed::serving(&[server.address()]);
    let mut clients: Vec<_> = (0..100).map(|_| bed.served().0).collect();
    let status = bed.status();
    assert_eq!(status["frontends"][0]["sessions"], 100);
    clients.iter_mut().for_each(Client::ping);
    clients.into_iter().for_each(Client::finish);
    let status = bed.until("the sessions are over", |s| s["frontends"][0]["sessions"] == 0);
    assert_eq!(status["frontends"][0]["sessions_total"], 100);
}
