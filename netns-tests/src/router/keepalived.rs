//! A box that runs keepalived, as the peer that is not ours.

use std::fs::OpenOptions;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::process::{pid, send};
use super::settings::{GROUP, Place, Protocol, Settings, Transport, VirtualRouter, host_prefix};
use super::status::RouterState;
use crate::failure::{Failure, OrFail, Result, eventually};
use crate::lab::node::runs;
use crate::lab::server::Server;
use crate::lab::{Family, Machine, PORT};
use crate::program::KEEPALIVED;

/// One keepalived on a machine of the lab, with a web server behind it: keepalived moves the
/// address only, so a client that follows it must find an answer on this box too.
#[derive(Debug)]
pub struct Keepalived {
    machine: Machine,
    /// Its files begin with this; the name of the machine is the last part.
    files: PathBuf,
    process: Option<Child>,
    /// How long the log was at the last start.
    log_start: usize,
    _server: Server,
}

impl Keepalived {
    /// A box that is not running yet; `directory` takes its files.
    ///
    /// # Errors
    /// When its config cannot be written or its server cannot be started.
    pub async fn new(
        number: usize,
        machine: &Machine,
        directory: &Path,
        settings: &Settings,
    ) -> Result<Self> {
        let files = directory.join(format!("keepalived-{}", machine.node.name()));
        let config = config_text(settings, number);
        std::fs::write(files.with_extension("conf"), config).or_fail("cannot write the config")?;
        let anywhere = match settings.family {
            Family::Ipv4 => SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)),
            Family::Ipv6 => SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)),
        };
        let server = Server::start("keepalived", machine.node.clone(), anywhere).await?;
        Ok(Self { machine: machine.clone(), files, process: None, log_start: 0, _server: server })
    }

    /// The machine that the box is.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.files.with_extension(extension)
    }

    /// Starts it; returns at once.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(&mut self) -> Result<()> {
        let log = OpenOptions::new().append(true).create(true).open(self.file("log"));
        let log = log.or_fail("cannot open the log")?;
        // Those of a predecessor that was killed would keep it from starting.
        for stale in ["pid", "vrrp.pid"] {
            let _ = std::fs::remove_file(self.file(stale));
        }
        let length = log.metadata().or_fail("cannot look at the log")?.len();
        self.log_start = usize::try_from(length).or_fail("the log is too long")?;
        let program = KEEPALIVED.find();
        let program = program.ok_or_else(|| Failure::new("`keepalived` is not installed"))?;
        let mut command = Command::new(program);
        command.args(["--dont-fork", "--vrrp", "--log-console", "--log-detail"]);
        command.arg("--use-file").arg(self.file("conf"));
        command.arg("--pid").arg(self.file("pid"));
        command.arg("--vrrp_pid").arg(self.file("vrrp.pid"));
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().or_fail("cannot share the log")?).stderr(log);
        self.process = Some(self.machine.node.spawn(command).await?);
        Ok(())
    }

    /// The process that was started.
    ///
    /// # Errors
    /// When it was not.
    pub fn parent(&self) -> Result<Pid> {
        let process = self.process.as_ref();
        let process = process.ok_or_else(|| Failure::new("`keepalived` does not run"))?;
        pid(process.id())
    }

    /// The process that speaks VRRP.
    ///
    /// # Errors
    /// When it has not said who it is.
    pub fn elector(&self) -> Result<Pid> {
        let text = std::fs::read_to_string(self.file("vrrp.pid")).or_fail("cannot read a pid")?;
        text.trim().parse().map(Pid::from_raw).or_fail("`keepalived` wrote no pid")
    }

    /// The state of its first virtual router, by its log since the last start.
    ///
    /// # Errors
    /// When it is in none, or does not run.
    pub fn role(&self) -> Result<RouterState> {
        if !self.parent().is_ok_and(runs) || !self.elector().is_ok_and(runs) {
            return Err(Failure::new("`keepalived` does not run"));
        }
        let log = std::fs::read(self.file("log")).or_fail("cannot read the log")?;
        let log = String::from_utf8_lossy(log.get(self.log_start..).unwrap_or_default());
        let entered = |line: &str| match line.split_once("(web) Entering ")?.1.split_once(' ')?.0 {
            "MASTER" => Some(RouterState::Active),
            "BACKUP" => Some(RouterState::Backup),
            "FAULT" => Some(RouterState::Initialize),
            _ => None,
        };
        let state = log.lines().rev().find_map(entered);
        state.ok_or_else(|| Failure::new("`keepalived` is in no state"))
    }

    /// Stops it as its service manager would, and waits for the end.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn stop(&mut self) -> Result<()> {
        let process = self.process.take();
        let mut process = process.ok_or_else(|| Failure::new("`keepalived` does not run"))?;
        send(pid(process.id())?, Signal::SIGTERM)?;
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

/// The same virtual routers, version, preemption and password as ours; the rest is keepalived's
/// default, the form of its checksum included.
fn config_text(settings: &Settings, number: usize) -> String {
    let priority = settings.priorities[number];
    let authentication = match settings.protocol {
        Protocol::V2 { password: Some(password) } => {
            format!("  authentication {{\n    auth_type PASS\n    auth_pass {password}\n  }}\n")
        }
        Protocol::V2 { password: None } | Protocol::V3 => String::new(),
    };
    let preempt = if settings.preempt == "never" { "  nopreempt\n" } else { "" };
    let transport = match settings.transport {
        Transport::Multicast => String::new(),
        Transport::Unicast => {
            let (own, other) = (settings.family.router(number), settings.family.router(1 - number));
            format!(
                "  unicast_ttl 255\n  unicast_src_ip {own}\n  unicast_peer {{\n    {other}\n  }}\n"
            )
        }
    };
    let virtual_mac = if settings.virtual_mac { "  use_vmac\n" } else { "" };
    let version = settings.protocol.version();
    let mut text = format!("global_defs {{\n  router_id lab\n  vrrp_version {version}\n}}\n");
    let routers = settings.virtual_routers();
    if settings.place == Place::Gateway {
        let names: Vec<_> = routers.iter().map(|router| router.name.as_str()).collect();
        text += &format!("vrrp_sync_group {GROUP} {{\n  group {{ {} }}\n}}\n", names.join(" "));
    }
    for VirtualRouter { name, vrid, interface, interval, addresses, excluded } in routers {
        // With a virtual MAC its addresses go to the device that it makes then.
        let device = if settings.virtual_mac { String::new() } else { format!(" dev {interface}") };
        let line = |address, prefix| format!("    {address}/{prefix}{device}\n");
        let prefix = |address: IpAddr| if address.is_ipv4() { 32 } else { 64 };
        let addresses: String =
            addresses.iter().map(|(address, _)| line(*address, prefix(*address))).collect();
        let mut excluded: String =
            excluded.iter().map(|address| line(*address, host_prefix(*address))).collect();
        if !excluded.is_empty() {
            excluded = format!("  virtual_ipaddress_excluded {{\n{excluded}  }}\n");
        }
        text += &format!(
            "vrrp_instance {name} {{\n  state BACKUP\n  interface {interface}\n  virtual_router_id {vrid}\n  \
             priority {priority}\n  advert_int {}\n{preempt}{authentication}{transport}{virtual_mac}  \
             virtual_ipaddress {{\n{addresses}  }}\n{excluded}}}\n",
            interval.as_secs_f64()
        );
    }
    text
}
