//! The proxies, each with the configuration that suits the case.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::accounting::Family;
use super::arena::among_proxies;
use crate::failure::{Failure, OrFail, Result, eventually};
use crate::program::Program;
use crate::sandbox::SCRATCH;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contender {
    Haagent,
    /// As it is installed.
    Haproxy,
    /// With what its manual has for bulk: the kernel moves the data, through large pipes.
    HaproxyTuned,
    Nginx,
}

const HAPROXY: Program = Program { name: "haproxy", package: "haproxy" };
const NGINX: Program = Program { name: "nginx", package: "nginx-full" };

/// How long a proxy has to serve after its start.
const START: Duration = Duration::from_secs(5);

impl Contender {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Haagent => "haagent",
            Self::Haproxy => "haproxy",
            Self::HaproxyTuned => "haproxy-tuned",
            Self::Nginx => "nginx",
        }
    }

    pub(super) fn is_installed(&self) -> bool {
        match self {
            Self::Haagent => true,
            Self::Haproxy | Self::HaproxyTuned => HAPROXY.find().is_some(),
            Self::Nginx => NGINX.find().is_some(),
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Haagent => 801,
            Self::Haproxy => 802,
            Self::HaproxyTuned => 803,
            Self::Nginx => 804,
        }
    }

    /// Where clients connect to it.
    fn address(self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port()).into()
    }

    fn config(self, origin: SocketAddr) -> String {
        let bind = self.address();
        match self {
            Self::Haagent => format!(
                r#"
[worker]
threads = 1

[[frontend]]
name = "f"
bind = ["{bind}"]
backend = "b"
connections_max = {CONNECTIONS_MAX}

[[backend]]
name = "b"
server = [{{ name = "s", address = "{origin}" }}]
"#
            ),
            Self::Haproxy => haproxy(bind, origin, CONNECTIONS_MAX, "", ""),
            Self::HaproxyTuned => haproxy(
                bind,
                origin,
                // Its pipes need descriptors, too.
                CONNECTIONS_MAX / 4,
                "tune.pipesize 1048576",
                "option splice-request\n    option splice-response",
            ),
            Self::Nginx => format!(
                r"
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
error_log stderr crit;
pid {SCRATCH}/nginx.pid;
include /etc/nginx/modules-enabled/*stream.conf;
events {{ worker_connections 19000; }}
stream {{
    server {{
        listen {bind} backlog=4096;
        proxy_pass {origin};
        proxy_timeout 1h;
        tcp_nodelay on;
    }}
}}
"
            ),
        }
    }

    fn command(self, binary: &Path, config: &Path) -> Result<Command> {
        let found = |program: Program| {
            program.find().ok_or_else(|| Failure::new(format!("{} is gone", program.name)))
        };
        let mut command;
        match self {
            Self::Haagent => {
                command = Command::new(binary);
                command.arg("run").arg("--file").arg(config);
                command.args(["--run-dir", &format!("{SCRATCH}/run-peers")]);
            }
            Self::Haproxy | Self::HaproxyTuned => {
                command = Command::new(found(HAPROXY)?);
                command.args(["-db", "-f"]).arg(config);
            }
            Self::Nginx => {
                command = Command::new(found(NGINX)?);
                command.arg("-c").arg(config);
            }
        }
        Ok(command)
    }
}

/// Both sides of a connection need a descriptor, of which there may be 20,000.
const CONNECTIONS_MAX: u32 = 9000;

/// It checks its server as ours does, and logs nothing, as ours does.
fn haproxy(
    bind: SocketAddr,
    origin: SocketAddr,
    connections_max: u32,
    tune: &str,
    options: &str,
) -> String {
    format!(
        r"
global
    maxconn {connections_max}
    nbthread 1
    {tune}
defaults
    mode tcp
    {options}
    timeout connect 1s
    timeout client 1h
    timeout server 1h
frontend f
    bind {bind}
    maxconn {connections_max}
    default_backend b
backend b
    server s {origin} check inter 2s
"
    )
}

/// A proxy that serves.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) contender: Contender,
    child: Child,
}

impl Running {
    /// Returns when it serves.
    pub(super) async fn start(
        contender: Contender,
        binary: &Path,
        origin: SocketAddr,
    ) -> Result<Self> {
        let name = contender.name();
        let config = PathBuf::from(SCRATCH).join(format!("{name}.conf"));
        fs::write(&config, contender.config(origin)).or_fail("cannot write a config")?;
        let log = File::create(Path::new(SCRATCH).join(format!("{name}.log")));
        let log = log.or_fail("cannot make a log")?;
        let mut command = contender.command(binary, &config)?;
        command.stdin(Stdio::null()).stderr(log.try_clone().or_fail("cannot share a log")?);
        command.stdout(log);
        let child = among_proxies(move || command.spawn().or_fail("cannot start a proxy"))?;
        let running = Self { contender, child };
        eventually(&format!("{name} serves"), START, || running.try_out()).await.map_err(
            |failure| {
                let log = fs::read_to_string(Path::new(SCRATCH).join(format!("{name}.log")));
                Failure::new(format!("{failure}\n{}", log.unwrap_or_default().trim_end()))
            },
        )?;
        Ok(running)
    }

    /// An octet comes back from either origin, or from the one that only talks.
    async fn try_out(&self) -> Result<()> {
        let stream = TcpStream::connect(self.address()).await;
        let mut stream = stream.or_fail("it does not accept")?;
        stream.write_all(b"!").await.or_fail("it does not read")?;
        stream.read_exact(&mut [0]).await.or_fail("it does not answer")?;
        Ok(())
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.contender.address()
    }

    /// Its processes now.
    pub(super) fn family(&self) -> Result<Family> {
        Family::of(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(family) = self.family() {
            family.end();
        }
        let _ = self.child.wait();
    }
}
