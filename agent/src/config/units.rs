//! Quantities with units, as the config file writes them.

use std::fmt;
use std::time::Duration;

/// Reads a duration such as `100ms`, `2s`, `1m`, `1h` or `1d`: a whole number and one unit.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    if number.is_empty() {
        return Err(DurationError::NoNumber);
    }
    if unit.is_empty() {
        return Err(DurationError::NoUnit);
    }
    let (_, millis) =
        UNITS.iter().find(|(name, _)| *name == unit).ok_or(DurationError::UnknownUnit)?;
    let number: u64 = number.parse().map_err(|_| DurationError::TooLong)?;
    let millis = number.checked_mul(*millis).ok_or(DurationError::TooLong)?;
    Some(Duration::from_millis(millis)).filter(|d| *d <= DURATION_MAX).ok_or(DurationError::TooLong)
}

/// A duration of whole milliseconds, in the largest unit that shows it exactly.
pub(crate) struct InUnits(pub(crate) Duration);

impl fmt::Display for InUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.0.as_millis();
        let fits = |millis: u64| total > 0 && total.is_multiple_of(u128::from(millis));
        let (name, millis) =
            UNITS.iter().rev().find(|(_, millis)| fits(*millis)).unwrap_or(&UNITS[1]);
        write!(f, "{}{name}", total / u128::from(*millis))
    }
}

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DurationError {
    /// It does not begin with a digit.
    NoNumber,
    /// It is a number only.
    NoUnit,
    /// What follows the number is no unit.
    UnknownUnit,
    /// It is beyond [`DURATION_MAX`].
    TooLong,
}

impl DurationError {
    /// What to write instead of `text`.
    pub(crate) fn hint(self, text: &str) -> String {
        match self {
            Self::NoNumber => "a duration is a number and a unit: `100ms`, `2s`, `1m`".to_owned(),
            Self::NoUnit => format!("add a unit: `{text}s` or `{text}ms`"),
            Self::UnknownUnit => {
                "write a whole number and one unit of `ms`, `s`, `m`, `h`, `d`".to_owned()
            }
            Self::TooLong => format!("the longest duration is `{}`", InUnits(DURATION_MAX)),
        }
    }
}

/// Units and their length in milliseconds, the shortest first.
const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// No wait in this product is longer; timers of the runtime are far from their limits.
pub(crate) const DURATION_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_unit_is_read() {
        let cases =
            [("100ms", 100), ("2s", 2_000), ("1m", 60_000), ("1h", 3_600_000), ("1d", 86_400_000)];
        for (text, millis) in cases {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("365d"), Ok(DURATION_MAX));
    }

    #[test]
    fn other_texts_are_refused() {
        let cases = [
            ("", DurationError::NoNumber),
            ("s", DurationError::NoNumber),
            ("-1s", DurationError::NoNumber),
            (" 1s", DurationError::NoNumber),
            ("5", DurationError::NoUnit),
            ("5 s", DurationError::UnknownUnit),
            ("1.5s", DurationError::UnknownUnit),
            ("1h30m", DurationError::UnknownUnit),
            ("5sec", DurationError::UnknownUnit),
            ("1µs", DurationError::UnknownUnit),
            ("366d", DurationError::TooLong),
            ("99999999999999999999s", DurationError::TooLong),
            ("18446744073709551615d", DurationError::TooLong),
        ];
        for (text, error) in cases {
            assert_eq!(parse_duration(text), Err(error), "{text}");
        }
    }

    #[test]
    fn missing_unit_is_offered() {
        assert_eq!(DurationError::NoUnit.hint("5"), "add a unit: `5s` or `5ms`");
    }

    #[test]
    fn durations_are_shown_in_the_largest_exact_unit() {
        let shown = |text| InUnits(parse_duration(text).expect("a duration")).to_string();
        assert_eq!(shown("1500ms"), "1500ms");
        assert_eq!(shown("60s"), "1m");
        assert_eq!(shown("24h"), "1d");
        assert_eq!(shown("0ms"), "0s");
    }

    proptest! {
        #[test]
        fn shown_durations_read_back(millis in 0..=365 * 86_400_000_u64) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&InUnits(duration).to_string()), Ok(duration));
        }
    }
}
