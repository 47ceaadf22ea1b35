//! The cases: what is measured, and with whom we compare.

use super::contender::Contender::{self, Haagent, Haproxy, HaproxyTuned, Nginx};
use super::load::Load;

/// One comparison.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// As `--case` names it.
    pub name: &'static str,
    /// Of what the cost is told.
    pub(super) unit: &'static str,
    pub(super) load: Load,
    /// We come first.
    pub(super) contenders: &'static [Contender],
}

/// All of them.
pub const CASES: &[Case] = &[
    Case { name: "tcp-bulk-1", unit: "GB", load: Load::Bulk { flows: 1 }, contenders: BULK },
    Case { name: "tcp-bulk-16", unit: "GB", load: Load::Bulk { flows: 16 }, contenders: BULK },
    Case { name: "tcp-connect", unit: "connection", load: Load::Connect, contenders: USUAL },
    Case { name: "tcp-rr", unit: "round trip", load: Load::RoundTrips, contenders: USUAL },
    Case { name: "tcp-idle", unit: "connection", load: Load::Idle, contenders: USUAL },
];

const USUAL: &[Contender] = &[Haagent, Haproxy, Nginx];
const BULK: &[Contender] = &[Haagent, Haproxy, HaproxyTuned, Nginx];
