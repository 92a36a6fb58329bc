//! The task of an operator with inboxes: reads a lane, or works off a slice.

use std::collections::VecDeque;
use std::rc::Rc;

use super::alignment::Alignment;
use super::latency::HopLatency;
use super::ports::Ports;
use super::promises::{Core, noted_watermark};
use super::waves::Waves;
use super::{Choice, Done, PollOutcome, StepContext, Task, Work};
use crate::checkpoint::{Restored, Resuming};
use crate::error::OperatorFault;
use crate::metrics::{LatencyHistogram, TaskCounters};
use crate::operator::output::AnyOutput;
use crate::operator::{Operator, Progress};
use crate::raw::page::Control;
use crate::time::watermark::MergedTime;
use crate::time::{EventTime, ProcessingTime};

/// A task with an operator.
pub(crate) struct OperatorTask<O, P> {
    name: Rc<str>,
    core: Core<O>,
    ports: P,
    next_lane: usize,
    latency: HopLatency,
    /// The decided clock when the watermark last moved.
    moved_ns: u64,
}

impl<O: Operator, P: Ports<O>> OperatorTask<O, P> {
    pub(crate) fn new(name: Rc<str>, operator: O, ports: P) -> Self {
        let mut time = MergedTime::new(ports.lanes());
        (0..ports.lanes()).filter(|&lane| ports.is_silent(lane)).for_each(|lane| time.ignore(lane));
        // Where no lane leads, as to a gathering sink on all workers but one, no end will come either, and event time waits for nothing.
        let leads_nowhere = ports.lanes() == 0;
        let core = Core {
            operator,
            time,
            alignment: Alignment::new(ports.lanes()),
            waves: Waves::new((0..ports.lanes()).map(|lane| ports.is_inside(lane))),
            todo: VecDeque::with_capacity(4),
            is_firing: false,
            is_finished: leads_nowhere,
            fault: None,
            records_in: 0,
            watermark: if leads_nowhere { EventTime::MAX } else { EventTime::MIN },
        };
        Self { name, core, ports, next_lane: 0, latency: HopLatency::default(), moved_ns: 0 }
    }

    /// Freezes, if a barrier has come; a task that has ended does so by itself, for no barrier will come.
    #[cold]
    fn freeze(&mut self, context: StepContext<'_>) {
        let Self { name, core, .. } = self;
        let mut into = context.contribution.borrow_mut();
        let mut result = core.freeze(name, &mut into, context.clock);
        if let Some(epoch) = into.epoch().filter(|_| core.is_finished)
            && core.alignment.skip_to(epoch)
        {
            core.todo.push_back(Control::Barrier(epoch));
            result = result.and_then(|()| core.settle());
            result = result.and_then(|()| core.freeze(name, &mut into, context.clock));
        }
        core.note(result);
        core.end_step();
    }

    pub(crate) fn operator(&self) -> &O {
        &self.core.operator
    }

    pub(crate) fn operator_mut(&mut self) -> &mut O {
        &mut self.core.operator
    }

    /// True while a watermark, the end, or what a record has asked for, is being worked off.
    pub(crate) fn is_firing(&self) -> bool {
        self.core.is_firing
    }

    /// True when the end was passed on.
    pub(crate) fn has_ended(&self) -> bool {
        self.core.is_finished
    }

    /// A step that has to do neither with the inputs nor with what is being worked off.
    pub(crate) fn aside(
        &mut self,
        context: StepContext<'_>,
        run: impl FnOnce(&mut O) -> Result<(), OperatorFault>,
    ) -> Result<(), OperatorFault> {
        self.core.operator.clock(context.now);
        let result = run(&mut self.core.operator);
        self.core.note(result);
        self.core.end_step();
        self.core.fault.take().map_or(Ok(()), Err)
    }

    /// For an operator that can only wait while the end is worked off: its inputs give no barrier any more, so it freezes as it is when one is decided, and passes
    /// that on before its end.
    #[cold]
    pub(crate) fn freeze_before_end(
        &mut self,
        context: StepContext<'_>,
    ) -> Result<(), OperatorFault> {
        let Self { name, core, .. } = self;
        let mut into = context.contribution.borrow_mut();
        let is_ending = core.is_firing && core.todo.front() == Some(&Control::End);
        let epoch = into.epoch().filter(|_| is_ending);
        let Some(epoch) = epoch.filter(|&epoch| core.alignment.skip_to(epoch)) else {
            return Ok(());
        };
        let progress = core.freeze_operator(epoch, name, &mut into, context.clock)?;
        debug_assert_eq!(progress, Progress::Done, "invariant: one that waits freezes at once");
        core.operator.outputs(&mut |output| output.emit_control(Control::Barrier(epoch)));
        core.end_step();
        core.fault.take().map_or(Ok(()), Err)
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
        if self.core.operator.is_full() {
            return;
        }
        for lane in 0..self.ports.lanes() {
            if !self.core.alignment.is_held(lane) && self.ports.is_ready(lane) {
                into.push(Self::lane(lane));
            }
        }
    }

    fn choose(&mut self) -> Option<Choice> {
        if self.core.is_firing {
            return Some(Choice::Slice);
        }
        if self.core.operator.is_full() {
            return None;
        }
        let lanes = self.ports.lanes();
        for turn in 0..lanes {
            let lane = if self.next_lane + turn < lanes {
                self.next_lane + turn
            } else {
                self.next_lane + turn - lanes
            };
            if !self.core.alignment.is_held(lane) && self.ports.is_ready(lane) {
                self.next_lane = lane + 1;
                return Some(Self::lane(lane));
            }
        }
        None
    }

    fn barrier(&mut self, epoch: u64, context: StepContext<'_>) -> Result<(), OperatorFault> {
        if self.core.is_finished {
            self.freeze(context);
        } else {
            self.core.operator.await_barrier(epoch);
        }
        self.core.fault.take().map_or(Ok(()), Err)
    }

    fn commit(&mut self, epoch: u64) -> Result<(), OperatorFault> {
        self.core.operator.commit(epoch)
    }

    fn recover(&mut self, from: &Restored) -> Result<(), OperatorFault> {
        let Self { name, core, .. } = self;
        core.operator.recover(&Resuming::new(name, EventTime::MIN, from))
    }

    fn resume(&mut self, from: &Restored) -> Result<(), OperatorFault> {
        let Self { name, core, .. } = self;
        let watermark = noted_watermark(from, name)?;
        if !core.is_finished {
            core.watermark = watermark;
            core.time.resume(watermark);
        }
        core.operator.resume(&Resuming::new(name, watermark, from))
    }

    fn alarm(&self) -> Option<ProcessingTime> {
        if self.core.is_firing || self.core.is_finished {
            return None;
        }
        self.core.operator.alarm()
    }

    fn step(&mut self, work: Work, context: StepContext<'_>) -> Result<Done, OperatorFault> {
        let limit = work.limit as usize;
        self.core.operator.clock(context.now);
        let mut amount = 0;
        let watermark = self.core.watermark;
        let was_finished = self.core.is_finished;
        match work.choice {
            Choice::Lane(lane) => {
                let lane = usize::from(lane);
                let origin_ns = self.ports.origin_ns(lane);
                self.core.operator.outputs(&mut |output| output.stamp_origin(origin_ns));
                let before = self.core.records_in;
                amount = self.ports.read(lane, limit, &mut self.core);
                let records = self.core.records_in - before;
                self.core.end_step();
                if records > 0 && origin_ns != 0 && self.latency.is_due() {
                    self.latency.note(origin_ns, context.clock.now_ns(), records);
                }
            }
            Choice::Slice => {
                let result = self.core.slice(limit);
                self.core.note(result);
                self.core.end_step();
            }
            Choice::Alarm => {
                let result = self.core.operator.on_alarm(limit);
                self.core.note(result);
                self.core.end_step();
            }
            Choice::Poll(_) => unreachable!("invariant: only a source is polled"),
        }
        if self.core.barrier().is_some() || self.core.is_finished != was_finished {
            self.freeze(context);
        }
        if self.core.watermark != watermark {
            self.moved_ns = context.now_ns;
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
        // First what is seldom so: this is asked again and again.
        if !self.core.is_finished || !self.core.todo.is_empty() {
            return false;
        }
        let mut waits = false;
        self.core.operator.outputs(&mut |output| waits |= output.is_blocked() || output.has_open());
        !waits
    }

    fn counters(&mut self) -> TaskCounters {
        let (mut records_out, mut bytes_out, mut is_blocked) = (0, 0, false);
        self.core.operator.outputs(&mut |output| {
            records_out += output.emitted();
            bytes_out += output.emitted_bytes();
            is_blocked |= output.is_blocked();
        });
        let fates = self.core.operator.fates();
        TaskCounters {
            skipped: fates.skipped,
            dead_lettered: fates.dead_lettered,
            retried: fates.retried,
            far_future: fates.far_future,
            records_in: self.core.records_in,
            records_out,
            bytes_in: self.ports.bytes(),
            bytes_out,
            late: self.core.operator.late(),
            watermark_ns: self.core.watermark.as_nanos(),
            moved_ns: self.moved_ns,
            is_blocked,
            is_firing: self.core.is_firing,
            is_idle: self.core.time.is_idle(),
            held_by: self.core.time.slowest().map(|lane| lane as u64),
            ..TaskCounters::default()
        }
    }

    fn queued(&mut self, each: &mut dyn FnMut(usize, usize)) {
        (0..self.ports.lanes()).for_each(|lane| each(lane, self.ports.waiting(lane)));
    }

    fn measure_nothing(&mut self) {
        self.latency.turn_off();
    }

    fn latency(&mut self) -> &mut LatencyHistogram {
        self.latency.histogram()
    }
}
