//! What one group's hooks are told next. Pure.
//!
//! Level-triggered: a plan sees what is so now, not a queue of what happened. So nothing can overflow, and when the group
//! moves faster than its hooks run, what lies between is left out, and counted.

use crate::config::Stage;

/// What a group is doing at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How often it has become active so far.
    pub(crate) activations: u64,
    /// Whether it is active.
    pub(crate) is_active: bool,
    /// The question whether it may become active, if it waits for an answer.
    pub(crate) question: Option<u64>,
    /// Someone waits until it is prepared to let go.
    pub(crate) is_leaving: bool,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Run the commands of this stage.
    Run {
        /// The stage.
        stage: Stage,
        /// Times that the group became active of which no hook was told.
        skipped: u64,
    },
    /// Run those of [`Stage::BeforeActive`], and give this question their answer.
    Ask(u64),
    /// Run those of [`Stage::BeforeRelease`] if the group is active, and tell who waits.
    Prepare {
        /// Whether there is anything to prepare for.
        is_active: bool,
    },
}

/// What a group's hooks were told so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plan {
    /// The activations that were told or left out.
    activations: u64,
    /// Whether the last thing told is that the group is active.
    told_active: bool,
    answered: Option<u64>,
}

impl Plan {
    /// What is due; it counts as done. `None` until something else is seen.
    pub(crate) fn next(&mut self, seen: &Seen) -> Option<Next> {
        if self.told_active && !seen.is_active {
            let skipped = self.catch_up(seen.activations);
            self.told_active = false;
            return Some(Next::Run { stage: Stage::AfterRelease, skipped });
        }
        if seen.is_active && !(self.told_active && self.activations == seen.activations) {
            let skipped = self.catch_up(seen.activations).saturating_sub(1);
            self.told_active = true;
            return Some(Next::Run { stage: Stage::AfterActive, skipped });
        }
        if seen.question.is_some() && seen.question != self.answered {
            self.answered = seen.question;
            return seen.question.map(Next::Ask);
        }
        seen.is_leaving.then_some(Next::Prepare { is_active: seen.is_active })
    }

    /// The activations that were told or left out.
    pub(crate) fn activations(&self) -> u64 {
        self.activations
    }

    /// Activations since the last look.
    fn catch_up(&mut self, activations: u64) -> u64 {
        let before = std::mem::replace(&mut self.activations, activations);
        activations.saturating_sub(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKUP: Seen =
        Seen { activations: 0, is_active: false, question: None, is_leaving: false };

    fn active(activations: u64) -> Seen {
        Seen { activations, is_active: true, ..BACKUP }
    }

    fn backup(activations: u64) -> Seen {
        Seen { activations, ..BACKUP }
    }

    fn run(stage: Stage, skipped: u64) -> Option<Next> {
        Some(Next::Run { stage, skipped })
    }

    #[test]
    fn a_failover_and_back_is_told_in_order() {
        let mut plan = Plan::default();
        assert_eq!(plan.next(&BACKUP), None);
        assert_eq!(plan.next(&Seen { question: Some(1), ..BACKUP }), Some(Next::Ask(1)));
        assert_eq!(plan.next(&Seen { question: Some(1), ..BACKUP }), None);
        assert_eq!(plan.next(&active(1)), run(Stage::AfterActive, 0));
        assert_eq!(plan.next(&active(1)), None);
        let leaving = Seen { is_leaving: true, ..active(1) };
        assert_eq!(plan.next(&leaving), Some(Next::Prepare { is_active: true }));
        assert_eq!(plan.next(&backup(1)), run(Stage::AfterRelease, 0));
        assert_eq!(plan.next(&backup(1)), None);
    }

    #[test]
    fn each_question_is_answered_once() {
        let mut plan = Plan::default();
        assert_eq!(plan.next(&Seen { question: Some(1), ..BACKUP }), Some(Next::Ask(1)));
        assert_eq!(plan.next(&Seen { question: Some(2), ..BACKUP }), Some(Next::Ask(2)));
        assert_eq!(plan.next(&Seen { question: Some(2), ..BACKUP }), None);
    }

    #[test]
    fn what_was_missed_is_left_out_and_counted() {
        let mut plan = Plan::default();
        assert_eq!(plan.next(&active(3)), run(Stage::AfterActive, 2));
        // Lost and won again meanwhile: told of the new one, for what belongs to the old one is no longer so.
        assert_eq!(plan.next(&active(4)), run(Stage::AfterActive, 0));
        assert_eq!(plan.next(&backup(6)), run(Stage::AfterRelease, 2));
        // Won and lost meanwhile: nothing to tell.
        assert_eq!(plan.next(&backup(7)), None);
        assert_eq!(plan.next(&active(8)), run(Stage::AfterActive, 1));
    }

    #[test]
    fn a_backup_has_nothing_to_prepare_for() {
        let leaving = Seen { is_leaving: true, ..BACKUP };
        assert_eq!(Plan::default().next(&leaving), Some(Next::Prepare { is_active: false }));
    }

    #[test]
    fn the_addresses_are_told_to_be_here_before_they_are_told_to_go() {
        let mut plan = Plan::default();
        let leaving = Seen { is_leaving: true, ..active(1) };
        assert_eq!(plan.next(&leaving), run(Stage::AfterActive, 0));
        assert_eq!(plan.next(&leaving), Some(Next::Prepare { is_active: true }));
    }
}
