//! Which states are one: those that differ in the time of day only, and in what has no influence on the election.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use vrrp::VirtualRouter;

use super::host::{Host, Process};
use super::laws::LONG;
use super::world::{STEP, World};
use crate::subject::SECOND;

/// The key of a state; with what may still go wrong and what the laws remember, or without.
pub fn of(world: &World, with_past: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    let now = world.now;
    let clock = nanoseconds(&format!("{now:?}"));
    for host in &world.hosts {
        of_host(host, now, clock, &mut hasher);
    }
    for packet in &world.packets {
        let age = now - packet.sent_at;
        (packet.from, packet.link, packet.advert.priority, age).hash(&mut hasher);
    }
    world.cut.hash(&mut hasher);
    if with_past {
        let memory = &world.memory;
        let age = |at: Option<Instant>| at.map(|at| (now - at).min(LONG + STEP));
        world.budget.hash(&mut hasher);
        memory.unheard.hash(&mut hasher);
        memory.undisturbed_since.map(|at| age(Some(at))).hash(&mut hasher);
        memory.dual_since.map(age).hash(&mut hasher);
        memory.respects.map(age).hash(&mut hasher);
    }
    hasher.finish()
}

/// No rule of a router looks further back.
const OLD: Duration = Duration::from_secs(SECOND.as_secs() * 10);

fn of_host(host: &Host, now: Instant, clock: i128, hasher: &mut DefaultHasher) {
    (host.process, host.carrier).hash(hasher);
    host.held_until.map(|until| until.map(|until| until - now)).hash(hasher);
    (host.health.offset, host.health.fault.is_some()).hash(hasher);
    if host.process == Process::Dead {
        return;
    }
    for (link, at) in &host.deleted_at {
        (link, (now - *at).min(OLD)).hash(hasher);
    }
    for (at, event) in &host.inbox {
        (now - *at).min(OLD).hash(hasher);
        format!("{event:?}").hash(hasher);
    }
    let question = host.router.question().map(|question| question.number);
    host.pondered.map(|number| Some(number) == question).hash(hasher);
    (question.is_some(), host.router.refusal().is_some()).hash(hasher);
    if host.router.config().consent_within().is_some() {
        host.router.poll_timeout().map(|at| at.saturating_duration_since(now)).hash(hasher);
    }
    let shape = host.shape();
    shape.text.hash(hasher);
    let old = i128::try_from(OLD.as_nanos()).expect("short");
    for at in &shape.times {
        (at - clock).clamp(-old, old).hash(hasher);
    }
}

/// All that a state shows, but for the announcements.
pub struct Shape {
    /// Without its times.
    text: u64,
    times: Vec<i128>,
}

pub fn shape(router: &VirtualRouter) -> Shape {
    let mut state = String::with_capacity(1000);
    write!(state, "{:?}", router.state()).expect("strings take everything");
    let mut hasher = DefaultHasher::new();
    let mut times = Vec::new();
    for part in state.split("announcements: ") {
        // What the part before had of them ends here.
        let part = part.split_once("asks_at").map_or(part, |(_, rest)| rest);
        let mut texts = part.split(INSTANT);
        texts.next().hash(&mut hasher);
        for text in texts {
            times.push(nanoseconds(text));
            text.split_once('}').map(|(_, rest)| rest).hash(&mut hasher);
        }
    }
    Shape { text: hasher.finish(), times }
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
