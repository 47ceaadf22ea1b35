//! What must hold in every state, and what must come of it if nothing more goes wrong.
//!
//! - Never two holders that hear each other, but for one exchange; nor one beside the lease of one that stands still.
//! - A process that runs has the addresses of all links or of none; it takes no part while a check is bad.
//! - Who claims has listened for long enough, may preempt if he does, and has the consent that he needs, to this claim.
//! - Who yields is weaker. Who lets go does so first, and says so. Who stood still does not go on.
//! - If nothing more goes wrong, exactly one router holds the addresses before long, the strongest one if it may
//!   preempt, and it stays so.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use vrrp::router::{CONSENT_BACKOFF, FAULT_BACKOFF};
use vrrp::{Action, Event, LinkId, Preempt, Priority, Reason, Role, Transition};

use super::host::{Host, LINKS_MAX, Process};
use super::key;
use super::world::{DELAY, World};
use crate::subject::SECOND;

pub type Law<T = ()> = Result<T, String>;

/// What the laws need to know of the past. It is a part of the state.
#[derive(Clone)]
pub struct Memory {
    /// Since when both run and hear each other on a link, and nothing was lost there.
    pub undisturbed_since: [Instant; LINKS_MAX],
    /// Since when both hold the address of a link although they are together.
    pub dual_since: [Option<Instant>; LINKS_MAX],
    /// When a backup was last told by an advertisement that it respects, not released since.
    pub respects: [Option<Instant>; 2],
    /// The last advertisement of the host on a link has not arrived.
    pub unheard: [[bool; LINKS_MAX]; 2],
    /// When the host last advertised as the active router that it is.
    pub advertised_at: [Option<Instant>; 2],
}

impl Memory {
    pub fn new(now: Instant) -> Self {
        Self {
            undisturbed_since: [now; LINKS_MAX],
            dual_since: [None; LINKS_MAX],
            respects: [None; 2],
            unheard: [[false; LINKS_MAX]; 2],
            advertised_at: [None; 2],
        }
    }

    pub fn disturb(&mut self, link: LinkId, now: Instant) {
        self.undisturbed_since[link.index()] = now;
    }

    /// What an event means to a host whose role it is now.
    pub fn note(&mut self, index: usize, event: &Event, role: Role, now: Instant) {
        let respects = &mut self.respects[index];
        match event {
            Event::Advertisement { advert, .. } if advert.priority == Priority::RELEASE => {
                *respects = None;
            }
            Event::Advertisement { waited, .. } if role == Role::Backup => {
                *respects = Some(now - *waited);
            }
            _ => {}
        }
        if role == Role::Initialize {
            *respects = None;
        }
    }
}

/// Called after every move.
pub fn check_world(world: &mut World) -> Law {
    for link in world.links() {
        check_link(world, link)?;
    }
    if world.packets.len() > PACKETS_MAX * world.links().count() {
        return Err("a storm of advertisements".to_owned());
    }
    world.hosts.iter().try_for_each(|host| check_host(host))
}

/// Never two holders that hear each other, but for one exchange.
fn check_link(world: &mut World, link: LinkId) -> Law {
    let (now, at) = (world.now, link.index());
    let runs = |index: usize| {
        world.hosts[index].process == Process::Running
            && world.hosts[index].carrier[at]
            && !world.cut[index][at]
    };
    let together = runs(0) && runs(1);
    let [left, right] = &world.hosts;
    // Ties are broken on the first link only.
    let is_tie = left.router.config().priority() == right.router.config().priority();
    let is_excused = is_tie && link != LinkId::FIRST;
    let both = left.held_until[at].is_some() && right.held_until[at].is_some();
    let memory = &mut world.memory;
    if !together {
        memory.disturb(link, now);
    }
    let since = (together && both && !is_excused).then(|| memory.dual_since[at].unwrap_or(now));
    memory.dual_since[at] = since;
    if let Some(dual) = since {
        let undisturbed = memory.undisturbed_since[at];
        let since = dual.max(undisturbed);
        let acquainted = undisturbed + LONG < dual;
        let bound = DELAY * 2 + if acquainted { Duration::ZERO } else { SECOND };
        if now - since > bound {
            return Err(format!("both hear each other and hold the address for {:?}", now - since));
        }
    }
    Ok(())
}

/// Longer than any Active_Down_Interval.
pub const LONG: Duration = SECOND.saturating_mul(4);

/// More than two routers that settle anything have under way.
const PACKETS_MAX: usize = 6;

/// Called before the actions are carried out.
pub fn check_transition(world: &World, index: usize, agreed: bool, transition: &Transition) -> Law {
    let config = world.hosts[index].router.config();
    if transition.to == Role::Active && config.consent_within().is_some() && !agreed {
        return Err(format!("nobody agreed that host {index} claims"));
    }
    let holds = match &transition.reason {
        Reason::Silence(_) => {
            let respected = world.memory.respects[index];
            let other = &world.hosts[1 - index];
            let stands_still = other.process != Process::Running;
            let heard = !world.memory.unheard[1 - index].contains(&true);
            if stands_still && heard && other.holds() {
                return Err(format!("host {index} takes over while the lease of the other runs"));
            }
            respected.is_none_or(|at| world.now - at >= SECOND * 3)
                || config.effective_preempt() == Preempt::Immediate
        }
        // Who leaves is gone by then, if he runs.
        Reason::Released { .. } => {
            let other = &world.hosts[1 - index];
            other.process != Process::Running || other.router.role() != Role::Leaving
        }
        Reason::Preempted { priority, .. } => {
            config.effective_preempt() != Preempt::Never && *priority < config.priority()
        }
        Reason::Stronger { priority, .. } => *priority >= config.priority(),
        _ => true,
    };
    if holds { Ok(()) } else { Err(format!("host {index} has no right to: {transition:?}")) }
}

pub fn check_actions(world: &World, index: usize, event: &Event, actions: &[Action]) -> Law {
    let host = &world.hosts[index];
    let removes =
        actions.iter().position(|action| matches!(action, Action::RemoveAddresses { .. }));
    let releases = actions.iter().position(
        |action| matches!(action, Action::Advertise { advert, .. } if advert.priority == Priority::RELEASE),
    );
    // Who was late, or had let go already, says nothing.
    let is_silent = matches!(
        host.router.last_transition(),
        Some(Transition { reason: Reason::Late(_), at, .. } | Transition { from: Role::Leaving, at, .. })
            if *at == world.now
    );
    if matches!(event, Event::Shutdown | Event::Leave)
        && removes.is_some()
        && releases.is_none()
        && !is_silent
    {
        return Err(format!("host {index} leaves without a word"));
    }
    let acts = actions
        .iter()
        .any(|action| matches!(action, Action::Advertise { .. } | Action::AddAddresses { .. }));
    let stood_still = world.memory.advertised_at[index].map(|at| world.now - at);
    if acts && host.is_active() && stood_still.is_some_and(|time| time >= SECOND * 3) {
        return Err(format!("host {index} goes on after it stood still for {stood_still:?}"));
    }
    if releases.is_some() && removes > releases && host.router.role() != Role::Leaving {
        return Err(format!("host {index} invites before it let go"));
    }
    Ok(())
}

/// A process that runs has the addresses of all links or of none, and takes no part while a check is bad.
fn check_host(host: &Host) -> Law {
    if host.process != Process::Running {
        return Ok(());
    }
    let means = host.means_to_hold();
    let mut held = host.router.config().link_ids().map(|link| host.held_until[link.index()]);
    if held.any(|until| until.is_some() != means) {
        return Err(format!("a host is {} and holds {:?}", host.router.role(), host.held_until));
    }
    let takes_part = matches!(host.router.role(), Role::Backup | Role::Active);
    if host.health.fault.is_some() && takes_part {
        return Err(format!("a host fails a check and is {}", host.router.role()));
    }
    Ok(())
}

/// How every state settles, known by its key.
pub struct Laws {
    known: HashMap<u64, Duration>,
    bound: Duration,
    pub slowest: Duration,
}

impl Laws {
    pub fn new(world: &World) -> Self {
        let config = world.hosts[0].router.config();
        let delay = match config.preempt() {
            Preempt::After(delay) => delay,
            Preempt::Never | Preempt::Immediate => Duration::ZERO,
        };
        let asks = config.consent_within().is_some();
        let refusal = if asks { CONSENT_BACKOFF } else { Duration::ZERO };
        Self {
            known: HashMap::new(),
            // Two takeovers: of the lost router, and of the stronger one, which may be in fault.
            bound: SECOND * 8 + delay + FAULT_BACKOFF + refusal,
            slowest: Duration::ZERO,
        }
    }

    /// If nothing goes wrong any more, exactly one router holds the address before long, and it stays so.
    pub fn check_settles(&mut self, world: &World) -> Law {
        let mut calm = world.clone();
        calm.calm_down()?;
        let mut way = Vec::new();
        let rest = loop {
            let key = key::of(&calm, false);
            if let Some(&rest) = self.known.get(&key) {
                break rest;
            }
            way.push((key, calm.now));
            if is_settled(&calm) && self.stays(&calm)? {
                break Duration::ZERO;
            }
            if calm.now - way[0].1 > self.bound || way.len() > MOVES_MAX {
                return Err(format!("not settled after {:?}", calm.now - way[0].1));
            }
            calm.make(calm.calm_move())?;
        };
        let settled_at = calm.now + rest;
        for (key, at) in way {
            self.known.insert(key, settled_at - at);
            self.slowest = self.slowest.max(settled_at - at);
        }
        if self.slowest > self.bound {
            return Err(format!("settled after {:?} only", self.slowest));
        }
        Ok(())
    }

    /// Whether nothing changes any more. A backup that has not heard the active router yet may still take over.
    fn stays(&mut self, world: &World) -> Law<bool> {
        let roles = |world: &World| world.hosts.each_ref().map(|host| host.router.role());
        let mut later = world.clone();
        let mut way = Vec::new();
        while later.now < world.now + SECOND * 5 {
            way.push(key::of(&later, false));
            later.make(later.calm_move())?;
            if roles(&later) != roles(world) || !is_settled(&later) {
                return Ok(false);
            }
        }
        self.known.extend(way.into_iter().map(|key| (key, Duration::ZERO)));
        Ok(true)
    }
}

/// More than two routers need to settle anything, unless they contradict each other for ever.
const MOVES_MAX: usize = 500;

fn is_settled(world: &World) -> bool {
    let able = |index: &usize| world.hosts[*index].is_able();
    let Some(strongest) = (0..2)
        .filter(able)
        .map(|index| world.hosts[index].router.config())
        .max_by_key(|config| config.priority())
    else {
        return world.hosts.iter().all(|host| !host.is_active());
    };
    let holders: Vec<_> =
        world.hosts.iter().filter(|host| host.holds() || host.is_active()).collect();
    let [holder] = holders[..] else { return false };
    let is_rightful = strongest.effective_preempt() == Preempt::Never
        || holder.router.config().priority() == strongest.priority();
    holder.is_able() && holder.means_to_hold() && is_rightful
}
