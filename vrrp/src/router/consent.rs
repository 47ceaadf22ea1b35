//! A claim that somebody else must agree to: a question is asked when all else allows it, and answered or not.

use std::time::{Duration, Instant};

use super::VirtualRouter;
use crate::event::Reason;
use crate::state::{BackupState, State};

/// May the router become active? Answered by [`Event::Consent`](crate::Event::Consent).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Grows with every question of this router.
    pub number: u64,
    /// Why it would become active.
    pub reason: Reason,
}

/// What is known of the consent to a claim. It ends with the claim, and when another router turns out to be active.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Consent {
    #[default]
    NotAsked,
    Asked {
        question: Question,
        until: Instant,
    },
    Given,
    Refused {
        why: String,
        ask_at: Instant,
    },
}

impl VirtualRouter {
    /// The question that waits for an answer.
    #[must_use]
    pub fn question(&self) -> Option<&Question> {
        match &self.consent {
            Consent::Asked { question, .. } => Some(question),
            Consent::NotAsked | Consent::Given | Consent::Refused { .. } => None,
        }
    }

    /// Why a claim that is due is not made.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        match &self.consent {
            Consent::Refused { why, .. } => Some(why),
            Consent::NotAsked | Consent::Asked { .. } | Consent::Given => None,
        }
    }

    /// Whether a claim may be made now; asks if that is not known.
    pub(super) fn consents(&mut self, reason: &Reason, now: Instant) -> bool {
        let Some(within) = self.config.consent_within() else { return true };
        match &self.consent {
            Consent::Given => return true,
            Consent::Asked { until, .. } if now >= *until => {
                self.deny(format!("no answer within {} ms", within.as_millis()), now);
            }
            Consent::NotAsked => self.put_question(reason, now + within),
            Consent::Refused { ask_at, .. } if now >= *ask_at => {
                self.put_question(reason, now + within)
            }
            Consent::Asked { .. } | Consent::Refused { .. } => {}
        }
        false
    }

    fn put_question(&mut self, reason: &Reason, until: Instant) {
        self.questions += 1;
        let question = Question { number: self.questions, reason: reason.clone() };
        self.consent = Consent::Asked { question, until };
    }

    fn deny(&mut self, why: String, now: Instant) {
        self.consent = Consent::Refused { why, ask_at: now + CONSENT_BACKOFF };
    }

    /// An answer to another question than the one that waits comes too late.
    pub(super) fn hear_answer(
        &mut self,
        backup: BackupState,
        number: u64,
        answer: Result<(), String>,
        now: Instant,
    ) {
        if self.question().is_none_or(|question| question.number != number) {
            return;
        }
        match answer {
            Ok(()) => {
                self.consent = Consent::Given;
                self.claim_if_due(backup, now);
            }
            Err(why) => self.deny(why, now),
        }
    }

    /// Another router is active after all: what was asked or answered is no longer about the next claim.
    pub(super) fn withdraw_if_not_due(&mut self, now: Instant) {
        if let State::Backup(backup) = &self.state
            && self.config.consent_within().is_some()
            && backup.claim(&self.config, now).is_some()
        {
            return;
        }
        self.consent = Consent::NotAsked;
    }

    /// When a claim that is due has to be looked at again, if not at once.
    pub(super) fn consent_timeout(&self) -> Option<Instant> {
        match &self.consent {
            Consent::Asked { until, .. } => Some(*until),
            Consent::Refused { ask_at, .. } => Some(*ask_at),
            Consent::NotAsked | Consent::Given => None,
        }
    }
}

/// How long a router whose claim was refused waits until it asks again.
pub const CONSENT_BACKOFF: Duration = Duration::from_secs(5);
