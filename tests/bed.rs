//! What the tests stand on: a directory, a port, and a `haagent` that runs there.

mod binary;
mod client;
mod port;
mod privilege;
mod process;
mod server;
mod settings;
mod wait;

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use binary::binary;
pub(crate) use client::Client;
pub(crate) use port::Port;
pub(crate) use privilege::unprivileged;
pub(crate) use process::Process;
pub(crate) use server::{Server, Silent};
pub(crate) use settings::{OFTEN, Settings, UNCHECKED, frontend};
pub(crate) use wait::{PATIENCE, eventually, time_of};

/// For what was asked to end when a test is over, before it is killed.
const FAREWELL: Duration = Duration::from_secs(2);

/// One box. When it is dropped, everything it started ends, and if the test failed, its log is shown.
#[derive(Debug)]
pub(crate) struct TestBed {
    scratch: TempDir,
    port: Port,
    supervisor: Option<Supervisor>,
    /// What a killed supervisor leaves behind.
    orphans: Vec<Process>,
}

#[derive(Debug)]
struct Supervisor {
    child: Child,
    process: Process,
}

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its exit code.
    pub(crate) code: i32,
    /// What it said on standard output.
    pub(crate) output: String,
    /// What it said on standard error.
    pub(crate) errors: String,
}

impl TestBed {
    /// A directory and a port, where nothing runs yet.
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        Self { scratch, port: Port::reserve(), supervisor: None, orphans: Vec::new() }
    }

    /// Starts `haagent` with these servers and waits until it serves.
    pub(crate) fn serving(servers: &[SocketAddr]) -> Self {
        Self::serving_with(servers, |_| {})
    }

    /// The same with other settings.
    pub(crate) fn serving_with(servers: &[SocketAddr], change: impl FnOnce(&mut Settings)) -> Self {
        let mut bed = Self::new();
        let mut settings = Settings::new(bed.address(), servers);
        change(&mut settings);
        bed.configure(settings);
        bed.start();
        bed
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The scratch directory.
    pub(crate) fn directory(&self) -> &Path {
        self.scratch.path()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.directory().join("haagent.toml")
    }

    pub(crate) fn run_directory(&self) -> PathBuf {
        self.directory().join("run")
    }

    /// Writes the config file.
    pub(crate) fn configure(&self, config: impl ToString) {
        fs::write(self.file(), config.to_string()).expect("the scratch directory is ours");
    }

    /// Starts `haagent run` and waits until it serves.
    pub(crate) fn start(&mut self) {
        let log = File::options().append(true).create(true).open(self.log_file()).expect("a log");
        let child = self
            .command(&["run"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .spawn()
            .expect("haagent starts");
        let process =
            Process::find(child.id()).expect("a child is remembered until it is waited for");
        self.supervisor = Some(Supervisor { child, process });
        self.until("it serves", |status| status["worker"]["state"] == "serving");
    }

    fn log_file(&self) -> PathBuf {
        self.directory().join("log")
    }

    /// What the supervisor and its workers have logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// A command line of `haagent` for this box.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.env_clear().env("RUST_LOG", "debug");
        command.env("HAAGENT_RUN_DIR", self.run_directory()).args(arguments);
        if matches!(arguments, ["run" | "check", ..]) {
            command.arg("--file").arg(self.file());
        }
        command
    }

    /// Runs a command of `haagent`, which must end by itself.
    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        finish(self.command(arguments))
    }

    /// `haagent reload --wait`.
    pub(crate) fn reload(&self) -> Answer {
        self.run(&["reload", "--wait"])
    }

    /// `haagent status --json` of a box that runs.
    pub(crate) fn status(&self) -> Value {
        let answer = self.run(&["status", "--json"]);
        assert!(matches!(answer.code, 0 | 1), "{answer:?}");
        serde_json::from_str(&answer.output).expect("the report is JSON")
    }

    /// Waits until the status is as it must become, and returns it.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || {
            let answer = self.run(&["status", "--json"]);
            let status = serde_json::from_str(&answer.output).ok()?;
            is_so(&status).then_some(status)
        })
    }

    /// Waits until the server of this number, from 1, has this health.
    pub(crate) fn until_health(&self, number: usize, health: &str) {
        let what = format!("server s{number} is {health}");
        self.until(&what, |status| server(status, number)["health"] == health);
    }

    /// A client that is connected, and maybe served.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// A client that is served, and the name of its server.
    pub(crate) fn served(&self) -> (Client, char) {
        Client::served(self.address())
    }

    /// Which server serves the next client, whose session is over then.
    pub(crate) fn ask(&self) -> char {
        let (client, server) = self.served();
        client.finish();
        server
    }

    /// The supervisor.
    pub(crate) fn supervisor(&self) -> &Process {
        &self.supervisor.as_ref().expect("it runs").process
    }

    /// The worker that runs now.
    pub(crate) fn worker(&self) -> Process {
        eventually("a worker runs", || pid(&self.status()).and_then(Process::find))
    }

    /// Waits for the end of the supervisor and everything it started, and tells how it ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let Supervisor { mut child, process } = self.supervisor.take().expect("it runs");
        let children = process.children();
        if !process.ends_within(PATIENCE) {
            self.supervisor = Some(Supervisor { child, process });
            panic!("haagent goes on");
        }
        children.iter().for_each(Process::ended);
        child.wait().expect("a child is waited for once")
    }

    /// `kill -9` of the supervisor. What it started is left to itself, until the test is over.
    pub(crate) fn kill(&mut self) {
        let Supervisor { mut child, process } = self.supervisor.take().expect("it runs");
        self.orphans.append(&mut process.children());
        process.kill();
        child.wait().expect("a child is waited for once");
    }

    /// As [`ended`](Self::ended), in the end and by all means.
    fn clean_up(&mut self) {
        if let Some(Supervisor { mut child, process }) = self.supervisor.take() {
            self.orphans.append(&mut process.children());
            process.signal(Signal::TERM);
            // Without waiting for the sessions of a test that is over.
            process.signal(Signal::INT);
            if !process.ends_within(FAREWELL) {
                process.signal(Signal::KILL);
            }
            // It has ended, or is about to.
            let _ = child.wait();
        }
        put_away(&self.orphans);
    }
}

impl Drop for TestBed {
    #[expect(clippy::print_stderr, reason = "the test harness shows it for tests that failed")]
    fn drop(&mut self) {
        self.clean_up();
        if std::thread::panicking() {
            eprintln!("--- the log of haagent ---\n{}", self.log());
        }
    }
}

/// Waits for what is about to end by itself, and kills it if it does not.
fn put_away(processes: &[Process]) {
    for process in processes {
        if !process.ends_within(FAREWELL) {
            process.signal(Signal::KILL);
        }
    }
}

/// Runs a command to its end, within the usual patience.
fn finish(mut command: Command) -> Answer {
    let file = || tempfile::tempfile().expect("a scratch file");
    let (mut output, mut errors) = (file(), file());
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a descriptor"))
        .stderr(errors.try_clone().expect("a descriptor"))
        .spawn()
        .expect("the command starts");
    let process = Process::find(child.id()).expect("a child is remembered until it is waited for");
    let in_time = process.ends_within(PATIENCE);
    if !in_time {
        let children = process.children();
        process.signal(Signal::KILL);
        put_away(&children);
    }
    let status = child.wait().expect("a child is waited for once");
    let (output, errors) = (text(&mut output), text(&mut errors));
    assert!(in_time, "{command:?} does not end: {output}{errors}");
    let code = status.code().unwrap_or_else(|| panic!("{command:?}: signal {:?}", status.signal()));
    Answer { code, output, errors }
}

fn text(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().expect("a file can be rewound");
    file.read_to_string(&mut text).expect("commands speak UTF-8");
    text
}

/// The server of this number, from 1, in a status.
pub(crate) fn server(status: &Value, number: usize) -> &Value {
    &status["backends"][0]["servers"][number - 1]
}

/// The worker's process in a status.
pub(crate) fn pid(status: &Value) -> Option<u32> {
    status["worker"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
}
