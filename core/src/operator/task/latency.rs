//! How long batches are under way: which steps are measured, and where the figures go.

use hdrhistogram::Histogram;

/// A histogram for latencies of up to a minute, with two significant digits (18 KiB).
pub(crate) fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 2).expect("invariant: valid bounds")
}

/// Which steps have their latency measured: a look at the clock takes some 30 ns, and the way of one record through a job has many
/// steps.
#[derive(Debug, Default)]
pub(crate) struct Sampling {
    steps: u32,
}

impl Sampling {
    /// The first steps are measured, all of them, so that a short job has figures.
    const FIRST: u32 = 256;
    /// After that, one of so many.
    const INTERVAL: u32 = 8;

    /// True if this step is measured.
    pub(crate) fn is_due(&mut self) -> bool {
        self.steps = self.steps.wrapping_add(1);
        self.steps <= Self::FIRST || self.steps.is_multiple_of(Self::INTERVAL)
    }
}
