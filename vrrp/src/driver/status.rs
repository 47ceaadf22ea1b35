//! What the owner of a driver sees.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Driven, Driver};
use crate::config::RouterConfig;
use crate::conflict::Conflict;
use crate::counters::{Counters, DecodeErrors};
use crate::event::{LinkState, Role, Transition};
use crate::mismatch::Mismatch;
use crate::peer::Peer;
use crate::platform::Platform;
use crate::router::{Question, VirtualRouter};
use crate::types::LinkId;

/// What a virtual router is doing. Its owner sees it whenever the role, a question, the settings or a link changed,
/// and on [`Command::Report`](super::Command::Report).
#[derive(Clone, Debug)]
pub struct Status {
    /// The state without its timers.
    pub role: Role,
    /// What it was told.
    pub config: RouterConfig,
    /// The last change of state.
    pub last_transition: Option<Transition>,
    /// Whether it may become active, if it waits for an answer.
    pub question: Option<Question>,
    /// Why a claim that is due is not made.
    pub refusal: Option<String>,
    /// Since when it is counted.
    pub since: Instant,
    /// The longest time that a timer was honoured late.
    pub scheduling_delay_max: Duration,
    /// What is known of each link.
    pub links: Vec<LinkStatus>,
}

/// What is known of a link of a virtual router.
#[derive(Clone, Debug)]
pub struct LinkStatus {
    /// Whether it can carry packets.
    pub state: LinkState,
    /// What keeps it down, in words, if something does.
    pub obstacle: Option<String>,
    /// Until when it is given time to show that it receives, if a claim waits for that.
    pub settles_until: Option<Instant>,
    /// The address that we send from.
    pub source: IpAddr,
    /// The last router heard there.
    pub peer: Option<Peer>,
    /// The last host there that claimed an address of ours.
    pub conflict: Option<Conflict>,
    /// In what others there differ from us; some may be [over](Mismatch::is_over).
    pub mismatches: Vec<Mismatch>,
    /// Counted since the start.
    pub counters: Counters,
    /// Packets that were no valid advertisement.
    pub decode_errors: DecodeErrors,
}

impl<P: Platform> Driver<P> {
    pub(super) fn report(&self) -> Status {
        status_of(&self.router, &self.links, self.since, self.scheduling_delay_max)
    }
}

pub(super) fn status_of<P: Platform>(
    router: &VirtualRouter,
    links: &[Driven<P>],
    since: Instant,
    scheduling_delay_max: Duration,
) -> Status {
    let link_status = |(id, link): (LinkId, &Driven<P>)| LinkStatus {
        state: router.link_state(id),
        settles_until: router.settles_until(id),
        peer: router.peer(id).copied(),
        conflict: router.conflict(id).copied(),
        mismatches: mismatches(router, id, &link.platform),
        counters: router.counters(id).clone(),
        source: router.source(id),
        obstacle: link.platform.obstacle().map(str::to_owned),
        decode_errors: link.platform.decode_errors().clone(),
    };
    Status {
        role: router.role(),
        config: router.config().clone(),
        last_transition: router.last_transition().cloned(),
        question: router.question().cloned(),
        refusal: router.refusal().map(str::to_owned),
        since,
        scheduling_delay_max,
        links: router.config().link_ids().zip(links).map(link_status).collect(),
    }
}

/// Those that the election sees, and those of what proves an advertisement, which it does not.
fn mismatches<P: Platform>(router: &VirtualRouter, id: LinkId, platform: &P) -> Vec<Mismatch> {
    let proofs = platform.decode_errors().mismatches.iter();
    router.mismatches(id).iter().chain(proofs).copied().collect()
}
