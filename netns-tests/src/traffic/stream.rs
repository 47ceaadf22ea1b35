//! A client with one long-lived connection: a request and its answer on it every 10 ms.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::exchange::{Afterwards, ask};
use super::probe::{DEADLINE, SPACING};
use super::window::Window;
use crate::clock::{Clock, Moment};
use crate::failure::Result;
use crate::lab::node::{Node, Running};

/// The client; it stops when dropped.
#[derive(Debug)]
pub struct Stream {
    losses: Arc<Mutex<Vec<Moment>>>,
    _running: Running,
}

/// More losses than drills cause; none is noted beyond.
const LOSSES_MAX: usize = 10_000;

impl Stream {
    /// Starts the client on `node`.
    ///
    /// # Errors
    /// When the node is gone.
    pub async fn start(clock: Clock, node: &Node, target: SocketAddr) -> Result<Self> {
        let losses = Arc::<Mutex<Vec<Moment>>>::default();
        let notes = losses.clone();
        let running = node.start(move || stay(clock, target, notes)).await?;
        Ok(Self { losses, _running: running })
    }

    /// How often the connection was lost within `window`: it ended, was reset, or no answer came
    /// for a second.
    #[must_use]
    pub fn losses_within(&self, window: Window) -> usize {
        let losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        losses.iter().filter(|loss| window.contains(**loss)).count()
    }
}

/// Connects, talks until the connection is lost, and starts over.
async fn stay(clock: Clock, target: SocketAddr, notes: Arc<Mutex<Vec<Moment>>>) {
    loop {
        // A connection that never came to be is the probe's business.
        if let Ok(Ok(stream)) = timeout(DEADLINE, TcpStream::connect(target)).await {
            talk(stream).await;
            let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
            if notes.len() < LOSSES_MAX {
                notes.push(clock.now());
            }
        }
        sleep(SPACING).await;
    }
}

/// Returns when the connection is lost.
async fn talk(mut stream: TcpStream) {
    let mut ticks = interval(SPACING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let answer = timeout(DEADLINE, ask(&mut stream, Afterwards::KeepAlive)).await;
        if !matches!(answer, Ok(Ok(_))) {
            return;
        }
    }
}
