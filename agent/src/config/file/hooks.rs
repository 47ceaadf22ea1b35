//! The `hooks` of a virtual router, and the commands in them.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;

use crate::config::diagnostic::Span;
use crate::config::reader::Reader;
use crate::config::value;

/// The `hooks`: commands that run when the addresses come and go.
pub(in crate::config) struct HooksTable {
    pub(in crate::config) span: Span,
    pub(in crate::config) before_active: Vec<HookTable>,
    pub(in crate::config) after_active: Vec<HookTable>,
    pub(in crate::config) before_release: Vec<HookTable>,
    pub(in crate::config) after_release: Vec<HookTable>,
}

impl HooksTable {
    pub(super) fn read(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            span: reader.span(),
            before_active: reader.table_or_tables("before_active", HookTable::read),
            after_active: reader.table_or_tables("after_active", HookTable::read),
            before_release: reader.table_or_tables("before_release", HookTable::read),
            after_release: reader.table_or_tables("after_release", HookTable::read),
        }
    }
}

/// One command of a hook.
pub(in crate::config) struct HookTable {
    pub(in crate::config) span: Span,
    pub(in crate::config) command: Option<Vec<Spanned<String>>>,
    pub(in crate::config) user: Option<Spanned<String>>,
    pub(in crate::config) timeout: Spanned<Duration>,
}

impl HookTable {
    fn read(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            span: reader.span(),
            command: reader.list("command", value::argument),
            user: reader.optional("user", value::name),
            timeout: reader.optional_or("timeout", value::duration(TIMEOUTS), TIMEOUT_DEFAULT),
        }
    }
}

/// Somebody waits for a hook: clients, or a service manager that stops us.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);
