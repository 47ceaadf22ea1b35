//! What the tests stand on: a proxy on loopback, servers, clients, and bounded waiting.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use proxy::config::{Backend, Balance, Check, CheckTiming, Config, Frontend, Server};
use proxy::{CloseReason, Listening, Proxy, ServerReport};
use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

pub(crate) const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Longer than anything here takes, so that a failure is a failure and not a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough to believe that nothing happens.
pub(crate) const A_WHILE: Duration = Duration::from_millis(150);

/// Waits for what must happen.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("did not happen in time")
}

/// Waits until it is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let polling = async {
        while !is_so() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(timeout(PATIENCE, polling).await.is_ok(), "never: {what}");
}

/// A proxy of two threads with one frontend on 127.0.0.1.
pub(crate) struct Bed {
    pub(crate) proxy: Proxy,
    pub(crate) config: Config,
    pub(crate) address: SocketAddr,
}

impl Bed {
    /// Starts it and waits until the servers have been checked.
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::with_frontend(backend, |_| {}).await
    }

    pub(crate) async fn with_frontend(
        backend: Backend,
        change: impl FnOnce(&mut Frontend),
    ) -> Self {
        let proxy = start();
        let listening = listen(LOCALHOST);
        let address = listening.address;
        let mut frontend = frontend(vec![address]);
        change(&mut frontend);
        let config = Config { frontends: vec![frontend], backends: vec![backend] };
        proxy.load(config.clone(), vec![listening], &[]).unwrap();
        assert!(proxy.probed(PATIENCE).await);
        Self { proxy, config, address }
    }

    pub(crate) async fn client(&self) -> TcpStream {
        soon(TcpStream::connect(self.address)).await.unwrap()
    }

    /// Connects and is turned away with a reset, at once or as soon as it listens.
    pub(crate) async fn turned_away(&self) {
        let result = async {
            let mut client = TcpStream::connect(self.address).await?;
            hear(&mut client).await
        };
        assert!(is_reset(soon(result).await));
    }

    pub(crate) fn sessions(&self) -> usize {
        self.proxy.report().frontends[0].sessions
    }

    pub(crate) fn server(&self, index: usize) -> ServerReport {
        self.proxy.report().backends[0].servers[index].clone()
    }

    /// Waits until a session has ended for this reason, as its only one.
    pub(crate) async fn closed(&self, reason: CloseReason) {
        let closed = || self.proxy.report().frontends[0].closed.clone();
        eventually(&format!("closed: {reason}"), || !closed().is_empty()).await;
        assert_eq!(closed(), [(reason, 1)]);
    }
}

pub(crate) fn start() -> Proxy {
    Proxy::start(NonZeroUsize::new(2).unwrap()).unwrap()
}

/// Two sockets on a free port.
pub(crate) fn listen(ip: IpAddr) -> Listening {
    let first = shard(SocketAddr::new(ip, 0));
    let address = first.local_addr().unwrap();
    Listening { address, shards: vec![first, shard(address)] }
}

fn shard(address: SocketAddr) -> std::net::TcpListener {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(128).unwrap();
    socket.into()
}

pub(crate) fn frontend(binds: Vec<SocketAddr>) -> Frontend {
    Frontend {
        name: "web".to_owned(),
        binds,
        backend: "pool".to_owned(),
        idle_timeout: Duration::from_secs(3600),
        connections_max: 1000,
    }
}

/// A backend without checks, of servers `s1`, `s2`...
pub(crate) fn backend(servers: &[SocketAddr]) -> Backend {
    let server = |(name, address): (usize, &SocketAddr)| Server {
        name: format!("s{name}"),
        address: *address,
        weight: 1,
        is_backup: false,
    };
    Backend {
        name: "pool".to_owned(),
        balance: Balance::RoundRobin,
        check: Check::None,
        connect_timeout: Duration::from_secs(5),
        retries: 2,
        servers: (1..).zip(servers).map(server).collect(),
    }
}

/// The same with checks in quick succession: rise 2, fall 3.
pub(crate) fn checked(servers: &[SocketAddr]) -> Backend {
    let interval = Duration::from_millis(20);
    let timing = CheckTiming { interval, timeout: Duration::from_secs(1), rise: 2, fall: 3 };
    Backend { check: Check::Tcp(timing), ..backend(servers) }
}

/// A server whose every connection the test takes in hand.
pub(crate) struct Upstream {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Upstream {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    pub(crate) async fn accept(&self) -> TcpStream {
        soon(self.listener.accept()).await.unwrap().0
    }
}

/// A server that greets with its name and then says again what it is told. Stops listening when
/// dropped; its connections live on.
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    task: AbortHandle,
}

impl Echo {
    pub(crate) async fn new(name: u8) -> Self {
        Self::at(SocketAddr::new(LOCALHOST, 0), name).await
    }

    pub(crate) async fn at(address: SocketAddr, name: u8) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(echo(stream, name));
            }
        };
        Self { address, task: tokio::spawn(serve).abort_handle() }
    }

    /// Stops listening, and returns when that is so.
    pub(crate) async fn stop(self) {
        let task = self.task.clone();
        drop(self);
        eventually("the server stops", || task.is_finished()).await;
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn echo(mut stream: TcpStream, name: u8) -> io::Result<()> {
    stream.write_all(&[name]).await?;
    let (mut from, mut to) = stream.split();
    tokio::io::copy(&mut from, &mut to).await?;
    to.shutdown().await
}

/// An address where nobody listens.
pub(crate) async fn nowhere() -> SocketAddr {
    Upstream::new().await.address
}

/// An address that does not answer: its listen queue is full, so the kernel drops what comes.
pub(crate) struct Silent {
    pub(crate) address: SocketAddr,
    _listener: Socket,
    _queue: Vec<TcpStream>,
}

impl Silent {
    pub(crate) async fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::new(LOCALHOST, 0).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut queue = Vec::new();
        while let Ok(stream) =
            timeout(Duration::from_millis(200), TcpStream::connect(address)).await
        {
            queue.push(stream.unwrap());
        }
        Self { address, _listener: listener, _queue: queue }
    }
}

/// Reads one byte; `None` at the end of the stream.
pub(crate) async fn hear(stream: &mut TcpStream) -> io::Result<Option<u8>> {
    let mut byte = [0];
    Ok((soon(stream.read(&mut byte)).await? > 0).then_some(byte[0]))
}

/// Sends a byte and hears it again.
pub(crate) async fn ping(stream: &mut TcpStream) {
    soon(stream.write_all(b"!")).await.unwrap();
    assert_eq!(hear(stream).await.unwrap(), Some(b'!'));
}

/// Closes with a reset.
pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

pub(crate) fn is_reset<T: std::fmt::Debug>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
}
