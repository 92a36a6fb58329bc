//! What a job came to: totals, rates and latencies, also as a table.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::cells::Metrics;
use super::checkpoints::CheckpointSnapshot;
use super::holds::WatermarkHold;
use super::snapshot::{OperatorSnapshot, Snapshot};

/// One operator's totals over all workers.
#[derive(Debug, Clone)]
pub struct OperatorReport {
    /// Counts.
    pub totals: OperatorSnapshot,
    /// [`OperatorSnapshot::latency`] in nanoseconds.
    pub latency_ns: Histogram<u64>,
}

/// A finished job.
#[derive(Debug, Clone)]
pub struct JobReport {
    /// The job's name.
    pub name: String,
    /// Which driver turned it, and on how many workers.
    pub driver: &'static str,
    /// Workers.
    pub workers: usize,
    /// From the start of the workers to the end of the last.
    pub elapsed: Duration,
    /// Why it ended.
    pub ending: Ending,
    /// In the order in which they were written.
    pub operators: Vec<OperatorReport>,
    /// Its checkpoints.
    pub checkpoints: CheckpointSnapshot,
    watermarks: Vec<WatermarkHold>,
}

/// Why a job ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// Its sources came to their end.
    #[default]
    Finished,
    /// It was drained: its sources were cut off, and all that was open then was closed as at their end.
    Drained,
    /// It was stopped: its sources were cut off, all records that they had read were processed, and windows and timers were left as they were.
    Stopped,
}

impl JobReport {
    /// The report of a job whose workers have published their last; `now_ns` is their clock.
    pub(crate) fn new(
        name: String,
        driver: &'static str,
        elapsed: Duration,
        metrics: &Metrics,
        now_ns: u64,
    ) -> Self {
        let Snapshot { operators, edges: _, workers, checkpoints } = metrics.snapshot();
        let operators = operators.into_iter().map(|totals| {
            let latency_ns = totals.latency.to_hdr();
            OperatorReport { totals, latency_ns }
        });
        Self {
            name,
            driver,
            workers: workers.len(),
            elapsed,
            ending: Ending::Finished,
            operators: operators.collect(),
            checkpoints,
            watermarks: metrics.explain_watermark(now_ns),
        }
    }

    /// The same report of a job that ended otherwise.
    pub(crate) fn ended(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }

    /// For each operator the watermark that it came to, and what it would have waited for: of use after a job was stopped.
    pub fn explain_watermark(&self) -> &[WatermarkHold] {
        &self.watermarks
    }

    /// The operator of that name.
    pub fn operator(&self, name: &str) -> Option<&OperatorReport> {
        self.operators.iter().find(|operator| operator.totals.name == name)
    }

    /// Records that came too late, over all operators.
    pub fn late(&self) -> u64 {
        self.operators.iter().map(|operator| operator.totals.late).sum()
    }
}

fn micros(nanos: u64) -> String {
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{}.{} us", nanos / 1_000, nanos / 100 % 10),
        1_000_000..1_000_000_000 => format!("{}.{} ms", nanos / 1_000_000, nanos / 100_000 % 10),
        _ => format!("{}.{} s", nanos / 1_000_000_000, nanos / 100_000_000 % 10),
    }
}

impl fmt::Display for JobReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, driver, workers, elapsed, ending, operators, .. } = self;
        let ending = match ending {
            Ending::Finished => "",
            Ending::Drained => ", drained",
            Ending::Stopped => ", stopped before its end: windows that were open did not fire",
        };
        writeln!(
            f,
            "job {name:?}: {:.3} s, {workers} worker(s), driver {driver}{ending}",
            elapsed.as_secs_f64()
        )?;
        writeln!(
            f,
            "{:<24} {:>12} {:>12} {:>9} {:>9} {:>14} {:>10} {:>10} {:>10}",
            "operator", "in", "out", "late", "rejected", "in/s per core", "p50", "p99", "p99.9"
        )?;
        for OperatorReport { totals, latency_ns } in operators {
            let cores = elapsed.as_secs_f64() * *workers as f64;
            let rate = totals.records_in as f64 / cores.max(1e-9);
            writeln!(
                f,
                "{:<24} {:>12} {:>12} {:>9} {:>9} {:>14.0} {:>10} {:>10} {:>10}",
                totals.name,
                totals.records_in,
                totals.records_out,
                totals.late,
                totals.rejected,
                rate,
                micros(latency_ns.value_at_quantile(0.5)),
                micros(latency_ns.value_at_quantile(0.99)),
                micros(latency_ns.value_at_quantile(0.999)),
            )?;
            let OperatorSnapshot { skipped, dead_lettered, retried, .. } = totals;
            if skipped + dead_lettered + retried > 0 {
                writeln!(
                    f,
                    "  errors: {skipped} skipped, {dead_lettered} dead letters, {retried} retries"
                )?;
            }
        }
        let CheckpointSnapshot { completed, aborted, last, restarts, .. } = &self.checkpoints;
        if let Some(last) = last {
            writeln!(
                f,
                "checkpoints: {completed} complete, {aborted} given up; the last one {} bytes in {:?}",
                last.bytes, last.duration
            )?;
        }
        if *restarts > 0 {
            writeln!(f, "started again {restarts} time(s)")?;
        }
        Ok(())
    }
}
