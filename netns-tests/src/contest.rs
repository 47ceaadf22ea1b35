//! Two boxes of one kind, ours or keepalived's, with a client at work: what a fault does to the one
//! can be set beside what it does to the other.

use std::path::Path;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::clock::Moment;
use crate::comparison::Numbers;
use crate::failure::{Failure, OrFail, Result, eventually};
use crate::lab::holders::{Holders, Holding, holders_at, holding_times, moves};
use crate::lab::wire::Wire;
use crate::lab::{Lab, ROUTERS};
use crate::pair::{A, B, scratch_directory};
use crate::router::contender::{Contender, Files, Router};
use crate::router::settings::{Place, Settings};
use crate::router::status::RouterState;
use crate::traffic::probe::Probe;
use crate::traffic::window::{Window, longest_gap};

/// The lab with both boxes.
#[derive(Debug)]
pub struct Contest {
    /// Which program runs.
    pub contender: Contender,
    /// It, on the routers of the lab.
    pub boxes: [Router; 2],
    /// What both programs are told.
    pub settings: Settings,
    /// The lab.
    pub lab: Lab,
    probe: Probe,
    wire: Wire,
    more_holders: Vec<Holders>,
}

/// The time between two connections of the client: short against a failover at 10 ms adverts.
const SPACING: Duration = Duration::from_millis(5);

/// How long the boxes may take to agree, at adverts every second.
const SETTLE_DEADLINE: Duration = Duration::from_secs(20);

impl Contest {
    /// Builds the lab, starts both boxes and waits until the stronger one serves.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn start(binary: &Path, contender: Contender, settings: Settings) -> Result<Self> {
        let mut lab = Lab::new(settings.family).await?;
        if settings.is_mixed() {
            lab.enable_ipv6().await?;
        }
        if settings.place == Place::Gateway {
            lab.add_wan().await?;
        }
        let more_holders = watch_more(&lab, &settings).await?;
        let directory = scratch_directory()?;
        let config = directory.join("haagent.toml");
        std::fs::write(&config, settings.to_toml()).or_fail("cannot write the config")?;
        let files = Files { binary, config: &config, directory: &directory };
        let mut boxes = [
            Router::new(contender, A, &lab.routers[A], files, &settings).await?,
            Router::new(contender, B, &lab.routers[B], files, &settings).await?,
        ];
        boxes[A].start().await?;
        eventually("the first box is active", SETTLE_DEADLINE, || async {
            is(&boxes[A], RouterState::Active).await
        })
        .await?;
        boxes[B].start().await?;
        let client = &lab.client;
        let wire = Wire::listen(lab.clock, &client.node, client.link.interface()).await?;
        let probe = Probe::start(lab.clock, &client.node, lab.target(), SPACING).await?;
        let contest = Self { contender, boxes, settings, lab, probe, wire, more_holders };
        contest.settled().await?;
        contest.answered().await?;
        eventually("an advertisement", SETTLE_DEADLINE, || async {
            let heard = !contest.wire.since(Moment::ZERO).is_empty();
            heard.then_some(()).ok_or_else(|| Failure::new("none was heard"))
        })
        .await?;
        Ok(contest)
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.lab.clock.now()
    }

    /// Who holds the address now.
    #[must_use]
    pub fn holders(&self) -> Vec<usize> {
        holders_at(&self.lab.holders.changes(), self.now())
    }

    /// Waits until one box holds the address and serves and the other is its backup; says which one.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn settled(&self) -> Result<usize> {
        eventually("one box is active, the other its backup", SETTLE_DEADLINE, || async {
            let [active] = self.holders()[..] else {
                return Err(Failure::new(format!("the address is held by {:?}", self.holders())));
            };
            is(&self.boxes[active], RouterState::Active).await?;
            is(&self.boxes[1 - active], RouterState::Backup).await?;
            Ok(active)
        })
        .await
    }

    /// Waits until a connection that the client makes from now on is answered.
    ///
    /// # Errors
    /// When none is.
    pub async fn answered(&self) -> Result<()> {
        let since = self.now();
        eventually("an answer to the client", SETTLE_DEADLINE, || async {
            let answered = self.probe.answered_since(since);
            answered.then_some(()).ok_or_else(|| Failure::new("none"))
        })
        .await
    }

    /// The longest that a backup waits in silence.
    #[must_use]
    pub fn active_down(&self) -> Duration {
        self.settings.active_down(A).max(self.settings.active_down(B))
    }

    /// Waits until the other box than `active` has got the address since `from`, or has had ample time to.
    pub async fn taken_over(&self, from: Moment, active: usize) -> Option<Duration> {
        let taken = async {
            loop {
                match self.lab.holders.first(from, 1 - active, Holding::Held) {
                    Some(at) => break at - from,
                    None => sleep(POLL).await,
                }
            }
        };
        timeout(self.active_down() + TAKEOVER_SLACK, taken).await.ok()
    }

    /// Waits until a box that was stopped has ended.
    ///
    /// # Errors
    /// When it runs on.
    pub async fn ended(&self, number: usize) -> Result<()> {
        eventually("the end of the box", SETTLE_DEADLINE, || async {
            let runs = self.boxes[number].is_running();
            if runs { Err(Failure::new("it runs")) } else { Ok(()) }
        })
        .await
    }

    /// Not to wait for something: this is how long whatever should not happen is watched for.
    pub async fn watch(&self) {
        sleep(self.active_down() + WATCH_SLACK).await;
    }

    /// What was seen since `from`, when box `active` was struck by a fault after which the address may rightly move so
    /// many times.
    #[must_use]
    pub fn numbers(&self, from: Moment, active: usize, moves_allowed: usize) -> Numbers {
        let window = Window { from, to: self.now() };
        let taken = self.lab.holders.first(from, 1 - active, Holding::Held);
        Numbers {
            gap: Some(longest_gap(&self.probe.answers(), window)),
            takeover: taken.and_then(|at| self.silence(active, at)),
            ..held(&self.lab.holders, window, moves_allowed)
        }
    }

    /// How long box `number` had said nothing at `moment`.
    fn silence(&self, number: usize, moment: Moment) -> Option<Duration> {
        let (_, source) = ROUTERS[number];
        let heard = self.wire.since(Moment::ZERO);
        let last = heard.iter().rfind(|heard| heard.source == source && heard.at <= moment);
        last.map(|heard| moment - heard.at)
    }

    /// The same for each virtual router; clients use only that of the first.
    #[must_use]
    pub fn numbers_of_all(
        &self,
        from: Moment,
        active: usize,
        moves_allowed: usize,
    ) -> Vec<Numbers> {
        let window = Window { from, to: self.now() };
        let more = self.more_holders.iter().map(|holders| held(holders, window, moves_allowed));
        std::iter::once(self.numbers(from, active, moves_allowed)).chain(more).collect()
    }

    /// When the address of each virtual router moved since `from`.
    #[must_use]
    pub fn moves(&self, from: Moment) -> Vec<Vec<Moment>> {
        let window = Window { from, to: self.now() };
        let all = std::iter::once(&self.lab.holders).chain(&self.more_holders);
        all.map(|holders| moves(&holders.changes(), window)).collect()
    }

    /// Who holds an address of each virtual router, and since when, as far as that was after `from`.
    #[must_use]
    pub fn arrivals(&self, from: Moment, number: usize) -> Vec<Option<Moment>> {
        let all = std::iter::once(&self.lab.holders).chain(&self.more_holders);
        all.map(|holders| {
            let alone = holders_at(&holders.changes(), self.now()) == [number];
            holders.first(from, number, Holding::Held).filter(|_| alone)
        })
        .collect()
    }

    /// Brings back what the fault took away, and says who is active then. Of keepalived's addresses nobody takes care
    /// when it is killed: here the administrator does.
    ///
    /// # Errors
    /// When the boxes do not agree.
    pub async fn repair(&mut self) -> Result<usize> {
        for router in &mut self.boxes {
            if router.is_running() {
                continue;
            }
            let machine = router.machine().clone();
            machine.node.end_processes().await?;
            let netlink = machine.node.netlink();
            let vip = self.settings.family.vip();
            let held = netlink.addresses(machine.link.interface()).await?;
            if self.contender == Contender::Keepalived
                && held.iter().any(|held| held.address.address == vip)
            {
                netlink.remove_address(machine.link.interface(), vip).await?;
            }
            router.start().await?;
        }
        let active = self.settled().await?;
        self.answered().await?;
        Ok(active)
    }
}

/// Who held an address within a window, in numbers.
fn held(holders: &Holders, window: Window, moves_allowed: usize) -> Numbers {
    let changes = holders.changes();
    let times = holding_times(&changes, window);
    Numbers {
        both_held: times.both,
        both_hold_on: holders_at(&changes, window.to).len() > 1,
        absent: times.absent,
        false_moves: moves(&changes, window).len().saturating_sub(moves_allowed),
        ..Numbers::default()
    }
}

/// Watches an address of each virtual router that clients do not use.
async fn watch_more(lab: &Lab, settings: &Settings) -> Result<Vec<Holders>> {
    let mut all = Vec::new();
    for router in settings.virtual_routers().iter().skip(1) {
        for (address, _) in router.addresses.iter().take(1) {
            let holders = Holders::new(&lab.observer, *address);
            for (number, machine) in lab.routers.iter().enumerate() {
                holders.watch(number, &machine.node).await?;
            }
            all.push(holders);
        }
    }
    Ok(all)
}

/// Ample, for a takeover that comes at all.
const TAKEOVER_SLACK: Duration = Duration::from_millis(1500);

/// What a box may be late.
const WATCH_SLACK: Duration = Duration::from_millis(150);

/// Short against the shortest interval between adverts.
const POLL: Duration = Duration::from_millis(2);

async fn is(router: &Router, wanted: RouterState) -> Result<()> {
    match router.role().await? {
        role if role == wanted => Ok(()),
        role => Err(Failure::new(format!("`{}` is {role:?}", router.machine().node.name()))),
    }
}
