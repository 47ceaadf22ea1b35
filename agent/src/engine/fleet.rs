//! What runs on the VRRP thread: every virtual router of this box.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinHandle, spawn_local};
use tokio::time::timeout;
use vrrp::driver::{self, Driver};
use vrrp::hmac::Reserved;
use vrrp::linux::{Host, Linux, SourceRules};
use vrrp::{Health, Peering};

use super::{Command, GroupSettings, QUEUE, RouterStatus, Statuses};
use crate::config::{RouterKey, names};
use crate::guard::parent::Guard;
use crate::track::Healths;

/// Longest wait for one virtual router to let go.
const RELEASE_DEADLINE: Duration = Duration::from_secs(2);

/// Every virtual router of this box.
pub(super) struct Fleet {
    /// What the virtual routers share, once there is one.
    host: Option<Host>,
    /// What they may sign with.
    reserved: watch::Receiver<Reserved>,
    guard: Guard,
    publish: watch::Sender<Statuses>,
    healths: watch::Receiver<Healths>,
    /// By the virtual routers in them: another set is another group.
    groups: BTreeMap<Vec<RouterKey>, Group>,
    started: bool,
}

struct Group {
    settings: GroupSettings,
    /// Followed by the host of each link.
    peerings: Vec<watch::Sender<Peering>>,
    /// What its driver was told last.
    health: Health,
    commands: mpsc::Sender<driver::Command>,
    driver: JoinHandle<()>,
    follower: AbortHandle,
}

impl Fleet {
    pub(super) fn new(
        publish: watch::Sender<Statuses>,
        healths: watch::Receiver<Healths>,
        reserved: watch::Receiver<Reserved>,
    ) -> Self {
        let (host, guard, groups) = (None, Guard::default(), BTreeMap::new());
        Self { host, reserved, guard, publish, healths, groups, started: false }
    }

    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut healths = self.healths.clone();
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => break,
                },
                Ok(()) = healths.changed() => self.tell_health().await,
            }
        }
        let all: Vec<_> = self.groups.keys().cloned().collect();
        for keys in all {
            self.remove(&keys).await;
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Guard(socket) => {
                self.guard.replace(socket);
                self.tell_all(|| driver::Command::Rearm).await;
            }
            Command::Configure(groups, rules, done) => {
                let _ = done.send(self.configure(groups, rules).await);
            }
            Command::Start => {
                self.started = true;
                self.tell_all(|| driver::Command::Start).await;
            }
            Command::Consent(key, number, answer) => {
                let group = self.groups.values().find(|it| it.settings.keys.contains(&key));
                if let Some(group) = group {
                    let _ = group.commands.send(driver::Command::Consent(number, answer)).await;
                }
            }
            Command::Leave(told) => {
                self.started = false;
                let _ = told.send(self.leave().await);
            }
            Command::Release(done) => {
                self.started = false;
                self.release().await;
                let _ = done.send(());
            }
            Command::Report(asker) => {
                let _ = asker.send(self.report().await);
            }
        }
    }

    /// A group whose health is not known any more is about to be removed.
    async fn tell_health(&mut self) {
        let healths = self.healths.borrow().clone();
        for (keys, group) in &mut self.groups {
            if let Some(health) = healths.get(keys)
                && *health != group.health
            {
                group.health.clone_from(health);
                let _ = group.commands.send(driver::Command::Health(health.clone())).await;
            }
        }
    }

    async fn tell_all(&self, command: impl Fn() -> driver::Command) {
        for group in self.groups.values() {
            // A driver ends only when its group is removed.
            let _ = group.commands.send(command()).await;
        }
    }

    async fn leave(&self) -> Option<Instant> {
        let mut answers = Vec::new();
        for group in self.groups.values() {
            let (told, answer) = oneshot::channel();
            let _ = group.commands.send(driver::Command::Leave(told)).await;
            answers.push(answer);
        }
        let mut first = None;
        for answer in answers {
            let until = timeout(RELEASE_DEADLINE, answer).await.ok().and_then(Result::ok).flatten();
            first = first.into_iter().chain(until).min();
        }
        first
    }

    async fn release(&self) {
        let mut answers = Vec::new();
        for group in self.groups.values() {
            let (done, answer) = oneshot::channel();
            let _ = group.commands.send(driver::Command::Release(done)).await;
            answers.push(answer);
        }
        for answer in answers {
            if timeout(RELEASE_DEADLINE, answer).await.is_err() {
                tracing::error!("a virtual router did not let go in time");
            }
        }
    }

    async fn report(&self) -> Statuses {
        let mut statuses = Statuses::new();
        for group in self.groups.values() {
            let (asker, answer) = oneshot::channel();
            let _ = group.commands.send(driver::Command::Report(asker)).await;
            if let Ok(status) = answer.await {
                statuses.extend(by_router(&group.settings.keys, status));
            }
        }
        statuses
    }

    /// What is gone or made anew lets go of its addresses before anything takes them up.
    async fn configure(
        &mut self,
        groups: Vec<GroupSettings>,
        rules: SourceRules,
    ) -> io::Result<()> {
        self.host().await?.choose_sources_by(rules);
        let stale: Vec<_> = self
            .groups
            .values()
            .filter(|running| !groups.iter().any(|group| running.settings.stays_for(group)))
            .map(|running| running.settings.keys.clone())
            .collect();
        for keys in stale {
            self.remove(&keys).await;
        }
        for settings in groups {
            match self.groups.get_mut(&settings.keys) {
                Some(group) if group.settings == settings => {}
                Some(group) => {
                    let config = settings.config.clone();
                    for (host, peering) in group.peerings.iter().zip(&settings.peerings) {
                        host.send_if_modified(|known| {
                            let changed = known != peering;
                            known.clone_from(peering);
                            changed
                        });
                    }
                    let _ = group.commands.send(driver::Command::Reconfigure(config)).await;
                    group.settings = settings;
                }
                None => self.add(settings).await?,
            }
        }
        Ok(())
    }

    async fn add(&mut self, settings: GroupSettings) -> io::Result<()> {
        let GroupSettings { keys, config, peerings, .. } = &settings;
        let host = self.host().await?;
        let (mut links, mut followed) = (Vec::new(), Vec::new());
        for ((id, key), peering) in config.link_ids().zip(keys).zip(peerings) {
            let (link, guard) = (config.link(id), self.guard.clone());
            let (sender, peering) = watch::channel(peering.clone());
            let (name, vrid, source) = (&key.interface, link.vrid(), link.source());
            let host = Linux::open(&host, id, name, vrid, source, peering, guard).await?;
            links.push(match link.virtual_mac() {
                Some(_) => host.with_virtual_mac().await?,
                None => host,
            });
            followed.push(sender);
        }
        let (driver, status) = Driver::new(config.clone(), links, host.tempo());
        let (commands, receiver) = mpsc::channel(QUEUE);
        let health = self.healths.borrow().get(keys).cloned().unwrap_or_default();
        let _ = commands.send(driver::Command::Health(health.clone())).await;
        if self.started {
            let _ = commands.send(driver::Command::Start).await;
        }
        let driver = spawn_local(driver.run(receiver));
        let follow = follow(keys.clone(), status, self.publish.clone());
        let follower = spawn_local(follow).abort_handle();
        let group = Group { settings, peerings: followed, health, commands, driver, follower };
        self.groups.insert(group.settings.keys.clone(), group);
        Ok(())
    }

    /// Opened for the first virtual router.
    async fn host(&mut self) -> io::Result<Host> {
        if let Some(host) = &self.host {
            return Ok(host.clone());
        }
        let host = Host::open(self.reserved.clone()).await?;
        Ok(self.host.insert(host).clone())
    }

    async fn remove(&mut self, keys: &[RouterKey]) {
        let Some(group) = self.groups.remove(keys) else { return };
        // The end of its commands makes the driver let go and return.
        drop(group.commands);
        if timeout(RELEASE_DEADLINE, group.driver).await.is_err() {
            tracing::error!("{} did not let go in time", names(keys));
        }
        group.follower.abort();
        self.publish.send_modify(|statuses| {
            for key in keys {
                statuses.remove(key);
            }
        });
    }
}

async fn follow(
    keys: Vec<RouterKey>,
    mut status: watch::Receiver<driver::Status>,
    publish: watch::Sender<Statuses>,
) {
    loop {
        let group = status.borrow_and_update().clone();
        publish.send_modify(|statuses| statuses.extend(by_router(&keys, group)));
        if status.changed().await.is_err() {
            return;
        }
    }
}

/// The status of a group as that of each virtual router in it.
fn by_router(
    keys: &[RouterKey],
    group: driver::Status,
) -> impl Iterator<Item = (RouterKey, RouterStatus)> {
    let group = Arc::new(group);
    let links = group.config.link_ids();
    links
        .zip(keys)
        .map(move |(link, key)| (key.clone(), RouterStatus { group: Arc::clone(&group), link }))
}
