//! The cells of a job: what its workers publish, and where anybody reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::cell::Cell;
use super::checkpoints::CheckpointCell;
use super::counters::{SplitCounters, TaskCounters, WORDS, WorkerTime};
use super::histogram::{Latency, LatencyCells, LatencyHistogram};
use super::shape::Shape;
use super::snapshot::Snapshot;

/// What one task of one worker publishes.
#[derive(Debug)]
pub(crate) struct TaskCells {
    counters: Cell<WORDS>,
    latency: LatencyCells,
    /// Pages that wait in each lane of the inbox.
    queued: Box<[AtomicU32]>,
    /// The splits of a source; shared by its tasks, each of which writes those that it reads.
    splits: Arc<[Cell<3>]>,
}

impl TaskCells {
    /// Plain stores; called by the owner alone, as all of these.
    pub(crate) fn publish(&self, counters: &TaskCounters, latency: &mut LatencyHistogram) {
        self.counters.write(&counters.words());
        latency.publish(&self.latency);
    }

    pub(crate) fn publish_split(&self, split: usize, counters: SplitCounters) {
        if let Some(cell) = self.splits.get(split) {
            cell.write(&counters.words());
        }
    }

    pub(crate) fn publish_queue(&self, lane: usize, pages: usize) {
        if let Some(cell) = self.queued.get(lane) {
            cell.store(u32::try_from(pages).unwrap_or(u32::MAX), Ordering::Relaxed);
        }
    }

    pub(super) fn counters(&self) -> TaskCounters {
        TaskCounters::from_words(self.counters.read())
    }

    pub(super) fn add_latency_to(&self, sum: &mut Latency) {
        self.latency.add_to(sum);
    }

    pub(super) fn queued(&self, lane: usize) -> u64 {
        self.queued.get(lane).map_or(0, |pages| u64::from(pages.load(Ordering::Relaxed)))
    }

    pub(super) fn split(&self, split: usize) -> SplitCounters {
        SplitCounters::from_words(self.splits[split].read())
    }
}

/// The cells of one worker, one for each task.
#[derive(Debug)]
pub(crate) struct WorkerCells {
    pub(crate) tasks: Vec<TaskCells>,
    time: Cell<3>,
}

impl WorkerCells {
    pub(crate) fn publish_time(&self, time: WorkerTime) {
        self.time.write(&time.words());
    }

    pub(super) fn time(&self) -> WorkerTime {
        WorkerTime::from_words(self.time.read())
    }
}

/// The cells of a job.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(super) shape: Arc<Shape>,
    pub(super) workers: Vec<Arc<WorkerCells>>,
    pub(super) checkpoints: CheckpointCell,
}

impl Metrics {
    /// Cells for a job without edges or splits to tell of.
    #[cfg(test)]
    pub(crate) fn new(names: impl Iterator<Item = String>, workers: usize) -> Self {
        Self::of(Shape::of_names(names), workers)
    }

    /// Cells for a job of this shape.
    pub(crate) fn of(shape: Shape, workers: usize) -> Self {
        let unread = || Cell::new(SplitCounters::UNREAD.words());
        let splits: Vec<Arc<[Cell<3>]>> =
            shape.tasks.iter().map(|task| task.splits.iter().map(|_| unread()).collect()).collect();
        let task = |worker: usize, index: usize| TaskCells {
            counters: Cell::new(TaskCounters::default().words()),
            latency: LatencyCells::default(),
            queued: shape.lanes_into(index, worker).iter().map(|_| AtomicU32::new(0)).collect(),
            splits: Arc::clone(&splits[index]),
        };
        let worker = |worker: usize| WorkerCells {
            tasks: (0..shape.tasks.len()).map(|index| task(worker, index)).collect(),
            time: Cell::new(WorkerTime::default().words()),
        };
        let workers = (0..workers).map(|index| Arc::new(worker(index))).collect();
        Self { shape: Arc::new(shape), workers, checkpoints: CheckpointCell::default() }
    }

    /// The same cells; what becomes of checkpoints stands in `checkpoints`.
    pub(crate) fn with_checkpoints(mut self, checkpoints: CheckpointCell) -> Self {
        self.checkpoints = checkpoints;
        self
    }

    pub(crate) fn worker(&self, index: usize) -> Arc<WorkerCells> {
        Arc::clone(&self.workers[index])
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::read(self)
    }
}
