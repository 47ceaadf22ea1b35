//! How statuses tell of times.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Whole milliseconds.
pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The second in UTC, as RFC 3339 writes it; nothing after the year 9999, for which it has no form.
pub(crate) fn date_time(at: SystemTime) -> String {
    OffsetDateTime::from(at).truncate_to_second().format(&Rfc3339).unwrap_or_default()
}
