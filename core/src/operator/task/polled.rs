//! The task of an operator that has something to do besides what comes of its inputs: that of any operator, which is polled when there is something.
//!
//! While its end is worked off and it can only wait, there is nothing to read and nothing to work off: the worker may sleep, and whoever brings about what it waits for wakes it.

use std::rc::Rc;

use super::ports::Ports;
use super::{Choice, Done, OperatorTask, PollOutcome, StepContext, Task, Work};
use crate::checkpoint::Restored;
use crate::error::OperatorFault;
use crate::exchange::RecordedInput;
use crate::metrics::{LatencyHistogram, TaskCounters};
use crate::operator::Operator;
use crate::operator::output::AnyOutput;
use crate::raw::page::Control;
use crate::time::ProcessingTime;

/// An operator that is polled.
pub(crate) trait Polled: Operator {
    /// True if a poll would do something.
    fn wants_poll(&self) -> bool;

    /// True if it can only wait; asked while its end is worked off.
    fn is_waiting(&self) -> bool;

    /// Does about `limit` of what there is to do; says how much it was, and whether anything has changed. A replay gives as the limit what was said, and the same has to come of it.
    fn poll(&mut self, limit: usize) -> Result<(usize, bool), OperatorFault>;

    /// What came from outside and was kept for a replay, of the operator of that name on a worker.
    fn take_recorded(&mut self, name: &str, worker: usize) -> Option<RecordedInput> {
        let _ = (name, worker);
        None
    }

    /// Before a replay: what came from outside when it was recorded.
    fn replay_inputs(&mut self, name: &str, worker: usize, recorded: &[RecordedInput]) {
        let _ = (name, worker, recorded);
    }
}

/// The task of an operator that is polled.
pub(crate) struct PolledTask<O, P> {
    inner: OperatorTask<O, P>,
    worker: usize,
    /// A poll was the last choice: an operator that wants one again and again does not keep the inputs from being read.
    has_polled: bool,
}

impl<O: Polled, P: Ports<O>> PolledTask<O, P> {
    pub(crate) fn new(inner: OperatorTask<O, P>, worker: usize) -> Self {
        Self { inner, worker, has_polled: false }
    }

    fn is_waiting(&self) -> bool {
        self.inner.is_firing() && self.inner.operator().is_waiting()
    }

    fn wants_poll(&self) -> bool {
        !self.inner.has_ended() && self.inner.operator().wants_poll()
    }
}

impl<O: Polled, P: Ports<O>> Task for PolledTask<O, P> {
    fn name(&self) -> &Rc<str> {
        self.inner.name()
    }

    fn choices(&mut self, into: &mut Vec<Choice>) {
        if self.wants_poll() {
            into.push(Choice::Poll(0));
        }
        if !self.is_waiting() {
            self.inner.choices(into);
        }
    }

    fn choose(&mut self) -> Option<Choice> {
        let wants_poll = self.wants_poll();
        self.has_polled = wants_poll && !self.has_polled;
        if self.has_polled {
            return Some(Choice::Poll(0));
        }
        let other = if self.is_waiting() { None } else { self.inner.choose() };
        other.or(wants_poll.then_some(Choice::Poll(0)))
    }

    fn stop(&mut self, last: Control, now_ns: u64) -> Result<bool, OperatorFault> {
        self.inner.stop(last, now_ns)
    }

    fn barrier(&mut self, epoch: u64, context: StepContext<'_>) -> Result<(), OperatorFault> {
        self.inner.freeze_before_end(context)?;
        self.inner.barrier(epoch, context)
    }

    fn commit(&mut self, epoch: u64) -> Result<(), OperatorFault> {
        self.inner.commit(epoch)
    }

    fn recover(&mut self, from: &Restored) -> Result<(), OperatorFault> {
        self.inner.recover(from)
    }

    fn resume(&mut self, from: &Restored) -> Result<(), OperatorFault> {
        self.inner.resume(from)
    }

    /// Also while the operator waits: it may wait no longer than until then.
    fn alarm(&self) -> Option<ProcessingTime> {
        self.inner.operator().alarm().filter(|_| !self.inner.has_ended())
    }

    fn step(&mut self, work: Work, context: StepContext<'_>) -> Result<Done, OperatorFault> {
        let limit = work.limit as usize;
        let (mut done, mut counts) = (0, true);
        match work.choice {
            Choice::Poll(_) => self.inner.aside(context, |operator| {
                (done, counts) = operator.poll(limit)?;
                Ok(())
            })?,
            Choice::Alarm => self.inner.aside(context, |operator| operator.on_alarm(limit))?,
            Choice::Lane(_) | Choice::Slice => {
                let done = self.inner.step(work, context)?;
                self.inner.freeze_before_end(context)?;
                return Ok(done);
            }
        }
        let amount = u32::try_from(done).expect("invariant: little more than the limit, a u32");
        Ok(Done { amount, outcome: PollOutcome::Full, counts })
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        self.inner.outputs(each);
    }

    fn is_finished(&mut self) -> bool {
        self.inner.is_finished()
    }

    fn counters(&mut self) -> TaskCounters {
        self.inner.counters()
    }

    fn queued(&mut self, each: &mut dyn FnMut(usize, usize)) {
        self.inner.queued(each);
    }

    fn measure_nothing(&mut self) {
        self.inner.measure_nothing();
    }

    fn latency(&mut self) -> &mut LatencyHistogram {
        self.inner.latency()
    }

    fn take_recorded(&mut self) -> Vec<RecordedInput> {
        let (name, worker) = (Rc::clone(self.inner.name()), self.worker);
        self.inner.operator_mut().take_recorded(&name, worker).into_iter().collect()
    }

    fn replay_inputs(&mut self, recorded: &[RecordedInput]) {
        let (name, worker) = (Rc::clone(self.inner.name()), self.worker);
        self.inner.operator_mut().replay_inputs(&name, worker, recorded);
    }
}
