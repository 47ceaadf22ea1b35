//! VRRP (RFC 9568; over IPv4 also version 2, RFC 3768): the election as a state machine without I/O, and its Linux
//! host.
//!
//! A *virtual router* is a set of addresses that wander between boxes. Each box runs a
//! [`VirtualRouter`] for it; one of them is *active* and holds the addresses, the others are *backups*:
//!
//! - The active router advertises itself every interval. A backup that hears nothing for three intervals and its
//!   skew, which is shorter the higher its priority, becomes active: advertise, add the addresses, announce them.
//! - An active router that lets go on purpose advertises priority 0: the backups wait for their skew only. In a planned
//!   stop it goes on answering until just before that ends.
//! - Two active routers that hear each other settle it at once: the higher priority stays, then the higher source
//!   address.
//! - A stronger backup leaves a weaker active router alone unless told to [`Preempt`].
//! - A virtual router has one or more links, for example the two sides of a pair of gateways. They move as one.
//!
//! ```text
//!   socket ─ Envelope, Advertisement::decode ─┐                          ┌─ Advertise ─ encode ─ socket
//!   netlink ─ Link, AddressLost ──────────────┼─ Event → VirtualRouter → Action ─ AddAddresses ─ netlink
//!   clock ─ poll_timeout, Timer ──────────────┘                          └─ Announce ─ gratuitous_arp, unsolicited_na
//! ```
//!
//! This side of the picture, [`VirtualRouter`] and the message codec, knows neither clock nor socket: it builds
//! with `--no-default-features`, and that build is the proof. The feature `linux` adds the host.
//!
//! Read on in [`router`], the election; then [`state`] and [`schedule`], its timers; then [`Advertisement`]. What the
//! RFC demands and how it is proven is listed in [`conformance`].
//!
//! ```
//! use std::time::Instant;
//! use vrrp::{Action, Event, LinkConfig, Role, RouterConfig, VirtualRouter, Vrid};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let vrid = Vrid::new(51).ok_or("VRID 0")?;
//! let link = LinkConfig::new(vrid, "192.0.2.2".parse()?, vec!["192.0.2.1".parse()?])?;
//! let mut router = VirtualRouter::new(RouterConfig::new(link));
//!
//! # #[expect(clippy::disallowed_methods, reason = "an example has no driver")]
//! let started_at = Instant::now();
//! assert!(router.handle(Event::Startup, started_at).is_empty());
//!
//! // Nobody advertises: 3 x 1 s + (256 - 100) / 256 s later the silence has lasted long enough.
//! let due = router.poll_timeout().ok_or("no timer")?;
//! assert_eq!((due - started_at).as_millis(), 3_609);
//! let actions = router.handle(Event::Timer, due);
//! use Action::{AddAddresses, Advertise, Announce};
//! assert!(matches!(actions[..], [Advertise { .. }, AddAddresses { .. }, Announce { .. }]));
//! assert_eq!(router.role(), Role::Active);
//! # Ok(())
//! # }
//! ```
#![warn(clippy::wildcard_enum_match_arm)]

mod advertisement;
mod announce;
mod auth;
mod checksum;
#[cfg(feature = "linux")]
mod clock;
mod config;
mod conflict;
#[doc = include_str!("conformance.md")]
pub mod conformance {}
mod counters;
#[cfg(feature = "linux")]
pub mod driver;
mod envelope;
mod event;
mod family;
pub mod hmac;
#[cfg(feature = "linux")]
pub mod linux;
mod mac;
mod mismatch;
mod neighbour;
mod notification;
mod peer;
mod peering;
#[cfg(feature = "linux")]
pub mod platform;
mod route;
pub mod router;
pub mod schedule;
pub mod state;
mod stranger;
mod tempo;
pub mod track;
mod types;

pub use advertisement::{Advertisement, ChecksumForm, DecodeError};
pub use announce::{ArpForm, gratuitous_arp, unsolicited_na};
pub use auth::{Auth, Password};
pub use config::{Checksum, ConfigError, EXCLUDED_MAX, LinkConfig, Preempt, RouterConfig, Version};
pub use conflict::{CONFLICT_OVER, Conflict};
pub use counters::{Counters, DecodeErrors, Refusal};
pub use envelope::Envelope;
pub use event::{Action, Event, LinkState, Reason, Role, Transition};
pub use family::{Family, MULTICAST_GROUP, MULTICAST_GROUP_V6};
pub use mac::Mac;
pub use mismatch::{Difference, MISMATCH_OVER, MISMATCHES_MAX, Mismatch, Mismatches, Proof};
pub use neighbour::{ARP_FRAME_LEN, Neighbour, who_has};
pub use notification::{Complaint, NEW_MASTER_EVENT, NewMasterReason, TOLD_EVERY, Telling};
pub use peer::Peer;
pub use peering::{Authentication, Peering, Transport};
pub use route::{ROUTES_MAX, Route};
pub use router::{Question, VirtualRouter};
pub use state::{ActiveState, BackupState, InitializeState, LeavingState, State};
pub use stranger::{ADDRESSES_KEPT, STRANGER_GONE, STRANGERS_MAX, Stranger, Strangers};
pub use tempo::Tempo;
pub use track::Health;
pub use types::{Interval, LinkId, Priority, Vrid};
