//! The vocabulary between the election and its host: what happened, what to do, and why.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::advertisement::Advertisement;
use crate::checksum::ChecksumForm;
use crate::config::RouterConfig;
use crate::mac::Mac;
use crate::route::Route;
use crate::track::Health;
use crate::types::{LinkId, Priority};

/// Something that happened to a virtual router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Take part in the election from now on (RFC 9568 §6.4.1).
    Startup,
    /// Let go of the addresses and leave the election (RFC 9568 §6.4.2, §6.4.3).
    Shutdown,
    /// The same, but the addresses may stay until just before another router can have them.
    Leave,
    /// The time that [`poll_timeout`](crate::VirtualRouter::poll_timeout) named has come.
    Timer,
    /// A valid advertisement for our VRID arrived.
    Advertisement {
        /// Where it arrived.
        link: LinkId,
        /// The sender's address in the IP header; breaks ties.
        source: IpAddr,
        /// The message.
        advert: Advertisement,
        /// Which version and checksum the sender uses.
        form: ChecksumForm,
        /// How long it waited unread: timers count from when it arrived.
        waited: Duration,
    },
    /// An interface gained or lost its carrier, or was removed.
    Link {
        /// Which one.
        link: LinkId,
        /// How it is now.
        state: LinkState,
    },
    /// Something came from another host on a link, for the first time since it is up: from now on silence means something.
    /// Advertisements and claims say so, too.
    Receives {
        /// Which one.
        link: LinkId,
    },
    /// The address that the host sends from on a link, told before the link comes up and whenever it changes.
    ///
    /// It stands in for the one in the settings, and makes us another participant if it changes.
    Source {
        /// Which one.
        link: LinkId,
        /// The interface's own address, over IPv6 its link-local one.
        source: IpAddr,
    },
    /// The host has no address to send from on a link any more. As if that were down, but for a last word: what is sent
    /// until other word of the link comes still bears the address that is gone.
    SourceLost {
        /// Which one.
        link: LinkId,
    },
    /// A virtual address that we hold was removed by someone else.
    AddressLost {
        /// Where it was.
        link: LinkId,
        /// The address.
        address: IpAddr,
    },
    /// The interface has another MAC: hosts on the link know our addresses by the old one.
    MacChanged {
        /// Which.
        link: LinkId,
    },
    /// Routes of ours were removed by someone else.
    RoutesLost {
        /// Where they led through.
        link: LinkId,
    },
    /// Another host said that it has this address, one of those that it was asked for or that we hold.
    Claimed {
        /// Where it said so.
        link: LinkId,
        /// The address.
        address: IpAddr,
        /// Who said so.
        mac: Mac,
    },
    /// The answer to the [question](crate::VirtualRouter::question) whether the router may become active.
    Consent {
        /// The number of the question.
        number: u64,
        /// Why not, if not.
        answer: Result<(), String>,
    },
    /// The host could not carry out an action; the text says why.
    ActionFailed(String),
    /// What [tracking](crate::track) does to us from now on. Equal health causes no action and touches no timer.
    Health(Health),
    /// New settings. Equal settings cause no action and touch no timer.
    Reconfigure(RouterConfig),
}

impl Event {
    /// The link that it happened on, if it concerns one.
    #[must_use]
    pub fn link(&self) -> Option<LinkId> {
        match self {
            Self::Advertisement { link, .. }
            | Self::Link { link, .. }
            | Self::Receives { link }
            | Self::Source { link, .. }
            | Self::SourceLost { link }
            | Self::AddressLost { link, .. }
            | Self::MacChanged { link }
            | Self::RoutesLost { link }
            | Self::Claimed { link, .. } => Some(*link),
            Self::Startup
            | Self::Shutdown
            | Self::Leave
            | Self::Timer
            | Self::Consent { .. }
            | Self::ActionFailed(_)
            | Self::Health(_)
            | Self::Reconfigure(_) => None,
        }
    }
}

/// Whether the interface can carry packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Administratively up, with carrier.
    Up,
    /// Down, without carrier, or absent.
    Down,
}

/// An order to the host, to be carried out in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Add these addresses, or renew their lease: idempotent. They vanish by themselves after `lease` without renewal.
    AddAddresses {
        /// Where.
        link: LinkId,
        /// The virtual addresses.
        addresses: Vec<IpAddr>,
        /// The kernel removes an address that was not renewed for this long; whole seconds.
        lease: Duration,
    },
    /// Remove these addresses; absent ones are no error.
    RemoveAddresses {
        /// Where.
        link: LinkId,
        /// The virtual addresses.
        addresses: Vec<IpAddr>,
    },
    /// Add these routes, or renew their lease: idempotent. Their addresses are there already.
    AddRoutes {
        /// Where they lead through.
        link: LinkId,
        /// The routes.
        routes: Vec<Route>,
        /// As for the addresses, as far as the kernel can.
        lease: Duration,
    },
    /// Remove these routes; absent ones are no error.
    RemoveRoutes {
        /// Where they lead through.
        link: LinkId,
        /// The routes.
        routes: Vec<Route>,
    },
    /// Send the advertisement.
    Advertise {
        /// Where.
        link: LinkId,
        /// The message.
        advert: Advertisement,
        /// How it is to be written.
        form: ChecksumForm,
    },
    /// Tell the link who holds these addresses: gratuitous ARP or unsolicited NA (RFC 9568 §8.1.2, §8.2.2).
    Announce {
        /// Where.
        link: LinkId,
        /// The virtual addresses.
        addresses: Vec<IpAddr>,
    },
    /// Ask who has these addresses, without a trace in anybody's cache. Answers come as [`Event::Claimed`].
    Ask {
        /// Where.
        link: LinkId,
        /// Virtual addresses, and perhaps that of the peer.
        addresses: Vec<IpAddr>,
    },
}

/// The state of a virtual router without its timers (RFC 9568 §6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Takes no part in the election.
    Initialize,
    /// Watches the active router.
    Backup,
    /// Holds the addresses.
    Active,
    /// Has let go of the addresses, which are still here for the last moments of a planned stop.
    Leaving,
}

impl Role {
    /// Whether addresses may be here.
    #[must_use]
    pub fn may_hold(self) -> bool {
        match self {
            Self::Initialize | Self::Backup => false,
            Self::Active | Self::Leaving => true,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initialize => "initialize",
            Self::Backup => "backup",
            Self::Active => "active",
            Self::Leaving => "leaving",
        })
    }
}

/// A change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The state left.
    pub from: Role,
    /// The state entered.
    pub to: Role,
    /// What caused the change.
    pub reason: Reason,
    /// When it happened.
    pub at: Instant,
}

/// Why a virtual router changed its state. `Display` gives a sentence fit for `haagent status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The router was started.
    Started,
    /// The router was started and owns the addresses.
    Owner,
    /// No advertisement arrived for this long.
    Silence(Duration),
    /// The active router let go by priority 0.
    Released {
        /// The router that let go.
        by: IpAddr,
    },
    /// We are stronger than the router that was active.
    Preempted {
        /// The weaker router.
        peer: IpAddr,
        /// Its priority.
        priority: Priority,
    },
    /// A stronger router is active: a higher priority, or the higher address at the same priority.
    Stronger {
        /// The stronger router.
        peer: IpAddr,
        /// Its priority.
        priority: Priority,
    },
    /// We did not run for this long, so that another router may be active by now.
    Late(Duration),
    /// An interface lost its carrier.
    LinkDown,
    /// All interfaces have their carrier again.
    LinkUp,
    /// The host failed to carry out an action.
    Fault(String),
    /// A failed router tries again.
    Retry,
    /// A tracked check takes the router out of the election; the text names it and says why.
    Unhealthy(String),
    /// No tracked check speaks against the router any more.
    Healthy,
    /// The router was told to let go.
    Shutdown,
    /// The links or their VRID, source address or version were changed, which makes us another participant.
    Reconfigured,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("started"),
            Self::Owner => f.write_str("started as owner of the addresses"),
            Self::Silence(time) => write!(f, "no advertisement for {}", Millis(*time)),
            Self::Released { by } => write!(f, "{by} let go"),
            Self::Preempted { peer, priority } => {
                write!(f, "preempted {peer} with priority {priority}")
            }
            Self::Stronger { peer, priority } => {
                write!(f, "{peer} with priority {priority} is stronger")
            }
            Self::Late(time) => write!(f, "late: did not advertise for {}", Millis(*time)),
            Self::LinkDown => f.write_str("link down"),
            Self::LinkUp => f.write_str("link up"),
            Self::Fault(text) => write!(f, "fault: {text}"),
            Self::Retry => f.write_str("trying again after a fault"),
            Self::Unhealthy(text) => f.write_str(text),
            Self::Healthy => f.write_str("every tracked check is good again"),
            Self::Shutdown => f.write_str("shut down"),
            Self::Reconfigured => f.write_str("new links, VRID, source address or version"),
        }
    }
}

/// A duration in whole milliseconds, as people read timers.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0.as_millis())
    }
}
