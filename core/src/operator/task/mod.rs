//! A task: one operator on one worker, with its inboxes and what it has promised to do next.
//!
//! A task does one thing at a time: it reads a page of one lane, works off a slice of a long firing, or polls a split. What
//! it may do now is its *choices*; which of them it does is decided outside (see [`crate::runtime`]), and that decision is the only
//! thing that is not determined by the input.
//!
//! # Invariants
//!
//! 1. While a watermark or the end is being worked off, the task reads nothing: what comes after stays after.
//! 2. A task whose output waits for room in a ring has no choices.
//! 3. A task whose operator is full has none but those that make room: the clock's, and polls.

mod promises;
mod alignment;
mod latency;
mod waves;
mod operator_task;
mod polled;
mod ports;

pub(crate) use latency::HopLatency;
pub(crate) use operator_task::OperatorTask;
pub(crate) use polled::{Polled, PolledTask};
pub(crate) use ports::{OnePort, TwoPorts};
pub(crate) use promises::noted_watermark;

use std::cell::RefCell;
use std::rc::Rc;

use super::output::AnyOutput;
use crate::checkpoint::{Contribution, Restored};
use crate::error::OperatorFault;
use crate::exchange::RecordedInput;
use crate::metrics::{LatencyHistogram, SplitCounters, TaskCounters};
use crate::raw::page::Control;
use crate::time::{Clock, ProcessingTime};

/// Something a task could do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Read the front page of a lane.
    Lane(u16),
    /// Go on with a long firing.
    Slice,
    /// Poll a split.
    Poll(u16),
    /// Do what is due by the clock. The worker adds this choice: it knows the time.
    Alarm,
}

/// How a poll ended; part of what is recorded, because a replay cannot see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PollOutcome {
    /// The limit was reached.
    Full,
    /// The split had no more for now.
    Dry,
    /// The split had no more for so long that it counts as idle.
    Idle,
    /// The split has ended.
    End,
}

/// What is decided for one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) choice: Choice,
    /// Elements to read, or records to poll, at most; in a replay exactly.
    pub(crate) limit: u32,
    /// In a replay: how the poll ended when it was recorded.
    pub(crate) replay: Option<PollOutcome>,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done {
    /// Elements read, or records polled.
    pub(crate) amount: u32,
    /// How a poll ended.
    pub(crate) outcome: PollOutcome,
    /// False if nothing has changed, so that a recording need not mention the step.
    pub(crate) counts: bool,
}

/// What a step may know of time.
#[derive(Clone, Copy)]
pub(crate) struct StepContext<'a> {
    /// The clock as it was last decided; results may depend on it.
    pub(crate) now_ns: u64,
    /// The same as a time of day.
    pub(crate) now: ProcessingTime,
    /// The clock as it is; for measuring only.
    pub(crate) clock: &'a dyn Clock,
    /// What the worker contributes to the checkpoint that is under way.
    pub(crate) contribution: &'a RefCell<Contribution>,
}

/// What the receivers of a task's outputs could take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appetite {
    /// Nothing waits for room.
    pub(crate) is_free: bool,
    /// A receiver has nothing to read while a page of its is open.
    pub(crate) is_hungry: bool,
}

/// What a task's outputs have still to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unrest {
    /// A page with elements is open.
    pub(crate) is_open: bool,
    /// Something waits for room, or a receiver has still to read, or something outside has to be asked again.
    pub(crate) waits: bool,
}

/// A task, whatever its types: dyn per batch.
pub(crate) trait Task {
    /// The operator's name.
    fn name(&self) -> &Rc<str>;
    /// Adds everything that the task could do now.
    fn choices(&mut self, into: &mut Vec<Choice>);
    /// One thing that the task could do now, in turn.
    fn choose(&mut self) -> Option<Choice>;
    /// True for a source that has not finished: nobody rings for what comes from outside, nor when other splits have caught up.
    fn must_be_polled(&self) -> bool {
        false
    }
    /// Asked of every task when the job is stopped: a source closes its splits and passes on `last`, which is [`Control::End`] or [`Control::Halt`]; the others
    /// learn of it from their inputs. True if something was cut off: a source that had not ended.
    fn stop(&mut self, last: Control, now_ns: u64) -> Result<bool, OperatorFault> {
        let _ = (last, now_ns);
        Ok(false)
    }
    /// Asked of every task when the worker decides the barrier of `epoch`: a source says where it is and passes the barrier on, and a task that has ended freezes; the
    /// others learn of it from their inputs.
    fn barrier(&mut self, epoch: u64, context: StepContext<'_>) -> Result<(), OperatorFault>;
    /// The checkpoint of `epoch` is complete.
    fn commit(&mut self, epoch: u64) -> Result<(), OperatorFault> {
        let _ = epoch;
        Ok(())
    }
    /// Before any worker begins, on a task that will not be stepped: sees to what is outside.
    fn recover(&mut self, from: &Restored) -> Result<(), OperatorFault> {
        let _ = from;
        Ok(())
    }
    /// Before the first step: goes on from a checkpoint.
    fn resume(&mut self, from: &Restored) -> Result<(), OperatorFault> {
        let _ = from;
        Ok(())
    }
    /// When the clock gives the task something to do; changes only in a step of the task.
    fn alarm(&self) -> Option<ProcessingTime> {
        None
    }
    /// Does one thing.
    fn step(&mut self, work: Work, context: StepContext<'_>) -> Result<Done, OperatorFault>;
    /// Shows every output.
    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput));
    /// True when the end was passed on and nothing waits.
    fn is_finished(&mut self) -> bool;
    /// The counters now.
    fn counters(&mut self) -> TaskCounters;
    /// The splits that the last look for new ones has found, written down for a recording.
    fn take_found(&mut self) -> Vec<String> {
        Vec::new()
    }
    /// Gives what a recording has found, for the look that is taken again next.
    fn replay_found(&mut self, splits: Vec<String>) {
        let _ = splits;
    }
    /// How far the splits are that a source has read or is reading, each with its number among all splits of the source.
    fn splits(&self, each: &mut dyn FnMut(usize, SplitCounters)) {
        let _ = each;
    }
    /// How many pages wait in each lane of the inbox.
    fn queued(&mut self, each: &mut dyn FnMut(usize, usize)) {
        let _ = each;
    }
    /// No latency is to be measured.
    fn measure_nothing(&mut self);
    /// From the entry of a batch's oldest record into the engine to the end of the step that read it, in nanoseconds; of some of the
    /// steps, see [`Sampling`].
    fn latency(&mut self) -> &mut LatencyHistogram;
    /// What came from outside and was kept for a replay; asked once, after the end.
    fn take_recorded(&mut self) -> Vec<RecordedInput> {
        Vec::new()
    }
    /// Before a replay: what came from outside when it was recorded, of all tasks; nobody is asked again.
    fn replay_inputs(&mut self, recorded: &[RecordedInput]) {
        let _ = recorded;
    }
}

impl dyn Task + '_ {
    /// Moves what waits into the rings; true if nothing waits.
    pub(crate) fn drain(&mut self) -> bool {
        let mut free = true;
        self.outputs(&mut |output| free &= output.drain());
        free
    }

    /// Publishes open pages; true if one was.
    pub(crate) fn flush(&mut self) -> bool {
        let mut any = false;
        self.outputs(&mut |output| any |= output.flush());
        any
    }

    /// Moves what waits into the rings, and says what the receivers could take.
    pub(crate) fn appetite(&mut self) -> Appetite {
        let mut appetite = Appetite { is_free: true, is_hungry: false };
        self.outputs(&mut |output| {
            appetite.is_free &= output.drain();
            appetite.is_hungry |= output.is_hungry();
        });
        appetite
    }

    /// What the outputs have still to do; what waits is moved into the rings first, as by [`Self::drain`].
    pub(crate) fn unrest(&mut self) -> Unrest {
        let mut unrest = Unrest { is_open: false, waits: false };
        self.outputs(&mut |output| {
            unrest.waits |= !output.drain() || output.waits_outside() || !output.is_drained();
            unrest.is_open |= output.has_open();
        });
        unrest
    }

    /// An error that came when the task had ended, as of a sink that is closed by a commit; asked once, before it is forgotten.
    pub(crate) fn last_fault(&mut self) -> Result<(), OperatorFault> {
        let mut result = Ok(());
        self.outputs(&mut |output| {
            let ended = output.end_step();
            if result.is_ok() {
                result = ended;
            }
        });
        result
    }

    /// True if something outside has to be asked again.
    pub(crate) fn waits_outside(&mut self) -> bool {
        let mut any = false;
        self.outputs(&mut |output| any |= output.waits_outside());
        any
    }

    /// True if a page with elements is open.
    pub(crate) fn has_open(&mut self) -> bool {
        let mut any = false;
        self.outputs(&mut |output| any |= output.has_open());
        any
    }
}

#[cfg(test)]
mod tests;
