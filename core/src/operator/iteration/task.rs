//! The task of a head: that of any operator, which is polled besides when something was fed back or there is something to find out.
//!
//! While it waits for the last records to leave the loop there is nothing to read and nothing to work off; the worker's other tasks bring about what it waits for.

use std::rc::Rc;

use super::Head;
use crate::checkpoint::Restored;
use crate::error::OperatorFault;
use crate::metrics::{LatencyHistogram, TaskCounters};
use crate::operator::Operator as _;
use crate::operator::output::AnyOutput;
use crate::operator::task::{
    Choice, Done, OnePort, OperatorTask, PollOutcome, StepContext, Task, Work,
};
use crate::record::Record;
use crate::time::ProcessingTime;

/// See the module.
pub(crate) struct HeadTask<T: Record> {
    inner: OperatorTask<Head<T>, OnePort<T>>,
    /// A poll was the last choice: what goes round does not keep the input from being read.
    has_polled: bool,
}

impl<T: Record> HeadTask<T> {
    pub(crate) fn new(inner: OperatorTask<Head<T>, OnePort<T>>) -> Self {
        Self { inner, has_polled: false }
    }

    /// Its input has ended, and it can only wait for what is under way.
    fn is_waiting(&self) -> bool {
        self.inner.is_firing() && !self.inner.operator().is_over()
    }

    fn wants_poll(&self) -> bool {
        !self.inner.has_ended() && self.inner.operator().wants_poll()
    }
}

impl<T: Record> Task for HeadTask<T> {
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

    /// Also while it waits.
    fn alarm(&self) -> Option<ProcessingTime> {
        self.inner.operator().alarm().filter(|_| !self.inner.has_ended())
    }

    fn step(&mut self, work: Work, context: StepContext<'_>) -> Result<Done, OperatorFault> {
        let limit = work.limit as usize;
        let mut sent = 0;
        match work.choice {
            Choice::Poll(_) => self.inner.aside(context, |head| {
                sent = head.poll(limit.max(1));
                Ok(())
            })?,
            Choice::Alarm => self.inner.aside(context, |head| head.on_alarm(limit))?,
            Choice::Lane(_) | Choice::Slice => {
                let done = self.inner.step(work, context)?;
                self.inner.freeze_before_end(context)?;
                return Ok(done);
            }
        }
        let amount = u32::try_from(sent).unwrap_or(u32::MAX);
        Ok(Done { amount, outcome: PollOutcome::Full, counts: true })
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
}
