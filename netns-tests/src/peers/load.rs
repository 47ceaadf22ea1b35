//! The clients, and what is measured while they are at work.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::Duration;

use nix::sys::socket::{MsgFlags, recv};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::contender::Running;
use super::origin::Origin;
use crate::clock::Clock;
use crate::failure::{Failure, OrFail, Result};

/// What the clients do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Load {
    /// So many of them read for as long as the origin talks.
    Bulk { flows: usize },
    /// Each connects, asks once, closes, and connects again.
    Connect,
    /// Each asks again and again on its one connection.
    RoundTrips,
    /// Many ask once each, and keep their connection.
    Idle,
}

/// What one proxy did in one round; `None` where it was not asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// Units per second.
    pub(super) rate: Option<f64>,
    /// CPU time per unit, in µs.
    pub(super) cpu: Option<f64>,
    /// Memory per unit, in bytes.
    pub(super) memory: Option<f64>,
    /// Of what one client waited for, in µs.
    pub(super) p50: Option<f64>,
    /// The same.
    pub(super) p99: Option<f64>,
}

/// The clients are at work by then.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long one proxy is measured in one round.
const SLOT: Duration = Duration::from_millis(1500);

/// A client that waits for longer than this is stuck.
const STUCK: Duration = Duration::from_secs(5);

const CLIENTS: usize = 64;
const IDLE_CLIENTS: usize = 6000;
const REQUEST: [u8; 64] = [b'?'; 64];
const GB: f64 = 1e9;

/// What the clients have done so far.
#[derive(Debug, Default)]
struct Tally {
    units: Cell<f64>,
    /// In µs.
    waits: RefCell<Vec<f64>>,
    failure: RefCell<Option<Failure>>,
}

impl Load {
    /// The one that it needs.
    pub(super) fn origin(self, origin: &Origin) -> SocketAddr {
        match self {
            Self::Bulk { .. } => origin.source,
            Self::Connect | Self::RoundTrips | Self::Idle => origin.echo,
        }
    }

    /// Whether a proxy that has borne it is another one afterwards: memory that was used once is not given back.
    pub(super) const fn leaves_traces(self) -> bool {
        matches!(self, Self::Idle)
    }

    /// Puts a proxy to work and measures it.
    pub(super) async fn apply(self, proxy: &Running) -> Result<Sample> {
        match self {
            Self::Idle => idle(proxy).await,
            Self::Bulk { flows } => busy(proxy, flows, bulk).await,
            Self::Connect => busy(proxy, CLIENTS, connect_again).await,
            Self::RoundTrips => busy(proxy, CLIENTS, ask_again).await,
        }
    }
}

/// So many clients at once, for a while.
async fn busy<F: Future<Output = Result<()>> + 'static>(
    proxy: &Running,
    clients: usize,
    client: fn(SocketAddr, Rc<Tally>) -> F,
) -> Result<Sample> {
    let (tally, clock, address) = (Rc::new(Tally::default()), Clock::start(), proxy.address());
    let mut at_work = JoinSet::new();
    for _ in 0..clients {
        let tally = Rc::clone(&tally);
        at_work.spawn_local(async move {
            if let Err(failure) = client(address, Rc::clone(&tally)).await {
                tally.failure.replace(Some(failure));
            }
        });
    }
    sleep(WARM_UP).await;
    let family = proxy.family()?;
    tally.waits.borrow_mut().clear();
    let (units, cpu, from) = (tally.units.get(), family.cpu_time()?, clock.now());
    sleep(SLOT).await;
    let (units, cpu) = (tally.units.get() - units, family.cpu_time()? - cpu);
    let passed = clock.now() - from;
    at_work.shutdown().await;
    if let Some(failure) = tally.failure.take() {
        return Err(failure);
    }
    if units == 0.0 {
        return Err(Failure::new(format!("{} did nothing", proxy.contender.name())));
    }
    let mut waits = tally.waits.take();
    waits.sort_unstable_by(f64::total_cmp);
    Ok(Sample {
        rate: Some(units / passed.as_secs_f64()),
        cpu: Some(cpu.as_secs_f64() * 1e6 / units),
        memory: None,
        p50: part(&waits, 50),
        p99: part(&waits, 99),
    })
}

/// The wait that so many of a hundred do not exceed.
fn part(sorted: &[f64], percent: usize) -> Option<f64> {
    sorted.get(sorted.len() * percent / 100).copied()
}

/// Reads without copying: the load must not be what limits.
async fn bulk(address: SocketAddr, tally: Rc<Tally>) -> Result<()> {
    let stream = in_time(TcpStream::connect(address)).await?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = || Ok(recv(stream.as_raw_fd(), &mut buffer, MsgFlags::MSG_TRUNC)?);
        let length = in_time(stream.async_io(Interest::READABLE, read)).await?;
        if length == 0 {
            return Err(Failure::new("a flow ended"));
        }
        tally.units.set(tally.units.get() + length as f64 / GB);
    }
}

async fn connect_again(address: SocketAddr, tally: Rc<Tally>) -> Result<()> {
    let clock = Clock::start();
    loop {
        let from = clock.now();
        let mut stream = in_time(TcpStream::connect(address)).await?;
        in_time(ask(&mut stream)).await?;
        drop(stream);
        tally.count(clock.now() - from);
    }
}

async fn ask_again(address: SocketAddr, tally: Rc<Tally>) -> Result<()> {
    let clock = Clock::start();
    let mut stream = in_time(TcpStream::connect(address)).await?;
    stream.set_nodelay(true).or_fail("cannot set an option")?;
    loop {
        let from = clock.now();
        in_time(ask(&mut stream)).await?;
        tally.count(clock.now() - from);
    }
}

async fn ask(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(&REQUEST).await?;
    stream.read_exact(&mut [0; REQUEST.len()]).await.map(drop)
}

/// Memory before and after; one client after the other, so that none waits in a queue.
async fn idle(proxy: &Running) -> Result<Sample> {
    let family = proxy.family()?;
    let before = family.memory()?;
    let mut open = Vec::with_capacity(IDLE_CLIENTS);
    for _ in 0..IDLE_CLIENTS {
        let mut stream = in_time(TcpStream::connect(proxy.address())).await?;
        in_time(ask(&mut stream)).await?;
        open.push(stream);
    }
    let grown = family.memory()?.saturating_sub(before);
    Ok(Sample { memory: Some(grown as f64 / IDLE_CLIENTS as f64), ..Sample::default() })
}

async fn in_time<T>(step: impl Future<Output = io::Result<T>>) -> Result<T> {
    timeout(STUCK, step).await.or_fail("a client is stuck")?.or_fail("a client failed")
}

impl Tally {
    fn count(&self, wait: Duration) {
        self.units.set(self.units.get() + 1.0);
        self.waits.borrow_mut().push(wait.as_secs_f64() * 1e6);
    }
}
