//! A worker: the tasks of one core, and nothing that waits.
//!
//! [`Worker::step`] does one decided thing and returns. It does no I/O of its own, reads no clock for anything but measuring, and its
//! results depend on nothing but the tasks' inputs and the decisions (law 3 of the design): drivers, the simulator and
//! the replay differ in who decides.

mod checkpoints;
mod replay;

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use thalweg_storage::Store;

use super::decision::Decision;
use super::epochs::Followed;
use super::state_use::StateUse;
use super::stop::StopRequest;
use super::time_use::TimeUse;
use crate::checkpoint::Contribution;
use crate::error::{JobError, OperatorFault};
use crate::exchange::RecordedInput;
use crate::metrics::WorkerCells;
use crate::operator::task::{Appetite, Choice, Done, PollOutcome, StepContext, Task, Unrest, Work};
use crate::raw::page::Control;
use crate::time::{Clock, ProcessingTime};

/// One core's share of a job.
pub(crate) struct Worker {
    index: usize,
    tasks: Vec<Box<dyn Task>>,
    clock: Rc<dyn Clock>,
    /// The wall clock at the clock's origin.
    origin_unix_ns: i64,
    now_ns: u64,
    /// For each task when its alarm is due; it changes only in its steps.
    alarms: Vec<ProcessingTime>,
    /// The least of them.
    next_alarm: ProcessingTime,
    batch: u32,
    slice: u32,
    /// What was decided so far, if it is recorded.
    journal: Option<Vec<Decision>>,
    /// Splits that sources have found so far; in a replay, those that they are still to find.
    found: VecDeque<String>,
    cells: Arc<WorkerCells>,
    /// Counters are published and clocks are read, but for the last time.
    measures: bool,
    time_use: TimeUse,
    state_use: Option<StateUse>,
    /// Sources were asked to end, and one of them had not ended yet.
    is_stopping: bool,
    was_cut: bool,
    /// Tasks that have not finished.
    live: Vec<bool>,
    /// Tasks whose outputs have nothing to do before their next step: no page is open, nothing waits for room, nothing outside is to be asked again. A spinning
    /// worker looks round some million times a second, so this need not be found out each time.
    quiet: Vec<bool>,
    /// What it contributes to the checkpoint that is under way.
    contribution: RefCell<Contribution>,
    followed: Followed,
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
        mut tasks: Vec<Box<dyn Task>>,
        clock: Rc<dyn Clock>,
        config: &crate::config::JobConfig,
        cells: Arc<WorkerCells>,
        record: bool,
    ) -> Self {
        let live = vec![true; tasks.len()];
        let contribution = RefCell::new(Contribution::new(tasks.len(), Store::default()));
        let measures = config.measure;
        if !measures {
            tasks.iter_mut().for_each(|task| task.measure_nothing());
        }
        let time_use = TimeUse::new(tasks.len(), measures, || clock.now_ns());
        let alarms = tasks.iter().map(|task| task.alarm().unwrap_or(ProcessingTime::MAX));
        let alarms: Vec<_> = alarms.collect();
        Self {
            index,
            tasks,
            origin_unix_ns: 0,
            now_ns: 0,
            next_alarm: alarms.iter().copied().min().unwrap_or(ProcessingTime::MAX),
            alarms,
            clock,
            batch: config.batch_records,
            slice: config.slice_records,
            journal: record.then(Vec::new),
            found: VecDeque::new(),
            cells,
            measures,
            time_use,
            state_use: None,
            is_stopping: false,
            was_cut: false,
            quiet: vec![false; live.len()],
            live,
            contribution,
            followed: Followed::default(),
        }
    }

    /// The same worker, which tells how much state its tasks have in `store`.
    pub(crate) fn with_store(mut self, store: Store) -> Self {
        self.state_use = Some(StateUse::new(&store, &self.tasks));
        self.contribution = RefCell::new(Contribution::new(self.tasks.len(), store));
        self
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

    fn do_step(&mut self, decision: Decision, is_replay: bool) -> Result<Done, JobError> {
        let nothing = Done { amount: 0, outcome: PollOutcome::Full, counts: true };
        let (index, work) = match decision {
            Decision::ClockOrigin(unix_ns) => {
                self.origin_unix_ns = unix_ns;
                return Ok(nothing);
            }
            Decision::Clock(now_ns) => {
                self.now_ns = self.now_ns.max(now_ns);
                return Ok(nothing);
            }
            Decision::Stop { drains } => {
                self.stop(if drains { Control::End } else { Control::Halt })?;
                return Ok(nothing);
            }
            Decision::Barrier { epoch } => {
                self.quiet.fill(false);
                self.barrier(epoch)?;
                return Ok(nothing);
            }
            Decision::Commit { epoch } => {
                self.quiet.fill(false);
                self.commit(epoch)?;
                return Ok(nothing);
            }
            Decision::Flush(task) => {
                self.quiet[usize::from(task)] = false;
                self.tasks[usize::from(task)].flush();
                return Ok(nothing);
            }
            Decision::Lane { task, lane, elements } => {
                (task, Work { choice: Choice::Lane(lane), limit: elements, replay: None })
            }
            Decision::Slice { task, results } => {
                (task, Work { choice: Choice::Slice, limit: results, replay: None })
            }
            Decision::Alarm { task, results } => {
                (task, Work { choice: Choice::Alarm, limit: results, replay: None })
            }
            Decision::Poll { task, slot, records, outcome } => {
                let replay = is_replay.then(|| Decision::outcome_of(outcome));
                // The end of a split shows only to who asks for one record more.
                let limit = records + u32::from(replay == Some(PollOutcome::End));
                (task, Work { choice: Choice::Poll(slot), limit, replay })
            }
        };
        let index = usize::from(index);
        let (now_ns, now, clock) = (self.now_ns, self.now(), &*self.clock);
        let context = StepContext { now_ns, now, clock, contribution: &self.contribution };
        let done = guarded(&mut *self.tasks[index], |task| task.step(work, context))?;
        if done.counts {
            self.quiet[index] = false;
            self.note_alarm(index);
        }
        Ok(done)
    }

    /// Cuts the sources off.
    fn stop(&mut self, last: Control) -> Result<(), JobError> {
        self.is_stopping = true;
        self.quiet.fill(false);
        for task in &mut self.tasks {
            self.was_cut |= guarded(&mut **task, |task| task.stop(last, self.now_ns))?;
        }
        Ok(())
    }

    /// Decides to end if that is wished for and was not decided yet.
    ///
    /// # Errors
    ///
    /// As [`Self::step`].
    #[inline]
    pub(crate) fn heed(&mut self, request: &StopRequest) -> Result<(), JobError> {
        match request.decision().filter(|_| !self.is_stopping) {
            Some(decision) => self.step(decision).map(drop),
            None => Ok(()),
        }
    }

    /// True if an end was wished for and not decided yet.
    pub(crate) fn must_heed(&self, request: &StopRequest) -> bool {
        !self.is_stopping && request.asked().is_some()
    }

    /// The clock as it was last decided.
    fn now(&self) -> ProcessingTime {
        let since_origin = i64::try_from(self.now_ns).unwrap_or(i64::MAX);
        ProcessingTime::from_nanos(self.origin_unix_ns.saturating_add(since_origin))
    }

    /// Asks a task that was stepped for its alarm.
    fn note_alarm(&mut self, task: usize) {
        let alarm = self.tasks[task].alarm().unwrap_or(ProcessingTime::MAX);
        if alarm != self.alarms[task] {
            self.alarms[task] = alarm;
            self.next_alarm = self.alarms.iter().copied().min().unwrap_or(ProcessingTime::MAX);
        }
    }

    #[inline]
    fn is_alarm_due(&self, task: usize) -> bool {
        if self.next_alarm == ProcessingTime::MAX {
            return false;
        }
        // `MAX` is "never", whatever the clock says.
        self.alarms[task] <= self.now() && self.alarms[task] < ProcessingTime::MAX
    }

    /// What the clock will show when the next alarm is due; `None` if none is set.
    pub(crate) fn next_alarm_ns(&self) -> Option<u64> {
        if self.next_alarm == ProcessingTime::MAX {
            return None;
        }
        let ns = self.next_alarm.as_nanos().saturating_sub(self.origin_unix_ns);
        Some(u64::try_from(ns).unwrap_or(0))
    }

    /// True if a task waits for something outside.
    pub(crate) fn waits_outside(&mut self) -> bool {
        self.tasks.iter_mut().any(|task| task.waits_outside())
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
        if self.time_use.is_due() && self.begin_measured() {
            turn = self.measured_turn()?;
        } else {
            for index in 0..self.tasks.len() {
                if self.live[index] && self.task_turn(index)? {
                    turn = Turn::Busy;
                }
            }
        }
        if turn == Turn::Dry {
            turn = self.flush()?;
        }
        Ok(turn)
    }

    /// Looks at the clock: publishes if that is due, and says whether this turn is to be measured.
    fn begin_measured(&mut self) -> bool {
        let now_ns = self.clock.now_ns();
        let is_measured = self.time_use.begin(now_ns);
        if self.time_use.is_older_than(PUBLISH_NS, now_ns) {
            self.publish_metrics();
        }
        is_measured
    }

    /// As the loop in [`Self::turn`], with a look at the clock after each task.
    fn measured_turn(&mut self) -> Result<Turn, JobError> {
        let mut turn = Turn::Dry;
        let began_ns = self.clock.now_ns();
        let mut last_ns = began_ns;
        for index in 0..self.tasks.len() {
            if !self.live[index] {
                continue;
            }
            let is_blocked = !self.is_free(index);
            let is_busy = self.task_turn(index)?;
            if is_busy {
                turn = Turn::Busy;
            }
            let now_ns = self.clock.now_ns();
            self.time_use.note(index, now_ns - last_ns, is_busy, is_blocked);
            last_ns = now_ns;
        }
        self.time_use.end(began_ns, last_ns);
        Ok(turn)
    }

    /// The worker's thread slept for so long.
    pub(crate) fn slept(&mut self, nanos: u64) {
        let Self { tasks, time_use, .. } = self;
        time_use.slept(nanos, |task| !tasks[task].drain());
    }

    /// Moves into the rings what waits for room; true if nothing waits.
    #[inline]
    fn is_free(&mut self, index: usize) -> bool {
        self.quiet[index] || self.tasks[index].drain()
    }

    /// True if the task did something.
    fn task_turn(&mut self, index: usize) -> Result<bool, JobError> {
        // Before the pages: what is due is late already. One slice of it a turn, so that it does not starve them either.
        let mut busy = self.is_alarm_due(index) && self.is_free(index);
        if busy {
            self.step(Decision::of(index, Choice::Alarm, self.slice))?;
        }
        let (mut is_fed, mut is_free) = (!busy, self.is_free(index));
        for _ in 0..PAGES_IN_A_TURN {
            if !is_free {
                break;
            }
            let Some(choice) = self.tasks[index].choose() else { break };
            let limit = if choice == Choice::Slice { self.slice } else { self.batch };
            let done = self.step(Decision::of(index, choice, limit))?;
            let is_poll = matches!(choice, Choice::Poll(_));
            if !is_poll || done.counts {
                (busy, is_fed) = (true, false);
            }
            if is_poll || choice == Choice::Slice {
                break;
            }
            // Few records: there is little to do, and what they came to is not kept waiting for a look round.
            is_fed = done.amount <= FEW_ELEMENTS;
            is_free = if is_fed { self.feed(index)? } else { self.is_free(index) };
        }
        if !is_fed {
            self.feed(index)?;
        }
        Ok(busy)
    }

    /// Sends on what the task has open if a receiver has nothing else to read; true if nothing waits for room.
    fn feed(&mut self, index: usize) -> Result<bool, JobError> {
        let Appetite { is_free, is_hungry } = self.tasks[index].appetite();
        if is_hungry {
            self.step(Decision::Flush(u16::try_from(index).expect("invariant: few tasks")))?;
        }
        Ok(is_free)
    }

    /// Sends on all that is open: there is nothing else to do.
    fn flush(&mut self) -> Result<Turn, JobError> {
        let mut turn = Turn::Finished;
        for index in 0..self.tasks.len() {
            if !self.live[index] {
                continue;
            }
            if self.quiet[index] {
                turn = if turn == Turn::Finished { Turn::Dry } else { turn };
                continue;
            }
            let Unrest { is_open, waits } = self.tasks[index].unrest();
            if is_open {
                self.step(Decision::Flush(u16::try_from(index).expect("invariant: few tasks")))?;
                return Ok(Turn::Busy);
            }
            if self.tasks[index].is_finished() {
                guarded(&mut *self.tasks[index], |task| task.last_fault())?;
                self.live[index] = false;
                turn = Turn::Busy;
            } else if turn == Turn::Finished {
                turn = Turn::Dry;
            }
            self.quiet[index] = !waits;
        }
        if turn == Turn::Finished && !self.followed.may_end() {
            turn = Turn::Dry;
        }
        Ok(turn)
    }

    /// True if every task has finished; for the simulator.
    pub(crate) fn is_finished(&mut self) -> bool {
        self.tasks.iter_mut().all(|task| task.is_finished())
    }

    /// True if some unfinished task is a source, or waits for something else outside: it must be asked, nobody rings for it.
    pub(crate) fn has_sources(&mut self) -> bool {
        self.tasks.iter_mut().any(|task| task.must_be_polled() || task.waits_outside())
    }

    /// True if a task could do something other than poll a source.
    pub(crate) fn has_pages(&mut self) -> bool {
        (0..self.tasks.len()).any(|index| {
            let is_due = self.is_alarm_due(index);
            let task = &mut self.tasks[index];
            // A task that need not be polled now and then says by a poll that it has something.
            let is_ready = |task: &mut Box<dyn Task>| match task.choose() {
                Some(Choice::Poll(_)) => !task.must_be_polled(),
                choice => choice.is_some(),
            };
            task.drain() && (is_due || is_ready(task))
        })
    }

    /// Publishes the counters, unless nothing is to be measured.
    pub(crate) fn publish_metrics(&mut self) {
        if self.measures {
            self.time_use.settle(self.clock.now_ns());
            self.publish();
        }
    }

    fn publish(&mut self) {
        self.cells.publish_time(self.time_use.total());
        let contribution = self.contribution.get_mut();
        for (index, (task, cells)) in self.tasks.iter_mut().zip(&self.cells.tasks).enumerate() {
            let mut counters = task.counters();
            let time = self.time_use.task(index);
            (counters.busy_ns, counters.blocked_ns) = (time.busy_ns, time.blocked_ns);
            let state = self.state_use.as_ref();
            let state = state.map(|state| state.task(contribution.store(), index));
            let state = state.unwrap_or_default();
            (counters.state_bytes, counters.state_keys) = (state.bytes, state.keys);
            cells.publish(&counters, task.latency());
            task.splits(&mut |split, counters| cells.publish_split(split, counters));
            task.queued(&mut |lane, pages| cells.publish_queue(lane, pages));
        }
    }

    /// What remains of the worker when it has ended.
    pub(crate) fn into_parts(mut self) -> WorkerEnd {
        self.publish_metrics();
        self.publish();
        let inputs = self.tasks.iter_mut().flat_map(|task| task.take_recorded()).collect();
        WorkerEnd {
            was_cut: self.was_cut,
            journal: self.journal.unwrap_or_default(),
            found: self.found.into(),
            inputs,
        }
    }
}

/// What is published of a worker whose turns take long is not older than this and a turn; of others the driver sees to it.
const PUBLISH_NS: u64 = 5_000_000;

/// Pages of one task that are read before the next task has its turn.
const PAGES_IN_A_TURN: usize = 8;

/// After a page with no more elements than this, receivers are asked whether they are hungry. The question costs a line of the other core's, which
/// is little beside its answer when there is little to do, and much beside pages that follow one another.
const FEW_ELEMENTS: u32 = 8;

/// What is left of a worker, beside its last metrics.
#[derive(Debug)]
pub(crate) struct WorkerEnd {
    /// A source was cut off before its end.
    pub(crate) was_cut: bool,
    pub(crate) journal: Vec<Decision>,
    pub(crate) inputs: Vec<RecordedInput>,
    pub(crate) found: Vec<String>,
}

/// Lets a task do something; the task is not used again after an error or a panic: the job ends.
fn guarded<R>(
    task: &mut dyn Task,
    run: impl FnOnce(&mut dyn Task) -> Result<R, OperatorFault>,
) -> Result<R, JobError> {
    let result = catch_unwind(AssertUnwindSafe(|| run(&mut *task)));
    let operator = || task.name().to_string();
    match result {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(fault)) => Err(JobError::of_task(operator(), fault)),
        Err(payload) => {
            let message = panic_message(&*payload);
            Err(JobError::Panic { operator: operator(), message })
        }
    }
}

/// What a panic said.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(message), _) => (*message).to_owned(),
        (_, Some(message)) => message.clone(),
        _ => "a panic without a message".to_owned(),
    }
}

#[cfg(test)]
mod tests;
