//! What goes wrong in a schedule, drawn from its seed.

use std::time::Duration;

use vrrp::{
    Auth, Checksum, LinkConfig, LinkId, Password, Preempt, Priority, RouterConfig, Version,
};

use super::rng::Rng;
use crate::subject::{OTHER_VIP, VIP, host, interval, ms, vrid};

/// Something that goes wrong, or right again. Hosts are named by index.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Percent of packets lost, and of those doubled; 0 is quiet.
    Noise(usize),
    /// Packets one way get lost.
    Cut(usize, usize),
    /// The LAN falls apart; bit `i` says on which side host `i` is.
    Split(usize),
    /// The process stands still.
    Pause(usize),
    Resume(usize),
    /// The supervisor is killed; the guard cleans up.
    Kill(usize),
    /// The supervisor is killed after so many of its next actions.
    KillMidway(usize, usize),
    /// Everything of ours on the box is killed: only the lease is left.
    KillAll(usize),
    /// Starts a process that is dead, or takes part again after [`Fault::Stop`].
    Start(usize),
    /// A planned stop.
    Stop(usize),
    LinkDown(usize),
    LinkUp(usize),
    /// Somebody else removes the addresses.
    DeleteAddresses(usize),
    /// The next attempt to add addresses fails.
    FailAdd(usize),
    ReloadSame(usize),
    Reload(usize, Box<RouterConfig>),
    /// A wake-up that nobody asked for.
    SpuriousTimer(usize),
}

pub struct Plan {
    pub configs: Vec<RouterConfig>,
    pub delay_max: Duration,
    pub rounds: Vec<Round>,
    /// Whether the quiet time at the end outlasts the refresh of announcements.
    pub is_long: bool,
}

/// Faults at times from the start of the round; afterwards everything is put right.
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
        let intervals = self.configs.iter().chain(reloads).map(interval_of);
        intervals.min().expect("a host")
    }
}

impl Fault {
    /// Whether more than a process is struck.
    pub fn disturbs(&self) -> bool {
        match self {
            Self::Noise(_)
            | Self::Cut(..)
            | Self::Split(_)
            | Self::LinkDown(_)
            | Self::LinkUp(_)
            | Self::DeleteAddresses(_)
            | Self::FailAdd(_)
            | Self::Reload(..) => true,
            Self::Pause(_)
            | Self::Resume(_)
            | Self::Kill(_)
            | Self::KillMidway(..)
            | Self::KillAll(_)
            | Self::Start(_)
            | Self::Stop(_)
            | Self::ReloadSame(_)
            | Self::SpuriousTimer(_) => false,
        }
    }
}

/// What the hosts of one schedule have in common, most of the time.
struct Habits {
    /// In version 2, what all hosts have in common at all times, as the interval.
    version_2: Option<Auth>,
    interval: u64,
    preempt: Preempt,
    /// Percent of settings that differ from the common ones.
    deviation: usize,
}

impl Habits {
    fn draw(rng: &mut Rng) -> Self {
        let version_2 = rng.percent(20).then(|| {
            let password = Password::new("secret").expect("6 octets");
            rng.pick(&[Auth::None, Auth::Password(password)])
        });
        let intervals =
            if version_2.is_some() { [1000, 1000, 2000, 3000] } else { [100, 200, 1000, 1000] };
        Self {
            version_2,
            interval: rng.pick(&intervals),
            preempt: draw_preempt(rng),
            deviation: rng.pick(&[0, 0, 50]),
        }
    }

    fn config(&self, index: usize, rng: &mut Rng) -> RouterConfig {
        let last = u8::try_from(10 + index).expect("few hosts");
        let deviates = |rng: &mut Rng| rng.percent(self.deviation);
        let may_deviate = self.version_2.is_none();
        let milliseconds = if may_deviate && deviates(rng) {
            rng.pick(&[100, 300, 1000, 2000])
        } else {
            self.interval
        };
        let checksum = rng.pick(&[Checksum::Auto, Checksum::Rfc9568, Checksum::Rfc5798]);
        let version = match self.version_2 {
            Some(auth) => Version::V2 { auth },
            None => Version::V3 { checksum },
        };
        let preempt = if deviates(rng) { draw_preempt(rng) } else { self.preempt };
        let addresses = if deviates(rng) { vec![VIP] } else { vec![VIP, OTHER_VIP] };
        let priority = rng.pick(&[1, 50, 100, 100, 150, 200, 254, 254, 255]);
        let link = LinkConfig::new(vrid(), host(last), addresses)
            .expect("valid addresses")
            .with_interval(interval(milliseconds))
            .expect("sayable in version 3")
            .with_version(version)
            .expect("sayable in version 2");
        RouterConfig::new(link)
            .with_priority(Priority::new(priority))
            .expect("not 0")
            .with_preempt(preempt)
    }
}

/// The interval of a router with one link.
pub fn interval_of(config: &RouterConfig) -> Duration {
    config.link(LinkId::FIRST).interval().duration()
}

fn draw_preempt(rng: &mut Rng) -> Preempt {
    let after = Preempt::After(rng.between(ms(0), PREEMPT_DELAY_MAX));
    rng.pick(&[Preempt::Never, Preempt::Never, Preempt::Immediate, Preempt::Immediate, after])
}

impl Round {
    fn draw(configs: &[RouterConfig], habits: &Habits, rng: &mut Rng) -> Self {
        let length = ms(habits.interval) * 16 + ms(500);
        let mut faults = Vec::new();
        for _ in 0..=rng.below(6) {
            let at = rng.between(Duration::ZERO, length);
            let undone_at = at + rng.between(ms(1), length);
            let (fault, undo) = draw_fault(configs, habits, rng);
            faults.push((at, fault));
            faults.extend(undo.map(|undo| (undone_at, undo)));
        }
        faults.retain(|&(at, _)| at <= length);
        faults.sort_by_key(|&(at, _)| at);
        Self { faults, length }
    }
}

/// A fault, and what undoes it.
fn draw_fault(configs: &[RouterConfig], habits: &Habits, rng: &mut Rng) -> (Fault, Option<Fault>) {
    let host = rng.below(configs.len());
    let start = Some(Fault::Start(host));
    match rng.below(18) {
        0 => (Fault::Noise(rng.pick(&[5, 20, 50, 90])), Some(Fault::Noise(0))),
        1 | 2 => (Fault::Cut(host, rng.below(configs.len())), None),
        3 => (Fault::Split(1 + rng.below((1 << configs.len()) - 1)), None),
        4 | 5 => (Fault::Pause(host), Some(Fault::Resume(host))),
        6 | 7 => (Fault::Kill(host), start),
        8 => (Fault::KillMidway(host, rng.below(4)), start),
        9 | 10 => (Fault::KillAll(host), start),
        11 => (Fault::Stop(host), start),
        12 => (Fault::LinkDown(host), Some(Fault::LinkUp(host))),
        13 => (Fault::DeleteAddresses(host), None),
        14 => (Fault::FailAdd(host), None),
        15 => (Fault::ReloadSame(host), None),
        16 => (Fault::Reload(host, Box::new(habits.config(host, rng))), None),
        17 => (Fault::SpuriousTimer(host), None),
        _ => unreachable!("below 18"),
    }
}
