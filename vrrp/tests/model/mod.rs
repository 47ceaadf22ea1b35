//! Every behaviour of two routers with one address, exhaustively, while a bounded number of things go wrong.
//!
//! A breadth-first search over the same core that runs in production. [`world`] says what may happen in a state;
//! [`fault`] what may go wrong; [`laws`] what must not; [`key`] which states are one. Time is relative, so a quiet LAN is a cycle, and the search
//! ends by itself: each fault comes in every moment worth telling apart. The first broken law is told with the
//! shortest way to it.

mod fault;
mod key;
mod laws;
mod world;

use std::collections::{HashSet, VecDeque};

use vrrp::{LinkConfig, Preempt, Priority, RouterConfig};

use crate::subject::{SECOND, VIP, host, vrid};
use laws::Laws;
use world::{Budget, Move, World};

/// Priorities whose skews are multiples of the search's step: 0.25 s and 0.5 s.
const STRONG: u8 = 192;
const WEAK: u8 = 128;

fn pair(priorities: [u8; 2], preempt: Preempt) -> [RouterConfig; 2] {
    let config = |last, priority, other| {
        let link = LinkConfig::new(vrid(), host(last), vec![VIP]).expect("valid settings");
        let config = RouterConfig::new(link).with_priority(Priority::new(priority));
        let config = config.expect("not 0").with_preempt(preempt);
        config.with_strongest_other(Priority::new(other))
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

/// How a state was reached: from which, by what.
struct Step {
    from: usize,
    by: Move,
}

/// Faults alone, and a fault with a lost advertisement.
const BUDGETS: [Budget; 2] = [Budget { faults: 2, losses: 0 }, Budget { faults: 1, losses: 1 }];

fn search(configs: [RouterConfig; 2]) {
    for budget in BUDGETS {
        search_within(budget, configs.clone());
    }
}

/// More than any search needs, so that one that does not end is noticed.
const STATES_MAX: usize = 1_000_000;

#[expect(clippy::print_stderr, reason = "how much was searched is a result, too")]
fn search_within(budget: Budget, configs: [RouterConfig; 2]) {
    let mut laws = Laws::new(&configs);
    let mut seen = HashSet::new();
    let mut steps: Vec<Option<Step>> = vec![None];
    let mut frontier = VecDeque::new();
    let start = World::new(configs, budget);
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
