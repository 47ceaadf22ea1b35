//! The process on a box: feeds its router and does what it says, as the real driver does, under the eyes of the laws.

use std::time::{Duration, Instant};

use vrrp::{Action, Event, Preempt, Priority, Role, State, Transition};

use super::host::{Hooks, Host, Respect};
use super::kernel::STRANGER;
use super::kinds::{STUCK, peculiarity};
use super::laws::{Law, Laws, law};
use super::network::WAKE_LATE_MAX;
use super::queue::What;
use super::world::World;
use crate::subject::{in_short, ms};

/// What was so before an event.
struct Before {
    transition: Option<Transition>,
    was_late: bool,
    /// It has let go already, and says no more.
    was_leaving: bool,
    /// The event asks for the settings in force.
    is_reload_same: bool,
    /// The timer, if it must not change.
    timeout: Option<Instant>,
    priority: Priority,
    /// The event is the consent to what the router asks.
    agreed: bool,
    /// What the router said of itself, if the event must not change that.
    of_strange: Option<State>,
}

impl World {
    pub fn feed(&mut self, index: usize, event: Event) -> Law {
        let host = &mut self.hosts[index];
        let is_reload_same = matches!(&event, Event::Reconfigure(c) if c == host.config());
        let before = Before {
            transition: host.router.last_transition().cloned(),
            was_late: host.is_late(self.now),
            was_leaving: host.router.role() == Role::Leaving,
            is_reload_same,
            timeout: is_reload_same.then(|| host.router.poll_timeout()).flatten(),
            priority: host.config().priority(),
            agreed: host.agrees(&event),
            of_strange: host.is_strange(&event).then(|| host.router.state().clone()),
        };
        if let Event::AddressLost { link, address } = event {
            host.lost.remove(&(link, address));
        }
        let peculiarity = peculiarity(&event, before.agreed, before.of_strange.is_some());
        self.laws.seen.extend(peculiarity);
        let actions = host.router.handle(event.clone(), self.now);
        self.judge_transition(index, &event, &before, &actions)?;
        hear(&mut self.hosts[index], &event, self.now);
        self.judge_answer(index, &event, &before, &actions)?;
        self.ponder(index);
        // Under other settings an owner starts anew, whatever was before.
        let is_late = before.was_late && !self.hosts[index].restarted_since(&before.transition);
        self.perform_all(index, actions, is_late)?;
        match event {
            Event::AddressLost { link, address } => {
                Laws::check_restored(&self.hosts[index], index, (link, address))
            }
            Event::Startup
            | Event::Shutdown
            | Event::Leave
            | Event::Timer
            | Event::Advertisement { .. }
            | Event::Link { .. }
            | Event::Receives { .. }
            | Event::Source { .. }
            | Event::SourceLost { .. }
            | Event::MacChanged { .. }
            | Event::RoutesLost { .. }
            | Event::Claimed { .. }
            | Event::Consent { .. }
            | Event::ActionFailed(_)
            | Event::Health(_)
            | Event::Reconfigure(_) => Ok(()),
        }
    }

    fn judge_transition(
        &mut self,
        index: usize,
        event: &Event,
        before: &Before,
        actions: &[Action],
    ) -> Law {
        let after = self.hosts[index].router.last_transition().cloned();
        let transition = after.filter(|after| Some(after) != before.transition.as_ref());
        self.note(|| {
            let change = transition
                .as_ref()
                .map(|transition| format!(" [-> {}: {}]", transition.to, transition.reason));
            let (change, actions) = (change.unwrap_or_default(), in_short(actions));
            format!("host {index} {}{change}: {actions}", brief(event))
        });
        if let Some(transition) = &transition {
            let is_consented =
                before.agreed || self.hosts[index].config().consent_within().is_none();
            law!(
                transition.to != Role::Active || is_consented,
                "I12 no claim without consent",
                "host {index}: {transition:?}"
            );
            self.laws.check_transition(&self.hosts, index, transition, &self.networks)?;
            self.hosts[index].record.turn_over();
        }
        Ok(())
    }

    fn judge_answer(
        &mut self,
        index: usize,
        event: &Event,
        before: &Before,
        actions: &[Action],
    ) -> Law {
        if let Some(state) = &before.of_strange {
            let after = self.hosts[index].router.state();
            law!(
                before.was_late || (actions.is_empty() && after == state),
                "I13 nobody listens to strangers",
                "host {index} does {actions:?} for {event:?}"
            );
        }
        match event {
            Event::Shutdown | Event::Leave if !(before.was_late || before.was_leaving) => {
                Laws::check_release(index, actions)?
            }
            Event::Health(health) => {
                let host = &mut self.hosts[index];
                host.record.unhealthy = health.fault.is_some();
                host.record.reloads += 1;
                // A router that did not count may count now.
                host.record.is_doubtful |= host.router.config().priority() != before.priority;
                if !(before.was_late || before.was_leaving) {
                    Laws::check_release(index, actions)?;
                }
            }
            Event::Reconfigure(_) => {
                let timeout = self.hosts[index].router.poll_timeout();
                let record = &mut self.hosts[index].record;
                record.reloads += 1;
                record.is_doubtful |= !before.is_reload_same;
                self.laws.know_interval(&self.hosts[index]);
                law!(
                    before.was_late
                        || !before.is_reload_same
                        || (actions.is_empty() && timeout == before.timeout),
                    "I9 reload of the same changes nothing",
                    "host {index} does {actions:?}, timer {timeout:?} was {:?}",
                    before.timeout
                );
            }
            Event::Startup
            | Event::Shutdown
            | Event::Leave
            | Event::Timer
            | Event::Advertisement { .. }
            | Event::Link { .. }
            | Event::Receives { .. }
            | Event::Source { .. }
            | Event::SourceLost { .. }
            | Event::AddressLost { .. }
            | Event::MacChanged { .. }
            | Event::RoutesLost { .. }
            | Event::Claimed { .. }
            | Event::Consent { .. }
            | Event::ActionFailed(_) => {}
        }
        Ok(())
    }

    /// Somebody thinks about what the router asks, about one question at a time.
    fn ponder(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let (None, Some(question)) = (host.pondered, host.router.question()) else { return };
        let number = question.number;
        host.pondered = Some(number);
        let (host, life) = (index, host.lives);
        let (later, answer) = match self.hosts[index].hooks {
            Hooks::Prompt => (ms(5), Ok(())),
            Hooks::Slow(later) => (later, Ok(())),
            Hooks::Refuse => (ms(100), Err("not now".to_owned())),
        };
        let later = self.rng.between(Duration::ZERO, later);
        self.after(later, What::Answer { host, life, number, answer });
    }

    pub fn answer(&mut self, index: usize, number: u64, answer: Result<(), String>) -> Law {
        self.hosts[index].pondered = None;
        self.input(index, Event::Consent { number, answer })
    }

    fn perform_all(&mut self, index: usize, actions: Vec<Action>, was_late: bool) -> Law {
        let mut has_failed = false;
        for action in actions {
            if self.hosts[index].dies_after == Some(0) {
                self.note(|| format!("host {index} dies before {action:?}"));
                self.kill(index);
                return Ok(());
            }
            if let Some(left) = &mut self.hosts[index].dies_after {
                *left -= 1;
            }
            self.laws.check_action(&self.hosts[index], index, &action, was_late)?;
            has_failed |= self.perform(index, action) == Outcome::Failed;
        }
        if has_failed {
            self.feed(index, Event::ActionFailed("no buffer space available".to_owned()))?;
        }
        if self.hosts[index].is_running() {
            Laws::check_host(&self.hosts[index], index)?;
            self.arm(index);
        }
        Ok(())
    }

    fn perform(&mut self, index: usize, action: Action) -> Outcome {
        match action {
            Action::AddAddresses { link, addresses, lease } => {
                if std::mem::take(&mut self.hosts[index].fail_add) {
                    return Outcome::Failed;
                }
                self.is_changed = true;
                let until = self.now + lease;
                let Host { held, stuck, .. } = &mut self.hosts[index];
                for place in addresses.into_iter().map(|address| (link, address)) {
                    held.insert(place, until);
                    stuck.remove(&place);
                }
                self.watch_leases(index);
            }
            Action::RemoveAddresses { link, addresses } => {
                let places: Vec<_> = addresses.into_iter().map(|address| (link, address)).collect();
                let host = &mut self.hosts[index];
                let held = places.iter().filter(|place| host.held.contains_key(place));
                if host.fail_remove && held.clone().next().is_some() {
                    host.stuck.extend(held);
                    host.fail_remove = false;
                    self.laws.seen.insert(STUCK);
                    self.laws.disturbed_at = self.now;
                    self.is_changed = true;
                    return Outcome::Failed;
                }
                self.drop_addresses(index, &places);
            }
            Action::Advertise { link, advert, form } => {
                if self.hosts[index].may_hold() {
                    self.hosts[index].record.on(link).advertised_at = Some(self.now);
                }
                self.send(index, link, &advert, form);
            }
            Action::Announce { link, addresses } => self.announce(index, link, &addresses),
            Action::Ask { link, addresses } => self.ask(index, link, &addresses),
            Action::AddRoutes { .. } | Action::RemoveRoutes { .. } => {}
        }
        Outcome::Done
    }

    fn arm(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let timeout = host.router.poll_timeout();
        if timeout == host.wake_for {
            return;
        }
        host.wake_for = timeout;
        host.wake_generation += 1;
        let generation = host.wake_generation;
        if let Some(timeout) = timeout {
            let late_max = WAKE_LATE_MAX + self.hosts[index].sluggish;
            let late = self.rng.between(Duration::ZERO, late_max);
            let later = timeout.saturating_duration_since(self.now) + late;
            self.after(later, What::Wake { host: index, generation });
        }
    }
}

/// What a backup has to respect, told apart from the router under test.
fn hear(host: &mut Host, event: &Event, now: Instant) {
    match event {
        Event::Claimed { mac: STRANGER, .. } => host.record.stranger_at = Some(now),
        Event::Advertisement { .. } if host.is_strange(event) => {}
        // Other settings, other silence.
        Event::Advertisement { .. } | Event::Reconfigure(_) => host.record.stranger_at = None,
        _ => {}
    }
    // Whose claim fails because of somebody else waits anew.
    let is_refused = |link| host.router.conflict(link).is_some_and(|c| c.heard_at == now);
    if host.router.role() == Role::Backup && host.config().link_ids().any(is_refused) {
        for record in &mut host.record.links {
            record.is_released = false;
        }
    }
    let Event::Advertisement { link, advert, waited, .. } = event else {
        return;
    };
    if host.is_strange(event) {
        return;
    }
    host.record.on(*link).heard += 1;
    if host.router.role() != Role::Backup {
        return;
    }
    let discards = host.config().effective_preempt() == Preempt::Immediate
        && advert.priority < host.config().priority();
    if advert.priority == Priority::RELEASE {
        host.record.is_doubtful = false;
        for record in &mut host.record.links {
            record.is_released = true;
            if let Some(respect) = &mut record.respect {
                respect.until = respect.until.min(respect.next_at.max(now));
            }
        }
        host.record.on(*link).respect = None;
    } else if !discards {
        let interval = advert.interval.duration();
        let heard_at = now - *waited;
        let respect = Respect { until: heard_at + interval * 3, next_at: heard_at + interval };
        host.record.on(*link).respect = Some(respect);
        host.record.on(*link).is_released = false;
    }
}

/// An event for the log.
fn brief(event: &Event) -> String {
    match event {
        Event::Advertisement { source, advert, .. } => {
            format!("hears {} of {source}", advert.priority)
        }
        Event::Startup
        | Event::Shutdown
        | Event::Leave
        | Event::Timer
        | Event::Link { .. }
        | Event::Receives { .. }
        | Event::Source { .. }
        | Event::SourceLost { .. }
        | Event::AddressLost { .. }
        | Event::MacChanged { .. }
        | Event::RoutesLost { .. }
        | Event::Claimed { .. }
        | Event::Consent { .. }
        | Event::ActionFailed(_)
        | Event::Health(_)
        | Event::Reconfigure(_) => format!("{event:?}"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Failed,
}
