//! A snapshot: what the workers had published when it was taken, for each operator, edge and worker.

use std::time::Duration;

use super::cells::Metrics;
use super::checkpoints::CheckpointSnapshot;
use super::counters::{SplitCounters, SplitState, TaskCounters, WorkerTime};
use super::histogram::Latency;
use crate::time::EventTime;

/// One operator on one worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSnapshot {
    /// Records read, or polled by a source.
    pub records_in: u64,
    /// Records emitted, over all outputs.
    pub records_out: u64,
    /// Bytes of the pages read; of a source those that it read from outside, if it reads bytes.
    pub bytes_in: u64,
    /// Bytes of the pages emitted, before the operators that are fused to the output.
    pub bytes_out: u64,
    /// Records that came after their window had closed.
    pub late: u64,
    /// Records that could not be decoded.
    pub rejected: u64,
    /// Records that claimed to lie too far in the future; see `max_jump`.
    pub far_future: u64,
    /// Memory of its state, in bytes, with what is free in it.
    pub state_bytes: u64,
    /// Keys in its state; of windows, each key once for each that is open.
    pub state_keys: u64,
    /// Records left out because user code failed on them.
    pub skipped: u64,
    /// Records sent on as dead letters.
    pub dead_lettered: u64,
    /// Calls of user code after one that failed on the same record.
    pub retried: u64,
    /// The watermark that was last passed on; `None` before the first.
    pub watermark: Option<EventTime>,
    /// Time in its steps.
    pub busy: Duration,
    /// Time in which its output waited for room in a ring, so that it could do nothing.
    pub backpressured: Duration,
    /// The rest: there was nothing for it to do, or the worker was busy with others.
    pub idle: Duration,
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
    /// Bytes of the pages read; of a source those that it read from outside, if it reads bytes.
    pub bytes_in: u64,
    /// Bytes of the pages emitted, before the operators that are fused to the output.
    pub bytes_out: u64,
    /// Records that came after their window had closed.
    pub late: u64,
    /// Records that could not be decoded.
    pub rejected: u64,
    /// Records that claimed to lie too far in the future; see `max_jump`.
    pub far_future: u64,
    /// Memory of its state, in bytes, with what is free in it.
    pub state_bytes: u64,
    /// Keys in its state; of windows, each key once for each that is open.
    pub state_keys: u64,
    /// Records left out because user code failed on them.
    pub skipped: u64,
    /// Records sent on as dead letters.
    pub dead_lettered: u64,
    /// Calls of user code after one that failed on the same record.
    pub retried: u64,
    /// The least watermark over the workers; `None` before the first.
    pub watermark: Option<EventTime>,
    /// From the entry of a batch's oldest record into the engine (its scheduled instant, if the source knows one) to the end of the step of this operator
    /// that read the batch; for a source, the poll itself. A sample: all of the first steps, then one of eight.
    pub latency: Latency,
    /// The same for each worker.
    pub workers: Vec<TaskSnapshot>,
    /// Of a source: how far each of its splits is.
    pub splits: Vec<SplitSnapshot>,
}

/// One split of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitSnapshot {
    /// Its name.
    pub name: String,
    /// The worker that reads it, or will.
    pub worker: usize,
    /// Its watermark; `None` before the first.
    pub watermark: Option<EventTime>,
    /// What it is doing.
    pub state: SplitState,
}

/// One edge, over all workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeSnapshot {
    /// The sending operator.
    pub from: String,
    /// The receiving operator.
    pub to: String,
    /// For each receiving worker the pages that wait for it, the one that it reads among them.
    pub queued_pages: Vec<u64>,
}

/// How a worker's thread spends its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerSnapshot {
    /// Since its start.
    pub elapsed: Duration,
    /// In operators and in turning them.
    pub busy: Duration,
    /// Looking for something to do, or asleep; or the core was busy with another job.
    pub idle: Duration,
}

/// A job as it was a moment ago.
///
/// Each operator's counters on one worker are of one moment, of a few milliseconds ago at most while it works; those of different operators and
/// workers may differ by that much. Latencies may be of a later moment than counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// In the order in which they were written.
    pub operators: Vec<OperatorSnapshot>,
    /// In the order in which they were written.
    pub edges: Vec<EdgeSnapshot>,
    /// One for each worker.
    pub workers: Vec<WorkerSnapshot>,
    /// Its checkpoints.
    pub checkpoints: CheckpointSnapshot,
}

fn watermark(nanos: i64) -> Option<EventTime> {
    Some(EventTime::from_nanos(nanos)).filter(|at| *at > EventTime::MIN)
}

impl TaskSnapshot {
    fn new(counters: &TaskCounters, elapsed_ns: u64) -> Self {
        let idle_ns = elapsed_ns.saturating_sub(counters.busy_ns + counters.blocked_ns);
        Self {
            records_in: counters.records_in,
            records_out: counters.records_out,
            bytes_in: counters.bytes_in,
            bytes_out: counters.bytes_out,
            late: counters.late,
            rejected: counters.rejected,
            far_future: counters.far_future,
            state_bytes: counters.state_bytes,
            state_keys: counters.state_keys,
            skipped: counters.skipped,
            dead_lettered: counters.dead_lettered,
            retried: counters.retried,
            watermark: watermark(counters.watermark_ns),
            busy: Duration::from_nanos(counters.busy_ns),
            backpressured: Duration::from_nanos(counters.blocked_ns),
            idle: Duration::from_nanos(idle_ns),
        }
    }
}

impl OperatorSnapshot {
    fn read(
        metrics: &Metrics,
        task: usize,
        counters: &[TaskCounters],
        times: &[WorkerTime],
    ) -> Self {
        let shape = &metrics.shape.tasks[task];
        let mut latency = Latency::default();
        metrics.workers.iter().for_each(|w| w.tasks[task].add_latency_to(&mut latency));
        let workers = counters.iter().zip(times);
        let workers = workers.map(|(of_task, time)| TaskSnapshot::new(of_task, time.elapsed_ns));
        let workers: Vec<_> = workers.collect();
        let splits = shape.splits.iter().enumerate().map(|(split, name)| {
            let worker = split % metrics.workers.len();
            let SplitCounters { watermark_ns, state, .. } =
                metrics.workers[worker].tasks[task].split(split);
            SplitSnapshot { name: name.clone(), worker, watermark: watermark(watermark_ns), state }
        });
        let splits = splits.collect();
        let sum = |of: fn(&TaskSnapshot) -> u64| workers.iter().map(of).sum();
        Self {
            name: shape.name.clone(),
            records_in: sum(|task| task.records_in),
            records_out: sum(|task| task.records_out),
            bytes_in: sum(|task| task.bytes_in),
            bytes_out: sum(|task| task.bytes_out),
            late: sum(|task| task.late),
            rejected: sum(|task| task.rejected),
            far_future: sum(|task| task.far_future),
            state_bytes: sum(|task| task.state_bytes),
            state_keys: sum(|task| task.state_keys),
            skipped: sum(|task| task.skipped),
            dead_lettered: sum(|task| task.dead_lettered),
            retried: sum(|task| task.retried),
            watermark: workers.iter().map(|task| task.watermark).min().flatten(),
            latency,
            splits,
            workers,
        }
    }

    /// Records emitted for each record read; `None` before the first is read.
    ///
    /// A join or a flat map that is far above 1 multiplies the work of all operators behind it.
    pub fn amplification(&self) -> Option<f64> {
        (self.records_in > 0).then(|| self.records_out as f64 / self.records_in as f64)
    }
}

impl Snapshot {
    pub(super) fn read(metrics: &Metrics) -> Self {
        let shape = &metrics.shape;
        let of_task = |task: usize| metrics.workers.iter().map(move |w| w.tasks[task].counters());
        let counters: Vec<Vec<_>> =
            (0..shape.tasks.len()).map(|task| of_task(task).collect()).collect();
        // After the counters, as workers publish it before them: no task was busy for longer than its worker was there.
        let times: Vec<WorkerTime> = metrics.workers.iter().map(|worker| worker.time()).collect();
        let operators = counters.iter().enumerate();
        let operators = operators
            .map(|(task, counters)| OperatorSnapshot::read(metrics, task, counters, &times));
        let edges = shape.edges.iter().enumerate().map(|(edge, &(from, to))| EdgeSnapshot {
            from: shape.tasks[from].name.clone(),
            to: shape.tasks[to].name.clone(),
            queued_pages: queued(metrics, edge, to),
        });
        let workers = times.iter().map(|time| WorkerSnapshot {
            elapsed: Duration::from_nanos(time.elapsed_ns),
            busy: Duration::from_nanos(time.busy_ns),
            idle: Duration::from_nanos(time.idle_ns),
        });
        Self {
            operators: operators.collect(),
            edges: edges.collect(),
            workers: workers.collect(),
            checkpoints: metrics.checkpoints.read(),
        }
    }

    /// The operator of that name.
    pub fn operator(&self, name: &str) -> Option<&OperatorSnapshot> {
        self.operators.iter().find(|operator| operator.name == name)
    }
}

/// Pages that wait in edge `edge` into task `to`, on each worker.
fn queued(metrics: &Metrics, edge: usize, to: usize) -> Vec<u64> {
    let of_worker = |worker: usize| {
        let lanes = metrics.shape.lanes_into(to, worker).iter().enumerate();
        let cells = &metrics.workers[worker].tasks[to];
        lanes.filter(|(_, origin)| origin.edge == edge).map(|(lane, _)| cells.queued(lane)).sum()
    };
    (0..metrics.workers.len()).map(of_worker).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{LaneOrigin, LatencyHistogram, Shape, TaskShape};

    #[test]
    fn a_snapshot_sums_the_workers_and_takes_the_least_watermark() {
        let metrics = Metrics::new(["a", "b"].map(str::to_owned).into_iter(), 2);
        assert_eq!(metrics.snapshot().operator("a").unwrap().watermark, None);
        for (worker, watermark_ns) in [(0, 30), (1, 20)] {
            let counters = TaskCounters {
                records_in: 5,
                records_out: 10,
                late: 3,
                rejected: 2,
                watermark_ns,
                busy_ns: 30,
                blocked_ns: 20,
                ..TaskCounters::default()
            };
            let mut latency = LatencyHistogram::default();
            latency.record(7, 5);
            metrics.worker(worker).tasks[1].publish(&counters, &mut latency);
            let time = WorkerTime { elapsed_ns: 100, busy_ns: 40, idle_ns: 60 };
            metrics.worker(worker).publish_time(time);
        }
        let snapshot = metrics.snapshot();
        let b = snapshot.operator("b").unwrap();
        assert_eq!((b.records_in, b.records_out, b.late, b.rejected), (10, 20, 6, 4));
        assert_eq!(b.watermark, Some(EventTime::from_nanos(20)));
        assert_eq!((b.latency.count(), b.amplification()), (10, Some(2.0)));
        assert_eq!(b.workers[0].idle, Duration::from_nanos(50));
        let a = snapshot.operator("a").unwrap();
        assert_eq!((a.records_in, a.amplification()), (0, None));
        assert!(snapshot.operator("c").is_none());
    }

    #[test]
    fn a_worker_before_its_first_watermark_holds_the_operators_back() {
        let metrics = Metrics::new(["a".to_owned()].into_iter(), 2);
        let counters = TaskCounters { watermark_ns: 5, ..TaskCounters::default() };
        metrics.worker(0).tasks[0].publish(&counters, &mut LatencyHistogram::default());
        assert_eq!(metrics.snapshot().operator("a").unwrap().watermark, None);
    }

    #[test]
    fn pages_are_counted_for_the_edge_that_they_wait_in() {
        let lane = |edge, task| LaneOrigin { edge, task, worker: 0 };
        let task = |name: &str, lanes| TaskShape {
            name: name.into(),
            lanes: vec![lanes],
            ..TaskShape::default()
        };
        let tasks = vec![
            task("a", vec![]),
            task("b", vec![]),
            task("c", vec![lane(0, 0), lane(1, 1), lane(1, 1)]),
        ];
        let metrics = Metrics::of(Shape { tasks, edges: vec![(0, 2), (1, 2)] }, 1);
        for (lane, pages) in [4, 2, 1].into_iter().enumerate() {
            metrics.worker(0).tasks[2].publish_queue(lane, pages);
        }
        let edges = metrics.snapshot().edges;
        assert_eq!((edges[0].queued_pages[0], edges[1].queued_pages[0]), (4, 3));
        assert_eq!((&*edges[1].from, &*edges[1].to), ("b", "c"));
    }
}
