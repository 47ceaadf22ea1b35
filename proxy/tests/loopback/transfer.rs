//! Bytes and ends of streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use proxy::CloseReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::bed::{
    A_WHILE, Bed, Echo, Upstream, backend, eventually, hear, is_reset, ping, reset, soon,
};

#[tokio::test]
async fn bytes_go_both_ways() {
    let echo = Echo::new(1).await;
    let bed = Bed::new(backend(&[echo.address])).await;
    let mut client = bed.client().await;
    assert_eq!(hear(&mut client).await.unwrap(), Some(1));
    for _ in 0..100 {
        ping(&mut client).await;
    }
    assert_eq!((bed.sessions(), bed.server(0).sessions), (1, 1));
    client.shutdown().await.unwrap();
    assert_eq!(hear(&mut client).await.unwrap(), None);
    bed.closed(CloseReason::Finished).await;
    eventually("nothing is open", || bed.sessions() == 0 && bed.server(0).sessions == 0).await;
    assert_eq!(bed.server(0).sessions_total, 1);
}

#[tokio::test]
async fn a_slow_reader_slows_its_writer_and_loses_nothing() {
    const TOTAL: usize = 96 << 20;
    /// The kernel's buffers on the four sockets, as large as they may grow, and ours.
    const IN_FLIGHT_MAX: usize = 48 << 20;
    let upstream = Upstream::new().await;
    let bed = Bed::new(backend(&[upstream.address])).await;
    let mut client = bed.client().await;
    let mut server = upstream.accept().await;

    // A prime period, so that a block that is lost, doubled or swapped is seen.
    let pattern: Vec<u8> = (0..=250).cycle().take(251 * 1024).collect();
    let sent = Arc::new(AtomicUsize::new(0));
    let writer = tokio::spawn({
        let (pattern, sent) = (pattern.clone(), Arc::clone(&sent));
        async move {
            let mut at = 0;
            while at < TOTAL {
                let block = &pattern[at % pattern.len()..];
                let written = server.write(&block[..block.len().min(TOTAL - at)]).await.unwrap();
                at += written;
                sent.fetch_add(written, Relaxed);
            }
        }
    });
    let (mut before, mut quiet) = (0, 0);
    eventually("the writer stands still", || {
        let now = sent.load(Relaxed);
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
        now > 0 && quiet > 50
    })
    .await;
    assert!(sent.load(Relaxed) < IN_FLIGHT_MAX, "{} taken from the writer", sent.load(Relaxed));

    let mut block = vec![0; 100_003];
    let mut at = 0;
    loop {
        let read = soon(client.read(&mut block)).await.unwrap();
        if read == 0 {
            break;
        }
        for byte in &block[..read] {
            assert_eq!(*byte, pattern[at % pattern.len()], "at {at}");
            at += 1;
        }
    }
    assert_eq!(at, TOTAL);
    soon(writer).await.unwrap();
}

#[tokio::test]
async fn large_streams_cross_each_other() {
    const TOTAL: usize = 32 << 20;
    let upstream = Upstream::new().await;
    let bed = Bed::new(backend(&[upstream.address])).await;
    let (mut client, mut server) = (bed.client().await, upstream.accept().await);
    let send = |seed: u8| -> Vec<u8> {
        (0..=250).cycle().take(TOTAL).map(|byte: u8| byte ^ seed).collect()
    };
    let (up, down) = (send(0), send(0xff));
    async fn exchange(stream: &mut tokio::net::TcpStream, out: &[u8]) -> Vec<u8> {
        let (mut from, mut to) = stream.split();
        let mut got = Vec::new();
        let write = async {
            to.write_all(out).await.unwrap();
            to.shutdown().await.unwrap();
        };
        let (_, read) = tokio::join!(write, from.read_to_end(&mut got));
        read.unwrap();
        got
    }
    let both = async { tokio::join!(exchange(&mut client, &up), exchange(&mut server, &down)) };
    let (got_down, got_up) = soon(both).await;
    assert!(got_up == up && got_down == down);
    bed.closed(CloseReason::Finished).await;
}

#[tokio::test]
async fn a_client_that_has_finished_still_hears_the_server() {
    let upstream = Upstream::new().await;
    let bed = Bed::new(backend(&[upstream.address])).await;
    let (mut client, mut server) = (bed.client().await, upstream.accept().await);
    client.write_all(b"?").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(hear(&mut server).await.unwrap(), Some(b'?'));
    assert_eq!(hear(&mut server).await.unwrap(), None);
    server.write_all(b"a").await.unwrap();
    assert_eq!(hear(&mut client).await.unwrap(), Some(b'a'));
    assert_eq!(bed.sessions(), 1);
    drop(server);
    assert_eq!(hear(&mut client).await.unwrap(), None);
    bed.closed(CloseReason::Finished).await;
}

#[tokio::test]
async fn a_server_that_has_finished_still_hears_the_client() {
    let upstream = Upstream::new().await;
    let bed = Bed::new(backend(&[upstream.address])).await;
    let (mut client, mut server) = (bed.client().await, upstream.accept().await);
    server.write_all(b"a").await.unwrap();
    server.shutdown().await.unwrap();
    assert_eq!(hear(&mut client).await.unwrap(), Some(b'a'));
    assert_eq!(hear(&mut client).await.unwrap(), None);
    client.write_all(b"?").await.unwrap();
    assert_eq!(hear(&mut server).await.unwrap(), Some(b'?'));
    assert_eq!(bed.sessions(), 1);
    drop(client);
    assert_eq!(hear(&mut server).await.unwrap(), None);
    bed.closed(CloseReason::Finished).await;
}

#[tokio::test]
async fn a_reset_by_the_client_reaches_the_server() {
    let upstream = Upstream::new().await;
    let bed = Bed::new(backend(&[upstream.address])).await;
    let (client, mut server) = (bed.client().await, upstream.accept().await);
    reset(client);
    assert!(is_reset(hear(&mut server).await));
    bed.closed(CloseReason::ClientReset).await;
}

#[tokio::test]
async fn a_reset_by_the_server_reaches_the_client_after_its_last_words() {
    let upstream = Upstream::new().await;
    let bed = Bed::new(backend(&[upstream.address])).await;
    let (mut client, mut server) = (bed.client().await, upstream.accept().await);
    // What the client has sent stays unread, so that closing the socket resets it: the usual way
    // in which a server refuses a long upload with a short answer.
    client.write_all(b"upload").await.unwrap();
    soon(server.peek(&mut [0])).await.unwrap();
    server.write_all(b"no").await.unwrap();
    drop(server);
    let mut answer = Vec::new();
    let end = soon(client.read_to_end(&mut answer)).await;
    assert_eq!(answer, b"no");
    assert!(is_reset(end));
    bed.closed(CloseReason::ServerReset).await;
}

#[tokio::test]
async fn an_idle_session_is_closed() {
    let upstream = Upstream::new().await;
    let short = Duration::from_millis(100);
    let bed = Bed::with_frontend(backend(&[upstream.address]), |f| f.idle_timeout = short).await;
    let (mut client, mut server) = (bed.client().await, upstream.accept().await);
    assert_eq!(hear(&mut client).await.unwrap(), None);
    assert_eq!(hear(&mut server).await.unwrap(), None);
    drop((client, server));
    bed.closed(CloseReason::IdleTimeout).await;
}

#[tokio::test]
async fn traffic_in_one_direction_keeps_a_session_alive() {
    let upstream = Upstream::new().await;
    let short = Duration::from_millis(800);
    let bed = Bed::with_frontend(backend(&[upstream.address]), |f| f.idle_timeout = short).await;
    let (mut client, mut server) = (bed.client().await, upstream.accept().await);
    let mut tick = tokio::time::interval(short / 16);
    for _ in 0..24 {
        tick.tick().await;
        client.write_all(b"x").await.unwrap();
        assert_eq!(hear(&mut server).await.unwrap(), Some(b'x'));
    }
    assert!(timeout(A_WHILE, server.read_u8()).await.is_err());
    assert_eq!(bed.sessions(), 1);
}
