//! The small values of the protocol, valid by construction.

use std::fmt;
use std::num::NonZeroU8;
use std::time::Duration;

/// Identifies a virtual router on a link: 1 to 255 (RFC 9568 §5.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Vrid(NonZeroU8);

impl Vrid {
    /// `None` for 0, which the RFC does not allow.
    #[must_use]
    pub const fn new(value: u8) -> Option<Self> {
        match NonZeroU8::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who wins the election: the higher, the stronger (RFC 9568 §5.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priority(u8);

impl Priority {
    /// Sent by an active router that lets go; no router is configured with it.
    pub const RELEASE: Self = Self(0);
    /// What a router has that is not told otherwise.
    pub const DEFAULT: Self = Self(100);
    /// The router whose own interface address is the virtual address.
    pub const OWNER: Self = Self(255);

    /// Every octet is a priority on the wire; a router is configured with 1 to 255.
    #[must_use]
    pub const fn new(value: u8) -> Self {
        Self(value)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Time between advertisements in centiseconds: 1 to 4095, that is 10 ms to 40.95 s (RFC 9568 §5.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval(u16);

impl Interval {
    /// One second, the RFC's default.
    pub const DEFAULT: Self = Self(100);
    /// The longest interval that fits the field.
    pub const MAX: Self = Self(4095);

    /// `None` outside 1 to 4095 centiseconds.
    #[must_use]
    pub const fn from_centiseconds(value: u16) -> Option<Self> {
        if value >= 1 && value <= Self::MAX.0 { Some(Self(value)) } else { None }
    }

    /// `None` unless the duration is a whole number of centiseconds in range.
    #[must_use]
    pub fn from_duration(duration: Duration) -> Option<Self> {
        let centiseconds = u16::try_from(duration.as_millis() / 10).ok()?;
        let interval = Self::from_centiseconds(centiseconds)?;
        (interval.duration() == duration).then_some(interval)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn centiseconds(self) -> u16 {
        self.0
    }

    /// The interval as a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64 * 10)
    }

    /// Skew_Time (RFC 9568 §6.1): the weaker the router, the longer it waits.
    #[must_use]
    pub const fn skew(self, priority: Priority) -> Duration {
        let centiseconds = self.0 as u64;
        Duration::from_nanos((256 - priority.0 as u64) * centiseconds * 10_000_000 / 256)
    }

    /// Active_Down_Interval (RFC 9568 §6.1): silence after which the active router counts as lost.
    #[must_use]
    pub fn active_down(self, priority: Priority) -> Duration {
        self.duration() * 3 + self.skew(priority)
    }
}
