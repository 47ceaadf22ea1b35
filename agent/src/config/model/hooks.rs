//! Commands that run when the addresses of a virtual router come and go.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::command::ExternalCommand;
use crate::config::diagnostic::Span;

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// The virtual router may become active if every command of this stage succeeds.
    BeforeActive,
    /// The addresses are here.
    AfterActive,
    /// The addresses are about to go, as planned.
    BeforeRelease,
    /// The addresses are gone.
    AfterRelease,
}

impl Stage {
    /// As the config and the environment of the hooks have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BeforeActive => "before_active",
            Self::AfterActive => "after_active",
            Self::BeforeRelease => "before_release",
            Self::AfterRelease => "after_release",
        }
    }
}

/// The commands of every stage; a stage without commands is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hooks(pub(crate) BTreeMap<Stage, Vec<Hook>>);

impl Hooks {
    /// The commands of a stage, in the order in which they run.
    pub(crate) fn of(&self, stage: Stage) -> &[Hook] {
        self.0.get(&stage).map_or(&[], Vec::as_slice)
    }

    /// Every command.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Hook> {
        self.0.values().flatten()
    }

    /// How long a stage takes at most; `None` if it has no commands.
    pub(crate) fn time_of(&self, stage: Stage) -> Option<Duration> {
        let commands = self.of(stage);
        (!commands.is_empty()).then(|| commands.iter().map(|hook| hook.command.timeout).sum())
    }
}

/// A command, and its place in the file for the case that it must not be run.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    /// What runs.
    pub(crate) command: ExternalCommand,
    /// Where the file says so.
    pub(crate) place: Span,
}

/// The place in the file is no part of what the config says.
impl PartialEq for Hook {
    fn eq(&self, other: &Self) -> bool {
        self.command == other.command
    }
}

impl Eq for Hook {}
