//! What must hold in every state, and what must come of it if nothing more goes wrong.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use vrrp::router::FAULT_BACKOFF;
use vrrp::{Action, Event, Preempt, Priority, Reason, Role, RouterConfig, Transition};

use super::key;
use super::world::{DELAY, Host, Process, World};
use crate::subject::SECOND;

pub type Law<T = ()> = Result<T, String>;

/// What the laws need to know of the past. It is a part of the state.
#[derive(Clone)]
pub struct Memory {
    /// Since when both run and hear each other, and nothing was lost.
    pub undisturbed_since: Instant,
    /// Since when both hold the address although they are together.
    pub dual_since: Option<Instant>,
    /// When a backup was last told by an advertisement that it respects, not released since.
    pub respects: [Option<Instant>; 2],
    /// The last advertisement of the host has not arrived.
    pub unheard: [bool; 2],
    /// When the host last advertised as the active router that it is.
    pub advertised_at: [Option<Instant>; 2],
}

impl Memory {
    pub fn new(now: Instant) -> Self {
        Self {
            undisturbed_since: now,
            dual_since: None,
            respects: [None; 2],
            unheard: [false; 2],
            advertised_at: [None; 2],
        }
    }

    pub fn disturb(&mut self, now: Instant) {
        self.undisturbed_since = now;
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
    let now = world.now;
    let [left, right] = &world.hosts;
    let runs = |index: usize| {
        world.hosts[index].process == Process::Running
            && world.hosts[index].carrier
            && !world.cut[index]
    };
    let together = runs(0) && runs(1);
    let dual = together && left.held_until.is_some() && right.held_until.is_some();
    let memory = &mut world.memory;
    if !together {
        memory.disturb(now);
    }
    memory.dual_since = dual.then(|| memory.dual_since.unwrap_or(now));
    if let Some(dual) = memory.dual_since {
        let since = dual.max(memory.undisturbed_since);
        let acquainted = memory.undisturbed_since + LONG < dual;
        let bound = DELAY * 2 + if acquainted { Duration::ZERO } else { SECOND };
        if now - since > bound {
            return Err(format!("both hear each other and hold the address for {:?}", now - since));
        }
    }
    if world.packets.len() > PACKETS_MAX {
        return Err("a storm of advertisements".to_owned());
    }
    world.hosts.iter().try_for_each(check_host)
}

/// Longer than any Active_Down_Interval.
pub const LONG: Duration = SECOND.saturating_mul(4);

/// More than two routers that settle anything have under way.
const PACKETS_MAX: usize = 6;

/// Called before the actions are carried out.
pub fn check_transition(world: &World, index: usize, transition: &Transition) -> Law {
    let config = world.hosts[index].router.config();
    let holds = match &transition.reason {
        Reason::Silence(_) => {
            let respected = world.memory.respects[index];
            let other = &world.hosts[1 - index];
            let stands_still = other.process != Process::Running;
            let heard = !world.memory.unheard[1 - index];
            if stands_still && heard && other.held_until.is_some() {
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

fn check_host(host: &Host) -> Law {
    let (means, holds) = (host.means_to_hold(), host.held_until.is_some());
    if means == holds || host.process != Process::Running {
        Ok(())
    } else {
        Err(format!("a host is {} and holds: {holds}", host.router.role()))
    }
}

/// How every state settles, known by its key.
pub struct Laws {
    known: HashMap<u64, Duration>,
    bound: Duration,
    pub slowest: Duration,
}

impl Laws {
    pub fn new(configs: &[RouterConfig; 2]) -> Self {
        let delay = match configs[0].preempt() {
            Preempt::After(delay) => delay,
            Preempt::Never | Preempt::Immediate => Duration::ZERO,
        };
        Self {
            known: HashMap::new(),
            // Two takeovers: of the lost router, and of the stronger one, which may be in fault.
            bound: SECOND * 8 + delay + FAULT_BACKOFF,
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
        world.hosts.iter().filter(|host| host.held_until.is_some() || host.is_active()).collect();
    let [holder] = holders[..] else { return false };
    let is_rightful = strongest.effective_preempt() == Preempt::Never
        || holder.router.config().priority() == strongest.priority();
    holder.is_able() && holder.means_to_hold() && is_rightful
}
