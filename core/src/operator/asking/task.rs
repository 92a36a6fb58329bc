//! The task of an operator that asks: that of any operator, which is polled besides when a reply may be there.
//!
//! While the operator can only wait, for a free slot or for the last replies, there is nothing to read and nothing to work off: the worker may sleep, and whoever replies
//! wakes it.

use std::rc::Rc;

use super::Ask;
use crate::checkpoint::Restored;
use crate::error::OperatorFault;
use crate::exchange::RecordedInput;
use crate::metrics::{LatencyHistogram, TaskCounters};
use crate::operator::Operator as _;
use crate::operator::output::AnyOutput;
use crate::operator::task::{
    Choice, Done, OnePort, OperatorTask, PollOutcome, StepContext, Task, Work,
};
use crate::raw::page::Control;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::ProcessingTime;

/// What the task is of.
type Inner<T, F, P, U> = OperatorTask<Ask<T, F, P, U>, OnePort<T>>;

/// Made by `AsyncMap::or_fail` and the like.
pub(crate) struct AskTask<T: Record, F, P, U: Record> {
    inner: Inner<T, F, P, U>,
    worker: usize,
    /// A poll was the last choice: what wakes itself again and again does not keep the inputs from being read.
    has_polled: bool,
}

impl<T, F, P, U> AskTask<T, F, P, U>
where
    T: Record,
    U: Record,
    F: FnMut(&Rec<T>) -> P + 'static,
    P: Future<Output = Result<U, OperatorFault>> + 'static,
{
    pub(crate) fn new(inner: Inner<T, F, P, U>, worker: usize) -> Self {
        Self { inner, worker, has_polled: false }
    }

    fn is_waiting(&self) -> bool {
        self.inner.is_firing() && self.inner.operator().is_waiting()
    }

    fn wants_poll(&self) -> bool {
        !self.inner.has_ended() && self.inner.operator().wants_poll()
    }
}

impl<T, F, P, U> Task for AskTask<T, F, P, U>
where
    T: Record,
    U: Record,
    F: FnMut(&Rec<T>) -> P + 'static,
    P: Future<Output = Result<U, OperatorFault>> + 'static,
{
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

    /// Also while the operator waits: for a reply it waits no longer than it said.
    fn alarm(&self) -> Option<ProcessingTime> {
        self.inner.operator().alarm().filter(|_| !self.inner.has_ended())
    }

    fn step(&mut self, work: Work, context: StepContext<'_>) -> Result<Done, OperatorFault> {
        let limit = work.limit as usize;
        let (mut taken, mut counts) = (0, true);
        match work.choice {
            Choice::Poll(_) => self.inner.aside(context, |operator| {
                (taken, counts) = operator.poll(limit)?;
                Ok(())
            })?,
            Choice::Alarm => self.inner.aside(context, |operator| operator.on_alarm(limit))?,
            Choice::Lane(_) | Choice::Slice => {
                let done = self.inner.step(work, context)?;
                self.inner.freeze_before_end(context)?;
                return Ok(done);
            }
        }
        let amount = u32::try_from(taken).expect("invariant: at most the limit, a u32");
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
        self.inner.operator_mut().replies.take(&name, worker).into_iter().collect()
    }

    fn replay_inputs(&mut self, recorded: &[RecordedInput]) {
        let (name, worker) = (Rc::clone(self.inner.name()), self.worker);
        self.inner.operator_mut().replies.replay(&name, worker, recorded);
    }
}
