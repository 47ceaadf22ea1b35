//! What a virtual router is told about one of its links: valid by construction.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::ConfigError;
use crate::auth::Auth;
use crate::family::Family;
use crate::mac::Mac;
use crate::route::{ROUTES_MAX, Route};
use crate::schedule::Announcing;
use crate::types::{Interval, Priority, Vrid};

/// One link of a virtual router: a VRID on an interface, what is advertised there, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    vrid: Vrid,
    interval: Interval,
    source: IpAddr,
    /// Those that are advertised come first.
    held: Vec<IpAddr>,
    advertised: usize,
    routes: Vec<Route>,
    version: Version,
    checks_duplicates: bool,
    has_virtual_mac: bool,
    announcing: Announcing,
    settle: Duration,
    others: Vec<IpAddr>,
}

impl LinkConfig {
    /// A link with an interval of one second, in version 3 with automatic checksums.
    ///
    /// `source` is the primary address of the interface, over IPv6 its link-local one unless it speaks by unicast: it is
    /// what our advertisements are sent from, and it breaks ties. The unspecified address leaves the choice to the host,
    /// which tells it by [`Event::Source`](crate::Event::Source). `addresses` are the virtual addresses, of the same
    /// family.
    ///
    /// # Errors
    /// [`ConfigError`] when there is no address, more than 255, the same twice, or one of another family than `source`,
    /// or when the source is link-local and the first address of IPv6 is not.
    pub fn new(vrid: Vrid, source: IpAddr, addresses: Vec<IpAddr>) -> Result<Self, ConfigError> {
        check_addresses(source, &addresses)?;
        Ok(Self {
            vrid,
            interval: Interval::DEFAULT,
            source,
            advertised: addresses.len(),
            held: addresses,
            routes: Vec::new(),
            version: Version::V3 { checksum: Checksum::Auto },
            checks_duplicates: false,
            has_virtual_mac: false,
            announcing: Announcing::default(),
            settle: Duration::ZERO,
            others: Vec::new(),
        })
    }

    /// The same with another interval between advertisements, one that the version can say: set that first.
    ///
    /// # Errors
    /// [`ConfigError::IntervalV2`], [`ConfigError::IntervalV3`].
    pub fn with_interval(self, interval: Interval) -> Result<Self, ConfigError> {
        check_version(self.version, interval, self.source)?;
        Ok(Self { interval, ..self })
    }

    /// The same in another version of the protocol.
    ///
    /// # Errors
    /// [`ConfigError::IntervalV2`], [`ConfigError::IntervalV3`], or [`ConfigError::FamilyV2`].
    pub fn with_version(self, version: Version) -> Result<Self, ConfigError> {
        check_version(version, self.interval, self.source)?;
        Ok(Self { version, ..self })
    }

    /// The same with these routes, which come and go with the addresses.
    ///
    /// # Errors
    /// [`ConfigError::TooManyRoutes`], [`ConfigError::BadRoute`], [`ConfigError::DuplicateRoute`].
    pub fn with_routes(self, routes: Vec<Route>) -> Result<Self, ConfigError> {
        check_routes(self.addresses(), &routes)?;
        Ok(Self { routes, ..self })
    }

    /// The same with further addresses, of either family, that are held like the others and not advertised.
    ///
    /// # Errors
    /// [`ConfigError::DuplicateAddress`], or [`ConfigError::TooManyExcluded`].
    pub fn with_excluded(self, excluded: Vec<IpAddr>) -> Result<Self, ConfigError> {
        if excluded.len() > EXCLUDED_MAX {
            return Err(ConfigError::TooManyExcluded(excluded.len()));
        }
        let mut held = self.addresses().to_vec();
        let mut known: BTreeSet<_> = held.iter().copied().collect();
        if let Some(repeated) = excluded.iter().find(|&&address| !known.insert(address)) {
            return Err(ConfigError::DuplicateAddress(*repeated));
        }
        held.extend(excluded);
        Ok(Self { held, ..self })
    }

    /// The same, but the router asks who has the addresses before it claims them, and leaves them to a stranger.
    #[must_use]
    pub fn with_duplicate_check(self) -> Self {
        Self { checks_duplicates: true, ..self }
    }

    /// The same, but the addresses are announced like that.
    #[must_use]
    pub fn with_announcing(self, announcing: Announcing) -> Self {
        Self { announcing, ..self }
    }

    /// How the addresses are announced.
    #[must_use]
    pub const fn announcing(&self) -> Announcing {
        self.announcing
    }

    /// The same, but silence counts only once something was received since the link is up, or when the link has had this
    /// much time for it.
    #[must_use]
    pub fn with_settle(self, settle: Duration) -> Self {
        Self { settle, ..self }
    }

    /// How much time the link has to show that it receives.
    #[must_use]
    pub fn settle(&self) -> Duration {
        self.settle
    }

    /// The same where the other routers are known to have these addresses of their own on the link.
    #[must_use]
    pub fn with_others(self, others: Vec<IpAddr>) -> Self {
        Self { others, ..self }
    }

    /// The other routers' own addresses, as far as they are known.
    #[must_use]
    pub fn others(&self) -> &[IpAddr] {
        &self.others
    }

    /// Whether the router asks who has the addresses before it claims them.
    #[must_use]
    pub fn checks_duplicates(&self) -> bool {
        self.checks_duplicates
    }

    /// The same, but the addresses have the [MAC of the virtual router](Mac::of_virtual_router), not that of the
    /// interface.
    #[must_use]
    pub fn with_virtual_mac(self) -> Self {
        Self { has_virtual_mac: true, ..self }
    }

    /// The MAC of the addresses, if it is not that of the interface (RFC 9568 §7.3).
    #[must_use]
    pub fn virtual_mac(&self) -> Option<Mac> {
        let family = Family::of(self.source);
        self.has_virtual_mac.then(|| Mac::of_virtual_router(family, self.vrid))
    }

    /// Names the virtual router on the link.
    #[must_use]
    pub fn vrid(&self) -> Vrid {
        self.vrid
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

    /// The virtual addresses that are advertised: 1 to 255, all of the family of [`source`](Self::source).
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.held[..self.advertised]
    }

    /// All virtual addresses, those that are not advertised included.
    #[must_use]
    pub fn held(&self) -> &[IpAddr] {
        &self.held
    }

    /// The routes that come and go with the addresses: up to [`ROUTES_MAX`].
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The version that we speak, and the only one that we listen to.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Skew_Time of a router with this priority while the active one advertises at this interval: the weaker, the
    /// longer.
    ///
    /// In version 2 it is up to a second at any interval (RFC 3768 §6.1), in version 3 up to an interval (RFC 9568
    /// §6.1).
    #[must_use]
    pub fn skew(&self, priority: Priority, interval: Interval) -> Duration {
        match self.version {
            Version::V2 { .. } => Interval::DEFAULT.skew(priority),
            Version::V3 { .. } => interval.skew(priority),
        }
    }

    /// Active_Down_Interval of a router with this priority at this interval, in version 2 Master_Down_Interval: silence
    /// after which the active router counts as lost.
    #[must_use]
    pub fn active_down(&self, priority: Priority, interval: Interval) -> Duration {
        interval.duration() * SILENT_INTERVALS + self.skew(priority, interval)
    }

    /// The part of Active_Down_Interval that all routers share: no peer takes over after a shorter silence of ours.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.interval.duration() * SILENT_INTERVALS
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

fn check_routes(addresses: &[IpAddr], routes: &[Route]) -> Result<(), ConfigError> {
    if routes.len() > ROUTES_MAX {
        return Err(ConfigError::TooManyRoutes(routes.len()));
    }
    for (index, route) in routes.iter().enumerate() {
        let fits = addresses.iter().all(|address| route.is_of_family_of(*address));
        let lives_here = route.source.is_none_or(|source| addresses.contains(&source));
        if !(route.is_network() && fits && lives_here) {
            return Err(ConfigError::BadRoute(route.clone()));
        }
        if routes[..index].iter().any(|other| other.collides_with(route)) {
            return Err(ConfigError::DuplicateRoute(route.clone()));
        }
    }
    Ok(())
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
        IpAddr::V6(first) if is_link_local(source) && !first.is_unicast_link_local() => {
            Err(ConfigError::FirstAddress(first))
        }
        IpAddr::V6(_) | IpAddr::V4(_) => Ok(()),
    }
}

/// What is sent from another address goes to no group, and is no matter of RFC 9568 (§5.1.2.1).
fn is_link_local(source: IpAddr) -> bool {
    matches!(source, IpAddr::V6(source) if source.is_unicast_link_local())
}

/// So many excluded addresses are added within a fraction of the shortest lease.
pub const EXCLUDED_MAX: usize = 500;

/// The count of addresses is one octet (RFC 9568 §5.2.5).
const ADDRESSES_MAX: usize = 255;

/// Shorter than 3 x 1 s, the shortest Active_Down_Interval at intervals of a second and more; the kernel is up to 0.3
/// s late.
const LEASE: Duration = Duration::from_secs(2);

/// The shortest lease that the kernel can count. Below one second of interval a peer may be faster.
const LEASE_SHORT: Duration = Duration::from_secs(1);

/// So many intervals of silence and the skew are Active_Down_Interval (RFC 9568 §6.1).
const SILENT_INTERVALS: u32 = 3;
