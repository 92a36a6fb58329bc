//! Histograms of latencies that are filled without allocation, copied to cells by plain stores, and read while they are filled.
//!
//! The crate for histograms (`hdrhistogram`) makes reports; its own do not show their buckets, and its shared ones need a read-modify-write for each
//! value. This one has its bucket layout: powers of two, each cut into 32, so a value is known to 3 %.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;

const SUB_BITS: u32 = 5;
/// Values of 2^36 ns, 68 s, and more are counted as a little less.
const MAX_BITS: u32 = 36;
const BUCKETS: usize = ((MAX_BITS - SUB_BITS + 1) as usize) << SUB_BITS;

/// The bucket of `value`.
#[inline]
fn bucket(value: u64) -> usize {
    let value = value.min((1 << MAX_BITS) - 1);
    let exponent = (u64::BITS - value.leading_zeros()).max(SUB_BITS + 1) - 1;
    let shift = exponent - SUB_BITS;
    let bucket = (u64::from(shift) << SUB_BITS) + (value >> shift);
    usize::try_from(bucket).expect("invariant: fewer than BUCKETS")
}

/// The greatest value of a bucket.
fn greatest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket >> SUB_BITS).saturating_sub(1);
    let first = bucket - (shift << SUB_BITS);
    ((first + 1) << shift) - 1
}

/// What one task has measured.
#[derive(Debug)]
pub(crate) struct LatencyHistogram {
    counts: Box<[u64; BUCKETS]>,
    /// The buckets that have changed since they were last published: from, and up to but not including.
    changed: (usize, usize),
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self { counts: Box::new([0; BUCKETS]), changed: (BUCKETS, 0) }
    }
}

impl LatencyHistogram {
    /// Adds a value `times` times.
    #[inline]
    pub(crate) fn record(&mut self, nanos: u64, times: u64) {
        let bucket = bucket(nanos);
        self.counts[bucket] += times;
        self.changed = (self.changed.0.min(bucket), self.changed.1.max(bucket + 1));
    }

    /// Copies what has changed.
    pub(crate) fn publish(&mut self, cells: &LatencyCells) {
        let (from, to) = std::mem::replace(&mut self.changed, (BUCKETS, 0));
        if from < to {
            for (cell, count) in cells.0[from..to].iter().zip(&self.counts[from..to]) {
                cell.store(*count, Ordering::Relaxed);
            }
        }
    }
}

/// A histogram as its owner last published it (8 KiB).
#[derive(Debug)]
pub(crate) struct LatencyCells(Box<[AtomicU64; BUCKETS]>);

impl Default for LatencyCells {
    fn default() -> Self {
        Self(Box::new([const { AtomicU64::new(0) }; BUCKETS]))
    }
}

impl LatencyCells {
    /// Adds what was published to `sum`. Counts of neighbouring publications may mix.
    pub(super) fn add_to(&self, sum: &mut Latency) {
        sum.counts.resize(BUCKETS, 0);
        for (count, cell) in sum.counts.iter_mut().zip(self.0.iter()) {
            *count += cell.load(Ordering::Relaxed);
        }
    }
}

/// A distribution of latencies, known to 3 %.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Latency {
    counts: Vec<u64>,
}

impl Latency {
    /// How many records were measured.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The latency that a fraction of the records did not exceed, `quantile` from 0 to 1: `percentile(0.999)` is the p99.9. `None` if
    /// nothing was measured.
    pub fn percentile(&self, quantile: f64) -> Option<Duration> {
        let total = self.count();
        let wanted = (quantile.clamp(0.0, 1.0) * total as f64).ceil().max(1.0);
        let mut passed = 0;
        let reached = |count: &u64| {
            passed += count;
            passed as f64 >= wanted
        };
        let bucket = self.counts.iter().position(reached).filter(|_| total > 0)?;
        Some(Duration::from_nanos(greatest(bucket)))
    }

    /// The greatest latency.
    pub fn max(&self) -> Option<Duration> {
        let bucket = self.counts.iter().rposition(|count| *count > 0)?;
        Some(Duration::from_nanos(greatest(bucket)))
    }

    /// All of them added.
    pub fn sum(&self) -> Duration {
        let sums = self.counts.iter().enumerate();
        let nanos = sums.map(|(bucket, count)| greatest(bucket).saturating_mul(*count));
        Duration::from_nanos(nanos.fold(0, u64::saturating_add))
    }

    /// The same as a histogram of nanoseconds with two significant digits.
    pub fn to_hdr(&self) -> Histogram<u64> {
        let mut hdr =
            Histogram::new_with_bounds(1, 1 << (MAX_BITS + 1), 2).expect("invariant: valid bounds");
        for (bucket, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            hdr.saturating_record_n(greatest(bucket).max(1), *count);
        }
        hdr
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_a_bucket_that_is_not_wider_than_three_per_cent() {
        let mut last = None;
        for bits in 0..MAX_BITS {
            for value in [1 << bits, (1 << bits) + 1, (1_u64 << bits) * 3 / 2, (2 << bits) - 1] {
                let greatest = greatest(bucket(value));
                assert!(greatest >= value && greatest - value <= value / 32, "{value}: {greatest}");
            }
        }
        for bucket in 0..BUCKETS {
            assert_eq!(super::bucket(greatest(bucket)), bucket);
            assert!(last < Some(greatest(bucket)));
            last = Some(greatest(bucket));
        }
        assert_eq!((bucket(u64::MAX), bucket(0)), (BUCKETS - 1, 0));
    }

    #[test]
    fn percentiles_are_read_while_the_histogram_is_filled() {
        let (mut histogram, cells) = (LatencyHistogram::default(), LatencyCells::default());
        let read = || {
            let mut latency = Latency::default();
            cells.add_to(&mut latency);
            latency
        };
        assert_eq!((read().percentile(0.5), read().max()), (None, None));
        (1..=1_000).for_each(|nanos| histogram.record(nanos * 1_000, 1));
        assert_eq!(read().count(), 0, "not published");
        histogram.publish(&cells);
        let near = |found: Option<Duration>, micros: u64| {
            let (found, expected) = (found.unwrap().as_nanos(), u128::from(micros) * 1_000);
            assert!(found >= expected && found <= expected * 34 / 32, "{found} for {expected}");
        };
        near(read().percentile(0.5), 500);
        near(read().percentile(0.999), 999);
        near(read().max(), 1_000);
        histogram.record(5_000_000, 1_000);
        histogram.publish(&cells);
        near(read().percentile(0.75), 5_000);
        assert_eq!(read().count(), 2_000);
        assert_eq!(read().to_hdr().len(), 2_000);
    }
}
