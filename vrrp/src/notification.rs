//! The names of RFC 8347, which are those of RFC 6527 but for their spelling: why a router became active, and what is
//! wrong with an advertisement.

use std::fmt;
use std::time::{Duration, Instant};

use crate::advertisement::DecodeError;
use crate::event::Reason;
use crate::hmac::HmacError;
use crate::mismatch::{Difference, Proof};

/// Why a virtual router became active the last time (`new-master-reason`). `Display` gives the name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewMasterReason {
    /// It never did.
    #[default]
    NotMaster,
    /// It owns the addresses, or is the strongest after the active one let go.
    Priority,
    /// It preempted a weaker one.
    Preempted,
    /// The active one fell silent.
    NoResponse,
}

impl NewMasterReason {
    /// That of a transition to active.
    pub(crate) fn of(reason: &Reason) -> Self {
        match reason {
            Reason::Silence(_) => Self::NoResponse,
            Reason::Preempted { .. } => Self::Preempted,
            Reason::Released { .. }
            | Reason::Started
            | Reason::Owner
            | Reason::Stronger { .. }
            | Reason::Late(_)
            | Reason::LinkDown
            | Reason::LinkUp
            | Reason::Fault(_)
            | Reason::Retry
            | Reason::Unhealthy(_)
            | Reason::Healthy
            | Reason::Shutdown
            | Reason::Reconfigured => Self::Priority,
        }
    }
}

impl fmt::Display for NewMasterReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotMaster => "not-master",
            Self::Priority => "priority",
            Self::Preempted => "preempted",
            Self::NoResponse => "no-response",
        })
    }
}

/// Told when a router becomes active.
pub const NEW_MASTER_EVENT: &str = "vrrp-new-master-event";

/// What is wrong with an advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The notification that tells it; `none` where the RFC has no such reason.
    pub notification: &'static str,
    /// The reason.
    pub reason: &'static str,
}

impl Complaint {
    const fn of_protocol(reason: &'static str) -> Self {
        Self { notification: "vrrp-protocol-error-event", reason }
    }

    const fn of_router(reason: &'static str) -> Self {
        Self { notification: "vrrp-virtual-router-error-event", reason }
    }

    const fn of_ours(reason: &'static str) -> Self {
        Self { notification: "none", reason }
    }
}

impl From<&DecodeError> for Complaint {
    fn from(error: &DecodeError) -> Self {
        match error {
            DecodeError::Checksum => Self::of_protocol("checksum-error"),
            DecodeError::Version(_) => Self::of_protocol("version-error"),
            DecodeError::Vrid => Self::of_protocol("vrid-error"),
            DecodeError::Ttl(_) => Self::of_protocol("ip-ttl-error"),
            DecodeError::Interval => Self::of_router("interval-error"),
            DecodeError::NoAddress | DecodeError::FirstAddress(_) => {
                Self::of_router("address-list-error")
            }
            DecodeError::Length { .. } => Self::of_router("packet-length-error"),
            DecodeError::IpHeader | DecodeError::Protocol(_) => Self::of_ours("ip-header-error"),
            DecodeError::Type(_) => Self::of_ours("invalid-type"),
            DecodeError::AuthType(_) => Self::of_ours("invalid-auth-type"),
            DecodeError::Source(_) => Self::of_ours("source-error"),
            DecodeError::Hmac(HmacError::Missing) => Self::of_ours("hmac-missing"),
            DecodeError::Hmac(HmacError::Replay) => Self::of_ours("hmac-replay"),
            DecodeError::Hmac(
                HmacError::Malformed | HmacError::UnknownKey(_) | HmacError::Mismatch,
            ) => Self::of_ours("hmac-failure"),
        }
    }
}

impl From<Difference> for Complaint {
    fn from(difference: Difference) -> Self {
        match difference {
            Difference::Version { .. } => Self::of_protocol("version-error"),
            Difference::Interval { .. } => Self::of_router("interval-error"),
            Difference::Addresses { .. } | Difference::Stranger(_) => {
                Self::of_router("address-list-error")
            }
            Difference::Authentication { ours: Proof::Password, theirs: Proof::Password } => {
                Self::of_ours("auth-failure")
            }
            Difference::Authentication { .. } => Self::of_ours("auth-type-mismatch"),
            Difference::Priority(_) => Self::of_ours("priority-equal"),
            Difference::Checksum { .. } => Self::of_ours("checksum-form"),
        }
    }
}

/// Keeps a flood of packets from being a flood of lines: each complaint is told once in [`TOLD_EVERY`], with the number
/// of those that were not.
#[derive(Clone, Debug, Default)]
pub struct Telling(Vec<Told>);

#[derive(Clone, Copy, Debug)]
struct Told {
    complaint: Complaint,
    at: Instant,
    suppressed: u64,
}

impl Telling {
    /// Whether to tell it now; if so, how many were not told since the last time.
    pub fn is_due(&mut self, complaint: Complaint, now: Instant) -> Option<u64> {
        // As many as there are complaints at most.
        let Some(told) = self.0.iter_mut().find(|told| told.complaint == complaint) else {
            self.0.push(Told { complaint, at: now, suppressed: 0 });
            return Some(0);
        };
        if now.saturating_duration_since(told.at) < TOLD_EVERY {
            told.suppressed += 1;
            return None;
        }
        told.at = now;
        Some(std::mem::take(&mut told.suppressed))
    }
}

/// The time between two lines about the same complaint.
pub const TOLD_EVERY: Duration = Duration::from_secs(60);
