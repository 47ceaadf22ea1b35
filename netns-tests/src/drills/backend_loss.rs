//! A server dies: its port refuses connections, and those it had are gone.

use std::path::PathBuf;
use std::time::Duration;

use crate::failure::{Failure, Result};
use crate::lab::holders::Holding;
use crate::pair::{A, Pair};
use crate::router::settings::Settings;
use crate::verdict::Verdict;

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let mut pair = Pair::start(&binary, Settings::default()).await?;
    kill_server(&mut pair, A).await
}

/// Requests under way at the dead server are lost with it; every later one finds another server,
/// at first by a second attempt and then because the check found out.
///
/// # Errors
/// When the check does not find out, or not that the server is back.
pub async fn kill_server(pair: &mut Pair, active: usize) -> Result<Verdict> {
    let (victim, from) = (0, pair.now());
    pair.lab.servers[victim].server.kill().await;
    let dead = pair.now();
    wait_for_health(pair, active, victim, "down").await?;
    let (measurement, seen) = pair.observe(from).await;
    pair.lab.servers[victim].server.revive().await?;
    wait_for_health(pair, active, victim, "up").await?;
    let late = seen.failures.iter().filter(|attempt| attempt.started >= dead).count();
    let moved = pair.lab.holders.first(from, active, Holding::Gone);
    Ok(Verdict::of(measurement)
        .both_held_at_most(Duration::ZERO)
        .expect(late == 0, format!("{late} requests failed that began after the loss"))
        .expect(moved.is_none(), "the address moved for the health of a server"))
}

/// Waits until a box gives a server this health.
///
/// # Errors
/// When it does not.
pub async fn wait_for_health(
    pair: &Pair,
    number: usize,
    server: usize,
    health: &str,
) -> Result<()> {
    let server = pair.lab.servers.get(server).ok_or_else(|| Failure::new("no such server"))?;
    let name = server.server.name();
    pair.wait_for(number, &format!("`{name}` is {health}"), |status| {
        (status.health(name) == Some(health)).then_some(())
    })
    .await
}
