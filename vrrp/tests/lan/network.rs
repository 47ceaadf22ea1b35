//! One link that all hosts share: what is lost, late, doubled or cut off.

use std::time::Duration;

use super::rng::Rng;
use crate::subject::ms;

pub struct Network {
    /// `cut[from][to]`: packets that way get lost.
    cut: Vec<Vec<bool>>,
    /// The interfaces that are up, but nothing passes them yet.
    mute: Vec<bool>,
    /// Percent of packets lost, and of those doubled.
    pub noise: usize,
    /// The longest time a packet takes. Packets overtake each other.
    pub delay_max: Duration,
    /// The longest time that a packet's double takes.
    pub double_delay_max: Duration,
    /// A host that is none of ours has the virtual addresses, and everybody reaches it.
    pub stranger: bool,
    /// Advertisements go to each of the others by itself, and are taken from nobody else.
    pub is_unicast: bool,
}

impl Network {
    pub fn new(hosts: usize, delay_max: Duration, double_delay_max: Duration) -> Self {
        Self {
            cut: vec![vec![false; hosts]; hosts],
            mute: vec![false; hosts],
            noise: 0,
            delay_max,
            double_delay_max,
            stranger: false,
            is_unicast: false,
        }
    }

    /// How long each copy of a packet takes.
    pub fn copies(&self, from: usize, to: usize, rng: &mut Rng) -> [Option<Duration>; 2] {
        if !self.passes(from, to) || rng.percent(self.noise) {
            return [None, None];
        }
        let delay = rng.between(DELAY_MIN, self.delay_max);
        let double = rng.percent(self.noise).then(|| rng.between(DELAY_MIN, self.double_delay_max));
        [Some(delay), double]
    }

    pub fn cut(&mut self, from: usize, to: usize) {
        self.cut[from][to] = true;
    }

    pub fn mute(&mut self, host: usize, is_mute: bool) {
        self.mute[host] = is_mute;
    }

    /// Cuts every link between hosts whose bit in `side` differs.
    pub fn split(&mut self, side: usize) {
        for (from, row) in self.cut.iter_mut().enumerate() {
            for (to, cut) in row.iter_mut().enumerate() {
                *cut |= (side >> from & 1) != (side >> to & 1);
            }
        }
    }

    pub fn heal(&mut self) {
        self.noise = 0;
        self.mute.fill(false);
        self.stranger = false;
        for row in &mut self.cut {
            row.fill(false);
        }
    }

    pub fn is_perfect(&self) -> bool {
        let is_cut = self.cut.iter().any(|row| row.contains(&true));
        self.noise == 0 && !is_cut && !self.mute.contains(&true)
    }

    /// Whether everything sent from one to the other arrives, both ways.
    pub fn connects(&self, one: usize, other: usize) -> bool {
        self.noise == 0 && self.passes(one, other) && self.passes(other, one)
    }

    fn passes(&self, from: usize, to: usize) -> bool {
        !self.cut[from][to] && !self.mute[from] && !self.mute[to]
    }
}

const DELAY_MIN: Duration = Duration::from_micros(50);

/// The longest that a kernel is late with a timer or a lease.
pub const WAKE_LATE_MAX: Duration = ms(1);
pub const LEASE_LATE_MAX: Duration = ms(100);
