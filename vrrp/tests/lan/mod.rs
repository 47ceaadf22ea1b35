//! Several routers on a simulated LAN, with everything going wrong that can.
//!
//! A seed decides a schedule: how many routers, which settings, what goes wrong when. Same seed, same run. In
//! [`world`] things happen, drawn by [`plan`]; [`laws`] says what must hold; [`measure`] what a client would see.
//!
//! `HAAGENT_SEED=7 cargo test -p vrrp lan` replays one schedule and, if it breaks a law, leaves out all faults but
//! those that it takes; `HAAGENT_SCHEDULES=100000` sets how many are run.

mod habits;
mod host;
mod kernel;
mod kinds;
mod laws;
mod measure;
mod network;
mod plan;
mod process;
mod queue;
mod rng;
mod stories;
mod world;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use vrrp::router::CONSENT_BACKOFF;
use vrrp::schedule::{REFRESH, SPACING};
use vrrp::{InitializeState, Preempt, Role, State};

use habits::{CONSENT_WITHIN_MAX, PREEMPT_DELAY_MAX, SETTLE_MAX};
use host::Host;
use kinds::KINDS;
use laws::{Law, Laws};
use plan::{Fault, Plan, Round};
use rng::Rng;
use world::World;

const SCHEDULES: u64 = 10_000;

#[test]
fn laws_hold_on_a_misbehaving_lan() {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name}=`{text}` is not a number")))
    };
    if let Some(seed) = number("HAAGENT_SEED") {
        tell_if_broken(seed);
        return;
    }
    let schedules = number("HAAGENT_SCHEDULES").unwrap_or(SCHEDULES);
    let (broken, seen) = run_all(schedules);
    if let Some(seed) = broken {
        tell_if_broken(seed);
    }
    if schedules >= SCHEDULES {
        assert_eq!(seen, BTreeSet::from(KINDS), "the schedules miss something");
    }
}

/// Runs the schedules on all cores: the first seed that breaks a law, and the kinds of transitions seen.
fn run_all(schedules: u64) -> (Option<u64>, BTreeSet<&'static str>) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(0);
    let work = || {
        let mut seen = BTreeSet::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= schedules {
                return (None, seen);
            }
            let (world, outcome) = run(seed);
            if outcome.is_err() {
                next.store(schedules, Ordering::Relaxed);
                return (Some(seed), seen);
            }
            seen.extend(world.laws.seen);
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().map(|worker| worker.join().expect("no panic"));
        done.fold((None, BTreeSet::new()), |(broken, mut all), (seed, seen)| {
            all.extend(seen);
            (broken.into_iter().chain(seed).min(), all)
        })
    })
}

/// Tells how the schedule breaks a law, with no more faults than that takes.
fn tell_if_broken(seed: u64) {
    let mut rng = Rng::new(seed);
    let plan = Plan::draw(&mut rng);
    let is_broken = |plan: &Plan| run_plan(plan, rng.clone(), None).1.is_err();
    if !is_broken(&plan) {
        return;
    }
    let plan = shrunk(plan, is_broken);
    let (world, outcome) = run_plan(&plan, rng.clone(), Some(Vec::new()));
    let log = world.log.as_deref().unwrap_or_default();
    let broken = outcome.expect_err("the same plan breaks the same law");
    panic!(
        "{}\n\nbroken at {:.6} s: {broken}\nHAAGENT_SEED={seed} cargo test -p vrrp lan replays it",
        log.join("\n"),
        world.elapsed().as_secs_f64()
    );
}

/// The plan without the faults that are not needed to break a law.
fn shrunk(mut plan: Plan, is_broken: impl Fn(&Plan) -> bool) -> Plan {
    loop {
        let faults = plan.rounds.iter().map(|round| round.faults.len()).enumerate();
        let places =
            faults.flat_map(|(round, faults)| (0..faults).map(move |fault| (round, fault)));
        let simpler = places.map(|(round, fault)| {
            let mut simpler = plan.clone();
            simpler.rounds[round].faults.remove(fault);
            simpler
        });
        match simpler.into_iter().find(&is_broken) {
            Some(simpler) => plan = simpler,
            None => return plan,
        }
    }
}

fn run(seed: u64) -> (World, Law) {
    let mut rng = Rng::new(seed);
    let plan = Plan::draw(&mut rng);
    run_plan(&plan, rng, None)
}

fn run_plan(plan: &Plan, rng: Rng, log: Option<Vec<String>>) -> (World, Law) {
    let configs = plan.configs.clone();
    let mut world = World::with_links(configs, plan.links(), plan.delay_max, rng);
    world.guard_late = plan.guard_late;
    for (network, is_unicast) in world.networks.iter_mut().zip(&plan.unicast) {
        network.is_unicast = *is_unicast;
    }
    world.log = log;
    let outcome = follow(&mut world, plan);
    (world, outcome)
}

fn follow(world: &mut World, plan: &Plan) -> Law {
    for config in &plan.configs {
        world.note(|| format!("{config:?}"));
    }
    let rounds = plan.rounds.len();
    for (number, round) in plan.rounds.iter().enumerate() {
        let is_long = plan.is_long && number + 1 == rounds;
        endure(world, round)?;
        settle(world)?;
        stay_quiet(world, is_long)?;
    }
    let shortest = plan.shortest_interval();
    for (index, host) in world.hosts.iter().enumerate() {
        Laws::check_rate(host, index, world.elapsed(), shortest)?;
    }
    Ok(())
}

/// Everything goes wrong.
fn endure(world: &mut World, round: &Round) -> Law {
    for (at, fault) in &round.faults {
        world.schedule(*at, fault.clone());
    }
    world.run_for(round.length)
}

/// Everything is put right, and the routers have time to agree; the rest of it is left out once they did.
fn settle(world: &mut World) -> Law {
    world.heal()?;
    let delays = |preempt| matches!(preempt, Preempt::After(_));
    let delays = world.hosts.iter().any(|host| delays(host.config().preempt()));
    let takeovers = world.laws.interval_max() * 10;
    let fault = world.hosts.iter().map(|host| time_in_fault(host, world.now)).max();
    let delay = if delays { PREEMPT_DELAY_MAX } else { Duration::ZERO };
    let asks = world.hosts.iter().any(|host| host.config().consent_within().is_some());
    // Somebody was refused just before, by hooks that are still busy.
    let consent = if asks { CONSENT_BACKOFF + CONSENT_WITHIN_MAX * 2 } else { Duration::ZERO };
    let others = delay + consent + SPACING + SETTLE_MAX;
    let until = world.now + takeovers + fault.unwrap_or_default() + others;
    let interval = world.laws.interval_max();
    // Longer than any silence that counts.
    world.run_for(interval * 4)?;
    while world.now < until && !have_agreed(world) {
        world.run_for(interval)?;
    }
    Ok(())
}

/// Whether nobody has anything to change any more.
fn have_agreed(world: &World) -> bool {
    let Some(active) = world.hosts.iter().find(|host| host.is_active()) else { return false };
    let is_content = |host: &Host| match host.router.role() {
        Role::Active => true,
        // Who has not heard it last waits by another interval, which may be shorter.
        Role::Backup => host.router.question().is_none() && host.has_heard(active),
        Role::Initialize | Role::Leaving => false,
    };
    world.hosts.iter().all(is_content) && world.laws.check_settled(&world.hosts, false).is_ok()
}

fn time_in_fault(host: &Host, now: Instant) -> Duration {
    match host.router.state() {
        State::Initialize(InitializeState::Fault { retry_at, .. }) => {
            retry_at.saturating_duration_since(now)
        }
        _ => Duration::ZERO,
    }
}

/// Nothing happens but reloads that change nothing.
fn stay_quiet(world: &mut World, is_long: bool) -> Law {
    world.laws.is_quiet = true;
    let length = world.laws.interval_max() * 3 + if is_long { REFRESH } else { Duration::ZERO };
    for index in 0..world.hosts.len() {
        world.schedule(world.laws.interval_max(), Fault::ReloadSame(index));
    }
    world.run_for(length)?;
    world.laws.is_quiet = false;
    world.laws.check_settled(&world.hosts, is_long)
}
