//! A box that runs `haagent`: start it, stop it in every way, and ask it how it is.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::timeout;

use super::status::Status;
use crate::failure::{Failure, OrFail, Result, eventually};
use crate::lab::Machine;

/// One `haagent` on a machine of the lab.
#[derive(Debug)]
pub struct Haagent {
    name: &'static str,
    machine: Machine,
    binary: PathBuf,
    config: PathBuf,
    directory: PathBuf,
    supervisor: Option<Child>,
}

/// What a command of `haagent` answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote on standard output.
    pub output: String,
    /// What it wrote on standard error.
    pub errors: String,
}

/// How long a command may take; `reload --wait` is the slowest.
const COMMAND_DEADLINE: Duration = Duration::from_secs(5);

impl Haagent {
    /// A box that is not running yet. `directory` is for its run directory and its log.
    #[must_use]
    pub fn new(
        name: &'static str,
        machine: &Machine,
        binary: &Path,
        config: &Path,
        directory: &Path,
    ) -> Self {
        Self {
            name,
            machine: machine.clone(),
            binary: binary.into(),
            config: config.into(),
            directory: directory.into(),
            supervisor: None,
        }
    }

    /// The name of the node in the config.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The machine that the box is.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Reads another file from the next start on.
    pub fn configure(&mut self, config: &Path) {
        self.config = config.into();
    }

    /// Where the log is.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.directory.join(format!("{}.log", self.name))
    }

    fn run_dir(&self) -> PathBuf {
        self.directory.join(self.name)
    }

    /// Where it keeps what outlives a reboot.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.directory.join(format!("{}.state", self.name))
    }

    /// Starts `haagent run`; returns at once.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(&mut self) -> Result<()> {
        let log = self.open_log()?;
        let mut command = self.run_command();
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().or_fail("cannot share the log")?).stderr(log);
        self.supervisor = Some(self.machine.node.spawn(command).await?);
        Ok(())
    }

    fn open_log(&self) -> Result<File> {
        let log = OpenOptions::new().append(true).create(true).open(self.log());
        log.or_fail("cannot open the log")
    }

    /// The command line of `haagent run` for this box.
    #[must_use]
    pub fn run_command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("run").arg("--file").arg(&self.config).args(["--node", self.name]);
        command.arg("--run-dir").arg(self.run_dir());
        command.arg("--state-dir").arg(self.state_dir());
        command
    }

    /// Runs another command of `haagent` on the machine and waits for its end.
    ///
    /// # Errors
    /// When it cannot be started or does not end.
    pub async fn command(&self, arguments: &[&str]) -> Result<Answer> {
        let mut command = Command::new(&self.binary);
        command.args(arguments);
        self.finish(command).await
    }

    /// Runs `command` on the machine and waits for its end.
    ///
    /// # Errors
    /// When it cannot be started or does not end.
    pub async fn finish(&self, command: Command) -> Result<Answer> {
        let work = move || async move {
            let mut command = tokio::process::Command::from(command);
            command.stdin(Stdio::null()).kill_on_drop(true);
            timeout(COMMAND_DEADLINE, command.output()).await
        };
        let output = self.machine.node.run(work).await?;
        let output = output.or_fail("a command hangs")?.or_fail("cannot run a command")?;
        Ok(Answer {
            code: output.status.code(),
            output: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Asks `haagent status --json`.
    ///
    /// # Errors
    /// When it does not run or its report is not what was promised.
    pub async fn status(&self) -> Result<Status> {
        let run_dir = self.run_dir().display().to_string();
        let answer = self.command(&["status", "--json", "--run-dir", &run_dir]).await?;
        match answer.code {
            Some(0 | 1) => serde_json::from_str(&answer.output)
                .or_fail(format!("`{}` reports nonsense", self.name)),
            _ => Err(Failure::new(format!("`{}`: {}", self.name, answer.errors.trim_end()))),
        }
    }

    /// Asks `haagent reload --wait`.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn reload(&self) -> Result<Answer> {
        let run_dir = self.run_dir().display().to_string();
        self.command(&["reload", "--wait", "--run-dir", &run_dir]).await
    }

    /// The supervisor's process.
    ///
    /// # Errors
    /// When it was not started.
    pub fn supervisor(&self) -> Result<Pid> {
        let child = self.supervisor.as_ref();
        let child = child.ok_or_else(|| Failure::new(format!("`{}` does not run", self.name)))?;
        pid(child.id())
    }

    /// Sends a signal to the supervisor.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        send(self.supervisor()?, signal)
    }

    /// `kill -9` of the supervisor.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        if let Some(mut child) = self.supervisor.take() {
            child.wait().or_fail("cannot wait for the supervisor")?;
        }
        Ok(())
    }

    /// Waits until the supervisor has ended by itself.
    ///
    /// # Errors
    /// When it goes on running for longer than `within`.
    pub async fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        let name = self.name;
        let mut child = self.supervisor.take().ok_or_else(|| Failure::new("it does not run"))?;
        let what = format!("the end of `{name}`");
        let ended = eventually(&what, within, || {
            let status = child.try_wait().or_fail("cannot wait for the supervisor");
            async { status?.ok_or_else(|| Failure::new("it runs")) }
        })
        .await;
        if ended.is_err() {
            self.supervisor = Some(child);
        }
        ended
    }
}

impl Drop for Haagent {
    fn drop(&mut self) {
        if let Some(mut child) = self.supervisor.take() {
            // It may have ended by itself, which is all that is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends a signal to a process of the lab.
///
/// # Errors
/// When there is no such process.
pub fn send(process: Pid, signal: Signal) -> Result<()> {
    kill(process, signal).or_fail(format!("cannot send {signal} to process {process}"))
}

/// A process number as the kernel wants it.
pub(super) fn pid(number: u32) -> Result<Pid> {
    let number = i32::try_from(number).or_fail("a process number is out of range")?;
    Ok(Pid::from_raw(number))
}
