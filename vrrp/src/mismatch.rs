//! Settings in which another router of the VRID differs from us, as far as its advertisements show them.
//!
//! Some differences make two routers deaf to each other, so that both become active; others show only when the other one
//! takes over. An active router hears nobody, so as a rule it is the backup that knows.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::advertisement::Advertisement;
use crate::auth::Auth;
use crate::checksum::ChecksumForm;
use crate::config::{Checksum, LinkConfig, Version};
use crate::peer::Peer;
use crate::types::{Interval, Priority};

/// In what another router differs. `Display` says it to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The other router.
    pub source: IpAddr,
    /// What is not as here, or just as here and should not be.
    pub difference: Difference,
    /// Its advertisements count all the same.
    pub is_heard: bool,
    /// When it was heard last.
    pub heard_at: Instant,
    /// Its interval.
    pub interval: Interval,
}

/// What is not as it should be between two routers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The versions of the protocol.
    Version {
        /// Of ours.
        ours: u8,
        /// Of the other one.
        theirs: u8,
    },
    /// How advertisements are authenticated; of equal ones the passwords differ.
    Authentication {
        /// Of ours.
        ours: Proof,
        /// Of the other one.
        theirs: Proof,
    },
    /// The intervals between advertisements.
    Interval {
        /// Of ours.
        ours: Interval,
        /// Of the other one.
        theirs: Interval,
    },
    /// The addresses that are advertised (RFC 9568 §7.1).
    Addresses {
        /// How many we have.
        ours: usize,
        /// How many the other one has.
        theirs: usize,
        /// The first of ours that it does not have.
        lacking: Option<IpAddr>,
        /// The first of those that it has and we do not.
        surplus: Option<IpAddr>,
    },
    /// It has our VRID for other addresses than all of ours, such as this one: most likely it is none of our boxes.
    Stranger(IpAddr),
    /// Both have this priority.
    Priority(Priority),
    /// The checksums that are sent, where ours does not follow theirs.
    Checksum {
        /// Of ours.
        ours: ChecksumForm,
        /// Of the other one.
        theirs: ChecksumForm,
    },
}

/// What proves that an advertisement is by one of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing.
    None,
    /// The password of version 2.
    Password,
    /// An HMAC.
    Hmac,
}

impl Difference {
    /// The one for which this advertisement must not count: another version or, in version 2, another authentication or
    /// interval (RFC 3768 §7.1).
    pub(crate) fn that_deafens(
        settings: &LinkConfig,
        advert: &Advertisement,
        form: ChecksumForm,
    ) -> Option<Self> {
        let (ours, theirs) = (settings.version(), version(form));
        let Version::V2 { auth } = ours else {
            let ours = ours.number();
            return (ours != theirs).then_some(Self::Version { ours, theirs });
        };
        let ChecksumForm::Rfc3768(heard) = form else {
            return Some(Self::Version { ours: ours.number(), theirs });
        };
        if auth != heard {
            return Some(Self::Authentication { ours: proof(auth), theirs: proof(heard) });
        }
        Self::in_intervals(settings, advert)
    }

    /// Those with which it counts all the same.
    pub(crate) fn that_are_borne(
        settings: &LinkConfig,
        priority: Priority,
        advert: &Advertisement,
        form: ChecksumForm,
    ) -> impl Iterator<Item = Self> {
        [
            Self::in_intervals(settings, advert),
            Self::in_addresses(settings, advert),
            (advert.priority == priority).then_some(Self::Priority(priority)),
            Self::in_checksums(settings, form),
        ]
        .into_iter()
        .flatten()
    }

    fn in_intervals(settings: &LinkConfig, advert: &Advertisement) -> Option<Self> {
        let (ours, theirs) = (settings.interval(), advert.interval);
        (ours != theirs).then_some(Self::Interval { ours, theirs })
    }

    /// The order on the wire says nothing.
    fn in_addresses(settings: &LinkConfig, advert: &Advertisement) -> Option<Self> {
        let (ours, theirs) = (settings.addresses(), &advert.addresses);
        if ours == theirs {
            return None;
        }
        let lacking = ours.iter().find(|address| !theirs.contains(address)).copied();
        let surplus = theirs.iter().find(|address| !ours.contains(address)).copied();
        if let Some(surplus) = surplus.filter(|_| !ours.iter().any(|it| theirs.contains(it))) {
            return Some(Self::Stranger(surplus));
        }
        let (ours, theirs) = (ours.len(), theirs.len());
        let differ = ours != theirs || lacking.is_some();
        differ.then_some(Self::Addresses { ours, theirs, lacking, surplus })
    }

    /// Over IPv6 there is one form.
    fn in_checksums(settings: &LinkConfig, theirs: ChecksumForm) -> Option<Self> {
        let Version::V3 { checksum } = settings.version() else { return None };
        let ours = match checksum {
            Checksum::Auto => return None,
            Checksum::Rfc9568 => ChecksumForm::Rfc9568,
            Checksum::Rfc5798 => ChecksumForm::Rfc5798,
        };
        let differ = ours != theirs && settings.source().is_ipv4();
        differ.then_some(Self::Checksum { ours, theirs })
    }
}

fn version(form: ChecksumForm) -> u8 {
    match form {
        ChecksumForm::Rfc3768(_) => 2,
        ChecksumForm::Rfc9568 | ChecksumForm::Rfc5798 | ChecksumForm::Rfc5798Multicast => 3,
    }
}

fn proof(auth: Auth) -> Proof {
    match auth {
        Auth::None => Proof::None,
        Auth::Password(_) => Proof::Password,
    }
}

impl Mismatch {
    /// Nothing was heard of it for so long that it may not be so any more.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        let silence = now.saturating_duration_since(self.heard_at);
        silence >= MISMATCH_OVER.max(self.interval.duration() * SILENT_INTERVALS)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.source, self.difference)?;
        if self.is_heard { Ok(()) } else { f.write_str("; so neither hears the other") }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Version { ours, theirs } => {
                write!(f, "speaks version {theirs}, we version {ours}")
            }
            Self::Authentication { ours, theirs } => f.write_str(match (ours, theirs) {
                (_, Proof::Hmac) => "signs what it sends, we do not",
                (Proof::Hmac, _) => "does not sign what it sends, we do",
                (Proof::None, _) => "sends a password, we do not",
                (Proof::Password, Proof::None) => "sends no password, we do",
                (Proof::Password, Proof::Password) => "sends another password than we",
            }),
            Self::Interval { ours, theirs } => {
                let (ours, theirs) = (ours.duration().as_millis(), theirs.duration().as_millis());
                write!(f, "advertises every {theirs} ms, we every {ours} ms")
            }
            Self::Addresses { ours, theirs, lacking, surplus } => {
                let plural = if theirs == 1 { "" } else { "es" };
                write!(f, "advertises {theirs} address{plural}, we {ours}")?;
                if let Some(lacking) = lacking {
                    write!(f, "; it lacks `{lacking}`")?;
                }
                surplus.map_or(Ok(()), |surplus| write!(f, "; we lack `{surplus}`"))
            }
            Self::Stranger(has) => {
                write!(f, "uses our VRID and none of our addresses, but `{has}`")
            }
            Self::Priority(priority) => write!(f, "has priority {priority}, as we do"),
            Self::Checksum { ours, theirs } => {
                write!(f, "sends the checksum of {theirs}, we that of {ours}")
            }
        }
    }
}

/// The mismatches that are known on a link. No more than [`MISMATCHES_MAX`]: the oldest go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatches(Vec<Mismatch>);

impl Mismatches {
    /// The differences to this router are these now, and no others.
    pub(crate) fn replace(
        &mut self,
        sender: &Peer,
        is_heard: bool,
        differences: impl Iterator<Item = Difference>,
    ) {
        let Peer { address: source, interval, heard_at, .. } = *sender;
        self.0.retain(|known| known.source != source);
        let mismatch = |difference| Mismatch { source, difference, is_heard, heard_at, interval };
        self.0.extend(differences.map(mismatch));
        let surplus = self.0.len().saturating_sub(MISMATCHES_MAX);
        self.0.drain(..surplus);
    }

    /// Ours have changed: what differs now, the next advertisements will tell.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    /// Those that were heard last are the last; some may be [over](Mismatch::is_over).
    pub fn iter(&self) -> impl Iterator<Item = &Mismatch> {
        self.0.iter()
    }
}

/// How long a mismatch with a router that fell silent counts, unless three of its intervals are longer.
pub const MISMATCH_OVER: Duration = Duration::from_secs(60);

/// So many intervals of silence and the skew are Active_Down_Interval (RFC 9568 §6.1).
const SILENT_INTERVALS: u32 = 3;

/// Two boxes can differ in all there is.
pub const MISMATCHES_MAX: usize = 16;
