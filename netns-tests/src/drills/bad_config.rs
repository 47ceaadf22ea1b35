//! Config that only the machine can find wrong: what it names is not there, or taken.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::failure::Result;
use crate::lab::PORT;
use crate::lab::server::Server;
use crate::pair::{A, Pair};
use crate::router::process::Answer;
use crate::router::settings::Settings;
use crate::verdict::Verdict;

/// The drill: each problem is named at its place in the file, and `run` does not start with it.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let mut pair = Pair::idle(&binary, Settings::default()).await?;
    let verdict = port_in_use(&mut pair, Verdict::default()).await?;
    unreadable(&mut pair, verdict).await
}

async fn port_in_use(pair: &mut Pair, verdict: Verdict) -> Result<Verdict> {
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
    let node = pair.boxes[A].machine().node.clone();
    let squatter = Server::start("squatter", node, everywhere).await?;
    let file = pair.config().to_owned();
    let answer = run_with(pair, &file).await?;
    drop(squatter);
    Ok(refuses(verdict, "a port in use", &answer, &["192.168.8.1:80", "haagent.toml:", "in use"]))
}

async fn unreadable(pair: &mut Pair, verdict: Verdict) -> Result<Verdict> {
    let file = pair.config().with_file_name("no-such-file.toml");
    let answer = run_with(pair, &file).await?;
    Ok(refuses(verdict, "a missing file", &answer, &["no-such-file.toml", "no such file"]))
}

async fn run_with(pair: &mut Pair, file: &Path) -> Result<Answer> {
    let haagent = &mut pair.boxes[A];
    haagent.configure(file);
    haagent.finish(haagent.run_command()).await
}

fn refuses(verdict: Verdict, what: &str, answer: &Answer, clues: &[&str]) -> Verdict {
    let failed = answer.code.is_some_and(|code| code != 0);
    let mut verdict = verdict.expect(failed, format!("`run` starts with {what}"));
    for clue in clues {
        let named = answer.errors.contains(clue);
        verdict =
            verdict.expect(named, format!("{what}: `{clue}` is not named in: {}", answer.errors));
    }
    verdict
}
