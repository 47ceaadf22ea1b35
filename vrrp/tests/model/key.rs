//! Which states are one: those that differ in the time of day only, and in what has no influence on the election.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use super::laws::LONG;
use super::world::{Host, Process, STEP, World};
use crate::subject::SECOND;

/// The key of a state; with what may still go wrong and what the laws remember, or without.
pub fn of(world: &World, with_past: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    let now = world.now;
    for host in &world.hosts {
        of_host(host, now, &mut hasher);
    }
    for packet in &world.packets {
        (packet.from, packet.advert.priority, now - packet.sent_at).hash(&mut hasher);
    }
    world.cut.hash(&mut hasher);
    if with_past {
        let memory = &world.memory;
        let age = |at: Option<Instant>| at.map(|at| (now - at).min(LONG + STEP));
        world.budget.hash(&mut hasher);
        memory.unheard.hash(&mut hasher);
        age(Some(memory.undisturbed_since)).hash(&mut hasher);
        age(memory.dual_since).hash(&mut hasher);
        memory.respects.map(age).hash(&mut hasher);
    }
    hasher.finish()
}

/// No rule of a router looks further back.
const OLD: Duration = Duration::from_secs(SECOND.as_secs() * 10);

fn of_host(host: &Host, now: Instant, hasher: &mut DefaultHasher) {
    (host.process, host.carrier).hash(hasher);
    host.held_until.map(|until| until - now).hash(hasher);
    if host.process == Process::Dead {
        return;
    }
    for at in &host.deleted_at {
        (now - *at).min(OLD).hash(hasher);
    }
    for (at, event) in &host.inbox {
        (now - *at).min(OLD).hash(hasher);
        format!("{event:?}").hash(hasher);
    }
    of_state(&format!("{:?}", host.router.state()), nanoseconds(&format!("{now:?}")), hasher);
}

/// All that a state shows, with its times as ages, but for the announcements.
fn of_state(state: &str, now: i128, hasher: &mut DefaultHasher) {
    let (before, rest) = state.split_once("announcements: ").unwrap_or((state, ""));
    let rest = rest.split_once("yields_until").map_or(rest, |(_, rest)| rest);
    let old = i128::try_from(OLD.as_nanos()).expect("short");
    for part in [before, rest] {
        let mut texts = part.split(INSTANT);
        texts.next().hash(hasher);
        for text in texts {
            (nanoseconds(text) - now).clamp(-old, old).hash(hasher);
            text.split_once('}').map(|(_, rest)| rest).hash(hasher);
        }
    }
}

/// How `Debug` writes an instant. If it did so otherwise, no two states would be one and the search would not end.
const INSTANT: &str = "Instant { tv_sec: ";

/// Of an instant as `Debug` writes it, with or without [`INSTANT`].
fn nanoseconds(text: &str) -> i128 {
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.parse::<i128>().expect("digits"));
    let seconds = numbers.next().expect("seconds");
    seconds * 1_000_000_000 + numbers.next().expect("nanoseconds")
}
