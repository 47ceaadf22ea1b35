//! One backend as one config has it: its servers, and how a session gets one of them.
//!
//! Chooses ([`balance`]), connects ([`tcp`]), and goes on to a server not tried yet
//! when that fails. Failures are counted; whether a server is down is left to its checks.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time;
use tracing::debug;

use crate::balance::{self, Candidate};
use crate::config::Balance;
use crate::health::{Health, ServerHealth};
use crate::server::{Lease, Server};
use crate::stats::CloseReason;
use crate::tcp::{self, ConnectError};

/// One backend as one config has it.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) name: String,
    pub(crate) balance: Balance,
    pub(crate) connect_timeout: Duration,
    /// Further servers to try after the first one failed.
    pub(crate) retries: u32,
    pub(crate) members: Vec<Member>,
    /// Virtual time of the rotation; goes on across configs.
    pub(crate) clock: Arc<AtomicU64>,
    /// Says when the health of any server has changed.
    pub(crate) changes: watch::Receiver<Arc<[ServerHealth]>>,
}

/// A server and what this config says of it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) server: Arc<Server>,
    pub(crate) weight: u16,
    pub(crate) is_backup: bool,
}

/// A connection to a server, and the claim on it.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) stream: TcpStream,
    pub(crate) lease: Lease,
}

impl Backend {
    /// Connects this client to one of the servers, or says why that cannot be.
    pub(crate) async fn connect(&self, client: IpAddr) -> Result<Upstream, CloseReason> {
        self.verdicts().await;
        let mut tried = Vec::new();
        for _ in 0..=self.retries {
            let Some(index) = self.pick(client, &tried) else { break };
            match self.try_member(&self.members[index]).await {
                // One that went down meanwhile has dismissed its sessions already: do not join them.
                Ok(upstream) if upstream.lease.server().health() == Health::Down => {
                    tried.push(index);
                }
                Ok(upstream) => {
                    upstream.lease.server().count_session();
                    return Ok(upstream);
                }
                Err(ConnectError::OutOfResources(_)) => return Err(CloseReason::OutOfResources),
                Err(ConnectError::Failed(_) | ConnectError::TimedOut(_)) => tried.push(index),
            }
        }
        Err(if tried.is_empty() { CloseReason::NoServer } else { CloseReason::ConnectFailed })
    }

    /// Lets the first checks end when no server is up because none has been checked yet, so that a
    /// client who comes with the very first packet is not turned away.
    async fn verdicts(&self) {
        if self.is(Health::Up) || !self.is(Health::Probing) {
            return;
        }
        let mut changes = self.changes.clone();
        let verdict = changes.wait_for(|_| self.is(Health::Up) || !self.is(Health::Probing));
        // Late is as good as never: there is no server then.
        let _ = time::timeout(self.connect_timeout, verdict).await;
    }

    /// Whether any server has this health.
    fn is(&self, health: Health) -> bool {
        self.members.iter().any(|member| member.server.health() == health)
    }

    fn pick(&self, client: IpAddr, tried: &[usize]) -> Option<usize> {
        let candidates = self.members.iter().enumerate().map(|(index, member)| Candidate {
            health: member.server.health(),
            tried: tried.contains(&index),
            weight: member.weight,
            is_backup: member.is_backup,
            server_key: member.server.key(),
            sessions: member.server.sessions(),
            pass: member.server.pass(),
        });
        let index = balance::pick(self.balance, client, candidates)?;
        let member = &self.members[index];
        member.server.charge(balance::stride(member.weight));
        Some(index)
    }

    async fn try_member(&self, member: &Member) -> Result<Upstream, ConnectError> {
        let server = &member.server;
        let lease = Lease::take(server);
        let connected = tcp::connect(server.id.address, self.connect_timeout).await;
        if let Err(error) = &connected {
            server.count_connect_error();
            debug!(server = server.id.name, address = %server.id.address, %error, "cannot connect");
        }
        Ok(Upstream { stream: connected?, lease })
    }
}
