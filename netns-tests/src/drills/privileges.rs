//! What the processes may do: the worker nothing, and `run` says what it lacks.

use std::io::Read;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, set_capabilities,
    set_capabilities_secure_bits,
};

use crate::failure::{Failure, OrFail, Result, eventually};
use crate::pair::{A, Pair};
use crate::router::settings::Settings;
use crate::verdict::{Measurement, Verdict};

/// The drill.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let mut pair = Pair::start(&binary, Settings::default()).await?;
    let verdict = worker(&pair).await?;
    pair.boxes[A].kill()?;
    without_capabilities(&pair, verdict).await
}

/// The worker parses what comes from the network: it has a user of its own and no capability.
async fn worker(pair: &Pair) -> Result<Verdict> {
    let status = pair.status(A).await?;
    let worker = status.worker.pid.ok_or_else(|| Failure::new("there is no worker"))?;
    let path = format!("/proc/{worker}/status");
    let facts = std::fs::read_to_string(path).or_fail("cannot look at the worker")?;
    let mut verdict = Verdict::of(Measurement::default());
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        let value = fact(&facts, set);
        let none = u64::from_str_radix(value, 16) == Ok(0);
        verdict = verdict.expect(none, format!("the worker's {set} is `{value}`"));
    }
    let uid = fact(&facts, "Uid").split_whitespace().next().unwrap_or_default();
    let user = uid != "0" || !others_exist();
    Ok(verdict
        .expect(fact(&facts, "NoNewPrivs") == "1", "the worker may gain privileges")
        .expect(user, "the worker runs as root"))
}

/// A line of `/proc/PID/status`.
fn fact<'a>(facts: &'a str, name: &str) -> &'a str {
    let line = facts.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim()
}

/// Are there users beside root? In the user namespace of an ordinary user there are none.
pub(super) fn others_exist() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let count = map.split_whitespace().nth(2).and_then(|count| count.parse::<u64>().ok());
    count.is_some_and(|count| count > 1)
}

/// Started by somebody who has none, `run` ends at once and names what is missing.
async fn without_capabilities(pair: &Pair, verdict: Verdict) -> Result<Verdict> {
    let mut command = pair.boxes[A].run_command();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // A thread of its own in the router's namespace: what it gives up, it does not get back.
    let start =
        move || give_up_capabilities().and_then(|()| command.spawn().or_fail("cannot start `run`"));
    let node = &pair.boxes[A].machine().node;
    let child = node.run(move || async move { std::thread::spawn(start).join() }).await?;
    let mut child = child.map_err(|_| Failure::new("the thread panicked"))??;
    let ended = eventually("the end of `run`", DEADLINE, || {
        let status = child.try_wait().or_fail("cannot wait for `run`");
        async { status?.ok_or_else(|| Failure::new("it runs without capabilities")) }
    });
    let status = ended.await?;
    let mut errors = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut errors).or_fail("cannot read what `run` says")?;
    }
    let named = ["CAP_NET_ADMIN", "CAP_NET_RAW"].iter().all(|name| errors.contains(name));
    Ok(verdict
        .expect(!status.success(), "`run` is content without capabilities")
        .expect(named, format!("the missing capabilities are not named in: {errors}"))
        .remark(errors.trim_end().replace('\n', " ")))
}

/// How long `run` may take to find out what it lacks.
const DEADLINE: Duration = Duration::from_secs(5);

/// Makes the calling thread, and what it starts, an ordinary user's, whatever its user is.
fn give_up_capabilities() -> Result<()> {
    let bits = CapabilitiesSecureBits::NO_ROOT | CapabilitiesSecureBits::NO_SETUID_FIXUP;
    set_capabilities_secure_bits(bits).or_fail("cannot make root an ordinary user")?;
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, none).or_fail("cannot give up capabilities")
}
