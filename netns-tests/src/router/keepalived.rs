//! A box that runs keepalived, as the peer that is not ours.

use std::fs::OpenOptions;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::settings::{Protocol, Settings, VRID};
use crate::failure::{Failure, OrFail, Result, eventually};
use crate::lab::server::Server;
use crate::lab::{Family, Machine, PORT, VIP, VIPS_V6};
use crate::pair::B;
use crate::program::KEEPALIVED;

/// One keepalived on a machine of the lab, with a web server behind it: keepalived moves the
/// address only, so a client that follows it must find an answer on this box too.
#[derive(Debug)]
pub struct Keepalived {
    machine: Machine,
    directory: PathBuf,
    process: Option<Child>,
    _server: Server,
}

impl Keepalived {
    /// A box that is not running yet; `directory` takes its files.
    ///
    /// # Errors
    /// When its config cannot be written or its server cannot be started.
    pub async fn new(machine: &Machine, directory: &Path, settings: &Settings) -> Result<Self> {
        let config = directory.join("keepalived.conf");
        std::fs::write(config, config_text(settings)).or_fail("cannot write the config")?;
        let anywhere = match settings.family {
            Family::Ipv4 => SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)),
            Family::Ipv6 => SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)),
        };
        let server = Server::start("keepalived", machine.node.clone(), anywhere).await?;
        let (machine, directory) = (machine.clone(), directory.to_owned());
        Ok(Self { machine, directory, process: None, _server: server })
    }

    /// Starts it; returns at once.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(&mut self) -> Result<()> {
        let log = self.directory.join("keepalived.log");
        let log = OpenOptions::new().append(true).create(true).open(log);
        let log = log.or_fail("cannot open the log")?;
        let program = KEEPALIVED.find();
        let program = program.ok_or_else(|| Failure::new("`keepalived` is not installed"))?;
        let mut command = Command::new(program);
        command.args(["--dont-fork", "--vrrp", "--log-console", "--log-detail"]);
        command.arg("--use-file").arg(self.directory.join("keepalived.conf"));
        command.arg("--pid").arg(self.directory.join("keepalived.pid"));
        command.arg("--vrrp_pid").arg(self.directory.join("vrrp.pid"));
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().or_fail("cannot share the log")?).stderr(log);
        self.process = Some(self.machine.node.spawn(command).await?);
        Ok(())
    }

    /// Stops it as its service manager would, and waits for the end.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn stop(&mut self) -> Result<()> {
        let process = self.process.take();
        let mut process = process.ok_or_else(|| Failure::new("`keepalived` does not run"))?;
        let pid = i32::try_from(process.id()).or_fail("a process number is out of range")?;
        kill(Pid::from_raw(pid), Signal::SIGTERM).or_fail("cannot stop `keepalived`")?;
        eventually("the end of `keepalived`", STOP_DEADLINE, || {
            let status = process.try_wait().or_fail("cannot wait for `keepalived`");
            async { status?.ok_or_else(|| Failure::new("it runs")) }
        })
        .await?;
        Ok(())
    }
}

/// It takes about a second, after it has let go.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

impl Drop for Keepalived {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself, which is all that is wanted.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The same version, interval, virtual router and password as ours; the rest is keepalived's
/// default, the form of its checksum and its preemption included.
fn config_text(settings: &Settings) -> String {
    let Settings { protocol, priorities, .. } = *settings;
    let addresses = match settings.family {
        Family::Ipv4 => format!("{VIP}/32 dev eth0"),
        Family::Ipv6 => VIPS_V6.map(|vip| format!("{vip}/64 dev eth0")).join("\n    "),
    };
    let authentication = match protocol {
        Protocol::V2 { password } => {
            format!("  authentication {{\n    auth_type PASS\n    auth_pass {password}\n  }}\n")
        }
        Protocol::V3 => String::new(),
    };
    let more = settings.keepalived_extra;
    let (version, priority) = (protocol.version(), priorities[B]);
    format!(
        "global_defs {{\n  router_id lab\n  vrrp_version {version}\n}}\n\
         vrrp_instance web {{\n  state BACKUP\n  interface eth0\n  virtual_router_id {VRID}\n  \
         priority {priority}\n  advert_int {}\n{authentication}{more}  virtual_ipaddress {{\n    {addresses}\n  }}\n}}\n",
        protocol.advert_interval().as_secs_f64()
    )
}
