//! Which server gets a session, and what happens when it does not answer.

use std::time::Duration;

use proxy::CloseReason;
use proxy::config::Balance;

use crate::bed::{Bed, Echo, Silent, backend, checked, eventually, hear, nowhere, ping};

#[tokio::test]
async fn servers_take_turns() {
    let (a, b, c) = (Echo::new(1).await, Echo::new(2).await, Echo::new(3).await);
    let bed = Bed::new(backend(&[a.address, b.address, c.address])).await;
    let mut heard = Vec::new();
    for _ in 0..6 {
        heard.push(hear(&mut bed.client().await).await.unwrap().unwrap());
    }
    assert_eq!(heard, [1, 2, 3, 1, 2, 3]);
}

#[tokio::test]
async fn the_least_busy_server_is_next() {
    let (a, b) = (Echo::new(1).await, Echo::new(2).await);
    let mut backend = backend(&[a.address, b.address]);
    backend.balance = Balance::LeastConnections;
    let bed = Bed::new(backend).await;
    let mut clients = Vec::new();
    for expected in [1, 2, 1, 2] {
        let mut client = bed.client().await;
        assert_eq!(hear(&mut client).await.unwrap(), Some(expected));
        clients.push(client);
    }
    // Both sessions of the second server end: the next two are its own.
    clients.remove(3);
    clients.remove(1);
    eventually("two sessions have ended", || bed.server(1).sessions == 0).await;
    for _ in 0..2 {
        let mut client = bed.client().await;
        assert_eq!(hear(&mut client).await.unwrap(), Some(2));
        clients.push(client);
    }
}

#[tokio::test]
async fn a_source_keeps_its_server_while_that_serves() {
    let (a, b) = (Echo::new(1).await, Echo::new(2).await);
    let mut backend = backend(&[a.address, b.address]);
    backend.balance = Balance::SourceHash;
    let bed = Bed::new(backend).await;
    let first = hear(&mut bed.client().await).await.unwrap().unwrap();
    for _ in 0..5 {
        assert_eq!(hear(&mut bed.client().await).await.unwrap(), Some(first));
    }
    let (gone, left) = if first == 1 { (a, 2) } else { (b, 1) };
    gone.stop().await;
    assert_eq!(hear(&mut bed.client().await).await.unwrap(), Some(left));
}

#[tokio::test]
async fn a_backup_serves_only_while_the_others_cannot() {
    let (echo, backup) = (Echo::new(1).await, Echo::new(2).await);
    let mut backend = backend(&[backup.address, echo.address]);
    backend.servers[0].is_backup = true;
    let bed = Bed::new(backend).await;
    for _ in 0..3 {
        assert_eq!(hear(&mut bed.client().await).await.unwrap(), Some(1));
    }
    echo.stop().await;
    assert_eq!(hear(&mut bed.client().await).await.unwrap(), Some(2));
}

#[tokio::test]
async fn a_server_that_refuses_is_replaced_by_another() {
    let echo = Echo::new(2).await;
    let bed = Bed::new(backend(&[nowhere().await, echo.address])).await;
    let mut client = bed.client().await;
    assert_eq!(hear(&mut client).await.unwrap(), Some(2));
    ping(&mut client).await;
    assert_eq!((bed.server(0).connect_errors, bed.server(0).sessions_total), (1, 0));
    assert_eq!((bed.server(1).connect_errors, bed.server(1).sessions_total), (0, 1));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_replaced_by_another() {
    let (silent, echo) = (Silent::new().await, Echo::new(2).await);
    let mut backend = backend(&[silent.address, echo.address]);
    backend.connect_timeout = Duration::from_millis(100);
    let bed = Bed::new(backend).await;
    assert_eq!(hear(&mut bed.client().await).await.unwrap(), Some(2));
    assert_eq!(bed.server(0).connect_errors, 1);
}

#[tokio::test]
async fn no_server_is_tried_twice_and_no_more_than_allowed() {
    let mut servers = Vec::new();
    for _ in 0..4 {
        servers.push(nowhere().await);
    }
    for (retries, tried) in [(0, 1), (2, 3), (9, 4)] {
        let mut backend = backend(&servers);
        backend.retries = retries;
        let bed = Bed::new(backend).await;
        bed.turned_away().await;
        bed.closed(CloseReason::ConnectFailed).await;
        let errors: Vec<_> = (0..4).map(|index| bed.server(index).connect_errors).collect();
        assert_eq!(errors.iter().sum::<u64>(), tried);
        assert!(errors.iter().all(|count| *count <= 1));
    }
}

#[tokio::test]
async fn a_client_is_reset_when_no_server_is_up() {
    let bed = Bed::new(checked(&[nowhere().await])).await;
    bed.turned_away().await;
    bed.closed(CloseReason::NoServer).await;
    assert_eq!(bed.server(0).connect_errors, 0);
}
