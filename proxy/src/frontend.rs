//! One frontend at run time: its counters and its limit of sessions.
//!
//! Outlives the config that named it, as a [`Server`](crate::server) does. What a config may change
//! (where it leads, its timeouts) is the [`Service`] that each of its listeners is given.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Notify;

use crate::backend::Backend;
use crate::stats::{CloseReason, Closed};

/// What a listener offers: one revision of a frontend. A session keeps the one it began with.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) frontend: Arc<Frontend>,
    pub(crate) backend: Arc<Backend>,
    pub(crate) idle_timeout: Duration,
}

/// The counters and the limit of one frontend, shared by all threads.
#[derive(Debug)]
pub(crate) struct Frontend {
    pub(crate) name: String,
    connections_max: AtomicUsize,
    sessions: AtomicUsize,
    sessions_total: AtomicU64,
    closed: Closed,
    /// Wakes listeners that wait for a slot.
    freed: Notify,
}

impl Frontend {
    pub(crate) fn new(name: String, connections_max: usize) -> Self {
        Self {
            name,
            connections_max: AtomicUsize::new(connections_max),
            sessions: AtomicUsize::new(0),
            sessions_total: AtomicU64::new(0),
            closed: Closed::default(),
            freed: Notify::new(),
        }
    }

    /// Changes the limit. Sessions in excess of a lower one live on; no new ones join them.
    pub(crate) fn limit(&self, connections_max: usize) {
        self.connections_max.store(connections_max, Relaxed);
        self.freed.notify_waiters();
    }

    /// Waits until one more session is allowed and reserves its place. Cancel-safe.
    pub(crate) async fn slot(self: &Arc<Self>) -> Slot {
        loop {
            if let Some(slot) = self.try_slot() {
                return slot;
            }
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            // A slot may have been freed between the look and the registration.
            if let Some(slot) = self.try_slot() {
                return slot;
            }
            freed.await;
        }
    }

    /// Reserves the place of one more session if it is allowed now.
    pub(crate) fn try_slot(self: &Arc<Self>) -> Option<Slot> {
        let max = self.connections_max.load(Relaxed);
        self.sessions.fetch_update(Relaxed, Relaxed, |n| (n < max).then_some(n + 1)).ok()?;
        Some(Slot(Arc::clone(self)))
    }

    /// Sessions that are open.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.load(Relaxed)
    }

    /// Sessions accepted so far.
    pub(crate) fn sessions_total(&self) -> u64 {
        self.sessions_total.load(Relaxed)
    }

    pub(crate) fn count_session(&self) {
        self.sessions_total.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_close(&self, reason: CloseReason) {
        self.closed.count(reason);
    }

    pub(crate) fn closed(&self) -> Vec<(CloseReason, u64)> {
        self.closed.report()
    }
}

/// The place of one session within the limit of its frontend; free again when dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Frontend>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Relaxed);
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_slot_is_waited_for_and_handed_on() {
        let frontend = Arc::new(Frontend::new("web".into(), 1));
        let first = frontend.slot().await;
        let waiting = tokio::spawn({
            let frontend = Arc::clone(&frontend);
            async move { frontend.slot().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        let second = waiting.await.unwrap();
        assert_eq!(frontend.sessions(), 1);
        drop(second);
        assert_eq!(frontend.sessions(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_higher_limit_lets_waiting_listeners_in() {
        let frontend = Arc::new(Frontend::new("web".into(), 0));
        let waiting = tokio::spawn({
            let frontend = Arc::clone(&frontend);
            async move { frontend.slot().await }
        });
        tokio::task::yield_now().await;
        frontend.limit(1);
        drop(waiting.await.unwrap());
        assert_eq!(frontend.sessions(), 0);
    }
}
