//! The control socket: one JSON line in, one JSON line out.
//!
//! The lock beside it makes sure that one supervisor at a time uses the run directory.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::status::StatusReport;

/// A request is one short line.
const REQUEST_MAX: u64 = 4096;
/// An answer with every server of the largest config.
const REPLY_MAX: u64 = 64 << 20;
/// A client that does not say what it wants by then is hung up on.
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);
/// The longest that a client waits: a reload checks every server of a new config once.
const REPLY_DEADLINE: Duration = Duration::from_secs(30);
/// Clients at a time; further ones wait.
const CLIENTS_MAX: usize = 16;
/// After an accept failed, for example for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub(crate) enum Request {
    /// How things are.
    Status,
    /// Read the config again; answered when it is in force or rejected.
    Reload,
}

/// What it is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub(crate) enum Reply {
    /// The answer to [`Request::Status`].
    Status(Box<StatusReport>),
    /// The config is in force; the texts say what changed.
    Reloaded { revision: u64, changes: Vec<String> },
    /// The config is not good; the text says why. The one before it goes on.
    Rejected { problems: String },
    /// The request makes no sense now.
    Refused { reason: String },
}

/// A request and where its answer goes.
pub(crate) type Call = (Request, oneshot::Sender<Reply>);

/// Holds the run directory for one supervisor.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    socket: PathBuf,
    _lock: File,
}

impl RunDirectory {
    /// Makes the directory if need be, and locks it.
    ///
    /// # Errors
    /// A text for the operator: the directory cannot be used, or another supervisor uses it.
    pub(crate) fn claim(directory: &Path) -> Result<Self, String> {
        let cannot = |error: io::Error| format!("cannot use `{}`: {error}", directory.display());
        fs::create_dir_all(directory).map_err(cannot)?;
        let lock = File::create(directory.join("lock")).map_err(cannot)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { socket: socket_in(directory), _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(format!(
                "another haagent uses `{}`\nhint: `haagent status` shows it",
                directory.display()
            )),
            Err(error) => Err(cannot(error.into())),
        }
    }

    /// Answers clients until the receiver of `calls` is dropped.
    pub(crate) fn serve(&self, calls: mpsc::Sender<Call>) -> io::Result<()> {
        // We hold the lock, so what is there was left behind.
        match fs::remove_file(&self.socket) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&self.socket)?;
        fs::set_permissions(&self.socket, Permissions::from_mode(0o600))?;
        tokio::spawn(accept(listener, calls));
        Ok(())
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        // Without it, a client is told that nobody runs; a leftover tells it the same.
        let _ = fs::remove_file(&self.socket);
    }
}

async fn accept(listener: UnixListener, calls: mpsc::Sender<Call>) {
    let slots = std::sync::Arc::new(Semaphore::new(CLIENTS_MAX));
    while let Ok(slot) = std::sync::Arc::clone(&slots).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let calls = calls.clone();
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, calls).await {
                        tracing::debug!(%error, "control client went away");
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a control client");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(stream: UnixStream, calls: mpsc::Sender<Call>) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new(reader.take(REQUEST_MAX));
    timeout(REQUEST_DEADLINE, reader.read_line(&mut line)).await??;
    let reply = match serde_json::from_str(&line) {
        Ok(request) => {
            let (sender, receiver) = oneshot::channel();
            let stopping = || Reply::Refused { reason: "haagent is stopping".to_owned() };
            match calls.send((request, sender)).await {
                Ok(()) => receiver.await.unwrap_or_else(|_| stopping()),
                Err(_) => stopping(),
            }
        }
        Err(error) => Reply::Refused { reason: format!("request not understood: {error}") },
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    timeout(REQUEST_DEADLINE, writer.write_all(&text)).await?
}

/// Sends a request to the supervisor that uses the run directory, and waits for the answer.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` if none runs.
pub(crate) fn call(directory: &Path, request: Request) -> io::Result<Reply> {
    let stream = send(directory, request)?;
    let mut reply = String::new();
    BufReader::new(stream.take(REPLY_MAX)).read_line(&mut reply)?;
    Ok(serde_json::from_str(&reply)?)
}

/// Whether the error says that no supervisor uses the run directory.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

/// Sends a request; the answer is there to be read.
///
/// # Errors
/// As [`call`].
pub(crate) fn send(directory: &Path, request: Request) -> io::Result<StdUnixStream> {
    let mut stream = StdUnixStream::connect(socket_in(directory))?;
    stream.set_read_timeout(Some(REPLY_DEADLINE))?;
    stream.set_write_timeout(Some(REQUEST_DEADLINE))?;
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    Ok(stream)
}

fn socket_in(directory: &Path) -> PathBuf {
    directory.join("control.sock")
}
