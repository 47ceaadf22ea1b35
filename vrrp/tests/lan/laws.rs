//! What must hold on the LAN, each law by name. A broken law is a text that says what was seen.
//!
//! - I1: once all is well there is exactly one active router, it alone holds the addresses, and all of them.
//! - I2: two routers that hear each other do not both hold an address; one that stands still loses it to its lease, and
//!   so does one that could not remove it.
//! - I3: the strongest router wins, if it may preempt.
//! - I4: without a failure nothing changes.
//! - I5: the links of a group move as one: a box that runs has the addresses of all of them, or of none.
//! - I6: the active router was the last to announce the addresses.
//! - I7: nobody takes over from a router that was heard; nobody acts on what he believed before he stood still.
//! - I8: who lets go says so, after the addresses are gone, and the peer hurries.
//! - I9: a reload of the same settings changes nothing.
//! - I10: routers advertise in turn, or because of something that happened.
//! - I11: nobody claims what a stranger answered for in the same silence.
//! - I12: nobody claims without the consent that he needs, to this claim.
//! - I13: nobody acts on what a router says that is none of his election.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use vrrp::router::TIME_TO_ASK_MAX;
use vrrp::{Action, LinkId, Preempt, Priority, Reason, Role, Transition};

use super::habits::{HOSTS_MAX, intervals};
use super::host::{Host, Place};
use super::kinds::kind;
use super::network::{Network, WAKE_LATE_MAX};
use crate::subject::SECOND;

pub type Law<T = ()> = Result<T, String>;

/// Fails with the law's name unless it holds.
macro_rules! law {
    ($holds:expr, $name:literal, $($seen:tt)*) => {
        if !$holds {
            return Err(format!("{}: {}", $name, format_args!($($seen)*)));
        }
    };
}
pub(super) use law;

/// What is known of the pairs of hosts on one link.
#[derive(Default)]
struct Pairs {
    /// Since when both hosts of a pair run and hear each other.
    together: [[Option<Instant>; HOSTS_MAX]; HOSTS_MAX],
    /// Since when they hold a common address although they hear each other.
    dual: [[Option<Instant>; HOSTS_MAX]; HOSTS_MAX],
}

/// The laws' memory.
pub struct Laws {
    interval_max: Duration,
    /// Of each link.
    pairs: Vec<Pairs>,
    /// Whether any pair holds a common address although they hear each other.
    is_dual: bool,
    /// When anything but a process changed for the worse or the better.
    pub disturbed_at: Instant,
    /// Whether nothing may change any more.
    pub is_quiet: bool,
    /// How much later than others the most sluggish process ran since all was put right.
    pub sluggish_max: Duration,
    last_announcer: BTreeMap<Place, usize>,
    /// Who had to yield since the LAN healed.
    yielded: BTreeSet<usize>,
    /// Kinds of transitions seen, so that the sweep can tell whether it saw all.
    pub seen: BTreeSet<&'static str>,
}

impl Laws {
    pub fn new(start: Instant) -> Self {
        Self {
            interval_max: Duration::ZERO,
            pairs: Vec::new(),
            is_dual: false,
            disturbed_at: start,
            is_quiet: false,
            sluggish_max: Duration::ZERO,
            last_announcer: BTreeMap::new(),
            yielded: BTreeSet::new(),
            seen: BTreeSet::new(),
        }
    }

    /// The longest interval that a host has or had: others may have learned it.
    pub fn interval_max(&self) -> Duration {
        self.interval_max
    }

    pub fn know_interval(&mut self, host: &Host) {
        self.interval_max = self.interval_max.max(intervals(host.config()).max().expect("a link"));
    }

    /// Called when addresses, processes or links have changed.
    pub fn relate(&mut self, hosts: &[Host], networks: &[Network], now: Instant) {
        self.pairs.resize_with(networks.len(), Pairs::default);
        self.is_dual = false;
        for ((id, network), pairs) in links(networks).zip(&mut self.pairs) {
            for (one, left) in hosts.iter().enumerate() {
                for (other, right) in hosts.iter().enumerate().skip(one + 1) {
                    let able = |host: &Host| host.is_running() && host.carries(id);
                    let connected = network.connects(one, other) && left.speaks_as(right, id);
                    let together = able(left) && able(right) && connected;
                    // Ties are broken on the first link only.
                    let is_tie = left.config().priority() == right.config().priority();
                    let is_excused = is_tie && id != LinkId::FIRST;
                    let dual = together && left.shares_an_address(right, id) && !is_excused;
                    keep_since(&mut pairs.together[one][other], together, now);
                    keep_since(&mut pairs.dual[one][other], dual, now);
                    self.is_dual |= dual;
                }
            }
        }
    }

    /// I2, called after every event.
    pub fn check_holders(&self, networks: &[Network], now: Instant) -> Law {
        if !self.is_dual {
            return Ok(());
        }
        for ((id, network), pairs) in links(networks).zip(&self.pairs) {
            for (one, row) in pairs.dual.iter().enumerate() {
                for (other, dual) in row.iter().enumerate() {
                    let (Some(since), Some(together)) = (*dual, pairs.together[one][other]) else {
                        continue;
                    };
                    // Who has long heard the other settles it by one exchange, who just met waits for an advertisement.
                    // Both may be late to read.
                    let late = WAKE_LATE_MAX + self.sluggish_max * 2;
                    let exchange = network.delay_max * 2 + late;
                    let acquainted = since - together > self.interval_max * 5;
                    let bound =
                        exchange + if acquainted { Duration::ZERO } else { self.interval_max };
                    law!(
                        now - since <= bound,
                        "I2 one holder",
                        "hosts {one} and {other} hear each other on {id:?} and both hold an address for {:?}",
                        now - since
                    );
                }
            }
        }
        Ok(())
    }

    /// Called for every transition, before its actions are carried out.
    pub fn check_transition(
        &mut self,
        hosts: &[Host],
        index: usize,
        transition: &Transition,
        networks: &[Network],
    ) -> Law {
        let (host, now) = (&hosts[index], transition.at);
        self.seen.insert(kind(&transition.reason));
        law!(!self.is_quiet, "I4 no change without failure", "host {index}: {transition:?}");
        let preempt = host.config().effective_preempt();
        match &transition.reason {
            Reason::Silence(_) => {
                let respects = host.record.links.iter().filter_map(|link| link.respect);
                let respected = respects.into_iter().any(|respect| now < respect.until);
                law!(!respected, "I7 no takeover from the living", "host {index}: {transition:?}");
                check_stranger(host, index, now)?;
                let links = &host.record.links[..host.config().links().len()];
                let released = links.iter().all(|link| link.is_released);
                let excused = host.record.is_doubtful;
                law!(
                    !released || excused,
                    "I8 a release hastens takeover",
                    "host {index}: {transition:?}"
                );
                self.check_leases(hosts, index, networks)?;
            }
            Reason::Released { .. } => {
                check_stranger(host, index, now)?;
                let respects = host.record.links.iter().filter_map(|link| link.respect);
                let respected = respects.into_iter().any(|respect| now < respect.until);
                law!(!respected, "I7 no takeover from the living", "host {index}: {transition:?}");
                let released = host.record.links.iter().any(|link| link.is_released);
                law!(released, "I7 no takeover from the living", "host {index}");
            }
            Reason::Preempted { priority, .. } => {
                let may = preempt != Preempt::Never && *priority < host.config().priority();
                law!(may, "I3 the strongest wins if it may", "host {index}: {transition:?}");
            }
            Reason::Stronger { priority, .. } => {
                self.yielded.insert(index);
                let must = *priority >= host.config().priority();
                law!(must, "I3 the strongest wins if it may", "host {index}: {transition:?}");
            }
            Reason::Started
            | Reason::Owner
            | Reason::Late(_)
            | Reason::LinkDown
            | Reason::LinkUp
            | Reason::Fault(_)
            | Reason::Retry
            | Reason::Unhealthy(_)
            | Reason::Healthy
            | Reason::Shutdown
            | Reason::Reconfigured => {}
        }
        Ok(())
    }

    /// I2 for hosts that cannot hear any more: at intervals of a second and more the lease ends before the takeover.
    fn check_leases(&self, hosts: &[Host], taker: usize, networks: &[Network]) -> Law {
        let mut all = hosts.iter().flat_map(|host| intervals(host.config()));
        let all_alike = all.all(|interval| interval == self.interval_max);
        let are_perfect = networks.iter().all(Network::is_perfect);
        let are_one = links(networks)
            .all(|(id, _)| hosts.iter().all(|host| host.speaks_as(&hosts[taker], id)));
        let applies = all_alike && are_one && are_perfect && self.interval_max >= SECOND;
        for (index, host) in hosts.iter().enumerate() {
            let Some(stopped_at) = host.stopped_at.filter(|_| applies) else {
                continue;
            };
            let undisturbed = self.disturbed_at + self.interval_max * 5 < stopped_at;
            // The last advertisement of the dead may still be under way.
            let was_heard = stopped_at + networks[0].delay_max < hosts[taker].entered_at();
            law!(
                !(undisturbed && was_heard) || host.held.is_empty(),
                "I2 leases end in time",
                "host {taker} takes over while host {index} still holds {:?}",
                host.held
            );
        }
        Ok(())
    }

    /// Called for every action, before it is carried out.
    pub fn check_action(
        &mut self,
        host: &Host,
        index: usize,
        action: &Action,
        was_late: bool,
    ) -> Law {
        match action {
            Action::Advertise { advert, .. } => {
                let held = host.known().collect::<Vec<_>>();
                law!(
                    advert.priority != Priority::RELEASE || held.is_empty() || is_leaving(host),
                    "I8 let go before saying so",
                    "host {index} still holds {held:?}"
                );
                law!(
                    !(was_late && host.is_active()),
                    "I7 late routers are silent",
                    "host {index} advertises, late, as if nothing had happened"
                );
                law!(
                    !self.is_quiet || host.is_active(),
                    "I10 only the active router advertises",
                    "host {index} advertises {}",
                    advert.priority
                );
            }
            Action::Announce { link, addresses } => {
                for &address in addresses {
                    self.last_announcer.insert((*link, address), index);
                }
            }
            Action::AddAddresses { link, .. } => {
                law!(
                    is_leaving(host) || host.record.links[link.index()].advertised_at.is_some(),
                    "I2 advertise before adding",
                    "host {index} adds an address that the old holder may still have"
                );
            }
            Action::AddRoutes { .. } => {
                law!(
                    !host.held.is_empty(),
                    "I1 routes follow the addresses",
                    "host {index} adds a route and holds no address"
                );
            }
            Action::RemoveRoutes { .. } | Action::RemoveAddresses { .. } | Action::Ask { .. } => {}
        }
        Ok(())
    }

    /// Called when a running process has carried out what an event led to.
    pub fn check_host(host: &Host, index: usize) -> Law {
        law!(
            host.may_hold() || host.known().next().is_none(),
            "I1 only the active router holds addresses",
            "host {index} is {} and holds {:?}",
            host.router.role(),
            host.held
        );
        let is_there = |place: &Place| host.held.contains_key(place) || host.lost.contains(place);
        law!(
            !holds(host) || host.places().all(|place| is_there(&place)),
            "I5 the links of a group move as one",
            "active host {index} holds {:?} only",
            host.held
        );
        law!(
            !host.record.unhealthy || !matches!(host.router.role(), Role::Backup | Role::Active),
            "I1 who fails a check takes no part",
            "host {index} is {}",
            host.router.role()
        );
        Ok(())
    }

    /// Called when a process has dealt with the loss of an address.
    pub fn check_restored(host: &Host, index: usize, place: Place) -> Law {
        let ours = host.places().any(|other| other == place);
        law!(
            !(host.is_running() && holds(host) && ours)
                || is_leaving(host)
                || host.held.contains_key(&place),
            "I1 lost addresses are restored",
            "active host {index} lacks {place:?}, it holds {:?}",
            host.held
        );
        Ok(())
    }

    /// Called for what a router did that was told to let go, and was not late.
    pub fn check_release(index: usize, actions: &[Action]) -> Law {
        let let_go = matches!(actions.first(), Some(Action::RemoveAddresses { .. }));
        let is_release = |action: &Action| matches!(action, Action::Advertise { advert, .. } if advert.priority == Priority::RELEASE);
        law!(
            !let_go || actions.iter().any(is_release),
            "I8 a released router says so",
            "host {index} let go by {actions:?}"
        );
        Ok(())
    }

    /// Everything was put right long ago: who is active, and rightly so?
    pub fn check_settled(&self, hosts: &[Host], is_long: bool) -> Law {
        let active: Vec<_> = (0..hosts.len()).filter(|&index| hosts[index].is_active()).collect();
        law!(active.len() == 1, "I1 exactly one active router", "active are {active:?}");
        let stuck = hosts.iter().position(|host| !host.stuck.is_empty());
        law!(
            stuck.is_none(),
            "I2 leases end in time",
            "host {stuck:?} has addresses that it let go"
        );
        let winner = &hosts[active[0]];
        let complete = winner.places().all(|place| winner.held.contains_key(&place));
        law!(complete, "I1 the active router holds the addresses", "it holds {:?}", winner.held);
        for (index, host) in hosts.iter().enumerate() {
            let may_preempt = host.config().effective_preempt() != Preempt::Never;
            law!(
                !may_preempt || host.config().priority() <= winner.config().priority(),
                "I3 the strongest wins if it may",
                "host {index} leaves the weaker host {} alone",
                active[0]
            );
        }
        for place in winner.places() {
            let announcer = self.last_announcer[&place];
            law!(
                announcer == active[0] || !(is_long || self.yielded.contains(&announcer)),
                "I6 the active router announced last",
                "{place:?} was announced by host {announcer}, active is host {}",
                active[0]
            );
        }
        Ok(())
    }

    /// Everything was put right.
    pub fn begin_healed(&mut self, now: Instant) {
        self.disturbed_at = now;
        self.sluggish_max = Duration::ZERO;
        self.yielded.clear();
    }

    /// I10 over the whole run.
    pub fn check_rate(host: &Host, index: usize, elapsed: Duration, shortest: Duration) -> Law {
        let record = &host.record;
        let in_turn = usize::try_from(elapsed.as_micros() / shortest.as_micros()).expect("a count");
        for link in &record.links {
            let out_of_turn = link.heard + 2 * record.transitions + record.reloads;
            law!(
                link.sent <= in_turn + out_of_turn + 1,
                "I10 no storm",
                "host {index} sent {} advertisements on one link in {elapsed:?}",
                link.sent
            );
        }
        Ok(())
    }
}

/// Whether the addresses should be there.
fn holds(host: &Host) -> bool {
    host.router.state().holds_addresses()
}

/// What it loses now, nobody adds again.
fn is_leaving(host: &Host) -> bool {
    host.router.role() == Role::Leaving
}

fn links(networks: &[Network]) -> impl Iterator<Item = (LinkId, &Network)> {
    networks.iter().enumerate().map(|(index, network)| (LinkId::new(index), network))
}

/// I11: what it said before the last advertisement, or before the silence that it spoiled, counts no more.
fn check_stranger(host: &Host, index: usize, now: Instant) -> Law {
    let answered = host.record.stranger_at.filter(|&at| now - at <= TIME_TO_ASK_MAX);
    law!(
        answered.is_none(),
        "I11 nobody claims what a stranger has",
        "host {index} claims, {answered:?} after the answer"
    );
    Ok(())
}

fn keep_since(since: &mut Option<Instant>, holds: bool, now: Instant) {
    *since = match (*since, holds) {
        (Some(since), true) => Some(since),
        (None, true) => Some(now),
        (_, false) => None,
    };
}
