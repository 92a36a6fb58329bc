//! Cells that a worker writes and anybody reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use crate::time::EventTime;

/// Counts of one task, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TaskCounters {
    /// Records read or polled.
    pub records_in: u64,
    /// Records emitted, over all outputs.
    pub records_out: u64,
    /// Records that came after their window had closed.
    pub late: u64,
    /// Records that could not be decoded.
    pub rejected: u64,
    /// The watermark that was last passed on, in nanoseconds of event time; `i64::MIN` before the first.
    pub watermark_ns: i64,
}

/// The counters of one task, as its worker last published them.
#[derive(Debug, Default)]
pub(crate) struct TaskCell {
    records_in: AtomicU64,
    records_out: AtomicU64,
    late: AtomicU64,
    rejected: AtomicU64,
    watermark_ns: AtomicI64,
}

impl TaskCell {
    fn new() -> CachePadded<Self> {
        let cell = Self { watermark_ns: AtomicI64::new(i64::MIN), ..Self::default() };
        CachePadded::new(cell)
    }

    /// Plain stores; called by the owner alone.
    pub(crate) fn publish(&self, counters: &TaskCounters) {
        self.records_in.store(counters.records_in, Ordering::Relaxed);
        self.records_out.store(counters.records_out, Ordering::Relaxed);
        self.late.store(counters.late, Ordering::Relaxed);
        self.rejected.store(counters.rejected, Ordering::Relaxed);
        self.watermark_ns.store(counters.watermark_ns, Ordering::Relaxed);
    }

    fn read(&self) -> TaskCounters {
        TaskCounters {
            records_in: self.records_in.load(Ordering::Relaxed),
            records_out: self.records_out.load(Ordering::Relaxed),
            late: self.late.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            watermark_ns: self.watermark_ns.load(Ordering::Relaxed),
        }
    }
}

/// The cells of one worker, one for each task.
#[derive(Debug)]
pub(crate) struct WorkerCells {
    pub(crate) tasks: Vec<CachePadded<TaskCell>>,
}

/// The cells of a job.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    names: Arc<[String]>,
    workers: Vec<Arc<WorkerCells>>,
}

impl Metrics {
    pub(crate) fn new(names: impl Iterator<Item = String>, workers: usize) -> Self {
        let names: Arc<[String]> = names.collect();
        let cells = || WorkerCells { tasks: names.iter().map(|_| TaskCell::new()).collect() };
        let workers = (0..workers).map(|_| Arc::new(cells())).collect();
        Self { names, workers }
    }

    pub(crate) fn worker(&self, index: usize) -> Arc<WorkerCells> {
        Arc::clone(&self.workers[index])
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let operators = self.names.iter().enumerate().map(|(task, name)| {
            let counters = self.workers.iter().map(|worker| worker.tasks[task].read());
            OperatorSnapshot::sum(name.clone(), counters)
        });
        Snapshot { operators: operators.collect() }
    }
}

/// One operator, summed over its workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSnapshot {
    /// Its name.
    pub name: String,
    /// Records read, or polled by a source.
    pub records_in: u64,
    /// Records emitted, over all outputs.
    pub records_out: u64,
    /// Records that came after their window had closed.
    pub late: u64,
    /// Records that could not be decoded.
    pub rejected: u64,
    /// The least watermark over the workers; `None` before the first.
    pub watermark: Option<EventTime>,
}

impl OperatorSnapshot {
    pub(crate) fn sum(name: String, counters: impl Iterator<Item = TaskCounters>) -> Self {
        let mut sum = Self {
            name,
            records_in: 0,
            records_out: 0,
            late: 0,
            rejected: 0,
            watermark: Some(EventTime::MAX),
        };
        for counters in counters {
            sum.records_in += counters.records_in;
            sum.records_out += counters.records_out;
            sum.late += counters.late;
            sum.rejected += counters.rejected;
            let watermark = EventTime::from_nanos(counters.watermark_ns);
            sum.watermark = sum.watermark.min(Some(watermark));
        }
        sum.watermark = sum.watermark.filter(|at| *at > EventTime::MIN);
        sum
    }
}

/// A job's operators as they were a moment ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// In the order in which they were written.
    pub operators: Vec<OperatorSnapshot>,
}

impl Snapshot {
    /// The operator of that name.
    pub fn operator(&self, name: &str) -> Option<&OperatorSnapshot> {
        self.operators.iter().find(|operator| operator.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_sums_the_workers_and_takes_the_least_watermark() {
        let metrics = Metrics::new(["a", "b"].map(str::to_owned).into_iter(), 2);
        assert_eq!(metrics.snapshot().operator("a").unwrap().watermark, None);
        for (worker, watermark_ns) in [(0, 30), (1, 20)] {
            let counters =
                TaskCounters { records_in: 5, records_out: 4, late: 3, rejected: 2, watermark_ns };
            metrics.worker(worker).tasks[1].publish(&counters);
        }
        let snapshot = metrics.snapshot();
        let b = snapshot.operator("b").unwrap();
        assert_eq!((b.records_in, b.records_out, b.late, b.rejected), (10, 8, 6, 4));
        assert_eq!(b.watermark, Some(EventTime::from_nanos(20)));
        assert_eq!(snapshot.operator("a").unwrap().records_in, 0);
        assert!(snapshot.operator("c").is_none());
    }

    #[test]
    fn a_worker_before_its_first_watermark_holds_the_operators_back() {
        let metrics = Metrics::new(["a".to_owned()].into_iter(), 2);
        let counters = TaskCounters { watermark_ns: 5, ..TaskCounters::default() };
        metrics.worker(0).tasks[0].publish(&counters);
        assert_eq!(metrics.snapshot().operator("a").unwrap().watermark, None);
    }
}
