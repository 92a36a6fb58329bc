//! A worker: the tasks of one core, and nothing that waits.
//!
//! [`Worker::step`] does one decided thing and returns. It does no I/O of its own, reads no clock for anything but measuring, and its
//! results depend on nothing but the tasks' inputs and the decisions (law 3 of the design): drivers, the simulator and
//! the replay differ in who decides.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use super::decision::Decision;
use crate::error::JobError;
use crate::metrics::WorkerCells;
use crate::operator::task::{Choice, Done, PollOutcome, StepContext, Task, Work};
use crate::source::Position;
use crate::time::Clock;

/// One core's share of a job.
pub(crate) struct Worker {
    index: usize,
    tasks: Vec<Box<dyn Task>>,
    clock: Rc<dyn Clock>,
    now_ns: u64,
    batch: u32,
    slice: u32,
    /// What was decided so far, if it is recorded.
    journal: Option<Vec<Decision>>,
    /// Splits that sources have found so far; in a replay, those that they are still to find.
    found: VecDeque<Position>,
    cells: Arc<WorkerCells>,
    /// Tasks that have not finished.
    live: Vec<bool>,
}

/// What a turn over all tasks came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something was done.
    Busy,
    /// There was nothing to do.
    Dry,
    /// All tasks have finished.
    Finished,
}

impl Worker {
    pub(crate) fn new(
        index: usize,
        tasks: Vec<Box<dyn Task>>,
        clock: Rc<dyn Clock>,
        config: &crate::config::JobConfig,
        cells: Arc<WorkerCells>,
        record: bool,
    ) -> Self {
        let live = vec![true; tasks.len()];
        Self {
            index,
            tasks,
            now_ns: 0,
            clock,
            batch: config.batch_records,
            slice: config.slice_records,
            journal: record.then(Vec::new),
            found: VecDeque::new(),
            cells,
            live,
        }
    }

    /// Does one decided thing.
    ///
    /// # Errors
    ///
    /// What user code returned or panicked with; the worker is not to be stepped again.
    pub(crate) fn step(&mut self, decision: Decision) -> Result<Done, JobError> {
        let done = self.do_step(decision, false)?;
        if self.journal.is_some() {
            self.record(decision, done);
        }
        Ok(done)
    }

    /// Does again what was recorded.
    ///
    /// # Errors
    ///
    /// As [`Self::step`]; and [`JobError::Diverged`] if it came out otherwise than recorded.
    pub(crate) fn replay(&mut self, decision: Decision) -> Result<(), JobError> {
        if let Decision::Poll { task, slot: u16::MAX, records, .. } = decision {
            let count = self.found.len().min(records as usize);
            let splits = self.found.drain(..count).collect();
            self.tasks[usize::from(task)].replay_found(splits);
        }
        let done = self.do_step(decision, true)?;
        let (task, expected) = match decision {
            Decision::Lane { task, elements, .. } => (task, elements),
            Decision::Poll { task, records, .. } => (task, records),
            _ => return Ok(()),
        };
        if done.amount == expected {
            return Ok(());
        }
        Err(JobError::Diverged {
            worker: self.index,
            operator: self.tasks[usize::from(task)].name().to_string(),
            message: format!("{expected} records were recorded, {} came", done.amount),
        })
    }

    fn do_step(&mut self, decision: Decision, is_replay: bool) -> Result<Done, JobError> {
        let nothing = Done { amount: 0, outcome: PollOutcome::Full, counts: true };
        let (task, work) = match decision {
            Decision::Clock(now_ns) => {
                self.now_ns = self.now_ns.max(now_ns);
                return Ok(nothing);
            }
            Decision::Flush(task) => {
                self.tasks[usize::from(task)].flush();
                return Ok(nothing);
            }
            Decision::Lane { task, lane, elements } => {
                (task, Work { choice: Choice::Lane(lane), limit: elements, replay: None })
            }
            Decision::Slice { task, results } => {
                (task, Work { choice: Choice::Slice, limit: results, replay: None })
            }
            Decision::Poll { task, slot, records, outcome } => {
                let replay = is_replay.then(|| Decision::outcome_of(outcome));
                // The end of a split shows only to who asks for one record more.
                let limit = records + u32::from(replay == Some(PollOutcome::End));
                (task, Work { choice: Choice::Poll(slot), limit, replay })
            }
        };
        let task = &mut self.tasks[usize::from(task)];
        let context = StepContext { now_ns: self.now_ns, clock: &*self.clock };
        // The task is not used again after a panic: the job ends.
        match catch_unwind(AssertUnwindSafe(|| task.step(work, context))) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(source)) => {
                Err(JobError::Operator { operator: task.name().to_string(), source })
            }
            Err(payload) => Err(JobError::Panic {
                operator: task.name().to_string(),
                message: panic_message(&*payload),
            }),
        }
    }

    fn record(&mut self, decision: Decision, done: Done) {
        let Some(journal) = &mut self.journal else { return };
        let decision = match decision {
            Decision::Lane { task, lane, .. } => {
                Decision::Lane { task, lane, elements: done.amount }
            }
            Decision::Poll { task, slot, .. } => {
                let outcome = Decision::outcome_code(done.outcome);
                Decision::Poll { task, slot, records: done.amount, outcome }
            }
            Decision::Clock(now_ns) => {
                // Only the last reading before something else matters.
                if let Some(Decision::Clock(last)) = journal.last_mut() {
                    *last = now_ns;
                    return;
                }
                decision
            }
            other => other,
        };
        if done.counts {
            journal.push(decision);
        }
        if let Decision::Poll { task, slot: u16::MAX, .. } = decision {
            self.found.extend(self.tasks[usize::from(task)].take_found());
        }
    }

    /// Before a replay: the splits that the recorded worker has found.
    pub(crate) fn set_found(&mut self, splits: Vec<Position>) {
        self.found = splits.into();
    }

    /// Everything that could be decided now; for the simulator.
    pub(crate) fn choices(&mut self, into: &mut Vec<(usize, Choice)>) {
        let mut choices = Vec::new();
        for (index, task) in self.tasks.iter_mut().enumerate() {
            if task.drain() {
                task.choices(&mut choices);
                into.extend(choices.drain(..).map(|choice| (index, choice)));
            }
        }
    }

    /// Tasks with open pages; for the simulator.
    pub(crate) fn unflushed(&mut self) -> Vec<u16> {
        let has_open = |(index, task): (usize, &mut Box<dyn Task>)| {
            task.has_open().then(|| u16::try_from(index).expect("invariant: few tasks"))
        };
        self.tasks.iter_mut().enumerate().filter_map(has_open).collect()
    }

    /// True if every recorded decision that needs a page has it.
    pub(crate) fn can_replay(&mut self, decision: Decision) -> bool {
        self.drain();
        if let Decision::Lane { task, .. } | Decision::Slice { task, .. } = decision
            && self.tasks[usize::from(task)].waits_outside()
        {
            // A sink that takes nothing now, took what it was given when this was recorded.
            return false;
        }
        let Decision::Lane { task, lane, .. } = decision else { return true };
        let mut choices = Vec::new();
        self.tasks[usize::from(task)].choices(&mut choices);
        choices.contains(&Choice::Lane(lane))
    }

    /// Moves into the rings what waits for room.
    pub(crate) fn drain(&mut self) {
        for task in &mut self.tasks {
            task.drain();
        }
    }

    /// Gives every task a turn: each page that waits for it, or one poll or slice; and sends on what a receiver is hungry for.
    ///
    /// # Errors
    ///
    /// As [`Self::step`].
    pub(crate) fn turn(&mut self) -> Result<Turn, JobError> {
        let mut turn = Turn::Dry;
        for index in 0..self.tasks.len() {
            if self.live[index] && self.task_turn(index)? {
                turn = Turn::Busy;
            }
        }
        if turn == Turn::Dry {
            turn = self.flush()?;
        }
        Ok(turn)
    }

    /// True if the task did something.
    fn task_turn(&mut self, index: usize) -> Result<bool, JobError> {
        let mut busy = false;
        for _ in 0..PAGES_IN_A_TURN {
            let task = &mut self.tasks[index];
            if !task.drain() {
                break;
            }
            let Some(choice) = task.choose() else { break };
            let limit = if choice == Choice::Slice { self.slice } else { self.batch };
            let done = self.step(Decision::of(index, choice, limit))?;
            let is_poll = matches!(choice, Choice::Poll(_));
            busy |= !is_poll || done.counts;
            if is_poll || choice == Choice::Slice {
                break;
            }
        }
        if busy && self.tasks[index].is_hungry() {
            self.step(Decision::Flush(u16::try_from(index).expect("invariant: few tasks")))?;
        }
        Ok(busy)
    }

    /// Sends on all that is open: there is nothing else to do.
    fn flush(&mut self) -> Result<Turn, JobError> {
        let mut turn = Turn::Finished;
        for index in 0..self.tasks.len() {
            if !self.live[index] {
                continue;
            }
            if self.tasks[index].has_open() {
                self.step(Decision::Flush(u16::try_from(index).expect("invariant: few tasks")))?;
                return Ok(Turn::Busy);
            }
            if self.tasks[index].is_finished() {
                self.live[index] = false;
                turn = Turn::Busy;
            } else if turn == Turn::Finished {
                turn = Turn::Dry;
            }
        }
        Ok(turn)
    }

    /// True if every task has finished; for the simulator.
    pub(crate) fn is_finished(&mut self) -> bool {
        self.tasks.iter_mut().all(|task| task.is_finished())
    }

    /// True if some unfinished task is a source, or waits for something else outside: it must be asked, nobody rings for it.
    pub(crate) fn has_sources(&mut self) -> bool {
        let is_outside = |task: &mut Box<dyn Task>| {
            task.waits_outside() || matches!(task.choose(), Some(Choice::Poll(_)))
        };
        self.tasks.iter_mut().any(is_outside)
    }

    /// True if a task could do something other than poll a source.
    pub(crate) fn has_pages(&mut self) -> bool {
        self.tasks.iter_mut().any(|task| {
            task.drain() && matches!(task.choose(), Some(Choice::Lane(_) | Choice::Slice))
        })
    }

    /// Publishes the counters.
    pub(crate) fn publish_metrics(&mut self) {
        for (task, cell) in self.tasks.iter_mut().zip(&self.cells.tasks) {
            cell.publish(&task.counters());
        }
    }

    /// What remains of the worker when it has ended.
    pub(crate) fn into_parts(mut self) -> WorkerEnd {
        self.publish_metrics();
        let operators = self.tasks.iter_mut().map(|task| crate::metrics::OperatorTotals {
            name: task.name().to_string(),
            counters: task.counters(),
            latency: task.latency().clone(),
        });
        WorkerEnd {
            operators: operators.collect(),
            journal: self.journal.unwrap_or_default(),
            found: self.found.into(),
        }
    }
}

/// Pages of one task that are read before the next task has its turn.
const PAGES_IN_A_TURN: usize = 8;

/// A worker's totals and decisions.
#[derive(Debug)]
pub(crate) struct WorkerEnd {
    pub(crate) operators: Vec<crate::metrics::OperatorTotals>,
    pub(crate) journal: Vec<Decision>,
    pub(crate) found: Vec<Position>,
}

/// What a panic said.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(message), _) => (*message).to_owned(),
        (_, Some(message)) => message.clone(),
        _ => "a panic without a message".to_owned(),
    }
}
