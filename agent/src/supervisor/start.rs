//! From the command line to the running loop: everything that can be wrong is found before anything is claimed.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use vrrp::linux::{Leftovers, Netlink};
use vrrp::{LinkConfig, RouterConfig};

use super::{Inbox, Options, QUEUE, Supervisor, open_signals};
use crate::bind::Listeners;
use crate::check;
use crate::config::{Bind, Config, Diagnostic, Diagnostics, Router, Source, Track};
use crate::control::RunDirectory;
use crate::coordinator::Coordinator;
use crate::engine::{Engine, GroupSettings};
use crate::hooks;
use crate::host;
use crate::overhear::Overheard;
use crate::privilege;
use crate::sequences::Sequences;
use crate::sysctl::Sysctls;
use crate::worker::Report;

/// Half a second in all, until an address that is in use counts as somebody else's.
const OPEN_ATTEMPTS: u32 = 11;
const OPEN_PAUSE: Duration = Duration::from_millis(50);

/// Runs haagent in the foreground until it is told to stop.
///
/// # Errors
/// A text for the operator: why it cannot start.
pub(crate) fn run(options: Options) -> Result<ExitCode, String> {
    let source = read_source(&options.file)?;
    let host = host::read_facts()
        .map_err(|error| format!("cannot read the interfaces of this host: {error}"))?;
    let config = check::problems_in(&source, &options.node, &host)
        .map_err(|problems| problems.to_string())?;
    check::warn_of(&config);
    require_privileges(&config)?;
    let routers = router_settings(&config)?;
    hooks::of(&config)?;
    let threads = threads(&config);
    // Before the listeners: of a second haagent on one box, this says best what is wrong.
    let run_directory = RunDirectory::claim(&options.run_directory)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(async {
        let listeners = open_listeners(&config.binds, threads)
            .await
            .map_err(|problems| Diagnostics::new(&source, problems).to_string())?;
        let (inner, inner_inbox) = mpsc::channel(QUEUE);
        let (happenings, happenings_inbox) = mpsc::channel(QUEUE);
        let (calls, calls_inbox) = mpsc::channel(QUEUE);
        let cannot = |error: std::io::Error| format!("cannot start: {error}");
        run_directory.serve(calls).map_err(cannot)?;
        let [terminate, interrupt, hangup] = open_signals().map_err(cannot)?;
        let inbox = Inbox {
            inner: inner_inbox,
            happenings: happenings_inbox,
            calls: calls_inbox,
            terminate,
            interrupt,
            hangup,
        };
        let sysctls = Sysctls::open(&options.run_directory);
        let sequences = Sequences::in_directory(&options.state_directory);
        let mut supervisor = Supervisor {
            options,
            source,
            config,
            threads,
            revision: 1,
            rejected: None,
            coordinator: Coordinator::new(),
            timers: BTreeMap::new(),
            listeners,
            engine: None,
            hooks: None,
            is_preparing: false,
            guard: None,
            sysctls,
            sequences,
            overheard: Overheard::default(),
            roles: BTreeMap::new(),
            trials: BTreeMap::new(),
            worker: None,
            generation: 0,
            heartbeats_missed: 0,
            known: Vec::new(),
            report: Report::default(),
            waiting_for_report: Vec::new(),
            waiting_for_load: None,
            waiting_for_hooks: None,
            inner,
            happenings,
            exiting: false,
            _run_directory: run_directory,
        };
        supervisor.hold_sysctls();
        if !routers.is_empty() {
            remove_leftovers();
            supervisor.reserve_sequences();
            let engine = Engine::start(supervisor.sequences.reserved()).map_err(cannot)?;
            engine.configure(routers, supervisor.config.source_rules()).await.map_err(cannot)?;
            supervisor.engine = Some(engine);
            supervisor.configure_hooks().await;
            supervisor.overheard.configure(&supervisor.config);
            supervisor.spawn_guard().await;
        }
        tracing::info!(file = %supervisor.source.name, "haagent started");
        Ok(supervisor.run(inbox).await)
    })
}

pub(super) fn read_source(file: &Path) -> Result<Source, String> {
    Source::read(file).map_err(|error| match error.hint() {
        Some(hint) => format!("error: {error}\nhint: {hint}"),
        None => format!("error: {error}"),
    })
}

/// The worker of a supervisor that was killed a moment ago may not have closed its sockets yet.
async fn open_listeners(binds: &[Bind], threads: usize) -> Result<Listeners, Vec<Diagnostic>> {
    let mut listeners = Listeners::default();
    let mut attempts = OPEN_ATTEMPTS;
    loop {
        attempts -= 1;
        match listeners.open_missing(binds, threads) {
            Ok(_) => return Ok(listeners),
            Err(problems) if attempts == 0 => return Err(problems),
            Err(_) => sleep(OPEN_PAUSE).await,
        }
    }
}

/// Addresses that a crash left behind would make two holders once the peer takes over.
fn remove_leftovers() {
    match Netlink::open().and_then(|mut netlink| netlink.remove_tagged()) {
        Ok(Leftovers { routes, addresses, devices }) => {
            if routes > 0 {
                tracing::warn!(routes, "removed routes that an earlier haagent left");
            }
            for address in addresses {
                tracing::warn!(%address, "removed an address that an earlier haagent left");
            }
            for device in devices {
                tracing::warn!(device, "removed a device that an earlier haagent left");
            }
        }
        Err(error) => tracing::error!(%error, "cannot look for addresses that were left"),
    }
}

/// What the config needs and this process lacks, by name.
pub(super) fn require_privileges(config: &Config) -> Result<(), String> {
    if config.routers.is_empty() {
        return Ok(());
    }
    let missing = privilege::missing_for_virtual_routers()
        .map_err(|error| format!("cannot read our capabilities: {error}"))?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "virtual routers need {}, which haagent was started without\n\
         hint: start it as root, or by its systemd service",
        missing.join(" and ")
    ))
}

/// The settings of every virtual router on this host.
pub(super) fn router_settings(config: &Config) -> Result<Vec<GroupSettings>, String> {
    config.groups().into_iter().map(|group| group_settings(&group)).collect()
}

fn group_settings(group: &[&Router]) -> Result<GroupSettings, String> {
    let link = |router: &&Router| {
        router.link().map_err(|error| format!("virtual router `{}`: {error}", router.name))
    };
    let links = group.iter().map(link);
    let links: Vec<LinkConfig> = links.collect::<Result<_, _>>()?;
    let keys = group.iter().map(|router| router.key()).collect();
    let (first, others) = (group[0], links[1..].iter().cloned());
    let election = others
        .fold(RouterConfig::new(links[0].clone()), RouterConfig::with_link)
        .with_preempt(first.preempt)
        .with_priority(first.priority)
        .map_err(|error| format!("virtual router `{}`: {error}", first.name))?;
    let election = match hooks::consent_of(group) {
        Some(within) => election.with_consent(within),
        None => election,
    };
    let tracks = tracks(group);
    // The others track the same.
    let gains = tracks.iter().map(|track| track.check.effect.gain_max());
    let gain = gains.fold(0, i16::saturating_add);
    let election = match first.strongest_other {
        Some(strongest) => election.with_strongest_other(strongest.offset_by(gain)),
        None => election,
    };
    let peerings = group.iter().map(|router| router.peering()).collect();
    Ok(GroupSettings { keys, config: election, peerings, tracks })
}

/// What the members track, each thing once.
fn tracks(group: &[&Router]) -> Vec<Track> {
    let mut tracks: Vec<Track> = Vec::new();
    for track in group.iter().flat_map(|router| &router.tracks) {
        if !tracks.contains(track) {
            tracks.push(track.clone());
        }
    }
    tracks
}

/// One per core, unless the config says otherwise.
fn threads(config: &Config) -> usize {
    let cores = std::thread::available_parallelism();
    config.worker.threads.or_else(|| cores.ok()).map_or(1, NonZeroUsize::get)
}
