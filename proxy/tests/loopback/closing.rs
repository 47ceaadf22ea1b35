//! Sessions that have to leave.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proxy::CloseReason;
use proxy::config::Config;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::bed::{
    A_WHILE, Bed, Echo, Silent, Upstream, backend, eventually, frontend, hear, is_reset, listen,
    ping, soon, start,
};

/// So long that nobody waits for it to pass.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_drain_waits_for_the_sessions_that_are_open() {
    let echo = Echo::new(1).await;
    let bed = Bed::new(backend(&[echo.address])).await;
    assert_eq!(soon(bed.proxy.drain(LONG)).await, 0);
    let mut client = bed.client().await;
    assert_eq!(hear(&mut client).await.unwrap(), Some(1));
    assert_eq!(bed.proxy.drain(A_WHILE).await, 1);

    let drain = bed.proxy.drain(LONG);
    let leave = async {
        // This goes round all threads, behind the drain, so the drain has been there.
        assert_eq!(bed.proxy.close_sessions(&[]).await, 0);
        // One that comes now is served and not waited for.
        let mut late = bed.client().await;
        assert_eq!(hear(&mut late).await.unwrap(), Some(1));
        ping(&mut client).await;
        drop(client);
        late
    };
    let (remain, mut late) = soon(async { tokio::join!(biased; drain, leave) }).await;
    assert_eq!(remain, 0);
    ping(&mut late).await;
}

#[tokio::test]
async fn sessions_are_closed_by_the_address_they_came_to() {
    let echo = Echo::new(1).await;
    let proxy = start();
    let ip = |last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
    let (named, any) = (listen(ip(2)), listen(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
    let (named_port, any_port) = (named.address.port(), any.address.port());
    let config = Config {
        frontends: vec![frontend(vec![named.address, any.address])],
        backends: vec![backend(&[echo.address])],
    };
    proxy.load(config, vec![named, any], &[]).unwrap();
    let mut clients = Vec::new();
    for (address, port) in [(ip(2), named_port), (ip(3), any_port), (ip(4), any_port)] {
        let mut client = soon(TcpStream::connect((address, port))).await.unwrap();
        assert_eq!(hear(&mut client).await.unwrap(), Some(1));
        clients.push(client);
    }
    let mut fourth = clients.pop().unwrap();

    // They answer the FIN with their own.
    let answers = async {
        for mut client in clients {
            assert_eq!(hear(&mut client).await.unwrap(), None);
        }
    };
    let addresses = [ip(2), ip(3)];
    let closing = async { tokio::join!(proxy.close_sessions(&addresses), answers) };
    let (left, ()) = soon(closing).await;
    assert_eq!(left, 0);
    let report = &proxy.report().frontends[0];
    assert_eq!(report.closed, [(CloseReason::AddressReleased, 2)]);
    assert_eq!(report.sessions, 1);
    ping(&mut fourth).await;
}

#[tokio::test]
async fn who_does_not_answer_a_fin_is_reset() {
    let upstream = Upstream::new().await;
    let bed = Bed::new(backend(&[upstream.address])).await;
    let (mut client, mut server) = (bed.client().await, upstream.accept().await);
    client.write_all(b"x").await.unwrap();
    assert_eq!(hear(&mut server).await.unwrap(), Some(b'x'));
    // Neither side closes: both are silent until the time is over.
    assert_eq!(soon(bed.proxy.close_sessions(&[bed.address.ip()])).await, 0);
    assert_eq!(bed.sessions(), 0);
    for stream in [&mut client, &mut server] {
        let said = hear(stream).await;
        assert!(matches!(said, Ok(None)) || is_reset(said));
        soon(async { while stream.write_all(b"x").await.is_ok() {} }).await;
    }
}

#[tokio::test]
async fn a_session_that_still_connects_can_be_dismissed() {
    let silent = Silent::new().await;
    let mut backend = backend(&[silent.address]);
    backend.connect_timeout = LONG;
    let bed = Bed::new(backend).await;
    let mut client = bed.client().await;
    eventually("it connects", || bed.server(0).sessions == 1).await;
    assert_eq!(soon(bed.proxy.close_sessions(&[bed.address.ip()])).await, 0);
    let said = hear(&mut client).await;
    assert!(matches!(said, Ok(None)) || is_reset(said));
    assert_eq!((bed.sessions(), bed.server(0).sessions), (0, 0));
}

#[tokio::test]
async fn a_shutdown_ends_everything() {
    let echo = Echo::new(1).await;
    let bed = Bed::new(backend(&[echo.address])).await;
    let mut client = bed.client().await;
    assert_eq!(hear(&mut client).await.unwrap(), Some(1));
    let address = bed.address;
    let gone = async {
        assert_eq!(hear(&mut client).await.unwrap(), None);
        drop(client);
    };
    soon(async { tokio::join!(bed.proxy.shutdown(LONG), gone) }).await;
    assert!(TcpStream::connect(address).await.is_err());
}
