//! The beginning of a loop: sends what comes into it, and what was fed back round again.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::backlog::Backlog;
use super::tides::{Over, Tides};
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::operator::output::{AnyOutput, Output};
use crate::operator::task::Polled;
use crate::operator::{Input, Operator, Progress};
use crate::raw::page::Control;
use crate::record::Record;
use crate::time::{EventTime, ProcessingTime};

/// Between two rounds that find nothing new, while an operator of the body holds something.
const PAUSE: Duration = Duration::from_millis(1);

/// See the module.
pub(crate) struct Head<T: Record> {
    backlog: Rc<RefCell<Backlog<T>>>,
    tides: Tides,
    out: Output<T>,
    /// With so many records in the backlog nothing is read.
    capacity: usize,
    now: ProcessingTime,
    /// When the next round is due that need not be hurried.
    due: Option<ProcessingTime>,
}

impl<T: Record> Head<T> {
    pub(crate) fn new(backlog: Rc<RefCell<Backlog<T>>>, capacity: usize, out: Output<T>) -> Self {
        let (tides, now) = (Tides::new(), ProcessingTime::MIN);
        Self { backlog, tides, out, capacity, now, due: None }
    }

    fn end_with(&mut self, over: Over) -> Progress {
        self.tides.end(over);
        Progress::More
    }
}

impl<T: Record> Polled for Head<T> {
    /// Something was fed back, or there is something to find out.
    fn wants_poll(&self) -> bool {
        let backlog = self.backlog.borrow();
        backlog.has_next() || !backlog.waves.is_empty() || self.tides.wants(backlog.called)
    }

    /// For what is under way.
    fn is_waiting(&self) -> bool {
        !self.tides.is_over()
    }

    /// Sends about `limit` records round again, and what the waves that are back have to say.
    fn poll(&mut self, limit: usize) -> Result<(usize, bool), OperatorFault> {
        let Self { backlog, tides, out, .. } = self;
        let mut backlog = backlog.borrow_mut();
        let mut sent = 0;
        while sent < limit.max(1)
            && backlog.take(|page, least| {
                tides.note(least).into_iter().for_each(|control| out.control(control));
                sent += page.len();
                out.page(page);
            })
        {}
        while let Some(wave) = backlog.waves.pop_front() {
            tides.back(wave).into_iter().for_each(|control| out.control(control));
        }
        if tides.wants(backlog.called) {
            out.control(Control::Wave(tides.send(backlog.least())));
        }
        self.due = match self.due {
            Some(due) => Some(due).filter(|_| tides.wants_later()),
            None => tides.wants_later().then(|| self.now.saturating_add(PAUSE)),
        };
        Ok((sent, true))
    }
}

impl<T: Record> Operator for Head<T> {
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.tides.advance(at);
        Ok(Progress::Done)
    }

    /// There is nothing to work off, only something to wait for: the task asks when that is over.
    fn slice(&mut self, _: usize) -> Result<Progress, OperatorFault> {
        let is_over = self.tides.is_over();
        self.backlog.borrow_mut().is_over = is_over;
        Ok(Progress::from(is_over))
    }

    fn end(&mut self) -> Result<Progress, OperatorFault> {
        Ok(self.end_with(Over::Ended))
    }

    /// What is under way goes on to its end; event time stays.
    fn halt(&mut self) -> Result<Progress, OperatorFault> {
        Ok(self.end_with(Over::Halted))
    }

    fn clock(&mut self, now: ProcessingTime) {
        self.now = now;
    }

    fn alarm(&self) -> Option<ProcessingTime> {
        self.due
    }

    fn on_alarm(&mut self, _: usize) -> Result<(), OperatorFault> {
        if self.due.is_some_and(|due| due <= self.now) {
            self.due = None;
            self.tides.hurry();
        }
        Ok(())
    }

    /// What is in the loop is part of what the feedback freezes, when the barrier has come round.
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        let mut backlog = self.backlog.borrow_mut();
        if !backlog.is_over {
            backlog.await_barrier(into.epoch());
        }
        Ok(Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.tides.advance(from.watermark());
        Ok(())
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }

    /// While a barrier is on its way round the input is read all the same: a later one may come that takes its place.
    fn is_full(&self) -> bool {
        let backlog = self.backlog.borrow();
        backlog.len() >= self.capacity && !backlog.awaits_barrier()
    }

    fn forwards_watermarks(&self) -> bool {
        false
    }

    /// The loop is idle when all of its inputs are and nothing is under way.
    fn delays(&mut self, idleness: Control) -> bool {
        self.tides.set_idle(idleness == Control::Idle);
        true
    }
}

impl<T: Record> Input<T, 0> for Head<T> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let Self { tides, out, .. } = self;
        let least = run.keys().map(|(at, _)| at).min();
        let before = least.and_then(|least| tides.note(least));
        before.into_iter().for_each(|control| out.control(control));
        run.iter().for_each(|(record, at)| out.record(record, at));
        Ok(())
    }
}
