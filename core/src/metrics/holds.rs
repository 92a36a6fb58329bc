//! Who holds event time back: from an operator against the stream to the source, worker and split that it waits for.
//!
//! Read from the cells that the workers publish; between two publications a step of the way may be a millisecond older than the next.

use std::fmt;
use std::time::Duration;

use super::cells::Metrics;
use super::counters::{SplitState, TaskCounters};
use crate::time::EventTime;

/// An operator on the way from the one that waits to what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Its name.
    pub operator: String,
    /// The worker.
    pub worker: usize,
    /// The watermark that it last passed on; `None` before the first.
    pub watermark: Option<EventTime>,
    /// Its output waits for room in a ring.
    pub is_backpressured: bool,
}

/// What event time waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldCause {
    /// A split that is behind the others, or all of whose records have been passed on.
    Split {
        /// Its name.
        split: String,
        /// What it is doing.
        state: SplitState,
    },
    /// All splits of the source on this worker are idle; event time follows them.
    AllIdle,
    /// The operator is still working off an earlier watermark.
    Firing,
    /// The operator has not read these pages yet, with a later watermark in them.
    Backlog {
        /// How many.
        pages: u64,
        /// The operator that sent them.
        from: String,
    },
    /// The source on this worker was stopped.
    Stopped,
    /// Nothing: event time is at its end.
    End,
}

/// An operator's event time and what holds it; from [`Snapshot`](super::Snapshot)s of the same cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatermarkHold {
    /// The way from the operator, on the worker that is farthest behind, to where the cause is; the operator itself first.
    pub path: Vec<Hop>,
    /// What is waited for, at the end of the path.
    pub cause: HoldCause,
    /// How long the watermark at the end of the path has not moved, by the decided clock.
    pub since: Duration,
}

impl WatermarkHold {
    /// The operator's name.
    pub fn operator(&self) -> &str {
        &self.path[0].operator
    }

    /// Its watermark, on the worker that is farthest behind.
    pub fn watermark(&self) -> Option<EventTime> {
        self.path[0].watermark
    }
}

fn watermark(counters: &TaskCounters) -> Option<EventTime> {
    Some(EventTime::from_nanos(counters.watermark_ns)).filter(|at| *at > EventTime::MIN)
}

impl Metrics {
    /// For each operator what its event time waits for; `now_ns` is the clock of the workers.
    pub(crate) fn explain_watermark(&self, now_ns: u64) -> Vec<WatermarkHold> {
        (0..self.shape.tasks.len()).map(|task| self.explain(task, now_ns)).collect()
    }

    fn counters(&self, task: usize, worker: usize) -> TaskCounters {
        self.workers[worker].tasks[task].counters()
    }

    fn explain(&self, task: usize, now_ns: u64) -> WatermarkHold {
        let slowest = (0..self.workers.len()).min_by_key(|&w| self.counters(task, w).watermark_ns);
        let (mut task, mut worker) = (task, slowest.expect("invariant: a job has a worker"));
        let mut path = Vec::new();
        loop {
            let counters = self.counters(task, worker);
            path.push(Hop {
                operator: self.shape.tasks[task].name.clone(),
                worker,
                watermark: watermark(&counters),
                is_backpressured: counters.is_blocked,
            });
            match self.cause(task, worker, &counters) {
                Step::Upstream(to_task, to_worker) => (task, worker) = (to_task, to_worker),
                Step::Cause(cause, moved_ns) => {
                    let since = Duration::from_nanos(now_ns.saturating_sub(moved_ns));
                    return WatermarkHold { path, cause, since };
                }
            }
        }
    }

    /// What one task waits for, or where to ask next. Edges lead from earlier to later operators, so asking ends.
    fn cause(&self, task: usize, worker: usize, counters: &TaskCounters) -> Step {
        let shape = &self.shape;
        let here = |cause| Step::Cause(cause, counters.moved_ns);
        if counters.watermark_ns == i64::MAX {
            return here(HoldCause::End);
        }
        if counters.is_firing {
            return here(HoldCause::Firing);
        }
        let held_by = counters.held_by.and_then(|index| usize::try_from(index).ok());
        let lanes = shape.lanes_into(task, worker);
        if lanes.is_empty() {
            return self.cause_in_source(task, worker, counters, held_by);
        }
        // Where nothing is left to wait for, the first lane tells why: it was stopped.
        let lane = held_by.unwrap_or(0);
        let Some(origin) = lanes.get(lane) else { return here(HoldCause::End) };
        let sent = self.counters(origin.task, origin.worker);
        let pages = self.workers[worker].tasks[task].queued(lane);
        if sent.watermark_ns > counters.watermark_ns && pages > 0 {
            let from = shape.tasks[origin.task].name.clone();
            return here(HoldCause::Backlog { pages, from });
        }
        Step::Upstream(origin.task, origin.worker)
    }

    fn cause_in_source(
        &self,
        task: usize,
        worker: usize,
        counters: &TaskCounters,
        held_by: Option<usize>,
    ) -> Step {
        let names = &self.shape.tasks[task].splits;
        let here = |cause| Step::Cause(cause, counters.moved_ns);
        if counters.is_halted {
            return here(HoldCause::Stopped);
        }
        if counters.is_idle {
            return here(HoldCause::AllIdle);
        }
        // A source that has not begun waits for its first split.
        let split = held_by.unwrap_or(worker);
        if split >= names.len() && held_by.is_some() {
            let split = "found while the job runs".to_owned();
            return here(HoldCause::Split { split, state: SplitState::Open });
        }
        let Some(name) = names.get(split) else { return here(HoldCause::End) };
        let found = self.workers[worker].tasks[task].split(split);
        let cause = HoldCause::Split { split: name.clone(), state: found.state };
        Step::Cause(cause, found.moved_ns)
    }
}

enum Step {
    Upstream(usize, usize),
    Cause(HoldCause, u64),
}

/// A duration as one says it.
fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 { format!("{} ms", duration.as_millis()) } else { format!("{seconds:.1} s") }
}

/// "`hourly` waits at 2013-01-02T05:00:00Z for source `departures`, split `jan.csv` on worker 1, for 3.2 s"
impl fmt::Display for WatermarkHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, cause, since } = self;
        let (first, last) = (&path[0], &path[path.len() - 1]);
        let name = &first.operator;
        if *cause == HoldCause::End {
            return match path.len() {
                1 => write!(f, "`{name}` is at the end of event time"),
                _ => write!(f, "`{name}` is about to come to the end of event time"),
            };
        }
        match first.watermark {
            Some(at) => write!(f, "`{name}` waits at {at} for ")?,
            None => write!(f, "`{name}` waits for its first watermark from ")?,
        }
        let (operator, worker) = (&last.operator, last.worker);
        match cause {
            HoldCause::Split { split, .. } => {
                write!(f, "source `{operator}`, split `{split}` on worker {worker}")?;
            }
            HoldCause::AllIdle => {
                write!(f, "source `{operator}` on worker {worker}, all of whose splits are idle")?;
            }
            HoldCause::Firing => {
                write!(f, "`{operator}` on worker {worker}, which still works off what is due")?;
            }
            HoldCause::Backlog { pages, from } => {
                let s = if *pages == 1 { "" } else { "s" };
                write!(f, "`{operator}` on worker {worker} to read {pages} page{s} of `{from}`")?;
            }
            HoldCause::Stopped => {
                write!(f, "source `{operator}` on worker {worker}, which was stopped")?;
            }
            HoldCause::End => {}
        }
        let says = |state| matches!(cause, HoldCause::Split { state: is, .. } if *is == state);
        if says(SplitState::Held) {
            f.write_str(" (held back by alignment)")?;
        }
        if let Some(blocked) = path.iter().find(|hop| hop.is_backpressured) {
            let (operator, worker) = (&blocked.operator, blocked.worker);
            write!(f, " (`{operator}` on worker {worker} is backpressured)")?;
        }
        write!(f, ", for {}", spoken(*since))
    }
}

#[cfg(test)]
mod tests;
