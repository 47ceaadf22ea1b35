//! Which server gets the next session.

use crate::bed::{Server, TestBed, UNCHECKED, server};

#[test]
fn round_robin_gives_every_server_its_turn() {
    let servers = ['a', 'b', 'c'].map(Server::echo);
    let addresses = servers.each_ref().map(Server::address);
    let bed = TestBed::serving_with(&addresses, |settings| settings.check = UNCHECKED);
    let answers: String = (0..9).map(|_| bed.ask()).collect();
    assert_eq!(answers, "abcabcabc");
}

#[test]
fn least_connections_prefers_the_idle_server() {
    let servers = ['a', 'b'].map(Server::echo);
    let addresses = servers.each_ref().map(Server::address);
    let bed = TestBed::serving_with(&addresses, |settings| {
        settings.balance = "least_connections";
        settings.check = UNCHECKED;
    });
    let clients: Vec<_> = (0..4).map(|_| bed.served()).collect();
    let (of_a, of_b): (Vec<_>, Vec<_>) = clients.into_iter().partition(|(_, name)| *name == 'a');
    assert_eq!((of_a.len(), of_b.len()), (2, 2));

    of_a.into_iter().for_each(|(client, _)| client.finish());
    bed.until("server a is idle", |status| server(status, 1)["sessions"] == 0);
    let next = [bed.served(), bed.served()];
    assert_eq!(next.each_ref().map(|(_, name)| *name), ['a', 'a']);
}
