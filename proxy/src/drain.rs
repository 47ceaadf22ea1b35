//! Waiting until a set of sessions has ended.
//!
//! Each of the sessions holds a [`Guard`]; the channel between them carries nothing, it only knows
//! how many guards are left.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time;

/// Waits for the guards it gave out.
#[derive(Debug)]
pub(crate) struct Drain(watch::Sender<()>);

/// Held by what a [`Drain`] waits for.
#[derive(Debug)]
pub(crate) struct Guard(#[expect(dead_code, reason = "counts by existing")] watch::Receiver<()>);

impl Drain {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    pub(crate) fn guard(&self) -> Guard {
        Guard(self.0.subscribe())
    }

    /// Waits until all guards are gone, but no longer than this. Returns how many are left.
    pub(crate) async fn wait(&self, within: Duration) -> usize {
        match time::timeout(within, self.0.closed()).await {
            Ok(()) => 0,
            Err(_) => self.0.receiver_count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_for_the_last_guard_and_no_longer_than_told() {
        let drain = Drain::new();
        assert_eq!(drain.wait(Duration::from_secs(1)).await, 0);
        let (first, second) = (drain.guard(), drain.guard());
        drop(first);
        assert_eq!(drain.wait(Duration::from_secs(1)).await, 1);
        drop(second);
        assert_eq!(drain.wait(Duration::ZERO).await, 0);
    }
}
