//! Servers for the proxy to find.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::port::Port;

/// A server that greets with its name, a letter, and then says again what it is told, until the client
/// has nothing more to say. It can be stopped and started; while it is stopped, it refuses.
#[derive(Debug)]
pub(crate) struct Server {
    name: char,
    port: Port,
    listening: Option<Listening>,
}

#[derive(Debug)]
struct Listening {
    listener: TcpListener,
    accepting: JoinHandle<()>,
}

impl Server {
    /// One that serves.
    pub(crate) fn echo(name: char) -> Self {
        let mut server = Self::refusing(name);
        server.start();
        server
    }

    /// One that is not started yet.
    pub(crate) fn refusing(name: char) -> Self {
        assert!(name.is_ascii(), "a greeting is one byte");
        Self { name, port: Port::reserve(), listening: None }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Serves from now on.
    pub(crate) fn start(&mut self) {
        let listener = TcpListener::bind(self.address()).expect("the port is ours");
        let (name, ours) = (self.name, listener.try_clone().expect("a descriptor"));
        let accepting = thread::spawn(move || {
            // Ends when the socket is shut down.
            while let Ok((stream, _)) = ours.accept() {
                thread::spawn(move || echo(stream, name));
            }
        });
        self.listening = Some(Listening { listener, accepting });
    }

    /// Refuses from now on; connections that are open live on.
    pub(crate) fn stop(&mut self) {
        let Some(Listening { listener, accepting }) = self.listening.take() else { return };
        rustix::net::shutdown(&listener, rustix::net::Shutdown::Both).expect("it listens");
        accepting.join().expect("the server does not panic");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Ends when the proxy has ended its connection, or with an error that the proxy caused.
fn echo(mut stream: TcpStream, name: char) -> io::Result<()> {
    stream.write_all(name.to_string().as_bytes())?;
    io::copy(&mut stream.try_clone()?, &mut stream)?;
    stream.shutdown(Shutdown::Write)
}

/// An address that never answers: its listen queue is full, so the kernel drops what comes.
#[derive(Debug)]
pub(crate) struct Silent {
    address: SocketAddr,
    _listener: rustix::fd::OwnedFd,
    _queue: Vec<TcpStream>,
}

impl Silent {
    pub(crate) fn new() -> Self {
        let (address, listener) = Port::reserve().into_socket();
        rustix::net::listen(&listener, 0).expect("the port is ours");
        // A connection on loopback is complete at once, or it never is.
        let within = Duration::from_millis(200);
        let connect = || TcpStream::connect_timeout(&address, within).ok();
        let queue = std::iter::from_fn(connect).collect();
        Self { address, _listener: listener, _queue: queue }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
