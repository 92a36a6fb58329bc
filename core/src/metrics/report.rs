//! What a job came to: totals, rates and latencies, also as a table.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::cells::{OperatorSnapshot, TaskCounters};

/// One task's totals.
#[derive(Debug)]
pub(crate) struct OperatorTotals {
    pub(crate) name: String,
    pub(crate) counters: TaskCounters,
    pub(crate) latency: Histogram<u64>,
}

/// One operator's totals over all workers.
#[derive(Debug, Clone)]
pub struct OperatorReport {
    /// Counts.
    pub totals: OperatorSnapshot,
    /// From the entry of a batch's oldest record into the engine to the end of the step of this operator that read the batch, in nanoseconds; for a
    /// source, the poll itself. A sample: all of the first steps, then one of eight.
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
    /// In the order in which they were written.
    pub operators: Vec<OperatorReport>,
}

impl JobReport {
    pub(crate) fn new(
        name: String,
        driver: &'static str,
        elapsed: Duration,
        workers: Vec<Vec<OperatorTotals>>,
    ) -> Self {
        let tasks = workers.first().map_or(0, Vec::len);
        let operators = (0..tasks).map(|task| {
            let of_task = || workers.iter().map(move |worker| &worker[task]);
            let name = workers[0][task].name.clone();
            let totals = OperatorSnapshot::sum(name, of_task().map(|totals| totals.counters));
            let mut latency_ns = workers[0][task].latency.clone();
            for totals in of_task().skip(1) {
                latency_ns.add(&totals.latency).expect("invariant: histograms of equal bounds");
            }
            OperatorReport { totals, latency_ns }
        });
        let operators = operators.collect();
        Self { name, driver, workers: workers.len(), elapsed, operators }
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
        let Self { name, driver, workers, elapsed, operators } = self;
        writeln!(
            f,
            "job {name:?}: {:.3} s, {workers} worker(s), driver {driver}",
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
        }
        Ok(())
    }
}
