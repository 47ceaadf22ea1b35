//! What goes wrong in a schedule, drawn from its seed.

use std::time::Duration;

use vrrp::{
    Auth, Checksum, Health, LinkConfig, LinkId, Password, Preempt, Priority, RouterConfig, Version,
};

use super::rng::Rng;
use crate::subject::{host_on, interval, ms, vrid};

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
    /// The checks of the box say so from now on.
    Health(usize, Health),
    ReloadSame(usize),
    Reload(usize, Box<RouterConfig>),
    /// Another host takes the addresses of this link, or gives them up.
    Stranger(LinkId, bool),
    /// A wake-up that nobody asked for.
    SpuriousTimer(usize),
}

#[derive(Clone)]
pub struct Plan {
    pub configs: Vec<RouterConfig>,
    pub delay_max: Duration,
    pub rounds: Vec<Round>,
    /// Whether the quiet time at the end outlasts the refresh of announcements.
    pub is_long: bool,
}

/// Faults at times from the start of the round; afterwards everything is put right.
#[derive(Clone)]
pub struct Round {
    pub faults: Vec<(Duration, Fault)>,
    pub length: Duration,
}

pub const HOSTS_MAX: usize = 5;

/// The longest [`Preempt::After`] that a plan uses.
pub const PREEMPT_DELAY_MAX: Duration = ms(3000);

impl Plan {
    pub fn draw(rng: &mut Rng) -> Self {
        let hosts = 2 + rng.below(HOSTS_MAX - 1);
        let habits = Habits::draw(rng);
        let configs: Vec<_> = (0..hosts).map(|index| habits.config(index, rng)).collect();
        let configs = if rng.percent(50) { acquainted(&configs) } else { configs };
        let rounds = (0..2).map(|_| Round::draw(&configs, &habits, rng)).collect();
        let delay_max = rng.pick(&[Duration::from_micros(200), ms(2), ms(15)]);
        Self { configs, delay_max, rounds, is_long: rng.percent(5) }
    }

    /// Of all settings, reloads included.
    pub fn shortest_interval(&self) -> Duration {
        let reloads =
            self.rounds.iter().flat_map(|round| &round.faults).filter_map(|(_, fault)| {
                if let Fault::Reload(_, config) = fault { Some(&**config) } else { None }
            });
        let intervals = self.configs.iter().chain(reloads).flat_map(intervals);
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
            | Self::Stranger(..)
            | Self::Health(..)
            | Self::Reload(..) => true,
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
            | Self::SpuriousTimer(_) => false,
        }
    }
}

/// What the hosts of one schedule have in common, most of the time.
struct Habits {
    links: Vec<LinkHabits>,
    preempt: Preempt,
    /// Percent of settings that differ from the common ones.
    deviation: usize,
}

/// The same of one link.
struct LinkHabits {
    /// In version 2, what all hosts have in common at all times, as the interval.
    version_2: Option<Auth>,
    interval: u64,
    checks_duplicates: bool,
}

impl LinkHabits {
    fn draw(rng: &mut Rng) -> Self {
        let version_2 = rng.percent(20).then(|| {
            let password = Password::new("secret").expect("6 octets");
            rng.pick(&[Auth::None, Auth::Password(password)])
        });
        let intervals =
            if version_2.is_some() { [1000, 1000, 2000, 3000] } else { [100, 200, 1000, 1000] };
        Self { version_2, interval: rng.pick(&intervals), checks_duplicates: rng.percent(50) }
    }

    fn config(&self, id: LinkId, index: usize, deviation: usize, rng: &mut Rng) -> LinkConfig {
        let deviates = |rng: &mut Rng| rng.percent(deviation);
        let milliseconds = if self.version_2.is_none() && deviates(rng) {
            rng.pick(&[100, 300, 1000, 2000])
        } else {
            self.interval
        };
        let checksum = rng.pick(&[Checksum::Auto, Checksum::Rfc9568, Checksum::Rfc5798]);
        let version = match self.version_2 {
            Some(auth) => Version::V2 { auth },
            None => Version::V3 { checksum },
        };
        let addresses = if deviates(rng) { &[100][..] } else { &[100, 101] };
        let addresses = addresses.iter().map(|&last| host_on(id, last)).collect();
        let excluded = if rng.percent(20) { vec![host_on(id, 150)] } else { Vec::new() };
        let link = LinkConfig::new(vrid(), host_on(id, source(id, index)), addresses)
            .and_then(|link| link.with_excluded(excluded))
            .expect("valid addresses")
            .with_interval(interval(milliseconds))
            .expect("sayable in version 3")
            .with_version(version)
            .expect("sayable in version 2");
        if self.checks_duplicates { link.with_duplicate_check() } else { link }
    }
}

/// On every other link, ties would be broken the other way round.
fn source(id: LinkId, index: usize) -> u8 {
    let last = if id.index().is_multiple_of(2) { 10 + index } else { 10 + HOSTS_MAX - index };
    u8::try_from(last).expect("few hosts")
}

impl Habits {
    fn draw(rng: &mut Rng) -> Self {
        let links = rng.pick(&[1, 1, 2, 3]);
        Self {
            links: (0..links).map(|_| LinkHabits::draw(rng)).collect(),
            preempt: draw_preempt(rng),
            deviation: rng.pick(&[0, 0, 50]),
        }
    }

    fn interval_max(&self) -> Duration {
        ms(self.links.iter().map(|link| link.interval).max().expect("a link"))
    }

    fn config(&self, index: usize, rng: &mut Rng) -> RouterConfig {
        let mut links = self
            .links
            .iter()
            .enumerate()
            .map(|(id, link)| link.config(LinkId::new(id), index, self.deviation, rng));
        let first = RouterConfig::new(links.next().expect("a link"));
        let config = links.fold(first, RouterConfig::with_link);
        let deviates = rng.percent(self.deviation);
        let preempt = if deviates { draw_preempt(rng) } else { self.preempt };
        let priority = rng.pick(&[1, 50, 100, 100, 150, 200, 254, 254, 255]);
        config.with_priority(Priority::new(priority)).expect("not 0").with_preempt(preempt)
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

/// Those of each link.
pub fn intervals(config: &RouterConfig) -> impl Iterator<Item = Duration> {
    config.links().iter().map(|link| link.interval().duration())
}

fn draw_preempt(rng: &mut Rng) -> Preempt {
    let after = Preempt::After(rng.between(ms(0), PREEMPT_DELAY_MAX));
    rng.pick(&[Preempt::Never, Preempt::Never, Preempt::Immediate, Preempt::Immediate, after])
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
    let link = LinkId::new(rng.below(habits.links.len()));
    let start = vec![Fault::Start(host)];
    let up = Fault::LinkUp(host, link);
    match rng.below(28) {
        0 => (Fault::Noise(rng.pick(&[5, 20, 50, 90])), vec![Fault::Noise(0)]),
        1 | 2 => (Fault::Cut(link, host, rng.below(configs.len())), vec![]),
        3 => (Fault::Split(link, 1 + rng.below((1 << configs.len()) - 1)), vec![]),
        4 | 5 => (Fault::Pause(host), vec![Fault::Resume(host)]),
        6 | 7 => (Fault::Kill(host), start),
        8 => (Fault::KillMidway(host, rng.below(4 * habits.links.len())), start),
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
            let fault = Some("track `a`: link down".to_owned());
            let undo = Fault::Health(host, Health::default());
            (Fault::Health(host, Health { offset: rng.pick(&[0, -20]), fault }), vec![undo])
        }
        _ => unreachable!("below 28"),
    }
}

/// Less than an interval, else a router may rightly be taken for dead.
const SLUGGISH_MAX: Duration = ms(40);

/// The longest time until lost events are noticed.
const OVERRUN_MAX: Duration = ms(2000);
