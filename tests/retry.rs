//! What a client notices of a server that cannot be reached, and whose checks have not found that out.

use crate::bed::{Client, Server, Silent, TestBed, UNCHECKED, server};

#[test]
fn another_server_answers_for_one_that_refuses() {
    let (refusing, serving) = (Server::refusing('a'), Server::echo('b'));
    let addresses = [refusing.address(), serving.address()];
    let bed = TestBed::serving_with(&addresses, |settings| settings.check = UNCHECKED);
    assert_eq!((0..4).map(|_| bed.ask()).collect::<String>(), "bbbb");
    let status = bed.status();
    assert_eq!(server(&status, 1)["sessions_total"], 0);
    assert_ne!(server(&status, 1)["connect_errors"], 0);
    assert_eq!(server(&status, 2)["sessions_total"], 4);
}

#[test]
fn another_server_answers_for_one_that_does_not() {
    let (silent, serving) = (Silent::new(), Server::echo('b'));
    let addresses = [silent.address(), serving.address()];
    let bed = TestBed::serving_with(&addresses, |settings| {
        settings.check = UNCHECKED;
        settings.connect_timeout = "200ms";
    });
    assert_eq!(bed.ask(), 'b');
    assert_eq!(server(&bed.status(), 1)["connect_errors"], 1);
}

#[test]
fn a_client_is_turned_away_when_every_server_refuses() {
    let servers = ['a', 'b'].map(Server::refusing);
    let addresses = servers.each_ref().map(Server::address);
    let bed = TestBed::serving_with(&addresses, |settings| settings.check = UNCHECKED);
    Client::turned_away(bed.address());
    let status = bed.status();
    assert_eq!(server(&status, 1)["connect_errors"], 1);
    assert_eq!(server(&status, 2)["connect_errors"], 1);
}
