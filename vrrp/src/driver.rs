//! Runs one virtual router on a host: wait, handle, perform, publish.
//!
//! The only place of this crate that reads the clock. Nothing here is slow: no name lookup, no disk,
//! no lock. Advertisements that wait are read before a timer is believed, so that a process that was
//! late does not take silence for the peer's. A process that was stopped half-way through its actions
//! claims nothing more once the guard may have let go for it.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep_until;

use crate::advertisement::Advertisement;
use crate::checksum::ChecksumForm;
use crate::config::RouterConfig;
use crate::counters::{Counters, DecodeErrors};
use crate::event::{Action, Event, Role, Transition};
use crate::peer::Peer;
use crate::platform::Platform;
use crate::router::VirtualRouter;
use crate::state::LATE_INTERVALS;

/// What the owner of a driver orders.
#[derive(Debug)]
pub enum Command {
    /// Take part in the election.
    Start,
    /// Let go of the addresses and leave the election; answered when that is done.
    Release(oneshot::Sender<()>),
    /// Use these settings from now on.
    Reconfigure(RouterConfig),
    /// The guard was replaced: tell it again what to do.
    Rearm,
}

/// What a virtual router is doing, for its owner to watch.
#[derive(Clone, Debug)]
pub struct Status {
    /// The state without its timers.
    pub role: Role,
    /// What it was told.
    pub config: RouterConfig,
    /// The last router heard on the link.
    pub peer: Option<Peer>,
    /// The last change of state.
    pub last_transition: Option<Transition>,
    /// Counted since the start.
    pub counters: Counters,
    /// Packets that were no valid advertisement.
    pub decode_errors: DecodeErrors,
    /// The longest time that a timer was honoured late.
    pub scheduling_delay_max: Duration,
}

/// One virtual router and its host.
#[derive(Debug)]
pub struct Driver<P> {
    router: VirtualRouter,
    platform: P,
    status: watch::Sender<Status>,
    scheduling_delay_max: Duration,
    /// What the guard was told last, if it is armed.
    armed: Option<(Advertisement, ChecksumForm)>,
    /// When the guard last heard from us, or a little before, if it is armed.
    heard_at: Option<Instant>,
}

impl<P: Platform> Driver<P> {
    /// A router that takes part in nothing until it gets [`Command::Start`].
    #[must_use]
    pub fn new(config: RouterConfig, platform: P) -> (Self, watch::Receiver<Status>) {
        let router = VirtualRouter::new(config);
        let (status, receiver) = watch::channel(status_of(&router, &platform, Duration::ZERO));
        let driver = Self {
            router,
            platform,
            status,
            scheduling_delay_max: Duration::ZERO,
            armed: None,
            heard_at: None,
        };
        (driver, receiver)
    }

    /// Runs until the sender of the commands is dropped, then lets go.
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let deadline = self.router.poll_timeout();
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => break,
                },
                event = self.platform.next_event() => self.handle(event).await,
                () = wait_until(deadline) => self.time_out(deadline).await,
            }
        }
        self.handle(Event::Shutdown).await;
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Start => self.handle(Event::Startup).await,
            Command::Release(done) => {
                self.handle(Event::Shutdown).await;
                // The asker may have given up; that changes nothing here.
                let _ = done.send(());
            }
            Command::Reconfigure(config) => self.handle(Event::Reconfigure(config)).await,
            Command::Rearm => {
                self.armed = None;
                self.arm();
            }
        }
    }

    async fn time_out(&mut self, deadline: Option<Instant>) {
        while let Some(event) = self.platform.pending_event() {
            self.handle(event).await;
        }
        if let Some(deadline) = deadline {
            let delay = now().saturating_duration_since(deadline);
            self.scheduling_delay_max = self.scheduling_delay_max.max(delay);
        }
        self.handle(Event::Timer).await;
    }

    async fn handle(&mut self, event: Event) {
        let decided_at = now();
        let mut actions = self.router.handle(event, decided_at);
        // A failed action comes back as an event; the actions it causes are performed, their failures logged.
        if let Err(error) = self.perform(actions, decided_at).await {
            tracing::error!(vrid = %self.router.config().vrid(), %error, "action failed");
            let failed_at = now();
            actions = self.router.handle(Event::ActionFailed(error), failed_at);
            if let Err(error) = self.perform(actions, failed_at).await {
                tracing::error!(vrid = %self.router.config().vrid(), %error, "action failed");
            }
        }
        self.publish();
    }

    async fn perform(&mut self, actions: Vec<Action>, decided_at: Instant) -> Result<(), String> {
        let mut result = Ok(());
        for action in actions {
            let in_time = self.check_in_time(decided_at);
            let outcome = match action {
                Action::RemoveAddresses(addresses) => {
                    self.platform.remove_addresses(&addresses).await
                }
                _ if in_time.is_err() => in_time,
                Action::AddAddresses { addresses, lease } => {
                    self.arm();
                    self.platform.add_addresses(&addresses, lease).await
                }
                Action::Advertise(advert, form) => self.advertise(&advert, form),
                // What could not be added must not be announced.
                Action::Announce(_) if result.is_err() => continue,
                Action::Announce(addresses) => self.platform.announce(&addresses),
            };
            // The rest is carried out all the same: a release must not stop half-way.
            result = result.and(outcome);
        }
        self.arm();
        result
    }

    /// An active router that stood still for three intervals may have lost the addresses to the guard and then to a
    /// peer, even if it stood still after it decided what to do.
    fn check_in_time(&self, decided_at: Instant) -> Result<(), String> {
        let silence = now().saturating_duration_since(self.heard_at.unwrap_or(decided_at));
        let patience = self.router.config().interval().duration() * LATE_INTERVALS;
        if self.router.role() == Role::Active && silence >= patience {
            return Err(format!("the process was stopped for {} ms", silence.as_millis()));
        }
        Ok(())
    }

    /// Puts off the guard as well.
    fn advertise(&mut self, advert: &Advertisement, form: ChecksumForm) -> Result<(), String> {
        let heard_at = now();
        self.platform.advertise(advert, form)?;
        self.heard_at = self.heard_at.map(|_| heard_at);
        Ok(())
    }

    /// The guard knows what to do exactly while we hold addresses.
    fn arm(&mut self) {
        let due = (self.router.role() == Role::Active).then(|| self.router.farewell());
        if due == self.armed {
            return;
        }
        self.heard_at = due.as_ref().map(|_| now());
        match &due {
            Some((farewell, form)) => self.platform.arm(farewell, *form),
            None => self.platform.disarm(),
        }
        self.armed = due;
    }

    fn publish(&self) {
        let status = status_of(&self.router, &self.platform, self.scheduling_delay_max);
        let before = self.status.send_replace(status);
        let after = self.router.last_transition();
        if let Some(transition) = after
            && before.last_transition.as_ref() != after
        {
            let config = self.router.config();
            tracing::info!(
                vrid = %config.vrid(),
                from = %transition.from,
                to = %transition.to,
                reason = %transition.reason,
                "state changed"
            );
        }
    }
}

fn status_of(
    router: &VirtualRouter,
    platform: &impl Platform,
    scheduling_delay_max: Duration,
) -> Status {
    Status {
        role: router.role(),
        config: router.config().clone(),
        peer: router.peer().copied(),
        last_transition: router.last_transition().cloned(),
        counters: router.counters().clone(),
        decode_errors: platform.decode_errors().clone(),
        scheduling_delay_max,
    }
}

async fn wait_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// The clock of the runtime, which tests can stop.
#[expect(clippy::disallowed_methods, reason = "the driver is where time comes from")]
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests;
