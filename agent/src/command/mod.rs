//! Runs commands that the config names, such as hooks: safely, or not at all.
//!
//! ```text
//! ExternalCommand ── check ──▶ Runnable ── run ──▶ process ── `haagent exec` (child) ──▶ the command
//!  what was said      rules     resolved            group, deadline, output   no privileges
//! ```
//!
//! No shell, no root, nothing of our environment, none of our privileges, and no end that is waited for without a
//! deadline. [`rules`] says which programs may be run at all: those that nobody but root, or who started us, can replace.

pub(crate) mod child;
mod process;
mod rules;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use process::Outcome;
pub(crate) use rules::Refusal;

use crate::privilege::Identity;

/// Where system programs are, for scripts: all that a command finds in its environment besides what its caller adds.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command as the config says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExternalCommand {
    /// The absolute path of the program, and its arguments. They reach it as they are: there is no shell.
    pub(crate) argv: Vec<String>,
    /// Who runs it: never root. `None` is `haagent` if there is such a user, else `nobody`.
    pub(crate) user: Option<String>,
    /// When it is killed, with everything that it started.
    pub(crate) timeout: Duration,
}

impl ExternalCommand {
    /// Applies the rules to the program as it is now, and finds the user.
    ///
    /// # Errors
    /// Why it must not be run.
    pub(crate) fn check(&self) -> Result<Runnable, Refusal> {
        let identity = rules::identity(self.user.as_deref())?;
        let (name, arguments) = self.argv.split_first().ok_or(Refusal::Empty)?;
        Ok(Runnable {
            program: rules::resolve(name, identity)?,
            name: name.clone(),
            arguments: arguments.to_vec(),
            identity,
            timeout: self.timeout,
        })
    }
}

/// A command that may be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Runnable {
    /// Without symbolic links, so that replacing one changes nothing.
    program: PathBuf,
    /// As the config has it.
    name: String,
    arguments: Vec<String>,
    identity: Identity,
    timeout: Duration,
}

impl Runnable {
    /// Whether this process may run it: it is that user, or can become it.
    pub(crate) fn is_attainable(&self) -> bool {
        self.identity.is_attainable() || self.identity.uid == rustix::process::geteuid().as_raw()
    }

    /// The longest time that it may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Runs it to its end or to its deadline, with these variables in its environment.
    ///
    /// It is killed when this future is dropped, and when the thread ends that polls it first: no thread of a pool.
    pub(crate) async fn run(&self, variables: &[(&str, String)]) -> Outcome {
        let mut command = std::process::Command::new("/proc/self/exe");
        let Identity { uid, gid } = self.identity;
        command.arg0("haagent").args([
            "exec",
            "--uid",
            &uid.to_string(),
            "--gid",
            &gid.to_string(),
        ]);
        command.arg(&self.program).arg("--").arg(&self.name).args(&self.arguments);
        command.env_clear().env("PATH", PATH);
        command.envs(variables.iter().map(|(name, value)| (name, value))).current_dir("/");
        process::run(command, self.timeout).await
    }
}

/// As a person would type it.
impl std::fmt::Display for Runnable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}
