//! Checks: what they find out, and what follows from it.

use std::net::SocketAddr;

use proxy::config::{Check, Config};
use proxy::{CloseReason, Health, ServerHealth};
use tokio::net::TcpStream;

use crate::bed::{
    Bed, Echo, LOCALHOST, backend, checked, eventually, frontend, hear, listen, nowhere, ping,
    soon, start,
};

#[tokio::test]
async fn a_server_goes_down_and_comes_up_again() {
    let echo = Echo::new(1).await;
    let address = echo.address;
    let bed = Bed::new(checked(&[address])).await;
    let mut health = bed.proxy.health();
    assert_eq!(health.borrow_and_update()[0].health, Health::Up);
    assert!(bed.server(0).last_check.unwrap().starts_with("connected in "));

    echo.stop().await;
    soon(health.changed()).await.unwrap();
    assert_eq!(health.borrow_and_update()[0].health, Health::Down);
    assert_eq!(bed.server(0).last_check.as_deref(), Some("connection refused"));

    let _echo = Echo::at(address, 1).await;
    soon(health.changed()).await.unwrap();
    assert_eq!(health.borrow_and_update()[0].health, Health::Up);
    ping_through(&bed).await;
}

async fn ping_through(bed: &Bed) {
    let mut client = bed.client().await;
    assert_eq!(hear(&mut client).await.unwrap(), Some(1));
    ping(&mut client).await;
}

#[tokio::test]
async fn sessions_of_a_server_that_goes_down_are_ended() {
    let (echo, other) = (Echo::new(1).await, Echo::new(2).await);
    let bed = Bed::new(checked(&[echo.address, other.address])).await;
    let (mut client, mut bystander) = (bed.client().await, bed.client().await);
    let (greeting, other_greeting) = (hear(&mut client).await, hear(&mut bystander).await);
    if greeting.unwrap() == Some(2) {
        std::mem::swap(&mut client, &mut bystander);
    } else {
        assert_eq!(other_greeting.unwrap(), Some(2));
    }

    // It stops listening; the sessions that it has would live on by themselves.
    echo.stop().await;
    assert_eq!(hear(&mut client).await.unwrap(), None);
    assert_eq!(bed.server(0).health, Health::Down);
    drop(client);
    bed.closed(CloseReason::ServerDown).await;
    ping(&mut bystander).await;
}

#[tokio::test]
async fn the_first_clients_wait_for_the_first_check() {
    let echo = Echo::new(1).await;
    let proxy = start();
    let listening = listen(LOCALHOST);
    let address = listening.address;
    // It is in the queue before the servers are known at all.
    let mut client = soon(TcpStream::connect(address)).await.unwrap();
    let config = Config {
        frontends: vec![frontend(vec![address])],
        backends: vec![checked(&[echo.address])],
    };
    proxy.load(config, vec![listening], &[]).unwrap();
    assert_eq!(hear(&mut client).await.unwrap(), Some(1));
}

#[tokio::test]
async fn known_health_needs_no_probing() {
    let (echo, gone) = (Echo::new(1).await, nowhere().await);
    let proxy = start();
    let mut backend = checked(&[echo.address, gone, echo.address]);
    // So slow that the known health is all that counts during this test.
    if let Check::Tcp(timing) = &mut backend.check {
        (timing.rise, timing.fall) = (1_000_000, 1_000_000);
    }
    let known = |server: &str, address: SocketAddr, health| ServerHealth {
        backend: "pool".to_owned(),
        server: server.to_owned(),
        address,
        health,
    };
    let elsewhere = nowhere().await;
    let known = [
        known("s1", echo.address, Health::Down),
        known("s2", gone, Health::Up),
        // Another address is another server: it has to be probed.
        known("s3", elsewhere, Health::Down),
    ];
    let config = Config { frontends: Vec::new(), backends: vec![backend] };
    proxy.load(config, Vec::new(), &known).unwrap();
    assert_eq!(proxy.health().borrow().iter().filter(|s| s.health == Health::Probing).count(), 1);
    assert!(proxy.probed(std::time::Duration::from_secs(20)).await);
    let health: Vec<_> = proxy.health().borrow().iter().map(|server| server.health).collect();
    assert_eq!(health, [Health::Down, Health::Up, Health::Up]);
}

#[tokio::test]
async fn checks_can_be_switched_off_and_on() {
    let gone = nowhere().await;
    let bed = Bed::new(checked(&[gone])).await;
    assert_eq!(bed.server(0).health, Health::Down);
    let load = |backend| {
        let config = Config { backends: vec![backend], ..bed.config.clone() };
        bed.proxy.load(config, Vec::new(), &[]).unwrap();
    };
    load(backend(&[gone]));
    assert_eq!(bed.server(0).health, Health::Up);
    load(checked(&[gone]));
    assert_eq!(bed.server(0).health, Health::Up);
    eventually("down again", || bed.server(0).health == Health::Down).await;
}
