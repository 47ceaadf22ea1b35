//! The settings of a schedule, drawn from its seed: what its hosts have in common, and how each deviates.

use std::net::IpAddr;
use std::time::Duration;

use vrrp::{
    Auth, Checksum, Family, LinkConfig, LinkId, Password, Preempt, Priority, RouterConfig, Version,
};

use super::rng::Rng;
use crate::subject::{host_on, interval, ms, vrid};

/// What the hosts of one schedule have in common, most of the time.
#[derive(Clone)]
pub struct Habits {
    links: Vec<LinkHabits>,
    /// How many of them there are at first.
    pub count: usize,
    preempt: Preempt,
    consent_within: Option<Duration>,
    /// Percent of settings that differ from the common ones.
    deviation: usize,
}

/// The same of one link.
#[derive(Clone)]
struct LinkHabits {
    family: Family,
    /// In version 2, what all hosts have in common, as the interval, but for the time in which they read a new file.
    version_2: Option<Auth>,
    interval: u64,
    checks_duplicates: bool,
    settle: Duration,
    is_unicast: bool,
}

impl LinkHabits {
    fn draw(rng: &mut Rng) -> Self {
        let family = rng.pick(&[Family::Ipv4, Family::Ipv4, Family::Ipv6]);
        let version_2 = (family == Family::Ipv4 && rng.percent(20)).then(|| {
            let password = Password::new("secret").expect("6 octets");
            rng.pick(&[Auth::None, Auth::Password(password)])
        });
        let intervals =
            if version_2.is_some() { [1000, 1000, 2000, 3000] } else { [100, 200, 1000, 1000] };
        let (interval, checks_duplicates) = (rng.pick(&intervals), rng.percent(50));
        let settle = rng.pick(&[Duration::ZERO, ms(500), SETTLE_MAX]);
        let is_unicast = rng.percent(20);
        Self { family, version_2, interval, checks_duplicates, settle, is_unicast }
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
        let on = |last| address_on(self.family, id, last);
        let addresses = addresses.iter().map(|&last| on(last)).collect();
        let excluded = if rng.percent(20) { vec![on(150)] } else { Vec::new() };
        let link = LinkConfig::new(vrid(), on(source(id, index)), addresses)
            .and_then(|link| link.with_excluded(excluded))
            .expect("valid addresses")
            .with_interval(interval(milliseconds))
            .expect("sayable in version 3")
            .with_version(version)
            .expect("sayable in version 2");
        let others = (0..HOSTS_MAX).filter(|other| *other != index);
        let others = others.map(|other| on(source(id, other))).collect();
        let link = link.with_settle(self.settle).with_others(others);
        if self.checks_duplicates { link.with_duplicate_check() } else { link }
    }
}

/// The address with this end on a link.
pub fn address_on(family: Family, id: LinkId, last: u8) -> IpAddr {
    match family {
        Family::Ipv4 => host_on(id, last),
        Family::Ipv6 => {
            let link = u16::try_from(id.index()).expect("few links");
            [0xfe80, 0, 0, 0, 0, 0, link, last.into()].into()
        }
    }
}

/// On every other link, ties would be broken the other way round.
fn source(id: LinkId, index: usize) -> u8 {
    let last = if id.index().is_multiple_of(2) { 10 + index } else { 10 + HOSTS_MAX - index };
    u8::try_from(last).expect("few hosts")
}

impl Habits {
    pub fn draw(rng: &mut Rng) -> Self {
        Self {
            links: (0..LINKS_MAX).map(|_| LinkHabits::draw(rng)).collect(),
            count: rng.pick(&[1, 1, 2, 3]),
            consent_within: rng.percent(15).then(|| rng.between(ms(20), CONSENT_WITHIN_MAX)),
            preempt: draw_preempt(rng),
            deviation: rng.pick(&[0, 0, 50]),
        }
    }

    /// Some links speak the other version, if it can say their interval.
    pub fn with_other_versions(&self, rng: &mut Rng) -> Self {
        let mut other = self.clone();
        for link in &mut other.links {
            let can = link.family == Family::Ipv4 && link.interval.is_multiple_of(1000);
            if can && rng.percent(30) {
                link.version_2 = if link.version_2.is_some() { None } else { Some(Auth::None) };
            }
        }
        other
    }

    /// Of each link.
    pub fn unicast(&self) -> Vec<bool> {
        self.links.iter().map(|link| link.is_unicast).collect()
    }

    pub fn interval_max(&self) -> Duration {
        ms(self.links[..self.count].iter().map(|link| link.interval).max().expect("a link"))
    }

    pub fn config(&self, index: usize, rng: &mut Rng) -> RouterConfig {
        self.config_of(self.count, index, rng)
    }

    /// With so many links.
    pub fn config_of(&self, count: usize, index: usize, rng: &mut Rng) -> RouterConfig {
        let mut links = self.links[..count]
            .iter()
            .enumerate()
            .map(|(id, link)| link.config(LinkId::new(id), index, self.deviation, rng));
        let first = RouterConfig::new(links.next().expect("a link"));
        let config = links.fold(first, RouterConfig::with_link);
        let deviates = rng.percent(self.deviation);
        let preempt = if deviates { draw_preempt(rng) } else { self.preempt };
        let priority = rng.pick(&[1, 50, 100, 100, 150, 200, 254, 254, 255]);
        let config = config.with_priority(Priority::new(priority)).expect("not 0");
        let config = config.with_preempt(preempt);
        match self.consent_within {
            Some(within) => config.with_consent(within),
            None => config,
        }
    }
}

/// Those of each link.
pub fn intervals(config: &RouterConfig) -> impl Iterator<Item = Duration> {
    config.links().iter().map(|link| link.interval().duration())
}

fn draw_preempt(rng: &mut Rng) -> Preempt {
    let after = Preempt::After(rng.between(ms(0), PREEMPT_DELAY_MAX));
    rng.pick(&[Preempt::Never, Preempt::Never, Preempt::Immediate, Preempt::Immediate, after])
}

pub const HOSTS_MAX: usize = 5;

/// The longest time that a link has to show that it receives.
pub const SETTLE_MAX: Duration = ms(5000);

/// The longest [`Preempt::After`] that a plan uses.
pub const PREEMPT_DELAY_MAX: Duration = ms(3000);

pub const LINKS_MAX: usize = 3;

/// The longest time that an answer may take.
pub const CONSENT_WITHIN_MAX: Duration = ms(1000);
