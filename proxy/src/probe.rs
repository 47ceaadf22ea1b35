//! Checks on the wire: asks a server at intervals, and lets [`health`](crate::health) judge.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time;

use crate::board::Board;
use crate::clock;
use crate::config::CheckTiming;
use crate::health::{HealthCheck, Outcome};
use crate::server::{Server, ServerId};
use crate::tcp::{self, ConnectError};

/// Checks a server, at once and then at intervals, until the task is dropped.
pub(crate) async fn run(server: Arc<Server>, timing: CheckTiming, board: Arc<Board>) {
    let mut check = HealthCheck::new(server.health(), timing);
    let mut gap = first_gap(&server.id, timing.interval);
    let mut started_at = clock::now();
    loop {
        let (outcome, text) = tcp_check(server.id.address, timing.timeout).await;
        server.set_last_check(text.clone());
        if let Some(health) = outcome.and_then(|outcome| check.observe(outcome)) {
            board.change(&server, health, &text);
        }
        // A check that took longer than the interval is followed by the next one at once.
        started_at = (started_at + gap).max(clock::now());
        gap = timing.interval;
        time::sleep_until(started_at).await;
    }
}

/// Opens a connection and throws it away. Tells how that went, and the same in words; there is no
/// outcome if we could not even try, for that is not the server's fault.
async fn tcp_check(address: SocketAddr, timeout: Duration) -> (Option<Outcome>, String) {
    let started_at = clock::now();
    match tcp::connect(address, timeout).await {
        Ok(stream) => {
            // A reset instead of a FIN leaves no TIME_WAIT behind, check after check.
            tcp::reset(stream);
            let took = started_at.elapsed().as_millis();
            (Some(Outcome::Success), format!("connected in {took} ms"))
        }
        Err(error) => {
            let failed = !matches!(error, ConnectError::OutOfResources(_));
            (failed.then_some(Outcome::Failure), error.to_string())
        }
    }
}

/// The time between the first check and the second: between half of the interval and all of it.
///
/// All servers are checked at once at first, because clients wait. This takes them apart, so that
/// from then on their checks do not go out in one burst. It depends on who the server is and on
/// nothing else, so it is the same after every restart.
fn first_gap(server: &ServerId, interval: Duration) -> Duration {
    const STEPS: u64 = 1000;
    let mut hasher = DefaultHasher::new();
    server.hash(&mut hasher);
    let step = u32::try_from(hasher.finish() % STEPS).unwrap_or_default();
    interval / 2 + interval / 2 * step / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_not_checked_in_lockstep() {
        let interval = Duration::from_secs(2);
        let gap = |name: &str| {
            let address = SocketAddr::from(([127, 0, 0, 1], 80));
            let id = ServerId { backend: "b".into(), name: name.into(), address };
            first_gap(&id, interval)
        };
        let mut gaps: Vec<_> = (0..20).map(|n| gap(&format!("s{n}"))).collect();
        assert!(gaps.iter().all(|gap| (interval / 2..=interval).contains(gap)));
        assert_eq!(gap("s1"), gap("s1"));
        gaps.sort();
        gaps.dedup_by(|a, b| a.abs_diff(*b) < Duration::from_millis(5));
        assert!(gaps.len() > 10, "{gaps:?}");
    }
}
