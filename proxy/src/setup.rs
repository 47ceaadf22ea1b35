//! What is loaded at the moment, and how one config follows another.
//!
//! A new config is built beside the old one, from what both have in common and from what is new;
//! only when nothing can fail any more is it put in place, listeners last. What is in neither hand
//! then (sockets, checks) ends by being dropped.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::backend::{Backend, Member};
use crate::board::Board;
use crate::config::{self, Check, CheckTiming, Config};
use crate::frontend::{Frontend, Service};
use crate::health::{Health, ServerHealth};
use crate::listener::{Listener, Listening};
use crate::probe;
use crate::server::{Server, ServerId};
use crate::stats::{BackendReport, FrontendReport, Report, ServerReport};

/// Why a config was not taken over. The one before it goes on unchanged.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A frontend leads nowhere.
    #[error("frontend `{frontend}` names the backend `{backend}`, which does not exist")]
    UnknownBackend {
        /// Name of the frontend.
        frontend: String,
        /// Name of the backend that it wants.
        backend: String,
    },
    /// A bind is not open, and no socket for it came along.
    #[error("no socket for {0}")]
    MissingSocket(SocketAddr),
    /// Sockets came along for an address that is open already, or that no frontend binds.
    #[error("unexpected sockets for {0}")]
    UnexpectedSocket(SocketAddr),
    /// Two frontends want the same address, or one wants it twice.
    #[error("{0} is bound twice")]
    BoundTwice(SocketAddr),
    /// A socket cannot be waited for.
    #[error("cannot adopt the socket of {address}: {source}")]
    Adopt {
        /// The bind address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Where the parts of a setup run.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The threads that listen and serve.
    pub(crate) threads: Vec<Handle>,
    /// The thread that checks servers.
    pub(crate) checks: Handle,
    pub(crate) board: Arc<Board>,
}

/// What is loaded at the moment.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    config: Config,
    frontends: BTreeMap<String, Arc<Frontend>>,
    backends: BTreeMap<String, Arc<Backend>>,
    binds: BTreeMap<SocketAddr, Bind>,
    checks: BTreeMap<ServerId, RunningCheck>,
}

/// An open bind address.
#[derive(Debug)]
struct Bind {
    service: watch::Sender<Arc<Service>>,
    /// The accept loops, which own the sockets.
    _loops: Vec<Task>,
}

#[derive(Debug)]
struct RunningCheck {
    timing: CheckTiming,
    _task: Task,
}

/// A task that ends when this is dropped.
#[derive(Debug)]
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Setup {
    /// Goes over to another config. See [`Proxy::load`](crate::Proxy::load).
    pub(crate) fn load(
        &mut self,
        config: Config,
        new: Vec<Listening>,
        known: &[ServerHealth],
        stage: &Stage,
    ) -> Result<(), LoadError> {
        if config == self.config && new.is_empty() {
            return Ok(());
        }
        self.examine(&config, &new)?;
        let backends = self.backends(&config, known, &stage.board);
        let frontends = self.frontends(&config);
        let services = services(&config, &frontends, &backends);
        let opened = open(new, &services, stage)?;

        self.start_checks(&config, &backends, stage);
        for frontend in &config.frontends {
            frontends[&frontend.name].limit(frontend.connections_max);
        }
        self.binds.retain(|address, _| services.contains_key(address));
        for (address, bind) in &self.binds {
            bind.service.send_replace(Arc::clone(&services[address]));
        }
        self.binds.extend(opened.into_iter().map(Opened::start));
        (self.config, self.frontends, self.backends) = (config, frontends, backends);
        Ok(())
    }

    /// Closes everything but the sessions.
    pub(crate) fn close(&mut self) {
        *self = Self::default();
    }

    /// See [`Proxy::report`](crate::Proxy::report).
    pub(crate) fn report(&self) -> Report {
        let frontends = self.config.frontends.iter();
        let backends = self.config.backends.iter();
        Report {
            frontends: frontends.map(|f| report_frontend(f, &self.frontends[&f.name])).collect(),
            backends: backends.map(|b| report_backend(&self.backends[&b.name])).collect(),
        }
    }

    /// Whether the config is consistent, and the new sockets are exactly those it needs.
    fn examine(&self, config: &Config, new: &[Listening]) -> Result<(), LoadError> {
        let mut sockets: BTreeMap<_, bool> = self.binds.keys().map(|open| (*open, true)).collect();
        for Listening { address, shards } in new {
            if sockets.insert(*address, !shards.is_empty()).is_some() {
                return Err(LoadError::UnexpectedSocket(*address));
            }
        }
        let mut wanted = BTreeMap::new();
        for frontend in &config.frontends {
            if !config.backends.iter().any(|backend| backend.name == frontend.backend) {
                let (frontend, backend) = (frontend.name.clone(), frontend.backend.clone());
                return Err(LoadError::UnknownBackend { frontend, backend });
            }
            for bind in &frontend.binds {
                if wanted.insert(*bind, ()).is_some() {
                    return Err(LoadError::BoundTwice(*bind));
                }
                if sockets.get(bind) != Some(&true) {
                    return Err(LoadError::MissingSocket(*bind));
                }
            }
        }
        match new.iter().find(|listening| !wanted.contains_key(&listening.address)) {
            Some(listening) => Err(LoadError::UnexpectedSocket(listening.address)),
            None => Ok(()),
        }
    }

    fn frontends(&self, config: &Config) -> BTreeMap<String, Arc<Frontend>> {
        let frontends = config.frontends.iter().map(|frontend| {
            let known = self.frontends.get(&frontend.name).map(Arc::clone);
            let fresh = || Arc::new(Frontend::new(frontend.name.clone(), frontend.connections_max));
            (frontend.name.clone(), known.unwrap_or_else(fresh))
        });
        frontends.collect()
    }

    fn backends(
        &self,
        config: &Config,
        known: &[ServerHealth],
        board: &Board,
    ) -> BTreeMap<String, Arc<Backend>> {
        let backends = config.backends.iter().map(|backend| {
            let before = self.backends.get(&backend.name).map(|before| &**before);
            let after = build_backend(backend, before, known, board);
            (backend.name.clone(), Arc::new(after))
        });
        backends.collect()
    }

    /// Lets the checks that are wanted go on as they are, or start; the others end.
    fn start_checks(
        &mut self,
        config: &Config,
        backends: &BTreeMap<String, Arc<Backend>>,
        stage: &Stage,
    ) {
        let members = |name: &String| backends[name].members.iter();
        let all = config.backends.iter().flat_map(|backend| members(&backend.name));
        stage.board.set(all.map(|member| Arc::clone(&member.server)).collect());

        let mut before = std::mem::take(&mut self.checks);
        for backend in &config.backends {
            for Member { server, .. } in members(&backend.name) {
                match backend.check {
                    Check::None => stage.board.change(server, Health::Up, "not checked"),
                    Check::Tcp(timing) => {
                        let same = before.remove(&server.id).filter(|old| old.timing == timing);
                        let check = same.unwrap_or_else(|| start_check(server, timing, stage));
                        self.checks.insert(server.id.clone(), check);
                    }
                }
            }
        }
    }
}

fn start_check(server: &Arc<Server>, timing: CheckTiming, stage: &Stage) -> RunningCheck {
    let check = probe::run(Arc::clone(server), timing, Arc::clone(&stage.board));
    RunningCheck { timing, _task: Task(stage.checks.spawn(check).abort_handle()) }
}

/// Builds a backend around those of its servers that exist already.
fn build_backend(
    config: &config::Backend,
    before: Option<&Backend>,
    known: &[ServerHealth],
    board: &Board,
) -> Backend {
    let clock: Arc<AtomicU64> = before.map(|before| Arc::clone(&before.clock)).unwrap_or_default();
    let members = config.servers.iter().map(|server| {
        let id = ServerId {
            backend: config.name.clone(),
            name: server.name.clone(),
            address: server.address,
        };
        let same = before.into_iter().flat_map(|before| &before.members);
        let same = same.map(|member| &member.server).find(|server| server.id == id).map(Arc::clone);
        let fresh = || {
            let health = initial_health(&id, config.check, known);
            Arc::new(Server::new(id.clone(), health, Arc::clone(&clock)))
        };
        let config::Server { weight, is_backup, .. } = *server;
        Member { server: same.unwrap_or_else(fresh), weight, is_backup }
    });
    Backend {
        name: config.name.clone(),
        balance: config.balance,
        connect_timeout: config.connect_timeout,
        retries: config.retries,
        members: members.collect(),
        clock,
        changes: board.subscribe(),
    }
}

/// What to think of a server that is new here.
fn initial_health(id: &ServerId, check: Check, known: &[ServerHealth]) -> Health {
    let is_it = |it: &&ServerHealth| {
        it.backend == id.backend && it.server == id.name && it.address == id.address
    };
    match check {
        Check::None => Health::Up,
        Check::Tcp(_) => known.iter().find(is_it).map_or(Health::Probing, |it| it.health),
    }
}

/// What each bind address offers.
fn services(
    config: &Config,
    frontends: &BTreeMap<String, Arc<Frontend>>,
    backends: &BTreeMap<String, Arc<Backend>>,
) -> BTreeMap<SocketAddr, Arc<Service>> {
    let services = config.frontends.iter().flat_map(|frontend| {
        let service = Arc::new(Service {
            frontend: Arc::clone(&frontends[&frontend.name]),
            backend: Arc::clone(&backends[&frontend.backend]),
            idle_timeout: frontend.idle_timeout,
        });
        frontend.binds.iter().map(move |bind| (*bind, Arc::clone(&service)))
    });
    services.collect()
}

/// Listeners that do not accept yet, each with the thread it belongs to.
struct Opened {
    address: SocketAddr,
    service: watch::Sender<Arc<Service>>,
    listeners: Vec<(Listener, Handle)>,
}

/// Deals the new sockets out to the threads.
fn open(
    new: Vec<Listening>,
    services: &BTreeMap<SocketAddr, Arc<Service>>,
    stage: &Stage,
) -> Result<Vec<Opened>, LoadError> {
    let mut threads = stage.threads.iter().cycle();
    let mut opened = Vec::new();
    for Listening { address, shards } in new {
        let service = watch::Sender::new(Arc::clone(&services[&address]));
        let mut listeners = Vec::new();
        for (socket, thread) in shards.into_iter().zip(&mut threads) {
            let listener = Listener::adopt(address, socket, thread, service.subscribe())
                .map_err(|source| LoadError::Adopt { address, source })?;
            listeners.push((listener, thread.clone()));
        }
        opened.push(Opened { address, service, listeners });
    }
    Ok(opened)
}

impl Opened {
    fn start(self) -> (SocketAddr, Bind) {
        let start = |(listener, thread): (Listener, Handle)| {
            Task(thread.spawn(listener.run()).abort_handle())
        };
        let loops = self.listeners.into_iter().map(start).collect();
        (self.address, Bind { service: self.service, _loops: loops })
    }
}

fn report_frontend(config: &config::Frontend, frontend: &Frontend) -> FrontendReport {
    FrontendReport {
        name: config.name.clone(),
        binds: config.binds.clone(),
        backend: config.backend.clone(),
        sessions: frontend.sessions(),
        sessions_total: frontend.sessions_total(),
        closed: frontend.closed(),
    }
}

fn report_backend(backend: &Backend) -> BackendReport {
    let servers = backend.members.iter().map(|Member { server, weight, is_backup }| ServerReport {
        name: server.id.name.clone(),
        address: server.id.address,
        weight: *weight,
        is_backup: *is_backup,
        health: server.health(),
        last_check: server.last_check(),
        sessions: server.sessions(),
        sessions_total: server.sessions_total(),
        connect_errors: server.connect_errors(),
    });
    BackendReport {
        name: backend.name.clone(),
        balance: backend.balance,
        servers: servers.collect(),
    }
}
