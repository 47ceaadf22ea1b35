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

/// One of the links of a virtual router, by its place among [all](crate::RouterConfig::links).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(usize);

impl LinkId {
    /// The link on which ties are broken, and the only one of an ordinary virtual router.
    pub const FIRST: Self = Self(0);

    /// The link at this place, from 0.
    #[must_use]
    pub const fn new(index: usize) -> Self {
        Self(index)
    }

    /// Its place, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
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

    /// The priority that counts in the election under this offset: 1 to 254; that of the owner stays.
    #[must_use]
    pub fn offset_by(self, offset: i16) -> Self {
        if self == Self::OWNER {
            return self;
        }
        let value = (i16::from(self.value()).saturating_add(offset)).clamp(1, 254);
        u8::try_from(value).map_or(self, Self::new)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Time between advertisements in centiseconds.
///
/// Version 3 can say 1 to 4095, that is 10 ms to 40.95 s (RFC 9568 §5.2.7); version 2 can say whole seconds from 1 to
/// 255 (RFC 3768 §5.3.7). A [`RouterConfig`](crate::RouterConfig) has one that its version can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval(u16);

impl Interval {
    /// One second, the RFC's default.
    pub const DEFAULT: Self = Self(100);
    /// The longest interval that any version can say: 255 s.
    pub const MAX: Self = Self(25_500);
    /// The longest interval that version 3 can say: 40.95 s.
    pub const MAX_V3: Self = Self(4095);

    /// `None` outside 1 to 25500 centiseconds.
    #[must_use]
    pub const fn from_centiseconds(value: u16) -> Option<Self> {
        if value >= 1 && value <= Self::MAX.0 { Some(Self(value)) } else { None }
    }

    /// `None` for 0 seconds.
    #[must_use]
    pub const fn from_seconds(value: u8) -> Option<Self> {
        Self::from_centiseconds(value as u16 * 100)
    }

    /// `None` unless the duration is a whole number of centiseconds in range.
    #[must_use]
    pub fn from_duration(duration: Duration) -> Option<Self> {
        let centiseconds = u16::try_from(duration.as_millis() / 10).ok()?;
        let interval = Self::from_centiseconds(centiseconds)?;
        (interval.duration() == duration).then_some(interval)
    }

    /// The number on the wire of version 3.
    #[must_use]
    pub const fn centiseconds(self) -> u16 {
        self.0
    }

    /// The number on the wire of version 2, 1 to 255; `None` unless these are whole seconds.
    #[must_use]
    pub fn seconds(self) -> Option<u8> {
        if self.0.is_multiple_of(100) { u8::try_from(self.0 / 100).ok() } else { None }
    }

    /// The interval as a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64 * 10)
    }

    /// Skew_Time of version 3 (RFC 9568 §6.1): the weaker the router, the longer it waits.
    #[must_use]
    pub const fn skew(self, priority: Priority) -> Duration {
        let centiseconds = self.0 as u64;
        Duration::from_nanos((256 - priority.0 as u64) * centiseconds * 10_000_000 / 256)
    }

    /// Active_Down_Interval of version 3 (RFC 9568 §6.1): silence after which the active router counts as lost.
    #[must_use]
    pub fn active_down(self, priority: Priority) -> Duration {
        self.duration() * 3 + self.skew(priority)
    }
}
