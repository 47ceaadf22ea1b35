//! Limits, and what is beyond them.

use std::env;
use std::fs::File;
use std::process::Command;

use proxy::config::Config;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::bed::{
    A_WHILE, Bed, Echo, LOCALHOST, Upstream, backend, eventually, frontend, hear, listen, ping,
    soon, start,
};

#[tokio::test]
async fn clients_beyond_the_limit_wait_their_turn() {
    let echo = Echo::new(1).await;
    let bed = Bed::with_frontend(backend(&[echo.address]), |f| f.connections_max = 1).await;
    let mut first = bed.client().await;
    assert_eq!(hear(&mut first).await.unwrap(), Some(1));
    // Some of them are on the thread of the first one, some on the other.
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(bed.client().await);
    }
    for other in &mut others {
        assert!(timeout(A_WHILE / 8, other.read_u8()).await.is_err());
    }
    ping(&mut first).await;
    assert_eq!(bed.proxy.report().frontends[0].sessions_total, 1);
    drop(first);
    // Whoever is served goes, and lets in the next one, of whichever thread.
    let serve = async |mut client| assert_eq!(hear(&mut client).await.unwrap(), Some(1));
    let served: Vec<_> = others.into_iter().map(|client| tokio::spawn(serve(client))).collect();
    for client in served {
        client.await.unwrap();
    }
    eventually("all have gone", || bed.sessions() == 0).await;
    assert_eq!(bed.proxy.report().frontends[0].sessions_total, 9);
}

#[tokio::test]
async fn a_higher_limit_lets_in_those_who_wait() {
    let echo = Echo::new(1).await;
    let bed = Bed::with_frontend(backend(&[echo.address]), |f| f.connections_max = 1).await;
    let (mut first, mut second) = (bed.client().await, bed.client().await);
    let (served, waiting) = tokio::select! {
        _ = hear(&mut first) => (&mut first, &mut second),
        _ = hear(&mut second) => (&mut second, &mut first),
    };
    ping(served).await;
    assert!(timeout(A_WHILE, waiting.read_u8()).await.is_err());
    let mut config: Config = bed.config.clone();
    config.frontends[0].connections_max = 2;
    bed.proxy.load(config, Vec::new(), &[]).unwrap();
    assert_eq!(hear(waiting).await.unwrap(), Some(1));
    ping(served).await;
}

/// Set in the process that has few descriptors.
const FEW_DESCRIPTORS: &str = "PROXY_TEST_FEW_DESCRIPTORS";

/// In a process of its own, for all tests of a process share its descriptors.
#[test]
fn clients_wait_while_descriptors_are_short() {
    let status = Command::new("sh")
        .args(["-c", r#"ulimit -n 100 && exec "$0" --exact limits::few_descriptors --ignored"#])
        .arg(env::current_exe().unwrap())
        .env(FEW_DESCRIPTORS, "yes")
        .status()
        .unwrap();
    assert!(status.success());
}

#[tokio::test]
#[ignore = "needs a process of its own: `clients_wait_while_descriptors_are_short` runs it"]
async fn few_descriptors() {
    if env::var_os(FEW_DESCRIPTORS).is_none() {
        return;
    }
    let proxy = start();
    let upstream = Upstream::new().await;
    let listening = listen(LOCALHOST);
    let address = listening.address;
    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(soon(TcpStream::connect(address)).await.unwrap());
    }
    let hoard: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).take(200).collect();
    assert!(hoard.len() < 100, "the limit is not in force");

    let frontends = vec![frontend(vec![address])];
    let config = Config { frontends, backends: vec![backend(&[upstream.address])] };
    proxy.load(config, vec![listening], &[]).unwrap();
    sleep(A_WHILE).await;
    assert_eq!(proxy.report().frontends[0].sessions_total, 0);
    drop(hoard);
    eventually("all are served", || proxy.report().backends[0].servers[0].sessions == 6).await;
}
