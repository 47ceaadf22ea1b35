//! A box that runs either program, so that both can be put through the same.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::keepalived::Keepalived;
use super::process::{Haagent, send};
use super::settings::Settings;
use super::status::RouterState;
use crate::failure::{Failure, Result};
use crate::lab::node::runs;
use crate::lab::{Machine, ROUTERS};

/// Which program is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// Ours.
    Haagent,
    /// The one that most people have.
    Keepalived,
}

/// A process of a box, by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The one that takes part in the election: our supervisor, keepalived's child for VRRP.
    Elector,
    /// The one beside it: our worker, keepalived's parent.
    Other,
    /// Our guard; keepalived has none.
    Guard,
}

/// Where the files of a box are.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// Our binary.
    pub binary: &'a Path,
    /// Our config.
    pub config: &'a Path,
    /// For everything else.
    pub directory: &'a Path,
}

/// One box.
#[derive(Debug)]
pub enum Router {
    /// It runs `haagent`.
    Haagent(Haagent),
    /// It runs keepalived, with a web server behind it.
    Keepalived(Keepalived),
}

impl Router {
    /// A box that is not running yet.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub async fn new(
        contender: Contender,
        number: usize,
        machine: &Machine,
        files: Files<'_>,
        settings: &Settings,
    ) -> Result<Self> {
        let Files { binary, config, directory } = files;
        Ok(match contender {
            Contender::Haagent => {
                let (name, _) = ROUTERS[number];
                Self::Haagent(Haagent::new(name, machine, binary, config, directory))
            }
            Contender::Keepalived => {
                Self::Keepalived(Keepalived::new(number, machine, directory, settings).await?)
            }
        })
    }

    /// The machine that the box is.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        match self {
            Self::Haagent(haagent) => haagent.machine(),
            Self::Keepalived(keepalived) => keepalived.machine(),
        }
    }

    /// Starts it; returns at once. Whatever an earlier start left behind is gone.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(&mut self) -> Result<()> {
        self.machine().node.end_processes().await?;
        match self {
            Self::Haagent(haagent) => {
                if haagent.supervisor().is_ok() {
                    // Its run directory is free when the last of its threads has ended.
                    haagent.ended(END_DEADLINE).await?;
                }
                haagent.start().await
            }
            Self::Keepalived(keepalived) => keepalived.start().await,
        }
    }

    /// Stops it as its service manager would, without waiting for the end.
    ///
    /// # Errors
    /// When it does not run.
    pub fn terminate(&self) -> Result<()> {
        match self {
            Self::Haagent(haagent) => haagent.signal(Signal::SIGTERM),
            Self::Keepalived(keepalived) => send(keepalived.parent()?, Signal::SIGTERM),
        }
    }

    /// What the box says of itself once it is ready for anything; an error before.
    ///
    /// # Errors
    /// When it is not.
    pub async fn role(&self) -> Result<RouterState> {
        match self {
            Self::Haagent(haagent) => {
                let status = haagent.status().await?;
                let state = status.state().unwrap_or(RouterState::Initialize);
                let worker = if state == RouterState::Active { "serving" } else { "standby" };
                let ready = status.guard.pid.is_some() && status.worker.state == worker;
                let problems = status.problems.join(", ");
                if ready && status.healthy {
                    Ok(state)
                } else {
                    Err(Failure::new(format!("it is not ready: {problems}")))
                }
            }
            Self::Keepalived(keepalived) => keepalived.role(),
        }
    }

    /// The processes of these parts that there are.
    ///
    /// # Errors
    /// When the box does not run.
    pub async fn processes(&self, parts: &[Part]) -> Result<Vec<Pid>> {
        let of = |part: &Part, elector, other, guard| match part {
            Part::Elector => Some(elector),
            Part::Other => other,
            Part::Guard => guard,
        };
        Ok(match self {
            Self::Haagent(haagent) => {
                let status = haagent.status().await?;
                let [worker, guard] =
                    [status.worker.pid, status.guard.pid].map(|pid| pid.map(Pid::from_raw));
                let supervisor = haagent.supervisor()?;
                parts.iter().filter_map(|part| of(part, supervisor, worker, guard)).collect()
            }
            Self::Keepalived(keepalived) => {
                let (elector, parent) = (keepalived.elector()?, keepalived.parent()?);
                parts.iter().filter_map(|part| of(part, elector, Some(parent), None)).collect()
            }
        })
    }

    /// Sends a signal to every one of these parts, one right after the other.
    ///
    /// # Errors
    /// When the box does not run.
    pub async fn signal(&self, parts: &[Part], signal: Signal) -> Result<Vec<Pid>> {
        let processes = self.processes(parts).await?;
        processes.iter().try_for_each(|process| send(*process, signal))?;
        Ok(processes)
    }

    /// Does its main process run?
    #[must_use]
    pub fn is_running(&self) -> bool {
        let main = match self {
            Self::Haagent(haagent) => haagent.supervisor(),
            Self::Keepalived(keepalived) => keepalived.parent(),
        };
        main.is_ok_and(runs)
    }
}

/// How long a process may live on that was killed.
const END_DEADLINE: Duration = Duration::from_secs(5);

/// Every part; the guard goes before the elector, for whom it acts.
pub const ALL: &[Part] = &[Part::Guard, Part::Elector, Part::Other];
