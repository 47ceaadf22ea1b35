//! One config after another, and one proxy after another.

use std::io::ErrorKind;

use proxy::config::Config;
use proxy::{Health, Listening, LoadError};
use tokio::net::TcpStream;

use crate::bed::{
    Bed, Echo, LOCALHOST, backend, checked, eventually, frontend, hear, listen, nowhere, ping,
    soon, start,
};

#[tokio::test]
async fn sessions_health_and_counters_survive_a_reload() {
    let (echo, gone, new) = (Echo::new(1).await, nowhere().await, Echo::new(3).await);
    let bed = Bed::new(checked(&[echo.address, gone])).await;
    let mut client = bed.client().await;
    assert_eq!(hear(&mut client).await.unwrap(), Some(1));

    let mut backend = checked(&[echo.address, gone, new.address]);
    backend.connect_timeout *= 2;
    backend.servers[0].weight = 7;
    let config = Config { backends: vec![backend], ..bed.config.clone() };
    bed.proxy.load(config, Vec::new(), &[]).unwrap();
    // What was known is known still; what is new is not.
    let health: Vec<_> = (0..3).map(|index| bed.server(index).health).collect();
    assert_eq!(health[..2], [Health::Up, Health::Down]);
    assert_eq!((bed.server(0).sessions, bed.server(0).sessions_total), (1, 1));
    assert_eq!(bed.server(0).weight, 7);
    assert_eq!(bed.sessions(), 1);
    ping(&mut client).await;
    eventually("the new one is up", || bed.server(2).health == Health::Up).await;
}

#[tokio::test]
async fn a_session_finishes_on_the_config_it_began_with() {
    let (old, new) = (Echo::new(1).await, Echo::new(2).await);
    let bed = Bed::new(backend(&[old.address])).await;
    let mut client = bed.client().await;
    assert_eq!(hear(&mut client).await.unwrap(), Some(1));
    let config = Config { backends: vec![backend(&[new.address])], ..bed.config.clone() };
    bed.proxy.load(config, Vec::new(), &[]).unwrap();
    assert_eq!(hear(&mut bed.client().await).await.unwrap(), Some(2));
    ping(&mut client).await;
}

#[tokio::test]
async fn the_rotation_goes_on_after_a_reload() {
    let (a, b) = (Echo::new(1).await, Echo::new(2).await);
    let bed = Bed::new(backend(&[a.address, b.address])).await;
    assert_eq!(hear(&mut bed.client().await).await.unwrap(), Some(1));
    let mut config = bed.config.clone();
    config.backends[0].retries += 1;
    bed.proxy.load(config, Vec::new(), &[]).unwrap();
    assert_eq!(hear(&mut bed.client().await).await.unwrap(), Some(2));
}

#[tokio::test]
async fn listeners_come_and_go() {
    let echo = Echo::new(1).await;
    let bed = Bed::new(backend(&[echo.address])).await;
    let mut old = bed.client().await;
    assert_eq!(hear(&mut old).await.unwrap(), Some(1));

    let listening = listen(LOCALHOST);
    let address = listening.address;
    let mut config = bed.config.clone();
    config.frontends[0].binds = vec![address];
    bed.proxy.load(config, vec![listening], &[]).unwrap();
    let mut new = soon(TcpStream::connect(address)).await.unwrap();
    assert_eq!(hear(&mut new).await.unwrap(), Some(1));
    ping(&mut old).await;
    soon(async {
        loop {
            match TcpStream::connect(bed.address).await {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => break,
                // It was in the queue when the socket was closed.
                Ok(_) | Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_bind_can_pass_to_another_frontend() {
    let (a, b) = (Echo::new(1).await, Echo::new(2).await);
    let bed = Bed::new(backend(&[a.address])).await;
    let mut config = bed.config.clone();
    config.frontends[0].name = "other".to_owned();
    config.frontends[0].backend = "other".to_owned();
    config.backends.push(backend(&[b.address]));
    config.backends[1].name = "other".to_owned();
    bed.proxy.load(config, Vec::new(), &[]).unwrap();
    assert_eq!(hear(&mut bed.client().await).await.unwrap(), Some(2));
    assert_eq!(bed.proxy.report().frontends[0].sessions_total, 1);
}

#[tokio::test]
async fn a_config_that_does_not_fit_changes_nothing() {
    let echo = Echo::new(1).await;
    let bed = Bed::new(backend(&[echo.address])).await;
    let before = bed.proxy.report();
    let refuse = |config: Config, new| bed.proxy.load(config, new, &[]).unwrap_err();

    let elsewhere = listen(LOCALHOST).address;
    let mut config = bed.config.clone();
    config.frontends[0].binds.push(elsewhere);
    let error = refuse(config.clone(), Vec::new());
    assert!(matches!(error, LoadError::MissingSocket(address) if address == elsewhere));
    let empty = Listening { address: elsewhere, shards: Vec::new() };
    assert!(matches!(refuse(config, vec![empty]), LoadError::MissingSocket(_)));

    let unexpected = refuse(bed.config.clone(), vec![listen(LOCALHOST)]);
    assert!(matches!(unexpected, LoadError::UnexpectedSocket(_)));

    let mut config = bed.config.clone();
    config.frontends.push(frontend(vec![bed.address]));
    assert!(matches!(refuse(config, Vec::new()), LoadError::BoundTwice(_)));

    let mut config = bed.config.clone();
    config.frontends[0].backend = "nothing".to_owned();
    let error = refuse(config, Vec::new());
    assert_eq!(
        error.to_string(),
        "frontend `web` names the backend `nothing`, which does not exist"
    );

    assert_eq!(bed.proxy.report(), before);
    ping_through(&bed).await;
}

async fn ping_through(bed: &Bed) {
    let mut client = bed.client().await;
    assert_eq!(hear(&mut client).await.unwrap(), Some(1));
    ping(&mut client).await;
}

#[tokio::test]
async fn the_next_proxy_serves_who_queued_while_there_was_none() {
    let echo = Echo::new(1).await;
    let listening = listen(LOCALHOST);
    let address = listening.address;
    let copy = || {
        let shards = listening.shards.iter().map(|shard| shard.try_clone().unwrap()).collect();
        vec![Listening { address, shards }]
    };
    let backends = vec![checked(&[echo.address])];
    let config = Config { frontends: vec![frontend(vec![address])], backends };

    let first = start();
    first.load(config.clone(), copy(), &[]).unwrap();
    let mut client = soon(TcpStream::connect(address)).await.unwrap();
    assert_eq!(hear(&mut client).await.unwrap(), Some(1));
    let known = first.health().borrow().to_vec();
    // Dropping it is as close to a crash as one gets within one process.
    drop(first);
    // Its sessions are gone with it, in whatever way.
    let _ = hear(&mut client).await;

    let mut waiting = Vec::new();
    for _ in 0..10 {
        waiting.push(soon(TcpStream::connect(address)).await.unwrap());
    }
    let second = start();
    second.load(config, copy(), &known).unwrap();
    for client in &mut waiting {
        assert_eq!(hear(client).await.unwrap(), Some(1));
    }
}

#[tokio::test]
async fn an_equal_config_changes_nothing() {
    let echo = Echo::new(1).await;
    let bed = Bed::new(checked(&[echo.address])).await;
    let mut health = bed.proxy.health();
    health.mark_unchanged();
    bed.proxy.load(bed.config.clone(), Vec::new(), &[]).unwrap();
    assert!(!health.has_changed().unwrap());
    assert_eq!(hear(&mut bed.client().await).await.unwrap(), Some(1));
}
