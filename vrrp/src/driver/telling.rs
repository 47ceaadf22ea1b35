//! What is published and logged: only what is news.

use std::fmt;
use std::net::IpAddr;

use super::{Driver, LinkStatus, Status, now};
use crate::config::RouterConfig;
use crate::event::Role;
use crate::notification::{Complaint, NEW_MASTER_EVENT};
use crate::platform::Platform;
use crate::types::LinkId;

impl<P: Platform> Driver<P> {
    pub(super) fn publish(&self) {
        let before = self.status.borrow();
        self.tell_of_conflicts(&before);
        if !self.is_news(&before) {
            return;
        }
        if let Some(transition) = self.router.last_transition()
            && before.last_transition.as_ref() != Some(transition)
        {
            let claimed = transition.to == Role::Active;
            let new_master_reason = self.router.counters(LinkId::FIRST).new_master_reason;
            tracing::info!(
                vrid = %Vrids(self.router.config()),
                from = %transition.from,
                to = %transition.to,
                reason = %transition.reason,
                notification = claimed.then_some(NEW_MASTER_EVENT),
                new_master_reason = claimed.then(|| display(new_master_reason)),
                "state changed"
            );
        }
        drop(before);
        self.status.send_replace(self.report());
    }

    /// What is counted with every advertisement is none.
    fn is_news(&self, before: &Status) -> bool {
        let router = &self.router;
        let is_link_news = |(id, link): (LinkId, &LinkStatus)| {
            router.link_state(id) != link.state
                || router.conflict(id).map(|it| it.since) != link.conflict.map(|it| it.since)
        };
        before.last_transition.as_ref() != router.last_transition()
            || before.question.as_ref() != router.question()
            || before.config != *router.config()
            || router.config().link_ids().zip(&before.links).any(is_link_news)
    }

    /// Once for each.
    fn tell_of_conflicts(&self, before: &Status) {
        let config = self.router.config();
        for (id, before) in config.link_ids().zip(&before.links) {
            let known = before.conflict.map(|conflict| conflict.since);
            let Some(conflict) = self.router.conflict(id) else { continue };
            if known != Some(conflict.since) {
                let holds = self.router.role().may_hold();
                let answer = if holds { "announcing again" } else { "not claimed" };
                tracing::error!(vrid = %config.link(id).vrid(), "{conflict}: {answer}");
            }
        }
    }

    /// In what the sender of the advertisement that was just heard differs from us; each only so often.
    pub(super) fn tell_of_mismatches(&mut self, id: LinkId, source: IpAddr) {
        let telling = &mut self.links[id.index()].telling;
        for mismatch in self.router.mismatches(id).iter().filter(|it| it.source == source) {
            let complaint = Complaint::from(mismatch.difference);
            if let Some(suppressed) = telling.is_due(complaint, now()) {
                let Complaint { notification, reason } = complaint;
                let vrid = self.router.config().link(id).vrid();
                tracing::warn!(%vrid, notification, reason, suppressed, "{mismatch}");
            }
        }
    }
}

/// A virtual router in the log, as its links know it.
pub(super) struct Vrids<'a>(pub(super) &'a RouterConfig);

impl fmt::Display for Vrids<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, link) in self.0.links().iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{}", link.vrid())?;
        }
        Ok(())
    }
}
