//! Every behaviour of two routers with one address on a link, exhaustively, while a bounded number of things go wrong.
//!
//! A breadth-first search over the same core that runs in production. [`world`] says what may happen in a state;
//! [`fault`] what may go wrong with a [`host`]; [`laws`] what must not; [`key`] which states are one. Time is relative,
//! so a quiet LAN is a cycle, and the search ends by itself: each fault comes in every moment worth telling apart. The
//! first broken law is told with the shortest way to it.

mod fault;
mod host;
mod key;
mod laws;
mod world;

use std::collections::{HashSet, VecDeque};

use vrrp::{Auth, LinkConfig, LinkId, Preempt, Priority, RouterConfig, Version};

use crate::subject::{LAN, SECOND, host_on, ms, vrid};
use laws::Laws;
use world::{Budget, Move, World};

/// Priorities whose skews are multiples of the search's step: 0.25 s and 0.5 s.
const STRONG: u8 = 192;
const WEAK: u8 = 128;

fn pair(priorities: [u8; 2], preempt: Preempt) -> [RouterConfig; 2] {
    boxes(priorities, preempt, &[LinkId::FIRST], |link| link)
}

fn boxes(
    priorities: [u8; 2],
    preempt: Preempt,
    links: &[LinkId],
    change: impl Fn(LinkConfig) -> LinkConfig,
) -> [RouterConfig; 2] {
    let config = |last, priority, other| {
        let link = |id: &LinkId| {
            LinkConfig::new(vrid(), host_on(*id, last), vec![host_on(*id, 100)])
                .map(&change)
                .expect("valid settings")
        };
        let first = RouterConfig::new(link(&links[0]));
        let config = links[1..].iter().map(link).fold(first, RouterConfig::with_link);
        let config = config.with_priority(Priority::new(priority)).expect("not 0");
        config.with_preempt(preempt).with_strongest_other(Priority::new(other))
    };
    let [first, second] = priorities;
    [config(10, first, second), config(11, second, first)]
}

#[test]
fn unequal_routers_that_do_not_preempt() {
    search(pair([STRONG, WEAK], Preempt::Never));
}

#[test]
fn unequal_routers_that_preempt() {
    search(pair([STRONG, WEAK], Preempt::Immediate));
}

#[test]
fn unequal_routers_that_preempt_after_a_while() {
    search(pair([STRONG, WEAK], Preempt::After(SECOND)));
}

#[test]
fn equal_routers() {
    search(pair([WEAK, WEAK], Preempt::Immediate));
}

#[test]
fn an_owner_and_its_backup() {
    search(pair([255, WEAK], Preempt::Never));
}

#[test]
fn routers_of_version_2() {
    let version = Version::V2 { auth: Auth::None };
    let configs = boxes([STRONG, WEAK], Preempt::Immediate, &[LinkId::FIRST], |link| {
        link.with_version(version).expect("whole seconds")
    });
    search_within(FAULT_AND_LOSS, configs.clone());
    search_from(World::with_one(configs, FAULT_AND_LOSS));
}

#[test]
fn groups_of_two_links() {
    let groups = |preempt| boxes([STRONG, WEAK], preempt, &[LinkId::FIRST, LAN], |link| link);
    search_within(FAULT_AND_LOSS, groups(Preempt::Never));
    // That the strong one comes later is the fault.
    search_from(World::with_one(groups(Preempt::Immediate), FAULT_AND_LOSS));
}

#[test]
fn routers_with_checks() {
    for preempt in [Preempt::Never, Preempt::Immediate] {
        let configs = pair([STRONG, WEAK], preempt);
        search_within(Budget { verdicts: 2, ..Budget::default() }, configs.clone());
        search_within(Budget { faults: 1, verdicts: 1, ..Budget::default() }, configs);
    }
}

#[test]
fn routers_that_need_consent() {
    let configs = |preempt| pair([STRONG, WEAK], preempt).map(|it| it.with_consent(ms(500)));
    let budget = Budget { faults: 1, refusals: 1, ..Budget::default() };
    search_within(budget, configs(Preempt::Never));
    let budget = Budget { refusals: 2, ..Budget::default() };
    search_within(budget, configs(Preempt::Immediate));
}

/// How a state was reached: from which, by what.
struct Step {
    from: usize,
    by: Move,
}

const FAULT_AND_LOSS: Budget = Budget { faults: 1, losses: 1, verdicts: 0, refusals: 0 };
const FAULTS: Budget = Budget { faults: 2, losses: 0, ..FAULT_AND_LOSS };

fn search(configs: [RouterConfig; 2]) {
    for budget in [FAULTS, FAULT_AND_LOSS] {
        search_within(budget, configs.clone());
    }
}

/// More than any search needs, so that one that does not end is noticed.
const STATES_MAX: usize = 1_000_000;

fn search_within(budget: Budget, configs: [RouterConfig; 2]) {
    search_from(World::new(configs, budget));
}

#[expect(clippy::print_stderr, reason = "how much was searched is a result, too")]
fn search_from(start: World) {
    let budget = start.budget;
    let mut laws = Laws::new(&start);
    let mut seen = HashSet::new();
    let mut steps: Vec<Option<Step>> = vec![None];
    let mut frontier = VecDeque::new();
    seen.insert(key::of(&start, true));
    frontier.push_back((0, start));
    let mut moves = 0;
    while let Some((number, world)) = frontier.pop_front() {
        for by in world.moves() {
            moves += 1;
            let mut next = world.clone();
            let outcome = next.make(by);
            if outcome.is_ok() && !seen.insert(key::of(&next, true)) {
                continue;
            }
            let reached = steps.len();
            steps.push(Some(Step { from: number, by }));
            if let Err(broken) = outcome.and_then(|()| laws.check_settles(&next)) {
                panic!("{broken}\nafter {}", tell(&steps, reached).join(", "));
            }
            assert!(reached < STATES_MAX, "{STATES_MAX} states are not all");
            frontier.push_back((reached, next));
        }
    }
    let longest = tell(&steps, steps.len() - 1).len();
    eprintln!(
        "{budget:?}: {} states, {moves} moves, the farthest after {longest}; settled within {:?}",
        steps.len(),
        laws.slowest
    );
}

fn tell(steps: &[Option<Step>], mut number: usize) -> Vec<String> {
    let mut way = Vec::new();
    while let Some(Step { from, by }) = &steps[number] {
        way.push(format!("{by:?}"));
        number = *from;
    }
    way.reverse();
    way
}
