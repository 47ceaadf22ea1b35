//! Work that may block, left to another thread.
//!
//! A disk or a network file system may hang for ever. While one piece of work hangs, its owner begins no other.

use tokio::task::{JoinHandle, spawn_blocking};

/// At most one piece of work.
#[derive(Debug)]
pub(super) struct Blocking<T>(Option<JoinHandle<T>>);

impl<T> Default for Blocking<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Send + 'static> Blocking<T> {
    /// Does it, after what an earlier call began that was dropped halfway.
    pub(super) async fn run(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        if let Some(earlier) = &mut self.0 {
            // What it found is old.
            let _ = earlier.await;
        }
        let result = self.0.insert(spawn_blocking(work)).await;
        self.0 = None;
        result.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn while_one_hangs_no_other_is_begun() {
        let (release, hangs) = mpsc::channel::<()>();
        let begun = Arc::new(AtomicUsize::new(0));
        let count = |begun: &Arc<AtomicUsize>| {
            let begun = Arc::clone(begun);
            move || begun.fetch_add(1, Ordering::Relaxed)
        };
        let mut blocking = Blocking::default();
        let counting = count(&begun);
        let hanging = move || {
            // Until the other end is dropped.
            let _ = hangs.recv();
            counting()
        };
        let soon = Duration::from_millis(20);
        timeout(soon, blocking.run(hanging)).await.expect_err("it hangs");
        timeout(soon, blocking.run(count(&begun))).await.expect_err("the first still hangs");
        assert_eq!(begun.load(Ordering::Relaxed), 0);
        drop(release);
        assert_eq!(blocking.run(count(&begun)).await, Ok(1), "the first has ended");
    }
}
