//! What becomes of servers that come and go, and of their sessions.

use crate::bed::{Client, OFTEN, Server, Settings, Silent, TestBed, server};

#[test]
fn a_server_goes_down_and_comes_up_again() {
    let mut servers = ['a', 'b'].map(Server::echo);
    let addresses = servers.each_ref().map(Server::address);
    let bed = TestBed::serving_with(&addresses, |settings| settings.check = OFTEN);
    bed.until("it is healthy", |status| status["healthy"] == true);

    servers[0].stop();
    bed.until_health(1, "down");
    let status = bed.status();
    assert_eq!(server(&status, 1)["last_check"], "connection refused");
    assert_eq!(server(&status, 2)["health"], "up");
    assert_eq!((0..4).map(|_| bed.ask()).collect::<String>(), "bbbb");

    servers[0].start();
    bed.until_health(1, "up");
    let answers: String = (0..4).map(|_| bed.ask()).collect();
    assert!(answers.contains('a') && answers.contains('b'), "{answers}");
}

#[test]
fn one_failure_is_not_yet_a_fall() {
    let mut only = Server::echo('a');
    let bed = TestBed::serving_with(&[only.address()], |settings| {
        settings.check = r#"{ interval = "50ms", fall = 1000 }"#;
    });
    only.stop();
    let status = bed
        .until("a check fails", |status| server(status, 1)["last_check"] == "connection refused");
    assert_eq!(server(&status, 1)["health"], "up");
}

#[test]
fn one_success_is_not_yet_a_rise() {
    let mut only = Server::refusing('a');
    let bed = TestBed::serving_with(&[only.address()], |settings| {
        settings.check = r#"{ interval = "50ms", rise = 1000 }"#;
    });
    bed.until_health(1, "down");
    only.start();
    let status = bed.until("a check succeeds", |status| {
        let check = server(status, 1)["last_check"].as_str().unwrap_or_default();
        check.starts_with("connected in ")
    });
    assert_eq!(server(&status, 1)["health"], "down");
}

#[test]
fn a_new_server_is_probed_before_it_serves() {
    let (old, new) = (Server::echo('a'), Silent::new());
    let bed = TestBed::serving(&[old.address()]);
    bed.configure(Settings::new(bed.address(), &[old.address(), new.address()]));
    assert_eq!(bed.reload().code, 0);
    let status = bed.status();
    assert_eq!(server(&status, 2)["health"], "probing");
    assert_eq!((0..3).map(|_| bed.ask()).collect::<String>(), "aaa");
    let status =
        bed.until("its first check times out", |status| server(status, 2)["health"] == "down");
    assert_eq!(server(&status, 2)["last_check"], "timed out after 1 s");
}

#[test]
fn sessions_of_a_downed_server_are_closed() {
    let mut servers = ['a', 'b'].map(Server::echo);
    let addresses = servers.each_ref().map(Server::address);
    let bed = TestBed::serving_with(&addresses, |settings| settings.check = OFTEN);
    bed.until("both are up", |status| {
        [1, 2].iter().all(|number| server(status, *number)["health"] == "up")
    });
    let [(mut first, name_of_first), (mut second, _)] = [bed.served(), bed.served()];
    let (of_a, of_b) =
        if name_of_first == 'a' { (&mut first, &mut second) } else { (&mut second, &mut first) };
    servers[0].stop();
    of_a.closed();
    of_b.ping();
}

#[test]
fn clients_are_turned_away_at_once_when_no_server_is_up() {
    let only = Server::refusing('a');
    // A client that waits for this long has run out of patience.
    let bed = TestBed::serving_with(&[only.address()], |settings| settings.connect_timeout = "1h");
    bed.until_health(1, "down");
    Client::turned_away(bed.address());
    let status = bed.status();
    assert_eq!(status["healthy"], false);
    assert_eq!(status["problems"][0], "backend web has no server that is up");
}
