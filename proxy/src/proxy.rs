//! The proxy as a whole: its threads, and what one can ask of it.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use tokio::sync::watch;
use tokio::time;

use crate::board::Board;
use crate::config::Config;
use crate::drain::Drain;
use crate::health::{Health, ServerHealth};
use crate::listener::Listening;
use crate::registry::{self, Entry};
use crate::setup::{LoadError, Setup, Stage};
use crate::stats::{CloseReason, Report};
use crate::tcp::FAREWELL;
use crate::thread::Thread;

/// What closing sessions may take beyond the time that their peers are given: waking the threads,
/// closing the sockets.
const CLOSING: Duration = Duration::from_millis(50);

/// A running proxy. When it is dropped, its threads stop and its sessions break off;
/// [`Proxy::shutdown`] is the orderly end.
pub struct Proxy {
    threads: Vec<Thread>,
    checks: Thread,
    stage: Stage,
    /// Locked by the calls below only, never by a session.
    setup: Mutex<Setup>,
}

impl Proxy {
    /// Starts the threads that serve, and one more that checks servers. They idle until there is a
    /// config.
    ///
    /// # Errors
    /// When the operating system has no more threads or descriptors to give.
    pub fn start(threads: NonZeroUsize) -> io::Result<Self> {
        let start = |index| Thread::start(format!("proxy-{index}"));
        let threads: Vec<_> = (0..threads.get()).map(start).collect::<io::Result<_>>()?;
        let checks = Thread::start("proxy-checks".to_owned())?;
        let handles: Vec<_> = threads.iter().map(|thread| thread.runtime().clone()).collect();
        let stage = Stage {
            board: Arc::new(Board::new(handles.clone())),
            threads: handles,
            checks: checks.runtime().clone(),
        };
        Ok(Self { threads, checks, stage, setup: Mutex::default() })
    }

    /// Goes over to a config: the first one, or the next one.
    ///
    /// `new` holds the sockets of the binds that are not open yet. Sockets of binds that vanish are
    /// closed. Sessions finish on the config they began with. Frontends keep their counters by
    /// name; servers that are the same in backend, name and address keep their health and counters.
    /// A server that was not there before has the health that `known` says, or is being probed.
    ///
    /// A config equal to the one that is loaded changes nothing at all.
    ///
    /// # Errors
    /// When the config and the sockets do not fit together. Nothing has changed then, but the
    /// sockets in `new` are closed.
    pub fn load(
        &self,
        config: Config,
        new: Vec<Listening>,
        known: &[ServerHealth],
    ) -> Result<(), LoadError> {
        self.setup().load(config, new, known, &self.stage)
    }

    /// Waits until the first checks of all servers have ended, or for this long. Tells whether they
    /// have.
    pub async fn probed(&self, within: Duration) -> bool {
        let mut health = self.health();
        let probed =
            |list: &Arc<[ServerHealth]>| list.iter().all(|server| server.health != Health::Probing);
        time::timeout(within, health.wait_for(probed)).await.is_ok()
    }

    /// The health of all servers, in the order of the config, and every change of it.
    pub fn health(&self) -> watch::Receiver<Arc<[ServerHealth]>> {
        self.stage.board.subscribe()
    }

    /// Everything that is counted.
    pub fn report(&self) -> Report {
        self.setup().report()
    }

    /// Waits for the sessions that are open now, but no longer than this; new ones are still
    /// accepted. Returns how many of them remain.
    pub async fn drain(&self, within: Duration) -> usize {
        let drain = Arc::new(Drain::new());
        self.on_threads(&drain, registry::await_all).await;
        drain.wait(within).await
    }

    /// Ends every session whose client connected to one of these addresses, and returns when their
    /// sockets are closed, which takes 200 ms at most: FIN to both sides, then, to who does not
    /// answer it, RST. Returns how many could not be closed in time, which says that a thread hangs.
    ///
    /// It does not keep new ones from coming.
    pub async fn close_sessions(&self, addresses: &[IpAddr]) -> usize {
        let addresses: Vec<_> = addresses.iter().map(IpAddr::to_canonical).collect();
        let meant = move |entry: &Entry| addresses.contains(&entry.local());
        self.dismiss(CloseReason::AddressReleased, meant, FAREWELL + CLOSING).await
    }

    /// Stops accepting, ends every session as [`close_sessions`](Self::close_sessions) does, and
    /// stops the threads. What is not closed within this time breaks off.
    pub async fn shutdown(self, within: Duration) {
        self.setup().close();
        self.dismiss(CloseReason::Shutdown, |_| true, within).await;
        for thread in self.threads {
            thread.stop().await;
        }
        self.checks.stop().await;
    }

    /// Ends the sessions that are meant. Returns how many of them are still there after this time.
    async fn dismiss(
        &self,
        reason: CloseReason,
        meant: impl Fn(&Entry) -> bool + Clone + Send + 'static,
        within: Duration,
    ) -> usize {
        let drain = Arc::new(Drain::new());
        self.on_threads(&drain, move |drain| registry::dismiss(reason, drain, &meant)).await;
        drain.wait(within).await
    }

    /// Does something about the sessions of each thread.
    async fn on_threads(
        &self,
        drain: &Arc<Drain>,
        act: impl FnOnce(&Drain) + Clone + Send + 'static,
    ) {
        let tasks: Vec<_> = self
            .threads
            .iter()
            .map(|thread| {
                let (drain, act) = (Arc::clone(drain), act.clone());
                thread.runtime().spawn(async move { act(&drain) })
            })
            .collect();
        for task in tasks {
            // It fails if the thread is gone, and its sessions with it.
            let _ = task.await;
        }
    }

    fn setup(&self) -> MutexGuard<'_, Setup> {
        self.setup.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}
