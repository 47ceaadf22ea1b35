//! Kinds of what happens, so that a sweep can tell whether it has seen all.

use std::time::Duration;

use vrrp::{Event, Reason};

/// All that [`kind`] can say, and what else must have happened.
pub const KINDS: [&str; 22] = [
    CONSENTED,
    "fault",
    "healthy",
    "late",
    "link down",
    "link up",
    NOT_ADMITTED,
    "owner",
    OTHER_LINKS,
    "preempted",
    READ_LATE,
    "reconfigured",
    REFUSED,
    "released",
    "retry",
    "shutdown",
    "silence",
    "started",
    STRANGE,
    "stronger",
    STUCK,
    "unhealthy",
];

/// Somebody agreed to a claim, or did not.
pub const CONSENTED: &str = "consented";
pub const REFUSED: &str = "refused";
/// A router came back with other links.
pub const OTHER_LINKS: &str = "other links";
/// A process that runs read an advertisement that had waited.
pub const READ_LATE: &str = "read late";
/// A router heard one that is none of its election.
pub const STRANGE: &str = "strange";

/// By unicast, a router advertised that is no peer.
pub const NOT_ADMITTED: &str = "not admitted";
/// Addresses could not be removed.
pub const STUCK: &str = "stuck";

pub fn kind(reason: &Reason) -> &'static str {
    match reason {
        Reason::Started => "started",
        Reason::Owner => "owner",
        Reason::Silence(_) => "silence",
        Reason::Released { .. } => "released",
        Reason::Preempted { .. } => "preempted",
        Reason::Stronger { .. } => "stronger",
        Reason::Late(_) => "late",
        Reason::LinkDown => "link down",
        Reason::LinkUp => "link up",
        Reason::Fault(_) => "fault",
        Reason::Retry => "retry",
        Reason::Unhealthy(_) => "unhealthy",
        Reason::Healthy => "healthy",
        Reason::Shutdown => "shutdown",
        Reason::Reconfigured => "reconfigured",
    }
}

/// What an event is besides its transition.
pub fn peculiarity(event: &Event, agreed: bool, is_strange: bool) -> Option<&'static str> {
    match event {
        Event::Consent { .. } if agreed => Some(CONSENTED),
        Event::Consent { answer: Err(_), .. } => Some(REFUSED),
        Event::Advertisement { .. } if is_strange => Some(STRANGE),
        Event::Advertisement { waited, .. } if *waited > Duration::ZERO => Some(READ_LATE),
        _ => None,
    }
}
