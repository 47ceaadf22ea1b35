//! Takes a new config into force, or says why not and keeps the old one.
//!
//! Everything that can fail is done before anything changes: read, validate, bind. Then the routers and
//! the worker get what is new, and what is old is closed.

use std::collections::BTreeSet;

use tokio::sync::oneshot;

use super::start::{read_source, require_privileges, router_settings};
use super::{Inner, Supervisor, remove_devices};
use crate::check;
use crate::config::{Change, Config, Diagnostics, RouterKey, Source, diff};
use crate::control::Reply;
use crate::engine::{Engine, GroupSettings};
use crate::hooks;
use crate::host;

/// A config that was found good, before anything has changed.
pub(super) struct Accepted {
    source: Source,
    config: Config,
    reply: Option<oneshot::Sender<Reply>>,
}

/// A reload whose config is with the worker.
pub(super) struct Pending {
    reply: Option<oneshot::Sender<Reply>>,
    changes: Vec<String>,
}

impl Supervisor {
    /// Reads the config file again. The caller, if there is one, is answered when it is in force or rejected.
    pub(super) async fn reload(&mut self, reply: Option<oneshot::Sender<Reply>>) {
        if self.waiting_for_load.is_some() || self.waiting_for_hooks.is_some() {
            let reason = "another reload is under way".to_owned();
            tracing::warn!("reload refused: {reason}");
            return answer(reply, Reply::Refused { reason });
        }
        match self.prepare() {
            Ok((source, config)) => self.vacate(Accepted { source, config, reply }).await,
            Err(problems) => {
                tracing::error!("config rejected, the old one stays in force:\n{problems}");
                self.rejected = Some(problems.clone());
                answer(reply, Reply::Rejected { problems });
            }
        }
    }

    /// Does all that can fail: afterwards the sockets of new addresses are open.
    fn prepare(&mut self) -> Result<(Source, Config), String> {
        let source = read_source(&self.options.file)?;
        let host = host::read_facts()
            .map_err(|error| format!("cannot read the interfaces of this host: {error}"))?;
        let config = check::problems_in(&source, &self.options.node, &host)
            .map_err(|problems| problems.to_string())?;
        check::warn_of(&config);
        require_privileges(&config)?;
        router_settings(&config)?;
        hooks::of(&config)?;
        self.listeners
            .open_missing(&config.binds, self.threads)
            .map_err(|problems| Diagnostics::new(&source, problems).to_string())?;
        Ok((source, config))
    }

    /// The hooks that come before a release run while the old config is in force, and are waited for.
    async fn vacate(&mut self, accepted: Accepted) {
        let leaving = self.leaving(&accepted.config);
        if let Some(hooks) = &self.hooks
            && let Some(prepared) = hooks.prepare(leaving).await
        {
            let sender = self.inner.clone();
            tokio::spawn(async move {
                prepared.await;
                // The loop has ended: nothing is left to do.
                let _ = sender.send(Inner::Vacated).await;
            });
            self.waiting_for_hooks = Some(accepted);
            return;
        }
        self.apply(accepted).await;
    }

    /// The hooks are done, or late.
    pub(super) async fn go_on_with_reload(&mut self) {
        let Some(accepted) = self.waiting_for_hooks.take() else { return };
        if self.coordinator.is_stopping() {
            let reason = "haagent is stopping".to_owned();
            return answer(accepted.reply, Reply::Refused { reason });
        }
        self.apply(accepted).await;
    }

    /// The groups that let go of their addresses when this config comes into force, each by its first virtual router.
    fn leaving(&self, config: &Config) -> BTreeSet<RouterKey> {
        let settings = |config| router_settings(config).unwrap_or_default();
        let (old, new) = (settings(&self.config), settings(config));
        let leaves = |old: &&GroupSettings| !new.iter().any(|new| old.holds_on_for(new));
        old.iter().filter(leaves).filter_map(|group| group.keys.first().cloned()).collect()
    }

    async fn apply(&mut self, Accepted { source, config, reply }: Accepted) {
        self.rejected = None;
        let changes = diff(&self.config, &config);
        let opened: Vec<_> = changes
            .iter()
            .filter_map(|change| match change {
                Change::ListenerAdded(bind) => Some(bind.address),
                _ => None,
            })
            .collect();
        self.config = config;
        self.source = source;
        if changes.is_empty() {
            tracing::info!("config did not change");
            let (revision, changes) = (self.revision, Vec::new());
            return answer(reply, Reply::Reloaded { revision, changes });
        }
        for change in &changes {
            tracing::info!(%change, "config changed");
        }
        self.revision += 1;
        self.hand_over(&opened);
        self.load_worker();
        let changes = changes.iter().map(ToString::to_string).collect();
        self.waiting_for_load = Some(Pending { reply, changes });
        self.configure_routers().await;
        self.listeners.retain(&self.config.binds);
        if self.worker.is_none() {
            // The next worker starts with it.
            self.finish_reload(Ok(()));
        }
    }

    async fn configure_routers(&mut self) {
        self.reserve_sequences();
        if self.engine.is_none() && !self.config.routers.is_empty() {
            match Engine::start(self.sequences.reserved()) {
                Ok(engine) => self.engine = Some(engine),
                Err(error) => return tracing::error!(%error, "cannot start the VRRP thread"),
            }
            self.spawn_guard().await;
        }
        let Some(engine) = &self.engine else { return };
        let rules = self.config.source_rules();
        let result = match router_settings(&self.config) {
            Ok(settings) => {
                engine.configure(settings, rules).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            tracing::error!(%error, "cannot configure virtual routers");
        }
        remove_devices(&self.config.devices());
        if self.coordinator.routers_are_started() {
            engine.start_routers().await;
        }
        self.configure_hooks().await;
        self.hold_sysctls();
        self.overheard.configure(&self.config);
    }

    /// The worker has answered, or never will.
    pub(super) fn finish_reload(&mut self, result: Result<(), String>) {
        let Some(Pending { reply, changes }) = self.waiting_for_load.take() else { return };
        let revision = self.revision;
        answer(
            reply,
            match result {
                Ok(()) => Reply::Reloaded { revision, changes },
                Err(problems) => {
                    self.rejected = Some(problems.clone());
                    Reply::Rejected { problems }
                }
            },
        );
    }
}

fn answer(reply: Option<oneshot::Sender<Reply>>, answer: Reply) {
    if let Some(reply) = reply {
        // The client may have hung up.
        let _ = reply.send(answer);
    }
}
