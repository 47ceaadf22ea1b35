//! One fault after the other, each also with keepalived in our place.
//!
//! A [`Fault`] says what is done to the active box. [`compare`] does it to both programs, at several intervals
//! between advertisements and in several rounds, and puts the medians side by side. Bounds are for `haagent` only.

pub mod address;
pub mod crowd;
pub mod excluded;
pub mod freeze;
pub mod group;
pub mod hogs;
pub mod kill;
pub mod link;
pub mod overrun;
pub mod restart;
pub mod stop;

use std::path::Path;
use std::time::Duration;

use futures_util::future::{LocalBoxFuture, try_join};

use crate::comparison::{Comparison, Numbers};
use crate::contest::Contest;
use crate::failure::Result;
use crate::lab::stalls::Stalls;
use crate::router::contender::Contender;
use crate::router::settings::Settings;
use crate::traffic::window::Window;
use crate::verdict::{Verdict, whole_ms};

/// Something that is done to a box.
#[derive(Clone, Copy)]
pub struct Fault {
    /// What it is called in the table.
    pub name: &'static str,
    /// How often the address rightly moves because of it.
    pub moves: usize,
    /// The parts that fail may not exist in keepalived.
    pub contenders: &'static [Contender],
    /// What the boxes are told beside the interval; several virtual routers are judged as one.
    pub settings: fn() -> Settings,
    /// Strikes the box of this number, which is active, and returns when all is over that is to be seen.
    pub strike: Strike,
}

type Strike = for<'a> fn(&'a mut Contest, usize) -> LocalBoxFuture<'a, Result<()>>;

impl Fault {
    /// One that both programs can have, with the settings that most drills have.
    #[must_use]
    pub const fn new(name: &'static str, moves: usize, strike: Strike) -> Self {
        let contenders = &[Contender::Haagent, Contender::Keepalived];
        Self { name, moves, contenders, settings: Settings::default, strike }
    }
}

/// An interval between advertisements, and how many rounds are done with it.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The time between two advertisements.
    pub interval: Duration,
    /// How often.
    pub rounds: usize,
}

impl Pace {
    /// So many rounds with adverts so many milliseconds apart.
    #[must_use]
    pub const fn new(interval_ms: u64, rounds: usize) -> Self {
        Self { interval: Duration::from_millis(interval_ms), rounds }
    }
}

/// Does it to both programs; the verdict has a line for each pace, in order.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn compare(binary: &Path, fault: &Fault, paces: &[Pace]) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    for pace in paces {
        let (haagent, keepalived) = try_both(binary, fault, *pace).await?;
        let interval = pace.interval;
        for (program, rounds) in [("haagent", &haagent), ("keepalived", &keepalived)] {
            verdict =
                verdict.remark(format!("{} ms: {program} {}", interval.as_millis(), all(rounds)));
        }
        let line = Comparison::new(fault.name, interval, &haagent.numbers, &keepalived.numbers);
        verdict.comparisons.push(line);
    }
    Ok(verdict)
}

/// What was measured round by round.
#[derive(Default)]
struct Rounds {
    numbers: Vec<Numbers>,
    /// Those that were done again because this machine stood still, not the box.
    repeats: usize,
}

/// The rounds one by one, for the reader.
fn all(Rounds { numbers, repeats }: &Rounds) -> String {
    let list = |number: fn(&Numbers) -> Option<Duration>| {
        let each = numbers.iter().map(|round| number(round).map_or(0, whole_ms).to_string());
        each.collect::<Vec<_>>().join(", ")
    };
    let (gaps, silences) = (list(|round| round.gap), list(|round| round.takeover));
    let again = if *repeats > 0 { format!("; {repeats} again") } else { String::new() };
    format!("gap {gaps}; silence {silences}{again}")
}

/// It is not known better when what happened.
const RESOLUTION: Duration = Duration::from_millis(1);

/// Labs with adverts so far apart hardly work, and do not disturb each other.
const UNHURRIED: Duration = Duration::from_secs(1);

async fn try_both(binary: &Path, fault: &Fault, pace: Pace) -> Result<(Rounds, Rounds)> {
    let haagent = rounds(binary, Contender::Haagent, fault, pace);
    let keepalived = rounds(binary, Contender::Keepalived, fault, pace);
    if pace.interval >= UNHURRIED {
        try_join(haagent, keepalived).await
    } else {
        Ok((haagent.await?, keepalived.await?))
    }
}

/// So many rounds are done again at most.
const REPEATS_MAX: usize = 4;

async fn rounds(binary: &Path, contender: Contender, fault: &Fault, pace: Pace) -> Result<Rounds> {
    let mut rounds = Rounds::default();
    if !fault.contenders.contains(&contender) {
        return Ok(rounds);
    }
    let settings = Settings { interval: pace.interval, ..(fault.settings)() };
    let mut contest = Contest::start(binary, contender, settings).await?;
    let stalls = Stalls::watch(contest.lab.clock)?;
    while rounds.numbers.len() < pace.rounds {
        let active = contest.repair().await?;
        let from = contest.now();
        (fault.strike)(&mut contest, active).await?;
        // keepalived may have lost the address for good.
        if contender == Contender::Haagent || !contest.holders().is_empty() {
            contest.answered().await?;
        }
        // Who stands still for so long rightly loses the address, or what it holds to the guard.
        let stood_still = stalls.longest(Window { from, to: contest.now() }) + pace.interval
            >= contest.active_down();
        if stood_still && rounds.repeats < REPEATS_MAX {
            rounds.repeats += 1;
            continue;
        }
        let numbers = Numbers::together(&contest.numbers_of_all(from, active, fault.moves));
        rounds.numbers.push(numbers);
    }
    Ok(rounds)
}

impl Verdict {
    /// Notes every line of which the expectation does not hold.
    #[must_use]
    pub fn each(mut self, what: &str, holds: impl Fn(&Comparison) -> bool) -> Self {
        let wrong = self.comparisons.iter().filter(|line| !holds(line));
        let problem =
            |line: &Comparison| format!("adverts every {} ms: {what}", line.advert_interval_ms);
        self.problems.extend(wrong.map(problem));
        self
    }

    /// The address never moved without need.
    #[must_use]
    pub fn no_false_moves(self) -> Self {
        self.each("the address moved without need", |line| line.haagent.false_moves == 0)
    }
}
