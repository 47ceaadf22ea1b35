//! What a virtual router is told: valid by construction.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::auth::Auth;
use crate::types::{Interval, Priority, Vrid};

/// The settings of one virtual router on one box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterConfig {
    vrid: Vrid,
    priority: Priority,
    interval: Interval,
    source: IpAddr,
    addresses: Vec<IpAddr>,
    preempt: Preempt,
    version: Version,
}

impl RouterConfig {
    /// A virtual router with priority 100, an interval of one second, no preemption, in version 3 with automatic
    /// checksums.
    ///
    /// `source` is the primary address of the interface, over IPv6 its link-local one: it is what our advertisements
    /// are sent from, and it breaks ties. `addresses` are the virtual addresses, of the same family.
    ///
    /// # Errors
    /// [`ConfigError`] when there is no address, more than 255, the same twice, or one of another family than `source`,
    /// or when the first one of IPv6 is not link-local.
    pub fn new(vrid: Vrid, source: IpAddr, addresses: Vec<IpAddr>) -> Result<Self, ConfigError> {
        check_addresses(source, &addresses)?;
        Ok(Self {
            vrid,
            priority: Priority::DEFAULT,
            interval: Interval::DEFAULT,
            source,
            addresses,
            preempt: Preempt::Never,
            version: Version::V3 { checksum: Checksum::Auto },
        })
    }

    /// The same with another priority, 1 to 255.
    ///
    /// # Errors
    /// [`ConfigError::PriorityZero`] for priority 0.
    pub fn with_priority(self, priority: Priority) -> Result<Self, ConfigError> {
        if priority == Priority::RELEASE {
            return Err(ConfigError::PriorityZero);
        }
        Ok(Self { priority, ..self })
    }

    /// The same with another interval between advertisements, one that the version can say: set that first.
    ///
    /// # Errors
    /// [`ConfigError::IntervalV2`], [`ConfigError::IntervalV3`].
    pub fn with_interval(self, interval: Interval) -> Result<Self, ConfigError> {
        check_version(self.version, interval, self.source)?;
        Ok(Self { interval, ..self })
    }

    /// The same with another preemption mode.
    #[must_use]
    pub fn with_preempt(self, preempt: Preempt) -> Self {
        Self { preempt, ..self }
    }

    /// The same in another version of the protocol.
    ///
    /// # Errors
    /// [`ConfigError::IntervalV2`], [`ConfigError::IntervalV3`], or [`ConfigError::FamilyV2`].
    pub fn with_version(self, version: Version) -> Result<Self, ConfigError> {
        check_version(version, self.interval, self.source)?;
        Ok(Self { version, ..self })
    }

    /// Names the virtual router on the link.
    #[must_use]
    pub fn vrid(&self) -> Vrid {
        self.vrid
    }

    /// Our strength in the election, 1 to 255.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Time between our advertisements.
    #[must_use]
    pub fn interval(&self) -> Interval {
        self.interval
    }

    /// The address that we send from.
    #[must_use]
    pub fn source(&self) -> IpAddr {
        self.source
    }

    /// The virtual addresses: 1 to 255, all of the family of [`source`](Self::source).
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// The preemption mode as configured.
    #[must_use]
    pub fn preempt(&self) -> Preempt {
        self.preempt
    }

    /// The preemption mode in force: the owner of the addresses always preempts (RFC 9568 §6.1).
    #[must_use]
    pub fn effective_preempt(&self) -> Preempt {
        if self.is_owner() { Preempt::Immediate } else { self.preempt }
    }

    /// The version that we speak, and the only one that we listen to.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Skew_Time while the active router advertises at this interval: the weaker we are, the longer we wait.
    ///
    /// In version 2 it is up to a second at any interval (RFC 3768 §6.1), in version 3 up to an interval (RFC 9568
    /// §6.1).
    #[must_use]
    pub fn skew(&self, interval: Interval) -> Duration {
        match self.version {
            Version::V2 { .. } => Interval::DEFAULT.skew(self.priority),
            Version::V3 { .. } => interval.skew(self.priority),
        }
    }

    /// Active_Down_Interval at this interval, in version 2 Master_Down_Interval: silence after which the active router
    /// counts as lost.
    #[must_use]
    pub fn active_down(&self, interval: Interval) -> Duration {
        interval.duration() * 3 + self.skew(interval)
    }

    /// Whether the addresses are the interface's own (priority 255, RFC 9568 §5.2.4).
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.priority == Priority::OWNER
    }

    /// How long the kernel keeps an address that is not renewed.
    ///
    /// Whole seconds, because the kernel counts so. At intervals of a second and more the lease ends before any
    /// peer's Active_Down_Interval, so that two boxes cannot hold the address even if all of our processes are dead.
    #[must_use]
    pub fn lease(&self) -> Duration {
        if self.interval < Interval::DEFAULT { LEASE_SHORT } else { LEASE }
    }

    /// Whether `other` is the same participant of the same election: same VRID, same source, same version.
    #[must_use]
    pub(crate) fn same_participant(&self, other: &Self) -> bool {
        self.vrid == other.vrid
            && self.source == other.source
            && self.version.number() == other.version.number()
    }
}

fn check_version(version: Version, interval: Interval, source: IpAddr) -> Result<(), ConfigError> {
    match version {
        Version::V2 { .. } if source.is_ipv6() => Err(ConfigError::FamilyV2(source)),
        Version::V2 { .. } if interval.seconds().is_none() => {
            Err(ConfigError::IntervalV2(interval.duration()))
        }
        Version::V3 { .. } if interval > Interval::MAX_V3 => {
            Err(ConfigError::IntervalV3(interval.duration()))
        }
        Version::V2 { .. } | Version::V3 { .. } => Ok(()),
    }
}

fn check_addresses(source: IpAddr, addresses: &[IpAddr]) -> Result<(), ConfigError> {
    let first = *addresses.first().ok_or(ConfigError::NoAddress)?;
    if addresses.len() > ADDRESSES_MAX {
        return Err(ConfigError::TooManyAddresses(addresses.len()));
    }
    for (index, &address) in addresses.iter().enumerate() {
        if address.is_ipv4() != source.is_ipv4() {
            return Err(ConfigError::MixedFamilies(address, source));
        }
        if addresses[..index].contains(&address) {
            return Err(ConfigError::DuplicateAddress(address));
        }
    }
    match first {
        IpAddr::V6(first) if !first.is_unicast_link_local() => {
            Err(ConfigError::FirstAddress(first))
        }
        IpAddr::V6(_) | IpAddr::V4(_) => Ok(()),
    }
}

/// The count of addresses is one octet (RFC 9568 §5.2.5).
const ADDRESSES_MAX: usize = 255;

/// Shorter than 3 x 1 s, the shortest Active_Down_Interval at intervals of a second and more; the kernel is up to 0.3
/// s late.
const LEASE: Duration = Duration::from_secs(2);

/// The shortest lease that the kernel can count. Below one second of interval a peer may be faster.
const LEASE_SHORT: Duration = Duration::from_secs(1);

/// Does a stronger router take over from a weaker active one (RFC 9568 §6.1, Preempt_Mode)?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preempt {
    /// An active router stays until it fails.
    Never,
    /// Advertisements of a weaker router do not keep the stronger one waiting: it takes over when
    /// its Active_Down_Timer runs out, as in RFC 9568 §6.4.2.
    Immediate,
    /// The stronger router first listens to the weaker one for this long.
    After(Duration),
}

/// A version of the protocol, with what it alone has. Routers of different versions do not hear each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// RFC 3768: IPv4 only, intervals of whole seconds that all routers must share.
    V2 {
        /// What all routers must share, too.
        auth: Auth,
    },
    /// RFC 9568.
    V3 {
        /// Which checksum we send.
        checksum: Checksum,
    },
}

impl Version {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V2 { .. } => 2,
            Self::V3 { .. } => 3,
        }
    }
}

/// Which bytes the checksum of VRRPv3 over IPv4 covers when we send. All forms are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The form the peer uses; until one is heard, that of RFC 9568.
    Auto,
    /// The VRRP message alone (RFC 9568 §5.2.8).
    Rfc9568,
    /// The message and an IPv4 pseudo-header (RFC 5798 as keepalived and FRR read it).
    Rfc5798,
}

/// Why a [`RouterConfig`] cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Priority 0 means release and is never configured.
    #[error("priority `0` is reserved for letting go")]
    PriorityZero,
    /// A virtual router without an address has nothing to do.
    #[error("a virtual router needs at least one address")]
    NoAddress,
    /// The count is one octet on the wire (RFC 9568 §5.2.5).
    #[error("`{0}` addresses do not fit one advertisement, which carries at most 255")]
    TooManyAddresses(usize),
    /// IPv4 and IPv6 are different virtual routers even with the same VRID (RFC 9568 §5.1).
    #[error("address `{0}` is of another family than the source `{1}`")]
    MixedFamilies(IpAddr, IpAddr),
    /// The same virtual address twice.
    #[error("address `{0}` appears twice")]
    DuplicateAddress(IpAddr),
    /// Over IPv6 the first address is the virtual router's link-local one (RFC 9568 §5.2.9).
    #[error("first address `{0}` is not link-local")]
    FirstAddress(Ipv6Addr),
    /// Version 2 has one octet of seconds for the interval (RFC 3768 §5.3.7).
    #[error("version 2 cannot say the interval `{0:?}`, only whole seconds from 1 to 255")]
    IntervalV2(Duration),
    /// Version 3 has 12 bits of centiseconds for the interval (RFC 9568 §5.2.7).
    #[error("version 3 cannot say the interval `{0:?}`, only up to 40.95 s")]
    IntervalV3(Duration),
    /// Version 2 is for IPv4 (RFC 3768 §1).
    #[error("version 2 has no IPv6, and the source is `{0}`")]
    FamilyV2(IpAddr),
}
