//! The `announce` of a virtual router.

use std::ops::RangeInclusive;
use std::time::Duration;

use vrrp::schedule::{Announcing, PACE, REFRESH};

use crate::config::reader::Reader;
use crate::config::value;

/// How often, and how fast, the addresses are announced.
pub(super) fn read(reader: &mut Reader<'_, '_>) -> Announcing {
    let refresh = reader.optional_or("refresh", value::duration_or_never(REFRESHES), Some(REFRESH));
    let pace = reader.optional_or("pace", value::duration(PACES), PACE);
    Announcing { refresh: refresh.into_inner(), pace: pace.into_inner() }
}

const REFRESHES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);

/// A thousandth of a second is as fine as timers are. At the slowest, 755 addresses take 24 s.
const PACES: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(1);
