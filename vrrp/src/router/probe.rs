//! Whether a stranger has one of our addresses: asked before they are claimed, and watched while we hold them.
//!
//! The last part of a silence is used to ask, so that nothing takes longer (RFC 5227 §2.1, RFC 4862 §5.4). What an
//! answer means depends on whose it is:
//!
//! - The router that was active, or another of ours: its kernel lives, but nobody advertises. We claim, and defend what we
//!   claimed. With a virtual MAC nothing is to be defended: whoever answers, answers what we say.
//! - Anybody else: an address that two hosts have serves nobody. We do not claim, and ask again in the next silence.
//!
//! A weaker router that is active answers rightfully, so who preempts does not ask.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::VirtualRouter;
use crate::conflict::Conflict;
use crate::event::Action;
use crate::family::Family;
use crate::mac::Mac;
use crate::state::{ActiveState, BackupState, ListenedFor, State, YIELD};
use crate::types::LinkId;

/// What was asked before one claim, and who answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Probe {
    /// When the silence began that this belongs to: what was learned in another one counts no more. Its end may move.
    since: Option<Instant>,
    /// How often we asked.
    asked: u32,
    /// None twice, and no more than [`ANSWERS_MAX`].
    answers: Vec<Answer>,
}

/// A host that says it has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) link: LinkId,
    pub(super) address: IpAddr,
    pub(super) mac: Mac,
}

impl Probe {
    /// When to ask next: at the beginning of the time that there is, and half-way.
    fn next_at(&self, silence: &ListenedFor) -> Option<Instant> {
        let whole = silence.until.saturating_duration_since(silence.since);
        let time = TIME_TO_ASK_MAX.min(whole / TIME_TO_ASK_PART);
        let asked = if self.since == Some(silence.since) { self.asked } else { 0 };
        (asked < QUESTIONS).then(|| silence.until - time + time / QUESTIONS * asked)
    }

    /// Forgets what belongs to another claim.
    fn turn_to(&mut self, silence: &ListenedFor) {
        if self.since != Some(silence.since) {
            *self = Self { since: Some(silence.since), ..Self::default() };
        }
    }

    fn ask(&mut self, silence: &ListenedFor, now: Instant) {
        self.turn_to(silence);
        while self.next_at(silence).is_some_and(|at| at <= now) {
            self.asked += 1;
        }
    }
}

impl VirtualRouter {
    /// When a backup has to ask.
    pub(super) fn ask_at(&self) -> Option<Instant> {
        let State::Backup(backup) = &self.state else { return None };
        self.probe.next_at(&self.uncontested(backup)?)
    }

    /// The silence that ends with a claim, if anything is to be asked in it.
    fn uncontested(&self, backup: &BackupState) -> Option<ListenedFor> {
        let asks = self.config.links().iter().any(|link| link.checks_duplicates());
        backup.listened_for(&self.config).filter(|_| asks)
    }

    pub(super) fn ask_if_due(&mut self, backup: &BackupState, now: Instant) {
        let Some(silence) = self.uncontested(backup) else { return };
        if now >= silence.until || self.probe.next_at(&silence).is_none_or(|at| now < at) {
            return;
        }
        self.probe.ask(&silence, now);
        for link in self.config.link_ids() {
            if self.config.link(link).checks_duplicates() {
                self.ask(link, &self.peers(link));
            }
        }
    }

    /// By their own addresses other routers show who they are.
    fn ask(&mut self, link: LinkId, peers: &[IpAddr]) {
        let held = self.config.link(link).held();
        let first = |ipv6| held.iter().filter(move |it| it.is_ipv6() == ipv6).take(ASKED_MAX);
        let addresses = first(false).chain(first(true)).chain(peers).copied().collect();
        self.actions.push(Action::Ask { link, addresses });
    }

    /// The addresses of the other routers: of the one that was heard last, and of those in the settings.
    fn peers(&self, link: LinkId) -> Vec<IpAddr> {
        let heard = self.peer(link).map(|peer| peer.address);
        let others = self.config.link(link).others().iter().copied();
        let others = others.filter(|other| Some(*other) != heard).take(OTHERS_MAX);
        heard.into_iter().chain(others).collect()
    }

    /// Also one that was not asked for, or that was asked for before the last advertisement.
    pub(super) fn hear_claim_in_backup(&mut self, backup: &BackupState, answer: Answer) {
        let Some(silence) = self.uncontested(backup) else { return };
        self.probe.turn_to(&silence);
        let answers = &mut self.probe.answers;
        if answers.len() < ANSWERS_MAX && !answers.contains(&answer) {
            answers.push(answer);
        }
    }

    /// Somebody who has our addresses before this claim, and whom we do not know.
    pub(super) fn stranger(&self, backup: &BackupState) -> Option<Answer> {
        self.rivals(backup).find(|answer| !self.is_peer(answer))
    }

    /// Who answered for our addresses before this claim.
    pub(super) fn rivals(&self, backup: &BackupState) -> impl Iterator<Item = Answer> {
        let silence = self.uncontested(backup);
        let is_asked = silence.is_some_and(|silence| self.probe.since == Some(silence.since));
        let answers = if is_asked { self.probe.answers.as_slice() } else { &[] };
        answers.iter().copied().filter(|answer| self.is_ours(answer))
    }

    fn is_ours(&self, answer: &Answer) -> bool {
        self.config.link(answer.link).held().contains(&answer.address)
    }

    /// Whether it is another router of ours: it also has one's own address, or that of the virtual router (RFC 9568 §7.3).
    fn is_peer(&self, Answer { link, mac, .. }: &Answer) -> bool {
        let settings = self.config.link(*link);
        let virtual_mac = Mac::of_virtual_router(Family::of(settings.source()), settings.vrid());
        let has =
            |address| self.probe.answers.contains(&Answer { link: *link, address, mac: *mac });
        *mac == virtual_mac || self.peers(*link).into_iter().any(has)
    }

    /// Whether it has the virtual MAC, and so would we.
    pub(super) fn has_our_mac(&self, Answer { link, mac, .. }: &Answer) -> bool {
        self.config.link(*link).virtual_mac() == Some(*mac)
    }

    /// The silence begins anew.
    pub(super) fn refuse(&mut self, mut backup: BackupState, stranger: Answer, now: Instant) {
        self.note_conflict(stranger, now);
        backup.begin_again(now);
        self.state = State::Backup(backup);
    }

    pub(super) fn note_conflict(&mut self, Answer { link, address, mac }: Answer, now: Instant) {
        let link = &mut self.links[link.index()];
        link.counters.address_conflicts += 1;
        link.conflict = Some(Conflict::heard(link.conflict, address, mac, now));
    }

    /// Strangers that kept us from a claim before do not answer any more.
    pub(super) fn forget_conflicts(&mut self) {
        for link in &mut self.links {
            link.conflict = None;
        }
    }

    /// Announces again, soon, and asks from time to time whether that has helped.
    pub(super) fn hear_claim_in_active(
        &mut self,
        mut active: ActiveState,
        claim: Answer,
        now: Instant,
    ) {
        let entered_at = self.last_transition.as_ref().map_or(now, |transition| transition.at);
        // What a router that let go for us sent before may still be under way.
        let is_settled = active.holds_addresses() && now >= entered_at + YIELD;
        if !is_settled || !self.is_ours(&claim) {
            return;
        }
        // A router that is active, too, says the same as we do, and advertisements settle which of us stays. Switches
        // learn from both.
        if !self.has_our_mac(&claim) {
            self.note_conflict(claim, now);
            active.on(claim.link).defend(now);
        }
        let holding = active.on(claim.link);
        holding.announcements.contradict(now);
        let portion = holding.take_announcement(self.config.link(claim.link), now);
        self.announce(claim.link, portion);
        self.state = State::Active(active);
    }

    /// Whoever does not answer any more has given the addresses up.
    pub(super) fn ask_rival(&mut self, link: LinkId, now: Instant) -> bool {
        let conflict = &mut self.links[link.index()].conflict;
        *conflict = conflict.filter(|conflict| !conflict.is_over(now));
        let goes_on = conflict.is_some();
        if goes_on {
            self.ask(link, &[]);
        }
        goes_on
    }
}

/// How long before a claim we ask, at most.
pub const TIME_TO_ASK_MAX: Duration = Duration::from_millis(200);

/// Which part of the silence is used to ask, at most.
pub const TIME_TO_ASK_PART: u32 = 4;

/// A frame may get lost.
const QUESTIONS: u32 = 2;

/// Addresses of a link that are asked for, of each family; who has taken many of ours has most likely taken the first.
pub const ASKED_MAX: usize = 16;

/// As many answers as there can be on one link when two hosts answer for everything.
const ANSWERS_MAX: usize = 2 * (2 * ASKED_MAX + 1 + OTHERS_MAX);

/// Routers of the settings that are asked for.
const OTHERS_MAX: usize = 8;
