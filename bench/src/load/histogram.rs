//! Latencies in an HDR histogram, and the six figures that a table shows of it.
//!
//! # Source
//!
//! Gil Tene, "How NOT to Measure Latency" (2013), and HdrHistogram. There is no correction for
//! coordinated omission: the open-loop benchmarks record from the *scheduled* instant, so nothing is omitted.

use std::fmt;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest latency told apart: one minute. Longer ones count as one minute.
const MAX_NS: u64 = 60_000_000_000;

/// Three significant digits: an error below 0.1 % for 200 KiB of counters.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Latencies in nanoseconds, 1 ns to 60 s, each within 0.1 %.
#[derive(Debug, Clone)]
pub struct LatencyHistogram {
    inner: Histogram<u64>,
}

impl LatencyHistogram {
    /// An empty histogram whose memory is already resident, so the first recordings cause no page fault.
    #[must_use]
    pub fn new() -> Self {
        let mut inner = Histogram::new_with_bounds(1, MAX_NS, SIGNIFICANT_DIGITS)
            .expect("invariant: the bounds are constants that the crate accepts");
        // Zeroed memory is mapped at its first write; resetting writes all of it.
        inner.reset();
        Self { inner }
    }

    /// Counts one latency; zero counts as 1 ns, and more than a minute as a minute.
    ///
    /// Cost: a few nanoseconds, no allocation.
    #[inline]
    pub fn record_ns(&mut self, latency_ns: u64) {
        self.inner.saturating_record(latency_ns.max(1));
    }

    /// Adds what another thread recorded.
    pub fn merge(&mut self, other: &Self) {
        self.inner
            .add(&other.inner)
            .expect("invariant: all latency histograms have the same bounds");
    }

    /// How many latencies were recorded.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.inner.len()
    }

    /// True if nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// The latency that `percent` of all recordings do not exceed, in nanoseconds.
    #[must_use]
    pub fn at_percentile_ns(&self, percent: f64) -> u64 {
        self.inner.value_at_percentile(percent)
    }

    /// The figures of a table row.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        Percentiles {
            count: self.len(),
            p50_ns: self.at_percentile_ns(50.0),
            p90_ns: self.at_percentile_ns(90.0),
            p99_ns: self.at_percentile_ns(99.0),
            p99_9_ns: self.at_percentile_ns(99.9),
            p99_99_ns: self.at_percentile_ns(99.99),
            max_ns: self.inner.max(),
        }
    }
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self::new()
    }
}

/// What a table shows of a histogram; all in nanoseconds except the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many latencies were recorded.
    pub count: u64,
    /// Half of them do not exceed this.
    pub p50_ns: u64,
    /// 90 %.
    pub p90_ns: u64,
    /// 99 %.
    pub p99_ns: u64,
    /// 99.9 %.
    pub p99_9_ns: u64,
    /// 99.99 %.
    pub p99_99_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

impl Percentiles {
    /// The titles of [`Percentiles::cells`].
    pub const TITLES: [&'static str; 6] = ["p50", "p90", "p99", "p99.9", "p99.99", "max"];

    /// Each figure the median of all of these, the upper one of an even number; `None` of none.
    #[must_use]
    pub fn median(of: &[Self]) -> Option<Self> {
        let figure = |figure: fn(&Self) -> u64| {
            let mut figures: Vec<u64> = of.iter().map(figure).collect();
            figures.sort_unstable();
            figures.get(figures.len() / 2).copied()
        };
        Some(Self {
            count: figure(|of| of.count)?,
            p50_ns: figure(|of| of.p50_ns)?,
            p90_ns: figure(|of| of.p90_ns)?,
            p99_ns: figure(|of| of.p99_ns)?,
            p99_9_ns: figure(|of| of.p99_9_ns)?,
            p99_99_ns: figure(|of| of.p99_99_ns)?,
            max_ns: figure(|of| of.max_ns)?,
        })
    }

    /// The figures for a table, each with its unit.
    #[must_use]
    pub fn cells(&self) -> [String; 6] {
        [self.p50_ns, self.p90_ns, self.p99_ns, self.p99_9_ns, self.p99_99_ns, self.max_ns]
            .map(readable_ns)
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, cell) in Self::TITLES.iter().zip(self.cells()) {
            write!(f, "{title} {cell}  ")?;
        }
        write!(f, "of {}", self.count)
    }
}

/// A duration with the unit that keeps it below a thousand: `118 ns`, `2.50 us`, `14.0 ms`, `1.00 s`.
#[must_use]
pub fn readable_ns(ns: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let value = ns as f64;
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} us", three_digits(value / 1e3)),
        1_000_000..1_000_000_000 => format!("{} ms", three_digits(value / 1e6)),
        _ => format!("{} s", three_digits(value / 1e9)),
    }
}

fn three_digits(value: f64) -> String {
    let decimals = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_one_to_a_hundred_thousand_are_the_ranks() {
        let mut histogram = LatencyHistogram::new();
        for latency_ns in 1..=100_000 {
            histogram.record_ns(latency_ns);
        }
        let row = histogram.percentiles();
        for (got, exact) in [(row.p50_ns, 50_000), (row.p90_ns, 90_000), (row.p99_99_ns, 99_990)] {
            assert!(got.abs_diff(exact) <= exact / 1_000, "{got} is not within 0.1 % of {exact}");
        }
        assert_eq!(row.count, 100_000);
    }

    #[test]
    fn what_is_longer_than_a_minute_counts_as_a_minute() {
        let mut histogram = LatencyHistogram::new();
        histogram.record_ns(u64::MAX);
        assert!(histogram.percentiles().max_ns.abs_diff(MAX_NS) <= MAX_NS / 1_000);
    }

    #[test]
    fn merged_histograms_count_what_both_recorded() {
        let (mut one, mut other) = (LatencyHistogram::new(), LatencyHistogram::new());
        one.record_ns(10);
        other.record_ns(0);
        one.merge(&other);
        assert_eq!(one.len(), 2);
        assert_eq!(one.at_percentile_ns(1.0), 1);
    }

    #[test]
    fn the_median_is_taken_of_each_figure_by_itself() {
        let of = |p50_ns, max_ns| Percentiles {
            count: 1,
            p50_ns,
            p90_ns: 0,
            p99_ns: 0,
            p99_9_ns: 0,
            p99_99_ns: 0,
            max_ns,
        };
        let median = Percentiles::median(&[of(3, 70), of(1, 90), of(2, 80)]).unwrap();
        assert_eq!(median, of(2, 80));
        assert_eq!(Percentiles::median(&[]), None);
    }

    #[test]
    fn durations_are_shown_with_three_digits_and_their_unit() {
        let shown = [118, 2_500, 14_040_000, 999_000_000, 60_000_000_000].map(readable_ns);
        assert_eq!(shown, ["118 ns", "2.50 us", "14.0 ms", "999 ms", "60.0 s"]);
    }
}
