//! From rounds to ratios, a table and a report.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::case::Case;
use super::contender::Contender;
use super::load::Sample;
use crate::failure::{OrFail, Result};
use crate::report::say;

/// Where the report is written.
pub const JSON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers.json");

/// What each did in one round, in the order of the contenders.
#[derive(Debug)]
pub(super) struct Round(pub(super) Vec<Sample>);

/// One case: the medians, and our ratios to the others.
#[derive(Debug)]
pub(super) struct Summary {
    case: &'static str,
    unit: &'static str,
    contenders: Vec<Contender>,
    medians: Vec<Sample>,
    ratios: Vec<Ratios>,
}

/// We against one peer: the medians of the ratios within each round. Below 1 we need less, or are slower.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Ratios {
    case: &'static str,
    peer: &'static str,
    /// CPU time per unit.
    cpu_ratio: Option<f64>,
    /// Memory per unit.
    memory_ratio: Option<f64>,
    /// Units per second.
    rate_ratio: Option<f64>,
    /// What one of a hundred waits for at least.
    p99_ratio: Option<f64>,
}

type Figure = fn(&Sample) -> Option<f64>;

impl Summary {
    pub(super) fn new(case: &Case, contenders: Vec<Contender>, rounds: Vec<Round>) -> Self {
        let of = |place: usize, figure: Figure| {
            median(rounds.iter().filter_map(|round| figure(round.0.get(place)?)).collect())
        };
        let medians = (0..contenders.len()).map(|place| Sample {
            rate: of(place, |sample| sample.rate),
            cpu: of(place, |sample| sample.cpu),
            memory: of(place, |sample| sample.memory),
            p50: of(place, |sample| sample.p50),
            p99: of(place, |sample| sample.p99),
        });
        let ratio = |place: usize, figure: Figure| {
            let of_round = |Round(samples): &Round| {
                Some(figure(samples.first()?)? / figure(samples.get(place)?)?)
            };
            median(rounds.iter().filter_map(of_round).collect())
        };
        let ratios = contenders.iter().enumerate().skip(1).map(|(place, peer)| Ratios {
            case: case.name,
            peer: peer.name(),
            cpu_ratio: ratio(place, |sample| sample.cpu),
            memory_ratio: ratio(place, |sample| sample.memory),
            rate_ratio: ratio(place, |sample| sample.rate),
            p99_ratio: ratio(place, |sample| sample.p99),
        });
        Self {
            case: case.name,
            unit: case.unit,
            medians: medians.collect(),
            ratios: ratios.collect(),
            contenders,
        }
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit;
        writeln!(
            f,
            "{:<15} {:>12} {:>14} {:>14} {:>9} {:>9}   ours: CPU  memory    rate     p99",
            self.case,
            format!("{unit}/s"),
            "CPU-µs each",
            "bytes each",
            "p50 µs",
            "p99 µs"
        )?;
        for (place, (contender, sample)) in self.contenders.iter().zip(&self.medians).enumerate() {
            let Sample { rate, cpu, memory, p50, p99 } = sample;
            write!(
                f,
                "  {:<13} {:>12} {:>14} {:>14} {:>9} {:>9}",
                contender.name(),
                shown(*rate, 1),
                shown(*cpu, 2),
                shown(*memory, 0),
                shown(*p50, 0),
                shown(*p99, 0)
            )?;
            if let Some(ratios) = place.checked_sub(1).and_then(|place| self.ratios.get(place)) {
                let Ratios { cpu_ratio, memory_ratio, rate_ratio, p99_ratio, .. } = ratios;
                let all = [cpu_ratio, memory_ratio, rate_ratio, p99_ratio];
                let [cpu, memory, rate, p99] = all.map(|ratio| shown(*ratio, 2));
                write!(f, "   {cpu:>9} {memory:>7} {rate:>7} {p99:>7}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn shown(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
}

/// Writes all ratios to [`JSON`].
pub(super) fn write(summaries: &[Summary]) -> Result<()> {
    let ratios: Vec<_> = summaries.iter().flat_map(|summary| &summary.ratios).collect();
    let text = serde_json::to_string_pretty(&ratios).or_fail("cannot write the report")?;
    let path = Path::new(JSON);
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).or_fail("cannot make the report's directory")?;
    }
    std::fs::write(path, text + "\n").or_fail(format!("cannot write `{JSON}`"))?;
    say("wrote target/peers.json");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::case::CASES;
    use super::*;

    fn sample(cpu: f64) -> Sample {
        Sample { cpu: Some(cpu), ..Sample::default() }
    }

    #[test]
    fn a_ratio_is_that_within_a_round() {
        let rounds = [(1.0, 2.0), (30.0, 40.0), (8.0, 8.0)];
        let rounds = rounds.map(|(ours, theirs)| Round(vec![sample(ours), sample(theirs)]));
        let contenders = vec![Contender::Haagent, Contender::Haproxy];
        let summary = Summary::new(&CASES[0], contenders, rounds.into());
        let Ratios { peer, cpu_ratio, rate_ratio, .. } = summary.ratios[0];
        assert_eq!((peer, cpu_ratio, rate_ratio), ("haproxy", Some(0.75), None));
        assert_eq!(summary.medians[0].cpu, Some(8.0));
    }
}
