//! The bytes of a session: copied both ways until both sides, or time, or a reset end it.
//!
//! Each [direction](flow) moves by itself; here is what both have in common.

mod flow;
mod pipe;

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::clock;
use crate::stats::CloseReason;
pub(crate) use flow::with_buffer;
use flow::{End, Flow};

/// A reset overtakes data that is still on its way, so it waits until the last byte before it is
/// this old.
const RESET_DELAY: Duration = Duration::from_millis(200);

/// Two connected streams and what flows between them.
#[derive(Debug)]
pub(crate) struct Relay {
    client: TcpStream,
    server: TcpStream,
    /// From the client to the server.
    up: Flow,
    /// From the server to the client.
    down: Flow,
    opened_at: Instant,
    idle_timeout: Duration,
}

impl Relay {
    pub(crate) fn new(client: TcpStream, server: TcpStream, idle_timeout: Duration) -> Self {
        let (up, down) = (Flow::default(), Flow::default());
        Self { client, server, up, down, opened_at: clock::now(), idle_timeout }
    }

    /// Copies until the session is over. Cancel-safe: no byte that was read is lost.
    pub(crate) async fn run(&mut self) -> CloseReason {
        let mut idle = pin!(tokio::time::sleep(self.idle_timeout));
        std::future::poll_fn(|context| {
            if let Some(reason) = with_buffer(|buffer| self.advance(context, buffer)) {
                return Poll::Ready(reason);
            }
            ready!(self.poll_idle(idle.as_mut(), context));
            Poll::Ready(CloseReason::IdleTimeout)
        })
        .await
    }

    /// Takes the relay apart, to end the connections.
    pub(crate) fn into_streams(self) -> (TcpStream, TcpStream) {
        (self.client, self.server)
    }

    /// When the server may be reset without tearing off what the client had sent it.
    pub(crate) fn server_resettable_at(&self) -> Instant {
        self.up.moved_at.map_or(self.opened_at, |at| at + RESET_DELAY)
    }

    /// When the client may be reset without tearing off what the server had sent it.
    pub(crate) fn client_resettable_at(&self) -> Instant {
        self.down.moved_at.map_or(self.opened_at, |at| at + RESET_DELAY)
    }

    /// Gives both directions their turn.
    fn advance(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Option<CloseReason> {
        let Self { client, server, up, down, .. } = self;
        let mut moved = false;
        if up.end.is_none() {
            moved |= up.advance(context, client, server, buffer);
            pass_on_end(context, up, down, server);
        }
        if down.end.is_none() {
            moved |= down.advance(context, server, client, buffer);
            pass_on_end(context, down, up, client);
        }
        if moved {
            let now = clock::now();
            up.stamp(now);
            down.stamp(now);
        }
        verdict(up.end, down.end)
    }

    /// Ready when nothing has moved for too long. The timer is not pushed back by every byte: it
    /// fires, looks when the last one was, and sleeps for the rest.
    fn poll_idle(&self, mut timer: Pin<&mut Sleep>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(timer.as_mut().poll(context));
            let moved_at = self.up.moved_at.max(self.down.moved_at);
            let due = moved_at.unwrap_or(self.opened_at) + self.idle_timeout;
            if timer.deadline() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }
}

/// Tells the sink of a direction that has just finished that no more will come, unless the other
/// direction has finished too: then both connections are closed, which says the same.
fn pass_on_end(context: &mut Context<'_>, flow: &Flow, opposite: &Flow, sink: &mut TcpStream) {
    if flow.end == Some(End::Finished) && opposite.end.is_none() {
        // Never pending on a socket; an error is one that the other direction meets as well.
        let _ = Pin::new(sink).poll_shutdown(context);
    }
}

/// Whether the session is over, from how its directions ended.
fn verdict(up: Option<End>, down: Option<End>) -> Option<CloseReason> {
    match (up, down) {
        (Some(End::SourceBroken), _) => Some(CloseReason::ClientReset),
        (_, Some(End::SourceBroken)) => Some(CloseReason::ServerReset),
        // A peer that was reset may have said something before: the other direction goes on until
        // that has been read.
        (Some(End::SinkBroken), Some(_)) => Some(CloseReason::ServerReset),
        (Some(_), Some(End::SinkBroken)) => Some(CloseReason::ClientReset),
        (Some(End::Finished), Some(End::Finished)) => Some(CloseReason::Finished),
        (None, _) | (_, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::End::{Finished, SinkBroken, SourceBroken};
    use super::*;

    #[test]
    fn how_two_directions_end_a_session() {
        let (client, server, done) =
            (CloseReason::ClientReset, CloseReason::ServerReset, CloseReason::Finished);
        for (up, down, expected) in [
            (None, None, None),
            (Some(Finished), None, None),
            (None, Some(Finished), None),
            (Some(Finished), Some(Finished), Some(done)),
            (Some(SourceBroken), None, Some(client)),
            (Some(SourceBroken), Some(Finished), Some(client)),
            (Some(SourceBroken), Some(SinkBroken), Some(client)),
            (None, Some(SourceBroken), Some(server)),
            (Some(Finished), Some(SourceBroken), Some(server)),
            (Some(SinkBroken), Some(SourceBroken), Some(server)),
            (Some(SinkBroken), None, None),
            (Some(SinkBroken), Some(Finished), Some(server)),
            (Some(SinkBroken), Some(SinkBroken), Some(server)),
            (None, Some(SinkBroken), None),
            (Some(Finished), Some(SinkBroken), Some(client)),
        ] {
            assert_eq!(verdict(up, down), expected, "{up:?} {down:?}");
        }
    }
}
