//! What goes wrong in a schedule, drawn from its seed.

use std::time::Duration;

use vrrp::{Health, LinkId, Priority, RouterConfig};

use super::habits::{CONSENT_WITHIN_MAX, HOSTS_MAX, Habits, LINKS_MAX, intervals};
use super::host::Hooks;
use super::rng::Rng;
use crate::subject::ms;

/// Something that goes wrong, or right again. Hosts are named by index.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Percent of packets lost, and of those doubled; 0 is quiet.
    Noise(usize),
    /// Packets one way get lost on this link.
    Cut(LinkId, usize, usize),
    /// A link falls apart; bit `i` says on which side host `i` is.
    Split(LinkId, usize),
    /// All links fall apart in the same way.
    SplitAll(usize),
    /// All our processes stand still.
    Pause(usize),
    /// The supervisor stands still, and the guard notices.
    Hang(usize),
    Resume(usize),
    /// The supervisor is killed; the guard cleans up.
    Kill(usize),
    /// The supervisor is killed after so many of its next actions.
    KillMidway(usize, usize),
    /// Everything of ours on the box is killed: only the lease is left.
    KillAll(usize),
    /// Starts a process that is dead, or takes part again after [`Fault::Stop`].
    Start(usize),
    /// The router is told to let go at once.
    Stop(usize),
    /// A planned stop.
    Leave(usize),
    LinkDown(usize, LinkId),
    LinkUp(usize, LinkId),
    /// The interface is up, but nothing passes it yet; or it does again.
    Mute(usize, LinkId),
    Unmute(usize, LinkId),
    /// The kernel drops word of changes; after this time the process lists everything anew.
    Overrun(usize, Duration),
    /// The process runs up to so much too late.
    Sluggish(usize, Duration),
    /// Somebody else removes the addresses.
    DeleteAddresses(usize),
    /// The next attempt to add addresses fails.
    FailAdd(usize),
    /// The next attempt to remove addresses fails.
    FailRemove(usize),
    /// The checks of the box say so from now on.
    Health(usize, Health),
    ReloadSame(usize),
    Reload(usize, Box<RouterConfig>),
    /// The file of every host says so from now on, with other links or versions perhaps.
    RollOut(Vec<RouterConfig>),
    /// The host reads its file.
    ReloadFile(usize),
    /// Those whose consent a claim needs answer like that.
    Hooks(usize, Hooks),
    /// A router that is none of ours says this priority; of another VRID, or in another version.
    Alien(LinkId, Priority, bool),
    /// Another host takes the addresses of this link, or gives them up.
    Stranger(LinkId, bool),
    /// A wake-up that nobody asked for.
    SpuriousTimer(usize),
}

#[derive(Clone)]
pub struct Plan {
    pub configs: Vec<RouterConfig>,
    pub delay_max: Duration,
    /// The longest time that a guard takes.
    pub guard_late: Duration,
    pub rounds: Vec<Round>,
    /// Whether the quiet time at the end outlasts the refresh of announcements.
    pub is_long: bool,
    /// The links whose advertisements go by unicast.
    pub unicast: Vec<bool>,
}

/// Faults at times from the start of the round; afterwards everything is put right.
#[derive(Clone)]
pub struct Round {
    pub faults: Vec<(Duration, Fault)>,
    pub length: Duration,
}

impl Plan {
    pub fn draw(rng: &mut Rng) -> Self {
        let hosts = 2 + rng.below(HOSTS_MAX - 1);
        let habits = Habits::draw(rng);
        let configs: Vec<_> = (0..hosts).map(|index| habits.config(index, rng)).collect();
        let configs = if rng.percent(50) { acquainted(&configs) } else { configs };
        let rounds = (0..2).map(|_| Round::draw(&configs, &habits, rng)).collect();
        let delay_max = rng.pick(&[Duration::from_micros(200), ms(2), ms(15)]);
        let guard_late = rng.pick(&[ms(5), ms(5), ms(5), ms(500)]);
        let (unicast, is_long) = (habits.unicast(), rng.percent(5));
        Self { configs, delay_max, guard_late, rounds, is_long, unicast }
    }

    /// That any settings have.
    pub fn links(&self) -> usize {
        let configs = self.configs.iter().chain(self.reloads());
        configs.map(|config| config.links().len()).max().expect("a host")
    }

    fn reloads(&self) -> impl Iterator<Item = &RouterConfig> {
        let faults = self.rounds.iter().flat_map(|round| &round.faults);
        faults.flat_map(|(_, fault)| match fault {
            Fault::Reload(_, config) => std::slice::from_ref(&**config),
            Fault::RollOut(configs) => configs,
            _ => &[],
        })
    }

    /// Of all settings, reloads included.
    pub fn shortest_interval(&self) -> Duration {
        let intervals = self.configs.iter().chain(self.reloads()).flat_map(intervals);
        intervals.min().expect("a host")
    }
}

impl Fault {
    /// Whether more than a process is struck.
    pub fn disturbs(&self) -> bool {
        match self {
            Self::Noise(_)
            | Self::Cut(..)
            | Self::Split(..)
            | Self::SplitAll(_)
            | Self::LinkDown(..)
            | Self::LinkUp(..)
            | Self::Mute(..)
            | Self::Unmute(..)
            | Self::Overrun(..)
            | Self::Sluggish(..)
            | Self::DeleteAddresses(_)
            | Self::FailAdd(_)
            | Self::FailRemove(_)
            | Self::Stranger(..)
            | Self::Health(..)
            | Self::Reload(..)
            | Self::RollOut(_)
            | Self::ReloadFile(_)
            | Self::Hooks(..) => true,
            Self::Pause(_)
            | Self::Hang(_)
            | Self::Resume(_)
            | Self::Kill(_)
            | Self::KillMidway(..)
            | Self::KillAll(_)
            | Self::Start(_)
            | Self::Stop(_)
            | Self::Leave(_)
            | Self::ReloadSame(_)
            | Self::Alien(..)
            | Self::SpuriousTimer(_) => false,
        }
    }
}

/// Each knows how strong the others are.
fn acquainted(configs: &[RouterConfig]) -> Vec<RouterConfig> {
    let know = |index: usize| {
        let others = configs.iter().enumerate().filter(|(other, _)| *other != index);
        let strongest = others.map(|(_, other)| other.priority()).max().expect("two hosts");
        configs[index].clone().with_strongest_other(strongest)
    };
    (0..configs.len()).map(know).collect()
}

impl Round {
    fn draw(configs: &[RouterConfig], habits: &Habits, rng: &mut Rng) -> Self {
        let length = habits.interval_max() * 16 + ms(500);
        let mut faults = Vec::new();
        for _ in 0..=rng.below(6) {
            let at = rng.between(Duration::ZERO, length);
            let (fault, undo) = draw_fault(configs, habits, rng);
            faults.push((at, fault));
            let mut undone_at = at;
            for undo in undo {
                undone_at += rng.between(ms(1), length);
                faults.push((undone_at, undo));
            }
        }
        faults.retain(|&(at, _)| at <= length);
        faults.sort_by_key(|&(at, _)| at);
        Self { faults, length }
    }
}

/// A fault, and what undoes it step by step.
fn draw_fault(configs: &[RouterConfig], habits: &Habits, rng: &mut Rng) -> (Fault, Vec<Fault>) {
    let host = rng.below(configs.len());
    let link = LinkId::new(rng.below(habits.count));
    let start = vec![Fault::Start(host)];
    let up = Fault::LinkUp(host, link);
    match rng.below(33) {
        0 => (Fault::Noise(rng.pick(&[5, 20, 50, 90])), vec![Fault::Noise(0)]),
        1 | 2 => (Fault::Cut(link, host, rng.below(configs.len())), vec![]),
        3 => (Fault::Split(link, 1 + rng.below((1 << configs.len()) - 1)), vec![]),
        4 | 5 => (Fault::Pause(host), vec![Fault::Resume(host)]),
        6 | 7 => (Fault::Kill(host), start),
        8 => (Fault::KillMidway(host, rng.below(4 * habits.count)), start),
        9 | 10 => (Fault::KillAll(host), start),
        11 => (rng.pick(&[Fault::Stop(host), Fault::Leave(host), Fault::Leave(host)]), start),
        12 => (Fault::LinkDown(host, link), vec![up]),
        13 => (Fault::DeleteAddresses(host), vec![]),
        14 => (Fault::FailAdd(host), vec![]),
        15 => (Fault::ReloadSame(host), vec![]),
        16 => (Fault::Reload(host, Box::new(habits.config(host, rng))), vec![]),
        17 => (Fault::SpuriousTimer(host), vec![]),
        18 => (Fault::SplitAll(1 + rng.below((1 << configs.len()) - 1)), vec![]),
        19 | 20 => (Fault::Hang(host), vec![Fault::Resume(host)]),
        21 => {
            let late = rng.between(ms(1), SLUGGISH_MAX);
            (Fault::Sluggish(host, late), vec![Fault::Sluggish(host, Duration::ZERO)])
        }
        22 => (Fault::Mute(host, link), vec![Fault::Unmute(host, link)]),
        23 => {
            let mute = Fault::Mute(host, link);
            (Fault::LinkDown(host, link), vec![mute, up, Fault::Unmute(host, link)])
        }
        24 => {
            let until = rng.between(ms(1), OVERRUN_MAX);
            (Fault::Overrun(host, until), vec![Fault::DeleteAddresses(host), up])
        }
        25 => (Fault::Stranger(link, true), vec![Fault::Stranger(link, false)]),
        26 => {
            let offset = rng.pick(&[-253, -60, -20, 30, 253]);
            let undo = Fault::Health(host, Health::default());
            (Fault::Health(host, Health { offset, fault: None }), vec![undo])
        }
        27 => {
            let health = Health { offset: rng.pick(&[0, -20]), ..ill() };
            let undo = Fault::Health(host, Health::default());
            (Fault::Health(host, health), vec![undo])
        }
        28 | 29 => {
            let slow = Hooks::Slow(rng.between(ms(1), CONSENT_WITHIN_MAX * 2));
            (
                Fault::Hooks(host, rng.pick(&[slow, Hooks::Refuse])),
                vec![Fault::Hooks(host, Hooks::Prompt)],
            )
        }
        30 => {
            let alien = |rng: &mut Rng| {
                let priority = rng.pick(&[0, 1, 100, 255]);
                Fault::Alien(link, Priority::new(priority), rng.percent(50))
            };
            (alien(rng), (0..5).map(|_| alien(rng)).collect())
        }
        31 => {
            let count = 1 + rng.below(LINKS_MAX);
            let habits = habits.with_other_versions(rng);
            let file = |index| habits.config_of(count, index, rng);
            let files = (0..configs.len()).map(file).collect();
            (Fault::RollOut(files), (0..configs.len()).map(Fault::ReloadFile).collect())
        }
        32 => {
            let undo =
                rng.pick(&[Fault::Stop(host), Fault::Leave(host), Fault::Health(host, ill())]);
            (Fault::FailRemove(host), vec![undo, Fault::Start(host)])
        }
        _ => unreachable!("below 33"),
    }
}

/// A check fails.
fn ill() -> Health {
    Health { offset: 0, fault: Some("track `a`: link down".to_owned()) }
}

/// Less than an interval, else a router may rightly be taken for dead.
const SLUGGISH_MAX: Duration = ms(40);

/// The longest time until lost events are noticed.
const OVERRUN_MAX: Duration = ms(2000);
