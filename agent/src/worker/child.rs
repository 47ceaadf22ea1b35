//! The worker process: takes sockets and config from the supervisor and runs the proxy.
//!
//! It opens no file, holds no capability, and ends when its supervisor does.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use std::time::Duration;

use proxy::{Listening, Proxy};
use rustix::process::{
    Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::set_name;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::{Event, KnownServer, Load, Order, Report};
use crate::config::{self, NodeChoice, Source};
use crate::host::HostFacts;
use crate::ipc;
use crate::logging;
use crate::privilege::{self, Identity};

/// Events that wait for the supervisor to read them; a full queue makes the tasks wait.
const QUEUE: usize = 64;
/// Servers that have given no verdict by then do not hold up the start.
const PROBE_DEADLINE: Duration = Duration::from_secs(5);

/// Drops all privileges, then serves until standard input closes.
///
/// # Errors
/// When privileges cannot be dropped or the proxy cannot start.
pub(crate) fn run(identity: Option<Identity>) -> io::Result<()> {
    privilege::drop_all(identity)?;
    set_name(c"haagent-worker")?;
    // Its sockets must not outlive the supervisor, even if this process hangs: another one needs the addresses.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let _logs = logging::start();
    raise_descriptor_limit();
    let stream = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    stream.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { Worker::new(UnixStream::from_std(stream)?).run().await })
}

struct Worker {
    orders: ipc::Receiver,
    events: mpsc::Sender<Event>,
    adopted: BTreeMap<SocketAddr, Vec<OwnedFd>>,
    proxy: Option<Arc<Proxy>>,
}

impl Worker {
    fn new(stream: UnixStream) -> Self {
        let (mut sender, orders) = ipc::split(stream);
        let (events, mut queue) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            while let Some(event) = queue.recv().await {
                if sender.send(&event, &[]).await.is_err() {
                    return;
                }
            }
        });
        Self { orders, events, adopted: BTreeMap::new(), proxy: None }
    }

    async fn run(mut self) -> io::Result<()> {
        while let Some((order, sockets)) = self.orders.receive().await? {
            self.obey(order, sockets).await?;
        }
        // The end of the process closes what is open.
        Ok(())
    }

    async fn obey(&mut self, order: Order, sockets: Vec<OwnedFd>) -> io::Result<()> {
        match order {
            Order::Adopt { address } => {
                self.adopted.insert(address, sockets);
            }
            Order::Load(load) => {
                let revision = load.revision;
                if let Err(reason) = self.load(load)? {
                    self.tell(Event::Rejected { revision, reason }).await;
                    return Ok(());
                }
                self.tell(Event::Loaded { revision }).await;
                self.spawn(move |proxy| async move {
                    proxy.probed(PROBE_DEADLINE).await;
                    Event::Standby { revision }
                });
            }
            Order::Report => {
                let report = self.proxy.as_ref().map(|proxy| Report::from(proxy.report()));
                self.tell(Event::Report(report.unwrap_or_default())).await;
            }
            Order::Drain { within } => self.spawn(move |proxy| async move {
                Event::Drained { remaining: proxy.drain(within).await }
            }),
            Order::Close { addresses } => self.spawn(move |proxy| async move {
                proxy.close_sessions(&addresses).await;
                Event::Closed
            }),
        }
        Ok(())
    }

    /// `Ok(Err(reason))` if the config cannot be served.
    fn load(&mut self, load: Load) -> io::Result<Result<(), String>> {
        let source = Source { name: load.file, text: load.text };
        let node = load.node.map_or(NodeChoice::Hostname(String::new()), NodeChoice::Named);
        let config = match config::load(&source, &node, &HostFacts::Unknown) {
            Ok(config) => config,
            Err(problems) => return Ok(Err(problems.to_string())),
        };
        warn_if_short_of_descriptors(&config.proxy);
        let proxy = match &self.proxy {
            Some(proxy) => Arc::clone(proxy),
            None => self.start(load.threads)?,
        };
        let adopted = std::mem::take(&mut self.adopted).into_iter();
        let listening = adopted.map(|(address, shards)| Listening {
            address,
            shards: shards.into_iter().map(Into::into).collect(),
        });
        let known: Vec<_> = load.known.iter().map(proxy::ServerHealth::from).collect();
        Ok(proxy.load(config.proxy, listening.collect(), &known).map_err(|error| error.to_string()))
    }

    fn start(&mut self, threads: usize) -> io::Result<Arc<Proxy>> {
        let threads = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
        let proxy = Arc::new(Proxy::start(threads)?);
        self.proxy = Some(Arc::clone(&proxy));
        let mut health = proxy.health();
        let events = self.events.clone();
        tokio::spawn(async move {
            while health.changed().await.is_ok() {
                let known = health.borrow_and_update().iter().map(KnownServer::from).collect();
                if events.send(Event::Health(known)).await.is_err() {
                    return;
                }
            }
        });
        Ok(proxy)
    }

    /// Does what takes time beside the orders that follow.
    fn spawn<F>(&self, work: impl FnOnce(Arc<Proxy>) -> F)
    where
        F: Future<Output = Event> + Send + 'static,
    {
        let Some(proxy) = &self.proxy else { return };
        let work = work(Arc::clone(proxy));
        let events = self.events.clone();
        tokio::spawn(async move {
            // The supervisor is gone: nobody to tell.
            let _ = events.send(work.await).await;
        });
    }

    async fn tell(&self, event: Event) {
        // The supervisor is gone: the next order is the end of the stream.
        let _ = self.events.send(event).await;
    }
}

/// Takes as many descriptors as this process may have: each session needs two.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// Clients above the limit wait in the listen queue; whoever expects more should know.
fn warn_if_short_of_descriptors(config: &proxy::config::Config) {
    let sessions: usize = config.frontends.iter().map(|frontend| frontend.connections_max).sum();
    let needed = u64::try_from(sessions).unwrap_or(u64::MAX).saturating_mul(2);
    if let Some(limit) = getrlimit(Resource::Nofile).current
        && needed > limit
    {
        tracing::warn!(
            limit,
            needed,
            "open files are limited (LimitNOFILE=): clients wait before `connections_max` is reached"
        );
    }
}
