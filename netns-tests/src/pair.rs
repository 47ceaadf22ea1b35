//! Two boxes that run `haagent` from one shared config file, with clients at work: where most
//! drills start.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use crate::clock::Moment;
use crate::failure::{Failure, OrFail, Result, eventually};
use crate::lab::holders::holding_times;
use crate::lab::{Lab, ROUTERS};
use crate::router::process::Haagent;
use crate::router::settings::Settings;
use crate::router::status::{RouterState, Status};
use crate::sandbox::SCRATCH;
use crate::traffic::window::Window;
use crate::traffic::{Seen, Traffic, probe};
use crate::verdict::Measurement;

/// The stronger box, which is started first and is active when a drill begins.
pub const A: usize = 0;

/// The weaker box.
pub const B: usize = 1;

/// The lab with both boxes.
#[derive(Debug)]
pub struct Pair {
    /// The clients.
    pub traffic: Traffic,
    /// `haagent` on the routers of the lab.
    pub boxes: [Haagent; 2],
    /// What the config file says.
    pub settings: Settings,
    /// The lab.
    pub lab: Lab,
    config: PathBuf,
}

/// How long the boxes may take to agree after anything.
pub const SETTLE_DEADLINE: Duration = Duration::from_secs(10);

impl Pair {
    /// Builds the lab, starts both boxes and the clients, and waits until all is well.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn start(binary: &Path, settings: Settings) -> Result<Self> {
        let mut pair = Self::idle(binary, settings).await?;
        pair.launch().await?;
        Ok(pair)
    }

    /// Starts both boxes, and clients that never saw the service fail, and waits until all is well.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn launch(&mut self) -> Result<()> {
        self.boxes[A].start().await?;
        self.wait_for_state(A, RouterState::Active).await?;
        self.boxes[B].start().await?;
        self.settled(A).await?;
        self.fresh_clients().await
    }

    /// Builds the lab with the clients; neither box runs.
    ///
    /// # Errors
    /// When the kernel refuses something.
    pub async fn idle(binary: &Path, settings: Settings) -> Result<Self> {
        let lab = Lab::new(settings.family).await?;
        let directory = scratch_directory()?;
        let config = directory.join("haagent.toml");
        std::fs::write(&config, settings.to_toml()).or_fail("cannot write the config")?;
        let boxes = [A, B].map(|number| {
            let (name, _) = ROUTERS[number];
            Haagent::new(name, &lab.routers[number], binary, &config, &directory)
        });
        let traffic = Traffic::start(lab.clock, &lab.client.node, lab.target()).await?;
        Ok(Self { traffic, boxes, settings, lab, config })
    }

    /// Replaces the clients by new ones that never saw the service fail, and waits for an answer.
    ///
    /// # Errors
    /// When there is none.
    pub async fn fresh_clients(&mut self) -> Result<()> {
        let lab = &self.lab;
        self.traffic = Traffic::start(lab.clock, &lab.client.node, lab.target()).await?;
        self.answered().await
    }

    /// The config file that both boxes read.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.lab.clock.now()
    }

    /// Waits until `active` is active and serves, and the other box has heard it and could take over at once.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn settled(&self, active: usize) -> Result<()> {
        self.wait_for_role(active, RouterState::Active, "serving").await?;
        self.wait_for_role(1 - active, RouterState::Backup, "standby").await?;
        self.wait_for(1 - active, "it has heard the other box", |status| {
            status.virtual_routers.iter().all(|router| router.peer.is_some()).then_some(())
        })
        .await
    }

    async fn wait_for_role(&self, number: usize, state: RouterState, worker: &str) -> Result<()> {
        let name = self.boxes[number].name();
        self.wait_for(number, &format!("`{name}` is {state:?} and `{worker}`"), |status| {
            let ready = status.state() == Some(state)
                && status.worker.state == worker
                && status.guard.pid.is_some()
                && status.healthy;
            ready.then_some(())
        })
        .await
    }

    /// Waits until a box is in a state.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn wait_for_state(&self, number: usize, state: RouterState) -> Result<()> {
        let what = format!("`{}` is {state:?}", self.boxes[number].name());
        self.wait_for(number, &what, |status| (status.state() == Some(state)).then_some(())).await
    }

    /// Waits until `find` finds in a box's status what it looks for.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn wait_for<T>(
        &self,
        number: usize,
        what: &str,
        find: impl Fn(&Status) -> Option<T>,
    ) -> Result<T> {
        let (haagent, find) = (&self.boxes[number], &find);
        eventually(what, SETTLE_DEADLINE, || async move {
            let status = haagent.status().await?;
            find(&status).ok_or_else(|| Failure::new(describe(&status)))
        })
        .await
    }

    /// The status of a box.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn status(&self, number: usize) -> Result<Status> {
        self.boxes[number].status().await
    }

    /// Waits until a client that starts after this call is answered.
    ///
    /// # Errors
    /// When none is.
    pub async fn answered(&self) -> Result<()> {
        let since = self.now();
        eventually("an answer to a client", SETTLE_DEADLINE, || async {
            let answered = self.traffic.answered_since(since);
            answered.then_some(()).ok_or_else(|| Failure::new("none"))
        })
        .await
    }

    /// Lets every attempt that is under way end, and returns what was seen since `from`.
    pub async fn observe(&self, from: Moment) -> (Measurement, Seen) {
        // Not to wait for something: this is the time that the clients are watched for.
        sleep(probe::DEADLINE + probe::SPACING * 10).await;
        self.seen_within(Window { from, to: self.now() })
    }

    /// What was seen within a window.
    #[must_use]
    pub fn seen_within(&self, window: Window) -> (Measurement, Seen) {
        let seen = self.traffic.within(window);
        let holding = holding_times(&self.lab.holders.changes(), window);
        (Measurement::new(&seen, holding), seen)
    }
}

fn describe(status: &Status) -> String {
    format!(
        "`{}` is {:?}, worker `{}`, guard {:?}, healthy: {}, problems: {:?}",
        status.node,
        status.state(),
        status.worker.state,
        status.guard.pid,
        status.healthy,
        status.problems
    )
}

/// A new directory for the files of one lab.
///
/// # Errors
/// When it cannot be made.
pub fn scratch_directory() -> Result<PathBuf> {
    static LABS: AtomicU32 = AtomicU32::new(0);
    let number = LABS.fetch_add(1, Ordering::Relaxed);
    let directory = Path::new(SCRATCH).join(number.to_string());
    std::fs::create_dir(&directory).or_fail("cannot make a scratch directory")?;
    Ok(directory)
}
