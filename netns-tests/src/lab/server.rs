//! A small HTTP/1.1 server of the lab: it answers every request with its own name.
//!
//! It keeps connections open until the client asks it to close, and can be killed as a process
//! would be: the listener and all connections vanish at once.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::node::{Node, Running};
use crate::failure::{OrFail, Result};

/// An HTTP server on a node.
#[derive(Debug)]
pub struct Server {
    name: String,
    node: Arc<Node>,
    address: SocketAddr,
    running: Option<(Running, Pulse)>,
}

/// Closed when the server and all of its connections are gone.
type Pulse = mpsc::Receiver<()>;

impl Server {
    /// Starts a server that says `name` on `address` of `node`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(name: &str, node: Arc<Node>, address: SocketAddr) -> Result<Self> {
        let mut server = Self { name: name.to_owned(), node, address, running: None };
        server.revive().await?;
        Ok(server)
    }

    /// What it answers.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it as `kill -9` would; returns when its sockets are closed.
    pub async fn kill(&mut self) {
        if let Some((running, mut pulse)) = self.running.take() {
            drop(running);
            // Nobody sends: it ends when the last of its holders does.
            while pulse.recv().await.is_some() {}
        }
    }

    /// Starts it again.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn revive(&mut self) -> Result<()> {
        let (address, name) = (self.address, self.name.clone());
        let listener = self.node.run(move || TcpListener::bind(address)).await?;
        let listener = listener.or_fail(format!("cannot listen on `{address}`"))?;
        let (alive, pulse) = mpsc::channel(1);
        let running = self.node.start(move || accept(alive, listener, name)).await?;
        self.running = Some((running, pulse));
        Ok(())
    }
}

/// More than the lab's clients ever have open at the same time.
const CONNECTIONS_MAX: usize = 1024;

/// Owns the connections, so that they end together with it. `alive` comes first to be dropped last.
async fn accept(alive: mpsc::Sender<()>, listener: TcpListener, name: String) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn_local(converse(alive.clone(), stream, name.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The longest request head that is read; the lab's clients send far less.
const HEAD_MAX: usize = 4096;

/// Answers one request after the other until the client has had enough.
async fn converse(_alive: mpsc::Sender<()>, mut stream: TcpStream, name: String) {
    // Answers are single small writes; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let mut head = Vec::with_capacity(HEAD_MAX);
    while let Some(request) = read_head(&mut stream, &mut head).await {
        let last = request.contains("Connection: close");
        let connection = if last { "close" } else { "keep-alive" };
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n{name}",
            name.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() || last {
            break;
        }
    }
}

/// One request head, or `None` at the end of the stream, on an error and when it is too long.
async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head: Vec<u8> = buffer.drain(..end + 4).collect();
            return Some(String::from_utf8_lossy(&head).into_owned());
        }
        if buffer.len() >= HEAD_MAX || stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
