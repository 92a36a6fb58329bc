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

use std::collections::VecDeque;
use std::rc::Rc;

use hdrhistogram::Histogram;

use super::output::AnyOutput;
use super::{Input, Operator, Progress};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::exchange::inbox::{Arrivals, Inbox};
use crate::metrics::TaskCounters;
use crate::raw::page::Control;
use crate::record::Record;
use crate::time::watermark::MergedTime;
use crate::time::{Clock, EventTime};

/// Something a task could do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Read the front page of a lane.
    Lane(u16),
    /// Go on with a long firing.
    Slice,
    /// Poll a split.
    Poll(u16),
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
    /// The clock as it is; for measuring only.
    pub(crate) clock: &'a dyn Clock,
}

/// A task, whatever its types: dyn per batch.
pub(crate) trait Task {
    /// The operator's name.
    fn name(&self) -> &Rc<str>;
    /// Adds everything that the task could do now.
    fn choices(&mut self, into: &mut Vec<Choice>);
    /// One thing that the task could do now, in turn.
    fn choose(&mut self) -> Option<Choice>;
    /// Does one thing.
    fn step(&mut self, work: Work, context: StepContext<'_>) -> Result<Done, OperatorFault>;
    /// Shows every output.
    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput));
    /// True when the end was passed on and nothing waits.
    fn is_finished(&mut self) -> bool;
    /// The counters now.
    fn counters(&mut self) -> TaskCounters;
    /// From the entry of a batch's oldest record into the engine to the end of the step that read it, in nanoseconds; of some of the
    /// steps, see [`Sampling`].
    fn latency(&self) -> &Histogram<u64>;
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

    /// True if a receiver has nothing to read while a page of its is open.
    pub(crate) fn is_hungry(&mut self) -> bool {
        let mut any = false;
        self.outputs(&mut |output| any |= output.is_hungry());
        any
    }

    /// True if a page with elements is open.
    pub(crate) fn has_open(&mut self) -> bool {
        let mut any = false;
        self.outputs(&mut |output| any |= output.has_open());
        any
    }
}

/// A histogram for latencies of up to a minute, with two significant digits (18 KiB).
pub(crate) fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 2).expect("invariant: valid bounds")
}

/// Which steps have their latency measured: a look at the clock takes some 30 ns, and the way of one record through a job has many
/// steps.
#[derive(Debug, Default)]
pub(crate) struct Sampling {
    steps: u32,
}

impl Sampling {
    /// The first steps are measured, all of them, so that a short job has figures.
    const FIRST: u32 = 256;
    /// After that, one of so many.
    const INTERVAL: u32 = 8;

    /// True if this step is measured.
    pub(crate) fn is_due(&mut self) -> bool {
        self.steps = self.steps.wrapping_add(1);
        self.steps <= Self::FIRST || self.steps.is_multiple_of(Self::INTERVAL)
    }
}

/// The inboxes of a task, one for each port of `O`.
pub(crate) trait Ports<O> {
    fn lanes(&self) -> usize;
    /// True if no record can ever come on `lane`.
    fn is_silent(&self, lane: usize) -> bool;
    fn is_ready(&mut self, lane: usize) -> bool;
    fn origin_ns(&mut self, lane: usize) -> u64;
    fn read(&mut self, lane: usize, limit: usize, core: &mut Core<O>) -> usize;
}

/// One port.
#[derive(Debug)]
pub(crate) struct OnePort<T: Record>(pub(crate) Inbox<T>);

/// Two ports.
#[derive(Debug)]
pub(crate) struct TwoPorts<A: Record, B: Record>(pub(crate) Inbox<A>, pub(crate) Inbox<B>);

impl<T: Record, O: Input<T, 0>> Ports<O> for OnePort<T> {
    fn lanes(&self) -> usize {
        self.0.len()
    }

    fn is_silent(&self, lane: usize) -> bool {
        self.0.is_silent(lane)
    }

    fn is_ready(&mut self, lane: usize) -> bool {
        self.0.is_ready(lane)
    }

    fn origin_ns(&mut self, lane: usize) -> u64 {
        self.0.origin_ns(lane)
    }

    fn read(&mut self, lane: usize, limit: usize, core: &mut Core<O>) -> usize {
        self.0.read(lane, limit, &mut Port::<O, 0> { core, first_lane: 0 })
    }
}

impl<A: Record, B: Record, O: Input<A, 0> + Input<B, 1>> Ports<O> for TwoPorts<A, B> {
    fn lanes(&self) -> usize {
        self.0.len() + self.1.len()
    }

    fn is_silent(&self, lane: usize) -> bool {
        match lane.checked_sub(self.0.len()) {
            None => self.0.is_silent(lane),
            Some(lane) => self.1.is_silent(lane),
        }
    }

    fn is_ready(&mut self, lane: usize) -> bool {
        match lane.checked_sub(self.0.len()) {
            None => self.0.is_ready(lane),
            Some(lane) => self.1.is_ready(lane),
        }
    }

    fn origin_ns(&mut self, lane: usize) -> u64 {
        match lane.checked_sub(self.0.len()) {
            None => self.0.origin_ns(lane),
            Some(lane) => self.1.origin_ns(lane),
        }
    }

    fn read(&mut self, lane: usize, limit: usize, core: &mut Core<O>) -> usize {
        let first_lane = self.0.len();
        match lane.checked_sub(first_lane) {
            None => self.0.read(lane, limit, &mut Port::<O, 0> { core, first_lane: 0 }),
            Some(lane) => self.1.read(lane, limit, &mut Port::<O, 1> { core, first_lane }),
        }
    }
}

/// What a port's inbox talks to.
struct Port<'a, O, const PORT: usize> {
    core: &'a mut Core<O>,
    first_lane: usize,
}

impl<T: Record, O: Input<T, PORT>, const PORT: usize> Arrivals<T> for Port<'_, O, PORT> {
    fn records(&mut self, run: Records<'_, T>) -> bool {
        self.core.records_in += run.len() as u64;
        let result = self.core.operator.records(run);
        self.core.note(result)
    }

    fn control(&mut self, lane: usize, control: Control) -> bool {
        let Core { time, todo, .. } = &mut *self.core;
        time.apply(self.first_lane + lane, control, &mut |control| todo.push_back(control));
        let result = self.core.settle();
        self.core.note(result) && !self.core.is_firing
    }
}

/// An operator and what it has promised to do.
pub(crate) struct Core<O> {
    operator: O,
    time: MergedTime,
    /// Controls to pass on, the first of them perhaps half done.
    todo: VecDeque<Control>,
    is_firing: bool,
    is_finished: bool,
    fault: Option<OperatorFault>,
    records_in: u64,
    watermark: EventTime,
}

impl<O: Operator> Core<O> {
    /// Keeps the first error; true if there was none.
    fn note(&mut self, result: Result<(), OperatorFault>) -> bool {
        match result {
            Ok(()) => true,
            Err(fault) => {
                self.fault.get_or_insert(fault);
                false
            }
        }
    }

    /// Works off the promises, until one needs more slices.
    fn settle(&mut self) -> Result<(), OperatorFault> {
        while let Some(&control) = self.todo.front() {
            let progress = match control {
                Control::Watermark(at) => self.operator.watermark(at)?,
                Control::End => self.operator.end()?,
                Control::Idle | Control::Active => Progress::Done,
            };
            if progress == Progress::More {
                self.is_firing = true;
                return Ok(());
            }
            self.pass_on(control);
        }
        Ok(())
    }

    fn slice(&mut self, limit: usize) -> Result<(), OperatorFault> {
        if self.operator.slice(limit)? == Progress::More {
            return Ok(());
        }
        self.is_firing = false;
        let control = *self.todo.front().expect("invariant: a firing has a cause");
        self.pass_on(control);
        self.settle()
    }

    fn pass_on(&mut self, control: Control) {
        self.todo.pop_front();
        self.is_finished |= control == Control::End;
        if let Control::Watermark(at) = control {
            self.watermark = at;
            if !self.operator.forwards_watermarks() {
                return;
            }
        }
        self.operator.outputs(&mut |output| output.emit_control(control));
    }
}

/// A task with an operator.
pub(crate) struct OperatorTask<O, P> {
    name: Rc<str>,
    core: Core<O>,
    ports: P,
    next_lane: usize,
    sampling: Sampling,
    latency: Histogram<u64>,
}

impl<O: Operator, P: Ports<O>> OperatorTask<O, P> {
    pub(crate) fn new(name: Rc<str>, operator: O, ports: P) -> Self {
        let mut time = MergedTime::new(ports.lanes());
        (0..ports.lanes()).filter(|&lane| ports.is_silent(lane)).for_each(|lane| time.ignore(lane));
        let core = Core {
            operator,
            time,
            todo: VecDeque::with_capacity(4),
            is_firing: false,
            // Where no lane leads, as to a gathering sink on all workers but one, no end will come either.
            is_finished: ports.lanes() == 0,
            fault: None,
            records_in: 0,
            watermark: EventTime::MIN,
        };
        let sampling = Sampling::default();
        Self { name, core, ports, next_lane: 0, sampling, latency: latency_histogram() }
    }

    /// The number of a lane, as choices carry it.
    fn lane(lane: usize) -> Choice {
        Choice::Lane(u16::try_from(lane).expect("invariant: fewer than 65,536 lanes"))
    }
}

impl<O: Operator, P: Ports<O>> Task for OperatorTask<O, P> {
    fn name(&self) -> &Rc<str> {
        &self.name
    }

    fn choices(&mut self, into: &mut Vec<Choice>) {
        if self.core.is_firing {
            into.push(Choice::Slice);
            return;
        }
        for lane in 0..self.ports.lanes() {
            if self.ports.is_ready(lane) {
                into.push(Self::lane(lane));
            }
        }
    }

    fn choose(&mut self) -> Option<Choice> {
        if self.core.is_firing {
            return Some(Choice::Slice);
        }
        let lanes = self.ports.lanes();
        for turn in 0..lanes {
            let lane = if self.next_lane + turn < lanes {
                self.next_lane + turn
            } else {
                self.next_lane + turn - lanes
            };
            if self.ports.is_ready(lane) {
                self.next_lane = lane + 1;
                return Some(Self::lane(lane));
            }
        }
        None
    }

    fn step(&mut self, work: Work, context: StepContext<'_>) -> Result<Done, OperatorFault> {
        let limit = work.limit as usize;
        let mut amount = 0;
        match work.choice {
            Choice::Lane(lane) => {
                let lane = usize::from(lane);
                let origin_ns = self.ports.origin_ns(lane);
                self.core.operator.outputs(&mut |output| output.stamp_origin(origin_ns));
                let before = self.core.records_in;
                amount = self.ports.read(lane, limit, &mut self.core);
                let records = self.core.records_in - before;
                self.core.operator.outputs(&mut |output| {
                    let ended = output.end_step();
                    if let Err(fault) = ended {
                        self.core.fault.get_or_insert(fault);
                    }
                });
                if records > 0 && origin_ns != 0 && self.sampling.is_due() {
                    let latency_ns = context.clock.now_ns().saturating_sub(origin_ns);
                    self.latency.saturating_record_n(latency_ns.max(1), records);
                }
            }
            Choice::Slice => {
                let result = self.core.slice(limit);
                self.core.note(result);
                self.core.operator.outputs(&mut |output| {
                    if let Err(fault) = output.end_step() {
                        self.core.fault.get_or_insert(fault);
                    }
                });
            }
            Choice::Poll(_) => unreachable!("invariant: only a source is polled"),
        }
        match self.core.fault.take() {
            Some(fault) => Err(fault),
            None => Ok(Done {
                amount: u32::try_from(amount).expect("invariant: at most the limit, a u32"),
                outcome: PollOutcome::Full,
                counts: true,
            }),
        }
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        self.core.operator.outputs(each);
    }

    fn is_finished(&mut self) -> bool {
        let mut waits = false;
        self.core.operator.outputs(&mut |output| waits |= output.is_blocked() || output.has_open());
        self.core.is_finished && !waits
    }

    fn counters(&mut self) -> TaskCounters {
        let mut records_out = 0;
        self.core.operator.outputs(&mut |output| records_out += output.emitted());
        TaskCounters {
            records_in: self.core.records_in,
            records_out,
            late: self.core.operator.late(),
            rejected: 0,
            watermark_ns: self.core.watermark.as_nanos(),
        }
    }

    fn latency(&self) -> &Histogram<u64> {
        &self.latency
    }
}

#[cfg(test)]
mod tests;
