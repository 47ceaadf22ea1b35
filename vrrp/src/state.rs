//! The three states of RFC 9568 §6.4 and the way out of the last, each with its own timers, so that no timer runs in the
//! wrong state.
//!
//! All links of a virtual router share one state; each has its own timers. Deadlines follow from what happened and from
//! the settings in force; the [router](crate::router) moves between states.

mod active;
mod backup;
pub(crate) mod leaving;

use std::time::Instant;

pub use active::{ActiveState, YIELD};
pub(crate) use backup::ListenedFor;
pub use backup::{BackupState, EVIDENCE_SPACING};
pub use leaving::LeavingState;

use crate::config::RouterConfig;
use crate::event::Role;
use crate::tempo::Tempo;

/// Where a virtual router stands in the election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Takes no part.
    Initialize(InitializeState),
    /// Watches the active router.
    Backup(BackupState),
    /// Holds the addresses.
    Active(ActiveState),
    /// Has let go, and holds the addresses for the last moments.
    Leaving(LeavingState),
}

impl State {
    /// The state without its details.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Initialize(_) => Role::Initialize,
            Self::Backup(_) => Role::Backup,
            Self::Active(_) => Role::Active,
            Self::Leaving(_) => Role::Leaving,
        }
    }

    /// Whether the addresses are here now.
    #[must_use]
    pub fn holds_addresses(&self) -> bool {
        match self {
            Self::Initialize(_) | Self::Backup(_) => false,
            Self::Active(active) => active.holds_addresses(),
            Self::Leaving(_) => true,
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self, config: &RouterConfig, tempo: Tempo) -> Option<Instant> {
        match self {
            Self::Initialize(
                InitializeState::Stopped | InitializeState::LinkDown | InitializeState::Unhealthy,
            ) => None,
            Self::Initialize(InitializeState::Fault { retry_at, .. }) => Some(*retry_at),
            Self::Backup(backup) => Some(backup.deadline(config)),
            Self::Active(active) => Some(active.deadline(config, tempo)),
            Self::Leaving(leaving) => Some(leaving.until()),
        }
    }
}

/// Why a virtual router takes no part in the election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitializeState {
    /// It was not started, or it was shut down.
    Stopped,
    /// It was started and waits for an interface.
    LinkDown,
    /// It was started, its links are up, and a tracked check is not as it should be.
    Unhealthy,
    /// The host could not do its part; it tries again.
    Fault {
        /// What failed.
        text: String,
        /// When to take part again.
        retry_at: Instant,
    },
}
