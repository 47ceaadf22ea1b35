//! TCP connections: how they are opened, and how they are ended.
//!
//! What happens in between is the [`relay`](crate::relay)'s.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time;

use crate::relay::with_buffer;

/// How long a peer may take to answer our end of a connection with its own, before it is reset.
/// More than a round trip across a continent, less than anyone would want to wait for an address.
pub(crate) const FAREWELL: Duration = Duration::from_millis(200);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The server, or the network on the way to it, said no.
    #[error("{}", describe(.0))]
    Failed(#[source] io::Error),
    /// Nobody said anything.
    #[error("timed out after {}", in_words(*.0))]
    TimedOut(Duration),
    /// We cannot even try.
    #[error("no socket: {}", describe(.0))]
    OutOfResources(#[source] io::Error),
}

/// Opens a connection that sends small writes at once.
pub(crate) async fn connect(
    address: SocketAddr,
    timeout: Duration,
) -> Result<TcpStream, ConnectError> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
    .map_err(ConnectError::OutOfResources)?;
    socket.set_nodelay(true).map_err(ConnectError::OutOfResources)?;
    match time::timeout(timeout, socket.connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(ConnectError::Failed(error)),
        Err(_) => Err(ConnectError::TimedOut(timeout)),
    }
}

/// Ends a connection with a reset: what it was for has failed, and its peer must not take the end
/// for an orderly one.
pub(crate) fn reset(stream: TcpStream) {
    // It fails only for a connection that is gone already.
    let _ = stream.set_zero_linger();
    drop(stream);
}

/// Ends connections that could have gone on: FIN, then, from a peer that does not answer it, RST.
pub(crate) async fn farewell(mut streams: Vec<TcpStream>) {
    for stream in &mut streams {
        // It fails for a connection that is gone already, which the wait below notices.
        let _ = poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context)).await;
    }
    let mut open = streams;
    let answered = poll_fn(|context| {
        open.retain_mut(|stream| poll_end(stream, context).is_pending());
        if open.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    });
    // The rest of an endless stream is cut off by the deadline: polls are bounded by tokio's budget.
    let _ = time::timeout(FAREWELL, answered).await;
    open.into_iter().for_each(reset);
}

/// Reads and forgets until the peer has nothing more to say.
fn poll_end(stream: &mut TcpStream, context: &mut Context<'_>) -> Poll<()> {
    loop {
        let said = with_buffer(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            let result = ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer));
            Poll::Ready(result.map(|()| buffer.filled().len()))
        });
        match ready!(said) {
            Ok(0) | Err(_) => return Poll::Ready(()),
            Ok(_) => {}
        }
    }
}

/// An error of the operating system in the words of this crate: `connection refused`.
fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// A duration as one would write it by hand: `1 s`, `250 ms`.
pub(crate) fn in_words(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{} ms", duration.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_like_sentences() {
        let refused = io::Error::from_raw_os_error(111);
        assert_eq!(ConnectError::Failed(refused).to_string(), "connection refused");
        let full = io::Error::from_raw_os_error(24);
        let error = ConnectError::OutOfResources(full);
        assert_eq!(error.to_string(), "no socket: too many open files");
        let error = |millis| ConnectError::TimedOut(Duration::from_millis(millis)).to_string();
        assert_eq!(error(1000), "timed out after 1 s");
        assert_eq!(error(1500), "timed out after 1500 ms");
    }
}
