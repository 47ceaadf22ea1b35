//! One box of each kind, without clients.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::Moment;
use crate::drills::inspection::inspect;
use crate::failure::{Failure, OrFail, Result, eventually};
use crate::lab::frames::{Frame, Frames};
use crate::lab::holders::{Holding, holders_at};
use crate::lab::switch::Link;
use crate::lab::{Lab, ROUTERS};
use crate::pair::{SETTLE_DEADLINE, scratch_directory};
use crate::router::keepalived::Keepalived;
use crate::router::process::Haagent;
use crate::router::settings::Settings;

/// The lab with both boxes.
pub(super) struct Duel {
    /// Our box.
    pub(super) haagent: Haagent,
    /// The other one.
    pub(super) keepalived: Keepalived,
    /// The number of ours; the other one has the other.
    pub(super) ours: usize,
    pub(super) lab: Lab,
    settings: Settings,
    /// What passes at each box.
    frames: [Frames; 2],
    directory: PathBuf,
}

impl Duel {
    /// keepalived is active already; `haagent`, which is box `ours`, does not run yet.
    pub(super) async fn start(
        binary: &Path,
        ours: usize,
        settings: &Settings,
        theirs: &Settings,
    ) -> Result<Self> {
        let lab = Lab::new(settings.family).await?;
        let directory = scratch_directory()?;
        let config = directory.join("haagent.toml");
        std::fs::write(&config, settings.to_toml()).or_fail("cannot write the config")?;
        let (name, _) = ROUTERS[ours];
        let haagent = Haagent::new(name, &lab.routers[ours], binary, &config, &directory);
        let machine = &lab.routers[1 - ours];
        let [a, b] = &lab.routers;
        let frames = [
            Frames::listen(&lab.observer, &a.node).await?,
            Frames::listen(&lab.observer, &b.node).await?,
        ];
        let mut keepalived = Keepalived::new(1 - ours, machine, &directory, theirs).await?;
        keepalived.start().await?;
        let settings = settings.clone();
        let duel = Self { haagent, keepalived, ours, lab, settings, frames, directory };
        duel.held_by(duel.theirs()).await?;
        Ok(duel)
    }

    pub(super) const fn theirs(&self) -> usize {
        1 - self.ours
    }

    pub(super) fn now(&self) -> Moment {
        self.lab.clock.now()
    }

    pub(super) fn link(&self, number: usize) -> &Link {
        &self.lab.routers[number].link
    }

    /// Waits until this box and no other holds the address.
    pub(super) async fn held_by(&self, number: usize) -> Result<()> {
        self.holders_are(&[number]).await
    }

    /// Waits until both do.
    pub(super) async fn held_by_both(&self) -> Result<()> {
        self.holders_are(&[0, 1]).await
    }

    async fn holders_are(&self, wanted: &[usize]) -> Result<()> {
        eventually(&format!("the address is held by {wanted:?}"), SETTLE_DEADLINE, || async {
            let mut holders = holders_at(&self.lab.holders.changes(), self.now());
            holders.sort_unstable();
            let held = holders == wanted;
            held.then_some(()).ok_or_else(|| Failure::new(format!("by {holders:?}")))
        })
        .await
    }

    /// How long after one box let go since `from` the other one had the address.
    pub(super) fn handover(&self, from: Moment, giver: usize) -> Result<Duration> {
        let gone = self.lab.holders.first(from, giver, Holding::Gone);
        let held = self.lab.holders.first(from, 1 - giver, Holding::Held);
        let took = gone.zip(held).map(|(gone, held)| held.saturating_sub(gone));
        took.ok_or_else(|| Failure::new("the address was not handed over"))
    }

    /// Waits for the next advertisement; says when it passed.
    pub(super) async fn advertisement(&self) -> Result<Moment> {
        let from = self.now();
        eventually("an advertisement", SETTLE_DEADLINE, || async {
            let heard = self.frames[self.theirs()].since(from);
            let advert = heard.iter().find(|frame| frame.is_advertisement()).map(|frame| frame.at);
            advert.ok_or_else(|| Failure::new("none was heard"))
        })
        .await
    }

    /// When box `number` last heard the other one before `moment`.
    pub(super) fn last_heard(&self, number: usize, moment: Moment) -> Result<Moment> {
        let other = Some(self.settings.family.router(1 - number));
        let heard = self.frames[number].since(Moment::ZERO);
        let is_its = |frame: &&Frame| frame.is_advertisement() && frame.source() == other;
        let last = heard.iter().filter(is_its).rfind(|frame| frame.at <= moment);
        last.map(|frame| frame.at).ok_or_else(|| Failure::new("it never heard the other box"))
    }

    /// Did this box get the address since `from`?
    pub(super) fn got_it(&self, from: Moment, number: usize) -> bool {
        self.lab.holders.first(from, number, Holding::Held).is_some()
    }

    /// What is wrong with all that was said.
    pub(super) async fn inspect(&self) -> Result<Vec<String>> {
        let ours = self.settings.family.router(self.ours);
        let heard = self.frames[self.theirs()].since(Moment::ZERO);
        inspect(&heard, &self.directory, &self.settings, ours).await
    }
}
