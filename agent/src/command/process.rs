//! One process: started in a group of its own, listened to, and ended in time.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How much of what a command says is kept: enough for a reason, not a log file.
const OUTPUT_MAX: usize = 1 << 10;
/// A command that was killed is gone by then.
const DEATH_DEADLINE: Duration = Duration::from_secs(1);

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What became of it.
    pub(crate) end: End,
    /// The start of what it said on standard output and standard error, on one line.
    pub(crate) output: String,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Exit code 0.
    Success,
    /// Another exit code, or a signal; the text says which.
    Failure(String),
    /// It was killed at its deadline, which was this long.
    Timeout(Duration),
    /// It could not be started.
    NotStarted(String),
}

impl Outcome {
    /// Whether it ended with exit code 0.
    pub(crate) fn is_success(&self) -> bool {
        self.end == End::Success
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.end {
            End::Success => f.write_str("succeeded")?,
            End::Failure(how) => f.write_str(how)?,
            End::Timeout(timeout) => write!(f, "killed after {} ms", timeout.as_millis())?,
            End::NotStarted(why) => write!(f, "cannot be started: {why}")?,
        }
        if self.output.is_empty() { Ok(()) } else { write!(f, ": {}", self.output) }
    }
}

/// Runs the command in a process group of its own; all of it is killed when the time is over.
pub(super) async fn run(command: std::process::Command, within: Duration) -> Outcome {
    match start(command) {
        Ok((child, output)) => attend(child, output, within).await,
        Err(error) => Outcome { end: End::NotStarted(error.to_string()), output: String::new() },
    }
}

fn start(mut command: std::process::Command) -> io::Result<(Group, pipe::Receiver)> {
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let mut command = Command::from(command);
    let child = command.spawn()?;
    // The ends of the pipe that it was given are dropped with the command: only the process can write now.
    drop(command);
    let output = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    Ok((Group(child), output))
}

async fn attend(mut group: Group, mut pipe: pipe::Receiver, within: Duration) -> Outcome {
    let mut output = Vec::new();
    let ended = timeout(within, async {
        tokio::select! {
            // Never ends: what it started may keep the pipe open for longer than it lives.
            never = listen(&mut pipe, &mut output) => match never {},
            status = group.0.wait() => status,
        }
    })
    .await;
    let end = match ended {
        Ok(Ok(status)) => end_of(status),
        Ok(Err(error)) => End::Failure(error.to_string()),
        Err(_) => {
            group.kill();
            let _ = timeout(DEATH_DEADLINE, group.0.wait()).await;
            End::Timeout(within)
        }
    };
    read_rest(&pipe, &mut output);
    Outcome { end, output: one_line(&output) }
}

/// Reads as long as there is something to read, so that the command never waits for us, and keeps the start.
async fn listen(pipe: &mut pipe::Receiver, output: &mut Vec<u8>) -> Infallible {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        keep(output, &buffer[..read]);
    }
    std::future::pending().await
}

/// What was said last, unless it is much.
fn read_rest(pipe: &pipe::Receiver, output: &mut Vec<u8>) {
    let mut buffer = [0; OUTPUT_MAX];
    if let Ok(read) = pipe.try_read(&mut buffer) {
        keep(output, &buffer[..read]);
    }
}

fn keep(output: &mut Vec<u8>, more: &[u8]) {
    let room = OUTPUT_MAX - output.len();
    output.extend(more.iter().take(room));
}

fn one_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let text = text.replace(|c: char| c.is_control(), " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn end_of(status: ExitStatus) -> End {
    if status.success() { End::Success } else { End::Failure(status.to_string()) }
}

/// A process and what it started. Dropping it kills them, if the process still runs.
struct Group(Child);

impl Group {
    fn kill(&self) {
        // Not yet waited for, so that the number is its own.
        let leader = self.0.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(leader) = leader
            && let Err(error) = kill_process_group(leader, Signal::KILL)
        {
            tracing::error!(%error, "cannot kill a command");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> std::process::Command {
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    async fn run_shell(script: &str, within: Duration) -> Outcome {
        run(shell(script), within).await
    }

    #[tokio::test]
    async fn exit_code_and_output_are_told() {
        let good = run_shell("echo fine; echo too >&2", LONG).await;
        assert_eq!(good, Outcome { end: End::Success, output: "fine too".to_owned() });
        let bad = run_shell("echo no; exit 3", LONG).await;
        assert!(!bad.is_success());
        assert_eq!(bad.to_string(), "exit status: 3: no");
    }

    #[tokio::test]
    async fn the_deadline_ends_all_that_was_started() {
        let directory = tempfile::tempdir().expect("scratch directory");
        let file = directory.path().join("pid");
        // The child holds the pipe, too.
        let script = format!("sleep 60 & echo $! > {}; wait", file.display());
        let outcome = run_shell(&script, SOON).await;
        assert_eq!(outcome.end, End::Timeout(SOON));
        let child = std::fs::read_to_string(file).expect("the script ran");
        let path = format!("/proc/{}/stat", child.trim());
        // Gone, or dead and not yet collected by init.
        let is_over = || std::fs::read_to_string(&path).map_or(true, |stat| stat.contains(") Z"));
        for _ in 0..200 {
            if is_over() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("what the command started outlived it");
    }

    #[tokio::test]
    async fn a_child_that_goes_on_delays_nothing() {
        let outcome = run_shell("sleep 2 & echo done", Duration::from_secs(1)).await;
        assert_eq!(outcome, Outcome { end: End::Success, output: "done".to_owned() });
    }

    #[tokio::test]
    async fn much_output_neither_blocks_nor_fills_the_memory() {
        let outcome = run_shell("yes | head -c 1000000", LONG).await;
        assert!(outcome.is_success(), "{outcome}");
        assert!(outcome.output.len() <= OUTPUT_MAX, "{}", outcome.output.len());
        assert!(outcome.output.starts_with("y y y"));
    }

    #[tokio::test]
    async fn a_program_that_is_missing_is_told() {
        let outcome = run(std::process::Command::new("/nonexistent/program"), LONG).await;
        assert!(matches!(outcome.end, End::NotStarted(_)), "{outcome}");
    }
}
