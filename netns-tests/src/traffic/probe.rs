//! A client that opens a new connection every few milliseconds, whatever became of the one before.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::exchange::{Afterwards, ask};
use super::window::Window;
use crate::clock::{Clock, Moment};
use crate::failure::Result;
use crate::lab::node::{Node, Running};

/// One request on a connection of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When the client began to connect.
    pub started: Moment,
    /// When it had the answer, or gave up.
    pub finished: Moment,
    /// What became of it.
    pub outcome: Outcome,
}

impl Attempt {
    /// Did it end within the window, or begin there?
    #[must_use]
    pub fn overlaps(&self, window: Window) -> bool {
        self.started <= window.to && self.finished >= window.from
    }
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A complete answer.
    Answered,
    /// The connection was refused.
    Refused,
    /// The connection was reset.
    Reset,
    /// The connection ended before the answer.
    Ended,
    /// No answer within [`DEADLINE`].
    TimedOut,
    /// Anything else: no route, an answer that makes no sense.
    Broken,
}

/// The time between two attempts in most drills.
pub const SPACING: Duration = Duration::from_millis(10);

/// How long one attempt may take. With [`SPACING`] it bounds the attempts under way to 101.
pub const DEADLINE: Duration = Duration::from_secs(1);

/// A quarter of an hour of attempts; none is noted beyond.
const ATTEMPTS_MAX: usize = 90_000;

/// The client; it stops when dropped.
#[derive(Debug)]
pub struct Probe {
    attempts: Arc<Mutex<Vec<Attempt>>>,
    _running: Running,
}

impl Probe {
    /// Starts the client on `node`; its attempts begin so long after one another.
    ///
    /// # Errors
    /// When the node is gone.
    pub async fn start(
        clock: Clock,
        node: &Node,
        target: SocketAddr,
        spacing: Duration,
    ) -> Result<Self> {
        let attempts = Arc::<Mutex<Vec<Attempt>>>::default();
        let notes = attempts.clone();
        let running = node.start(move || knock(clock, target, spacing, notes)).await?;
        Ok(Self { attempts, _running: running })
    }

    /// When the answers came so far, in order.
    #[must_use]
    pub fn answers(&self) -> Vec<Moment> {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = attempts.iter().filter(|attempt| attempt.outcome == Outcome::Answered);
        let mut finished: Vec<_> = answered.map(|attempt| attempt.finished).collect();
        finished.sort_unstable();
        finished
    }

    /// Was an attempt answered that began after `since`?
    #[must_use]
    pub fn answered_since(&self, since: Moment) -> bool {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = |attempt: &&Attempt| attempt.outcome == Outcome::Answered;
        attempts.iter().rev().find(answered).is_some_and(|attempt| attempt.started >= since)
    }

    /// Every finished attempt so far, in the order they finished.
    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn knock(
    clock: Clock,
    target: SocketAddr,
    spacing: Duration,
    notes: Arc<Mutex<Vec<Attempt>>>,
) {
    let mut ticks = interval(spacing);
    // After a stall the attempts that were missed are not made up for: that would be a flood.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let notes = notes.clone();
        spawn_local(async move {
            let started = clock.now();
            let outcome = attempt(target).await;
            let attempt = Attempt { started, finished: clock.now(), outcome };
            let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
            if notes.len() < ATTEMPTS_MAX {
                notes.push(attempt);
            }
        });
    }
}

async fn attempt(target: SocketAddr) -> Outcome {
    let answer = timeout(DEADLINE, async {
        let mut stream = TcpStream::connect(target).await?;
        ask(&mut stream, Afterwards::Close).await
    });
    answer.await.map_or(Outcome::TimedOut, |answer| Outcome::of(&answer))
}

impl Outcome {
    fn of(answer: &io::Result<String>) -> Self {
        match answer.as_ref().map_err(io::Error::kind) {
            Ok(_) => Self::Answered,
            Err(ErrorKind::ConnectionRefused) => Self::Refused,
            Err(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => Self::Reset,
            Err(ErrorKind::UnexpectedEof) => Self::Ended,
            Err(ErrorKind::TimedOut) => Self::TimedOut,
            Err(_) => Self::Broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_a_connection_has_its_outcome() {
        let of = |kind: ErrorKind| Outcome::of(&Err(kind.into()));
        assert_eq!(of(ErrorKind::ConnectionRefused), Outcome::Refused);
        assert_eq!(of(ErrorKind::ConnectionReset), Outcome::Reset);
        assert_eq!(of(ErrorKind::UnexpectedEof), Outcome::Ended);
        assert_eq!(of(ErrorKind::TimedOut), Outcome::TimedOut);
        assert_eq!(of(ErrorKind::HostUnreachable), Outcome::Broken);
        assert_eq!(Outcome::of(&Ok("server-1".to_owned())), Outcome::Answered);
    }
}
