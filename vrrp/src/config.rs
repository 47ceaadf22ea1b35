//! What a virtual router is told: valid by construction.

mod link;

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

pub use link::{Checksum, EXCLUDED_MAX, LinkConfig, Version};

use crate::route::Route;
use crate::types::{LinkId, Priority};

/// The settings of one virtual router on one box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterConfig {
    priority: Priority,
    /// What tracking adds to it.
    offset: i16,
    preempt: Preempt,
    /// Of all others, as far as is known.
    strongest_other: Priority,
    consent_within: Option<Duration>,
    /// Never empty.
    links: Vec<LinkConfig>,
}

impl RouterConfig {
    /// A virtual router on one link, with priority 100 and no preemption.
    #[must_use]
    pub fn new(link: LinkConfig) -> Self {
        Self {
            priority: Priority::DEFAULT,
            offset: 0,
            preempt: Preempt::Never,
            strongest_other: Priority::OWNER,
            consent_within: None,
            links: vec![link],
        }
    }

    /// The same with one more link, which moves with the others. The order counts: ties are broken on the first.
    #[must_use]
    pub fn with_link(mut self, link: LinkConfig) -> Self {
        self.links.push(link);
        self
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

    /// The same with another preemption mode.
    #[must_use]
    pub fn with_preempt(self, preempt: Preempt) -> Self {
        Self { preempt, ..self }
    }

    /// The same, but no other router is ever stronger than this. Before a planned stop is over, nobody else must have the
    /// addresses: the weaker the others, the longer they can be held. Any priority, unless told.
    #[must_use]
    pub fn with_strongest_other(self, priority: Priority) -> Self {
        Self { strongest_other: priority, ..self }
    }

    /// The highest priority that another router may have.
    #[must_use]
    pub fn strongest_other(&self) -> Priority {
        self.strongest_other
    }

    /// The same, but it becomes active only with the consent of its owner, who is asked when all else allows it. An
    /// answer that takes longer than this is a refusal.
    #[must_use]
    pub fn with_consent(self, within: Duration) -> Self {
        Self { consent_within: Some(within), ..self }
    }

    /// How long an answer may take; `None` if the router asks nobody.
    #[must_use]
    pub fn consent_within(&self) -> Option<Duration> {
        self.consent_within
    }

    /// The same while tracking adds this to the priority.
    #[must_use]
    pub(crate) fn with_offset(self, offset: i16) -> Self {
        Self { offset, ..self }
    }

    /// What tracking adds to the priority.
    #[must_use]
    pub(crate) fn offset(&self) -> i16 {
        self.offset
    }

    /// Our strength in the election at present, 1 to 255: what tracking leaves of the
    /// [configured priority](Self::configured_priority).
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.priority.offset_by(self.offset)
    }

    /// Our strength in the election without tracking, 1 to 255.
    #[must_use]
    pub fn configured_priority(&self) -> Priority {
        self.priority
    }

    /// The links, at least one.
    #[must_use]
    pub fn links(&self) -> &[LinkConfig] {
        &self.links
    }

    /// One of the links.
    ///
    /// # Panics
    /// If there is no such link.
    #[must_use]
    pub fn link(&self, id: LinkId) -> &LinkConfig {
        &self.links[id.index()]
    }

    /// The names of the links.
    pub fn link_ids(&self) -> impl DoubleEndedIterator<Item = LinkId> + use<> {
        (0..self.links.len()).map(LinkId::new)
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

    /// Whether the addresses are the interfaces' own (priority 255, RFC 9568 §5.2.4).
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.priority == Priority::OWNER
    }

    /// After so long a silence of ours a peer may take over on the first of the links, and then on all.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.links.iter().map(LinkConfig::patience).min().unwrap_or_default()
    }

    /// Whether `other` has the same links, and on each of them is the same participant of the same election.
    #[must_use]
    pub fn same_participant(&self, other: &Self) -> bool {
        self.links.len() == other.links.len()
            && self
                .links
                .iter()
                .zip(&other.links)
                .all(|(ours, theirs)| ours.same_participant(theirs))
    }
}

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

/// Why a [`RouterConfig`] or a [`LinkConfig`] cannot be built.
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
    /// They are added, renewed and announced one by one.
    #[error("`{0}` excluded addresses are more than {EXCLUDED_MAX}")]
    TooManyExcluded(usize),
    /// IPv4 and IPv6 are different virtual routers even with the same VRID (RFC 9568 §5.1).
    #[error("address `{0}` is of another family than the source `{1}`")]
    MixedFamilies(IpAddr, IpAddr),
    /// The same virtual address twice.
    #[error("address `{0}` appears twice")]
    DuplicateAddress(IpAddr),
    /// See [`ROUTES_MAX`](crate::ROUTES_MAX).
    #[error("`{0}` routes are too many for one link")]
    TooManyRoutes(usize),
    /// No network, of another family than the addresses, or with a source that is none of them.
    #[error("route `{0}` does not fit the addresses of its link")]
    BadRoute(Route),
    /// The kernel has room for one route with the same destination, table and metric.
    #[error("route `{0}` appears twice")]
    DuplicateRoute(Route),
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
