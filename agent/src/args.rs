//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A high-availability appliance: floating addresses by VRRP, and the proxy behind them.
#[derive(Debug, Parser)]
#[command(name = "haagent", version, propagate_version = true)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What haagent can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run in the foreground: SIGTERM stops as planned, SIGHUP reloads the config
    Run {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        run: RunDirectory,
        #[command(flatten)]
        state: StateDirectory,
    },
    /// Say everything that is wrong with a config: exit code 0 good, 1 problems, 2 cannot be checked
    Check {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        run: RunDirectory,
    },
    /// Show how things are: exit code 0 healthy, 1 degraded, 2 not running
    Status {
        /// Print the whole report as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        run: RunDirectory,
    },
    /// Take the changed config into force: exit code 0 done, 1 rejected, 2 not running
    Reload {
        /// Wait until it is in force or rejected, and say which.
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        run: RunDirectory,
    },
    /// Undo what a crash left: virtual addresses that carry our tag, and no others, and kernel settings
    Release {
        #[command(flatten)]
        run: RunDirectory,
    },
    /// Serve clients for a supervisor
    #[command(hide = true)]
    Worker {
        /// The user to become.
        #[arg(long, requires = "gid")]
        uid: Option<u32>,
        /// The group to become.
        #[arg(long, requires = "uid")]
        gid: Option<u32>,
    },
    /// Let go for a supervisor that died
    #[command(hide = true)]
    Guard,
    /// Become a command that a supervisor runs
    #[command(hide = true)]
    Exec {
        /// The user to become.
        #[arg(long)]
        uid: u32,
        /// The group to become.
        #[arg(long)]
        gid: u32,
        /// The file to execute.
        program: PathBuf,
        /// What it is told: its name, then its arguments.
        #[arg(required = true, last = true)]
        argv: Vec<OsString>,
    },
}

/// Which config, and who we are in it.
#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// The config file
    #[arg(short, long, value_name = "FILE", default_value = "/etc/haagent/haagent.toml")]
    pub(crate) file: PathBuf,
    /// The node that this box is [default: the one with its hostname]
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
}

/// Where the supervisor can be reached.
#[derive(Debug, Args)]
pub(crate) struct RunDirectory {
    /// The directory of the control socket
    #[arg(
        long = "run-dir",
        value_name = "DIR",
        env = "HAAGENT_RUN_DIR",
        default_value = "/run/haagent"
    )]
    pub(crate) path: PathBuf,
}

/// What outlives a reboot.
#[derive(Debug, Args)]
pub(crate) struct StateDirectory {
    /// The directory for the numbers of signed advertisements
    #[arg(
        long = "state-dir",
        value_name = "DIR",
        env = "STATE_DIRECTORY",
        default_value = "/var/lib/haagent"
    )]
    pub(crate) directory: PathBuf,
}
