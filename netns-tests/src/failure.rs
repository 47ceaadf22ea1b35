//! Why a drill could not go on, and the one way to wait: [`eventually`].

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use tokio::time::{sleep, timeout};

/// A step that did not do what the drill needs of it; the text is for the reader of the report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    /// The text: lower case, subject first.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// The result of a step.
pub type Result<T> = std::result::Result<T, Failure>;

/// Turns any error into a [`Failure`] that names the operation.
pub trait OrFail<T> {
    /// `what` is the operation that failed: ``cannot add link `eth0` ``.
    ///
    /// # Errors
    /// The [`Failure`] `what: cause`.
    fn or_fail(self, what: impl Display) -> Result<T>;
}

impl<T, E: Display> OrFail<T> for std::result::Result<T, E> {
    fn or_fail(self, what: impl Display) -> Result<T> {
        self.map_err(|error| Failure(format!("{what}: {error}")))
    }
}

/// Asks `condition` again and again until it answers `Ok`, for at most `within`.
///
/// # Errors
/// When time is up: `what`, the time waited, and the condition's last answer.
pub async fn eventually<T, F, Answer>(what: &str, within: Duration, mut condition: F) -> Result<T>
where
    F: FnMut() -> Answer,
    Answer: Future<Output = Result<T>>,
{
    let mut last = Failure::new("no answer yet");
    let asking = async {
        loop {
            match condition().await {
                Ok(value) => break value,
                Err(not_yet) => last = not_yet,
            }
            sleep(POLL).await;
        }
    };
    let answer = timeout(within, asking).await;
    let late = || Failure(format!("{what}: not within {} ms; last: {last}", within.as_millis()));
    answer.map_err(|_| late())
}

/// Short against every bound that a drill checks, long enough to leave the processors alone.
const POLL: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("no I/O needed")
    }

    #[test]
    fn eventually_asks_until_the_answer_is_good() {
        let mut asked = 0;
        let answer = runtime().block_on(eventually("third time", Duration::from_secs(5), || {
            asked += 1;
            let answer = if asked == 3 { Ok(asked) } else { Err(Failure::new("too early")) };
            async move { answer }
        }));
        assert_eq!(answer, Ok(3));
    }

    #[test]
    fn eventually_gives_up_and_says_why() {
        let answer: Result<()> =
            runtime().block_on(eventually("the impossible", Duration::from_millis(30), || async {
                Err(Failure::new("still impossible"))
            }));
        let text = answer.expect_err("never true").to_string();
        assert_eq!(text, "the impossible: not within 30 ms; last: still impossible");
    }

    #[test]
    fn eventually_does_not_wait_for_a_condition_that_hangs() {
        let answer: Result<()> =
            runtime().block_on(eventually("an answer", Duration::from_millis(30), || {
                std::future::pending()
            }));
        assert!(answer.is_err());
    }
}
