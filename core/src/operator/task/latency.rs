//! How long batches are under way: which steps are measured, and where the figures go.

use crate::metrics::LatencyHistogram;

/// The latency of a task's steps, of which some are measured: a look at the clock takes some 30 ns, and the way of one record through a job has
/// many steps.
#[derive(Debug, Default)]
pub(crate) struct HopLatency {
    steps: u32,
    is_off: bool,
    histogram: LatencyHistogram,
}

impl HopLatency {
    /// The first steps are measured, all of them, so that a short job has figures.
    const FIRST: u32 = 256;
    /// After that, one of so many.
    const INTERVAL: u32 = 8;

    /// True if this step is measured.
    pub(crate) fn is_due(&mut self) -> bool {
        let is_due = self.will_be_due();
        self.steps = self.steps.wrapping_add(1);
        is_due
    }

    /// What [`Self::is_due`] will say next.
    pub(crate) fn will_be_due(&self) -> bool {
        let step = self.steps.wrapping_add(1);
        !self.is_off && (step <= Self::FIRST || step.is_multiple_of(Self::INTERVAL))
    }

    /// Notes `records` that took from `origin_ns` to `done_ns`.
    pub(crate) fn note(&mut self, origin_ns: u64, done_ns: u64, records: u64) {
        self.histogram.record(done_ns.saturating_sub(origin_ns).max(1), records);
    }

    /// No step is measured from now on.
    pub(crate) fn turn_off(&mut self) {
        self.is_off = true;
    }

    pub(crate) fn histogram(&mut self) -> &mut LatencyHistogram {
        &mut self.histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_a_step_is_measured_is_known_before_it() {
        let mut latency = HopLatency::default();
        let foretold = |latency: &mut HopLatency| (latency.will_be_due(), latency.is_due());
        let steps: Vec<_> = (0..400).map(|_| foretold(&mut latency)).collect();
        assert!(steps.iter().all(|(before, at)| before == at));
        let measured = steps.iter().filter(|(_, at)| *at).count();
        assert_eq!(measured, 256 + (400 - 256) / 8);
        latency.turn_off();
        assert_eq!(foretold(&mut latency), (false, false));
    }
}
