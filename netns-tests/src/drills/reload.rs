//! Reloads: of the same config, of a bad one, and of another good one.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;

use crate::clock::Moment;
use crate::failure::{OrFail, Result};
use crate::lab::wire::Wire;
use crate::pair::{A, Pair};
use crate::router::settings::{ADVERT_INTERVAL, Settings};
use crate::verdict::Verdict;

/// The drill. Whatever is reloaded, clients notice nothing.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let pair = Pair::start(&binary, Settings::default()).await?;
    let from = pair.now();
    let verdict = same(&pair, Verdict::default()).await?;
    let verdict = bad(&pair, verdict).await?;
    let verdict = other(&pair, verdict).await?;
    pair.settled(A).await?;
    let (measurement, _) = pair.observe(from).await;
    Ok(Verdict { measurement, ..verdict }
        .gap_at_most(ADVERT_INTERVAL)
        .both_held_at_most(Duration::ZERO)
        .nothing_lost())
}

/// The same config again: not one packet more, no new worker, no new revision.
async fn same(pair: &Pair, verdict: Verdict) -> Result<Verdict> {
    let client = &pair.lab.client;
    let wire = Wire::listen(pair.lab.clock, &client.node, client.link.interface()).await?;
    let before = pair.status(A).await?;
    let answer = pair.boxes[A].reload().await?;
    // Not to wait for something: the wire is watched for this long.
    sleep(ADVERT_INTERVAL * 10).await;
    let after = pair.status(A).await?;
    let spacing = shortest_spacing(&wire);
    Ok(verdict
        .expect(answer.code == Some(0), format!("the same config: {}", answer.errors))
        .expect(after.config.revision == before.config.revision, "an equal config is a revision")
        .expect(after.worker.pid == before.worker.pid, "an equal config costs the worker")
        .expect(
            spacing >= ADVERT_INTERVAL * 3 / 4,
            format!("two adverts {} ms apart", spacing.as_millis()),
        ))
}

fn shortest_spacing(wire: &Wire) -> Duration {
    let heard = wire.since(Moment::ZERO);
    let spacing = heard.windows(2).map(|pair| pair[1].at - pair[0].at);
    spacing.min().unwrap_or_default()
}

/// A bad config: the command fails, the old one runs on, and the status says why.
async fn bad(pair: &Pair, verdict: Verdict) -> Result<Verdict> {
    let text = pair.settings.to_toml() + "\n[nonsense]\nanswer = 42\n";
    std::fs::write(pair.config(), text).or_fail("cannot write the config")?;
    let before = pair.status(A).await?;
    let answer = pair.boxes[A].reload().await?;
    let after = pair.status(A).await?;
    let rejected = after.config.rejected.unwrap_or_default();
    Ok(verdict
        .expect(answer.code != Some(0), "a bad config was reloaded")
        .expect(rejected.contains("nonsense"), format!("the reason is unclear: `{rejected}`"))
        .expect(after.config.digest == before.config.digest, "a bad config replaced a good one"))
}

/// Another good config: it is taken, and the bad one is forgotten.
async fn other(pair: &Pair, verdict: Verdict) -> Result<Verdict> {
    let settings = Settings { balance: "least_connections", ..pair.settings.clone() };
    std::fs::write(pair.config(), settings.to_toml()).or_fail("cannot write the config")?;
    let before = pair.status(A).await?;
    let answer = pair.boxes[A].reload().await?;
    let after = pair.status(A).await?;
    Ok(verdict
        .expect(answer.code == Some(0), format!("another good config: {}", answer.errors))
        .expect(after.config.digest != before.config.digest, "another good config was not taken")
        .expect(after.config.rejected.is_none(), "the bad config is not forgotten")
        .expect(after.worker.pid == before.worker.pid, "another config costs the worker"))
}
