//! Runs one virtual router on its links: wait, handle, perform, publish.
//!
//! Nothing here is slow: no name lookup, no disk, no lock that a thread of a lower priority might hold for long. So a
//! change of state is published, and all else is told when asked.
//!
//! Advertisements that wait are read before a timer is believed, so that a process that was late does not take silence
//! for the peer's: on all links, for any of them can keep it a backup. A process that was stopped half-way through its
//! actions claims nothing more once the guard may have let go for it.

mod status;
mod telling;

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::future::select_all;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep_until;

use status::status_of;
pub use status::{LinkStatus, Status};
use telling::Vrids;

use crate::advertisement::Advertisement;
use crate::checksum::ChecksumForm;
use crate::clock::now;
use crate::config::RouterConfig;
use crate::event::{Action, Event, Role};
use crate::notification::Telling;
use crate::platform::{Parting, Platform, Waiting};
use crate::router::VirtualRouter;
use crate::state::State;
use crate::tempo::Tempo;
use crate::track::Health;
use crate::types::LinkId;

/// What the owner of a driver orders.
#[derive(Debug)]
pub enum Command {
    /// Take part in the election.
    Start,
    /// Let go of the addresses and leave the election; answered when that is done.
    Release(oneshot::Sender<()>),
    /// The same, but the addresses may stay until just before another router can have them; answered with when they go,
    /// if they are still here.
    Leave(oneshot::Sender<Option<Instant>>),
    /// Use these settings, which have as many links, from now on.
    Reconfigure(RouterConfig),
    /// The answer to the [question](Status::question) of this number.
    Consent(u64, Result<(), String>),
    /// This is what tracking does from now on.
    Health(Health),
    /// The guard was replaced: tell it again what to do.
    Rearm,
    /// Say what the router is doing now.
    Report(oneshot::Sender<Status>),
}

/// One virtual router and its links.
#[derive(Debug)]
pub struct Driver<P> {
    router: VirtualRouter,
    links: Vec<Driven<P>>,
    status: watch::Sender<Status>,
    since: Instant,
    scheduling_delay_max: Duration,
    /// When the guard last heard from us, or a little before, if it is armed.
    heard_at: Option<Instant>,
}

/// Who is not later than this with a timer was woken by it, and had no time for anything else since.
const ON_TIME: Duration = Duration::from_millis(5);

/// So many packets are more than a socket has room for.
const WAITING_MAX: usize = 1024;

/// A link, and what the guard was told last about it, if it is armed.
#[derive(Debug)]
struct Driven<P> {
    platform: P,
    armed: Option<Parting>,
    telling: Telling,
}

impl<P: Platform> Driver<P> {
    /// A router that takes part in nothing until it gets [`Command::Start`]. It keeps the tempo of its host.
    ///
    /// # Panics
    /// Unless there are as many platforms as the settings have links, in the same order.
    #[must_use]
    pub fn new(
        config: RouterConfig,
        platforms: Vec<P>,
        tempo: Tempo,
    ) -> (Self, watch::Receiver<Status>) {
        assert_eq!(config.links().len(), platforms.len(), "every link has a platform");
        let driven = |platform| Driven { platform, armed: None, telling: Telling::default() };
        let links: Vec<_> = platforms.into_iter().map(driven).collect();
        let router = VirtualRouter::new(config).with_tempo(tempo);
        let since = now();
        let (status, receiver) = watch::channel(status_of(&router, &links, since, Duration::ZERO));
        let scheduling_delay_max = Duration::ZERO;
        (Self { router, links, status, since, scheduling_delay_max, heard_at: None }, receiver)
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
                event = next_event(&mut self.links) => self.handle(event).await,
                deadline = wait_until(deadline) => self.time_out(deadline).await,
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
            Command::Leave(told) => {
                self.handle(Event::Leave).await;
                let until = match self.router.state() {
                    State::Leaving(leaving) => Some(leaving.until()),
                    State::Initialize(_) | State::Backup(_) | State::Active(_) => None,
                };
                // The asker may have given up; that changes nothing here.
                let _ = told.send(until);
            }
            Command::Reconfigure(config) => {
                assert_eq!(config.links().len(), self.links.len(), "links stay");
                self.handle(Event::Reconfigure(config)).await;
            }
            Command::Consent(number, answer) => {
                self.read_what_waits().await;
                self.handle(Event::Consent { number, answer }).await;
            }
            Command::Health(health) => self.handle(Event::Health(health)).await,
            Command::Rearm => {
                for link in &mut self.links {
                    link.armed = None;
                }
                self.arm();
            }
            Command::Report(asker) => {
                // The asker may have given up; that changes nothing here.
                let _ = asker.send(self.report());
            }
        }
    }

    /// Before anything that may end in a claim. A flood does not keep us here.
    async fn read_what_waits(&mut self) {
        for link in self.router.config().link_ids() {
            for _ in 0..WAITING_MAX {
                match self.platform(link).read_waiting() {
                    Waiting::Nothing => break,
                    Waiting::Noise => {}
                    Waiting::Event(event) => self.handle(event).await,
                }
            }
        }
    }

    /// An active router that is on time claims nothing, and has just been told that nothing waits.
    async fn time_out(&mut self, deadline: Instant) {
        let is_late = now().saturating_duration_since(deadline) > ON_TIME;
        if is_late || !self.is_active() {
            self.read_what_waits().await;
        }
        let delay = now().saturating_duration_since(deadline);
        self.scheduling_delay_max = self.scheduling_delay_max.max(delay);
        self.handle(Event::Timer).await;
    }

    async fn handle(&mut self, event: Event) {
        let decided_at = now();
        let heard = if let Event::Advertisement { link, source, .. } = event {
            Some((link, source))
        } else {
            None
        };
        let is_routine = matches!(event, Event::Timer) && self.is_active();
        let mut actions = self.router.handle(event, decided_at);
        if let Some((link, source)) = heard {
            self.tell_of_mismatches(link, source);
        }
        // A failed action comes back as an event; the actions it causes are performed, their failures logged.
        if let Err(error) = self.perform(actions, decided_at).await {
            tracing::error!(vrid = %Vrids(self.router.config()), %error, "action failed");
            let failed_at = now();
            actions = self.router.handle(Event::ActionFailed(error), failed_at);
            if let Err(error) = self.perform(actions, failed_at).await {
                tracing::error!(vrid = %Vrids(self.router.config()), %error, "action failed");
            }
        }
        // A router that stays active does what is due, which changes nothing that the guard should know.
        if !(is_routine && self.is_active()) {
            self.arm();
        }
        self.publish();
    }

    async fn perform(&mut self, actions: Vec<Action>, decided_at: Instant) -> Result<(), String> {
        let mut result = Ok(());
        for action in actions {
            let in_time = self.check_in_time(decided_at);
            let outcome = match action {
                Action::RemoveAddresses { link, addresses } => {
                    self.platform(link).remove_addresses(&addresses).await
                }
                Action::RemoveRoutes { link, routes } => self.platform(link).remove_routes(&routes),
                _ if in_time.is_err() => in_time,
                Action::AddAddresses { link, addresses, lease } => {
                    self.arm();
                    self.platform(link).add_addresses(&addresses, lease).await
                }
                Action::AddRoutes { .. } if result.is_err() => continue,
                Action::AddRoutes { link, routes, lease } => {
                    self.platform(link).add_routes(&routes, lease)
                }
                Action::Advertise { link, advert, form } => {
                    self.advertise(link, &advert, form, decided_at)
                }
                // What could not be added must not be announced.
                Action::Announce { .. } if result.is_err() => continue,
                Action::Announce { link, addresses } => self.platform(link).announce(&addresses),
                Action::Ask { link, addresses } => {
                    self.platform(link).ask(&addresses);
                    Ok(())
                }
            };
            // The rest is carried out all the same: a release must not stop half-way.
            result = result.and(outcome);
        }
        result
    }

    fn is_active(&self) -> bool {
        self.router.role() == Role::Active
    }

    fn platform(&mut self, link: LinkId) -> &mut P {
        &mut self.links[link.index()].platform
    }

    /// An active router that stood still for too long may have lost the addresses to the guard and then to a peer, even
    /// if it stood still after it decided what to do.
    fn check_in_time(&self, decided_at: Instant) -> Result<(), String> {
        let silence = now().saturating_duration_since(self.heard_at.unwrap_or(decided_at));
        let armed = self.links.iter().filter_map(|link| link.armed.as_ref()).next();
        let patience = armed.map_or_else(|| self.router.patience(), |parting| parting.patience);
        if self.router.role().may_hold() && silence >= patience {
            return Err(format!("the process was stopped for {} ms", silence.as_millis()));
        }
        Ok(())
    }

    /// Puts off the guard as well, on all links, for they hang together: once for all that was decided at the same time.
    fn advertise(
        &mut self,
        link: LinkId,
        advert: &Advertisement,
        form: ChecksumForm,
        decided_at: Instant,
    ) -> Result<(), String> {
        let heard_at = now();
        self.platform(link).advertise(advert, form)?;
        if self.heard_at.is_some_and(|before| before < decided_at) {
            self.beat(heard_at);
        }
        Ok(())
    }

    fn beat(&mut self, heard_at: Instant) {
        for link in &mut self.links {
            link.platform.beat();
        }
        self.heard_at = Some(heard_at);
    }

    /// The guard knows what to do exactly while we hold addresses.
    fn arm(&mut self) {
        let heard_at = now();
        let config = self.router.config();
        let holds = self.router.role().may_hold();
        let mut is_changed = false;
        for (id, link) in config.link_ids().zip(&mut self.links) {
            let due = holds.then(|| parting(&self.router, id));
            if due == link.armed {
                continue;
            }
            match &due {
                Some(parting) => link.platform.arm(parting),
                None => link.platform.disarm(),
            }
            link.armed = due;
            is_changed = true;
        }
        match (is_changed, holds) {
            (true, true) => self.beat(heard_at),
            (true, false) => self.heard_at = None,
            (false, _) => {}
        }
    }
}

fn parting(router: &VirtualRouter, id: LinkId) -> Parting {
    let (config, (farewell, form)) = (router.config(), router.farewell(id));
    let link = config.link(id);
    let (routes, addresses) = (link.routes().to_vec(), link.held().to_vec());
    Parting { routes, addresses, farewell, form, patience: router.patience() }
}

/// The next event of any link; the first link's first. Cancel-safe, as each of them is.
async fn next_event<P: Platform>(links: &mut [Driven<P>]) -> Event {
    match links {
        [only] => only.platform.next_event().await,
        several => {
            let events = several.iter_mut().map(|link| Box::pin(link.platform.next_event()));
            select_all(events).await.0
        }
    }
}

/// In a flood of packets the runtime's timers come late, and its budget is used up: so the clock is asked as well.
async fn wait_until(deadline: Option<Instant>) -> Instant {
    let Some(deadline) = deadline else { return pending().await };
    let mut sleep = pin!(sleep_until(deadline.into()));
    poll_fn(
        |context| {
            if now() >= deadline { Poll::Ready(()) } else { sleep.as_mut().poll(context) }
        },
    )
    .await;
    deadline
}

#[cfg(test)]
mod tests;
