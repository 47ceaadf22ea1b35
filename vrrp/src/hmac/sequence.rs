//! The number that tells a new message from an old one.

use std::time::Duration;

/// 64 bits that grow with every message of a sender: seconds since 1970, 2⁻¹⁶ seconds, and a counter.
///
/// They are compared as serial numbers (RFC 1982), for the seconds have 32 bits only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sequence(u64);

impl Sequence {
    /// The sequence of a clock that says that this time has passed since 1970.
    #[must_use]
    pub fn at(since_1970: Duration) -> Self {
        let subsec = (u64::from(since_1970.subsec_nanos()) << 16) / NANOS_PER_SEC;
        Self(since_1970.as_secs() << 32 | subsec << 16)
    }

    /// The sequence to use after `self` when the clock says `clock`: what the clock says, unless it has stood still or
    /// was put back.
    #[must_use]
    pub fn next(self, clock: Self) -> Self {
        if clock.is_after(self) { clock } else { Self(self.0.wrapping_add(1)) }
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, time: Duration) -> Self {
        Self(self.0.wrapping_add(Self::at(time).0))
    }

    /// The newer one of both.
    pub(super) fn newer(self, other: Self) -> Self {
        if other.is_after(self) { other } else { self }
    }

    /// This much earlier.
    #[must_use]
    pub fn minus(self, time: Duration) -> Self {
        Self(self.0.wrapping_sub(Self::at(time).0))
    }

    /// Whether a message with this sequence is newer than one with `other`.
    #[must_use]
    pub fn is_after(self, other: Self) -> bool {
        // The first half of the circle from `other` on.
        (1..=u64::MAX / 2).contains(&self.0.wrapping_sub(other.0))
    }

    /// The number.
    #[must_use]
    pub fn value(self) -> u64 {
        self.0
    }
}

impl From<u64> for Sequence {
    fn from(value: u64) -> Self {
        Self(value)
    }
}

const NANOS_PER_SEC: u64 = 1_000_000_000;
