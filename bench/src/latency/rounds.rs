//! Several rounds of the same runs: medians, and what checkpoints do to a percentile.
//!
//! A machine drifts over minutes. So the runs of a round are taken one after the other, with checkpoints and without, and a run is compared with
//! the one of its own round.

use super::cadence::Cadence;
use crate::load::histogram::Percentiles;

/// What was run: a job, with checkpoints or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct What {
    /// The job, or what is measured beside it.
    pub job: String,
    /// How often it takes checkpoints.
    pub checkpoints: Cadence,
}

impl What {
    /// A job without checkpoints, or no job at all.
    #[must_use]
    pub fn plain(job: &str) -> Self {
        Self { job: job.to_owned(), checkpoints: Cadence::Off }
    }

    /// As tables have it.
    #[must_use]
    pub fn label(&self) -> String {
        self.checkpoints.label(&self.job)
    }
}

/// The latencies of all rounds.
#[derive(Debug, Default)]
pub struct Rounds {
    /// In the order in which they came first; of each the rounds in order.
    rows: Vec<(What, Vec<Percentiles>)>,
}

/// A row of the medians.
#[derive(Debug, Clone, PartialEq)]
pub struct Median<'a> {
    /// Of what.
    pub what: &'a What,
    /// Each figure is the median of all rounds'.
    pub latency: Percentiles,
    /// The 99.9th percentile with checkpoints by the one without, of the same round; the median of these. `None` if there is nothing to compare with.
    pub p99_9_by_off: Option<f64>,
}

impl Rounds {
    /// Adds a run of the round that is under way.
    pub fn push(&mut self, what: &What, latency: Percentiles) {
        match self.rows.iter_mut().find(|(other, _)| other == what) {
            Some((_, rounds)) => rounds.push(latency),
            None => self.rows.push((what.clone(), vec![latency])),
        }
    }

    /// The medians of each row.
    pub fn medians(&self) -> impl Iterator<Item = Median<'_>> {
        self.rows.iter().filter_map(|(what, rounds)| {
            let latency = Percentiles::median(rounds)?;
            Some(Median { what, latency, p99_9_by_off: self.by_off(what, rounds) })
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a ratio for people to read")]
    fn by_off(&self, what: &What, rounds: &[Percentiles]) -> Option<f64> {
        let off = What::plain(&what.job);
        let (_, others) = self.rows.iter().find(|(other, _)| *other == off && *what != off)?;
        let ratio = |(one, other): (&Percentiles, &Percentiles)| {
            one.p99_9_ns as f64 / other.p99_9_ns.max(1) as f64
        };
        let mut ratios: Vec<f64> = rounds.iter().zip(others).map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::histogram::LatencyHistogram;

    fn latency(ns: u64) -> Percentiles {
        let mut histogram = LatencyHistogram::new();
        histogram.record_ns(ns);
        histogram.percentiles()
    }

    #[test]
    fn a_run_with_checkpoints_is_compared_with_the_one_without_of_the_same_round() {
        let every = Cadence::Every(Duration::from_secs(1));
        let (off, with) = (What::plain("q5"), What { job: "q5".into(), checkpoints: every });
        let mut rounds = Rounds::default();
        // The machine gets slower from round to round; checkpoints double the latency in each.
        for ns in [100, 200, 400] {
            rounds.push(&off, latency(ns));
            rounds.push(&with, latency(ns * 2));
        }
        let medians: Vec<_> = rounds.medians().collect();
        let figures = |median: &Median<'_>| (median.latency.p50_ns, median.p99_9_by_off);
        assert_eq!(
            medians.iter().map(figures).collect::<Vec<_>>(),
            [(200, None), (400, Some(2.0))]
        );
        assert_eq!(medians[1].what.label(), "q5, checkpoints 1s");
    }

    #[test]
    fn without_a_run_without_checkpoints_nothing_is_compared() {
        let every = Cadence::Every(Duration::from_secs(1));
        let mut rounds = Rounds::default();
        rounds.push(&What { job: "q5".into(), checkpoints: every }, latency(10));
        rounds.push(&What::plain("q7"), latency(10));
        assert!(rounds.medians().all(|median| median.p99_9_by_off.is_none()));
    }
}
