//! A listening socket of one thread, and the loop that accepts from it.
//!
//! A client is accepted when it is certain that it can be served: excess clients, and those that
//! come while descriptors are short, wait in the kernel's listen queue.

use std::future::poll_fn;
use std::io;
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time;
use tracing::{info, warn};

use crate::frontend::{Service, Slot};
use crate::session::Session;

/// Pause after an error that will not go away by trying again at once. Descriptors come back when
/// sessions end; ten looks a second cost nothing and are soon enough for who waits in the queue.
const PAUSE: Duration = Duration::from_millis(100);

/// The sockets of one bind address, bound and listening already.
///
/// With `SO_REUSEPORT` there can be one for each thread; the kernel spreads the clients. One socket
/// is served by one thread.
#[derive(Debug)]
pub struct Listening {
    /// The address, as the config names it.
    pub address: SocketAddr,
    /// The sockets. They are dealt out to the threads in turn, so there may be more or fewer of
    /// them than threads; but clients of a socket are served by one thread only.
    pub shards: Vec<net::TcpListener>,
}

/// A listening socket of one thread.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    socket: TcpListener,
    service: watch::Receiver<Arc<Service>>,
}

impl Listener {
    /// Takes over a socket for the thread that drives this runtime.
    pub(crate) fn adopt(
        address: SocketAddr,
        socket: net::TcpListener,
        runtime: &Handle,
        service: watch::Receiver<Arc<Service>>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // Accepted sockets inherit it, which saves a system call for each of them.
        SockRef::from(&socket).set_tcp_nodelay(true)?;
        let _context = runtime.enter();
        Ok(Self { address, socket: TcpListener::from_std(socket)?, service })
    }

    /// Accepts until the task is dropped. Runs on the thread that it was adopted for.
    pub(crate) async fn run(mut self) {
        let mut trouble = Trouble::default();
        loop {
            match poll_fn(|context| self.poll_next(context)).await {
                Next::Client(stream, client, slot, service) => {
                    trouble.over(self.address);
                    self.open(stream, client, slot, service);
                }
                Next::Full => self.room().await,
                Next::Failed(error) if is_of_one_client(&error) => {}
                Next::Failed(error) => trouble.pause(self.address, &error).await,
            }
        }
    }

    /// Takes the next client from the queue if there is room for it. A slot is reserved before, but
    /// not kept while there is no client: other threads may have one for it.
    fn poll_next(&self, context: &mut Context<'_>) -> Poll<Next> {
        let service = Arc::clone(&self.service.borrow());
        let Some(slot) = service.frontend.try_slot() else { return Poll::Ready(Next::Full) };
        Poll::Ready(match ready!(self.socket.poll_accept(context)) {
            Ok((stream, client)) => Next::Client(stream, client, slot, service),
            Err(error) => Next::Failed(error),
        })
    }

    /// Waits until the frontend has room, or another one takes over.
    async fn room(&mut self) {
        let service = Arc::clone(&self.service.borrow_and_update());
        // Both are cancel-safe: a slot that nobody takes is free again.
        tokio::select! {
            _slot = service.frontend.slot() => {}
            Ok(()) = self.service.changed() => {}
        }
    }

    /// Starts a session on this thread.
    fn open(&self, stream: TcpStream, client: SocketAddr, slot: Slot, service: Arc<Service>) {
        let address = self.address.ip();
        let local = if address.is_unspecified() {
            // It fails for a client that is gone already, and such a session ends by itself.
            stream.local_addr().map_or(address, |local| local.ip())
        } else {
            address
        };
        let session = Session::new(stream, local, service, slot);
        tokio::task::spawn_local(session.run(client));
    }
}

/// What came of looking for the next client.
enum Next {
    Client(TcpStream, SocketAddr, Slot, Arc<Service>),
    Full,
    Failed(io::Error),
}

/// Whether an error is about a client that has gone away again, or about the network between it and
/// us (Linux hands such errors out through `accept`), so that the next one may do better.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::Interrupted
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NotConnected
            | io::ErrorKind::PermissionDenied
    )
}

/// Whether accepting is impossible at the moment, so that it is told once and not ten times a
/// second.
#[derive(Debug, Default)]
struct Trouble(bool);

impl Trouble {
    async fn pause(&mut self, address: SocketAddr, error: &io::Error) {
        if !self.0 {
            self.0 = true;
            warn!(%address, %error, "cannot accept, clients wait");
        }
        time::sleep(PAUSE).await;
    }

    fn over(&mut self, address: SocketAddr) {
        if self.0 {
            self.0 = false;
            info!(%address, "accepting again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Backend;
    use crate::config::Balance;
    use crate::frontend::Frontend;

    #[tokio::test]
    async fn accepted_sockets_send_small_writes_at_once() {
        let socket = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let service = watch::Sender::new(Arc::new(service()));
        let runtime = Handle::current();
        let listener = Listener::adopt(address, socket, &runtime, service.subscribe()).unwrap();
        let _client = TcpStream::connect(address).await.unwrap();
        let Next::Client(stream, ..) = poll_fn(|context| listener.poll_next(context)).await else {
            panic!("no client");
        };
        assert!(stream.nodelay().unwrap());
    }

    fn service() -> Service {
        let backend = Backend {
            name: "b".to_owned(),
            balance: Balance::RoundRobin,
            connect_timeout: Duration::from_secs(1),
            retries: 0,
            members: Vec::new(),
            clock: Arc::default(),
            changes: watch::Sender::new(Arc::default()).subscribe(),
        };
        Service {
            frontend: Arc::new(Frontend::new("f".to_owned(), 1)),
            backend: Arc::new(backend),
            idle_timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_shortage_is_not_the_fault_of_one_client() {
        let of_one_client = |code| is_of_one_client(&io::Error::from_raw_os_error(code));
        for (code, name) in [(9, "EBADF"), (12, "ENOMEM"), (23, "ENFILE"), (24, "EMFILE")] {
            assert!(!of_one_client(code), "{name}");
        }
        for (code, name) in [(103, "ECONNABORTED"), (113, "EHOSTUNREACH")] {
            assert!(of_one_client(code), "{name}");
        }
    }
}
