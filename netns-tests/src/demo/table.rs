//! The table at the end of the demo, 80 columns wide.

use crate::verdict::{Measurement, Verdict};

/// A step of the demo.
#[derive(Debug)]
pub struct Row {
    /// The step's letter.
    pub letter: &'static str,
    /// What was done.
    pub event: &'static str,
    /// Who is active afterwards.
    pub active: &'static str,
    /// What came of it.
    pub verdict: Verdict,
}

/// All rows below their headings.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "   {:<34} active {:>4} {:>5} {:>6} {:>4} {:>4}\n",
        "step", "gap", "bound", "failed", "lost", "both"
    );
    for row in rows {
        text += &line(row);
    }
    text + LEGEND
}

const LEGEND: &str = "
gap     the longest time in ms in which no request of the client was answered
bound   what it may be: the protocol's own time and 60 ms
failed  requests on new connections that were not answered
lost    how often the connection that stays open was lost
both    how long in ms both boxes held the address
";

fn line(row: &Row) -> String {
    let Measurement { gap_ms, failed_requests, lost_connections, both_held_ms, .. } =
        row.verdict.measurement;
    let number = |number: Option<u128>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let active = row.active.trim_start_matches("router-");
    format!(
        "{}  {:<34} {active:^6} {:>4} {:>5} {failed_requests:>6} {lost_connections:>4} \
         {both_held_ms:>4} {}\n",
        row.letter,
        row.event,
        number(gap_ms),
        number(row.verdict.bound_ms),
        if row.verdict.passed() { "ok" } else { "FAILED" },
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_table_fits_eighty_columns() {
        let measurement = Measurement {
            gap_ms: Some(1234),
            failed_requests: 123,
            lost_connections: 12,
            both_held_ms: 1234,
            absent_ms: 0,
        };
        let verdict = Verdict::of(measurement).gap_at_most(Duration::from_millis(421));
        let row = Row {
            letter: "e",
            event: "kill -9 of the active box's worker",
            active: "router-b",
            verdict,
        };
        let text = table(&[row]);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("1234   421"), "{text}");
    }
}
