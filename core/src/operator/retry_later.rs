//! A [`Fallible`] whose attempts are apart in time: what fails is parked in the store, and tried again when the worker's clock is there.
//!
//! * Arrives from: [`crate::exchange`], where the record is.
//! * Leaves to: [`crate::exchange`], and to dead letters.
//!
//! # Invariants
//!
//! 1. Other records go on meanwhile, so order is not kept: of records that failed the results come when an attempt succeeds.
//! 2. Event time waits for what is parked: the watermark passed on is not ahead of that when the oldest parked record came. So a result is late only if its
//!    record was.
//! 3. Nothing is read while as many records are parked as there is room for; a run that was begun is parked whole.
//! 4. When event time ends, nothing waits any longer: the attempts that are left follow each other at once. When the job is stopped what is parked stays.
//!
//! # Not here
//!
//! No bound unless one is set: in an outage all records are parked, in the store. An input that says it is idle, says so behind the operator too, though records of it are
//! parked.

mod parked;

use std::time::Duration;

use parked::{Parked, Waiting};
use thalweg_storage::TimedTable;

use super::fallible::{Fallible, IntoOutput};
use super::output::{AnyOutput, Output};
use super::policy::{Fates, Guard};
use super::{Input, Operator, Progress};
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::raw::page::Control;
use crate::record::Record;
use crate::state::TimedLists;
use crate::time::{EventTime, ProcessingTime};

/// Records of the first slice of a firing.
const FIRST_SLICE: usize = 64;

/// How long a record waits between two attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delays {
    /// Before the second attempt.
    pub(crate) first: Duration,
    /// Each later one is twice the one before, up to this.
    pub(crate) most: Duration,
}

impl Delays {
    /// What is wrong with them, if something is.
    pub(crate) fn flaw(self) -> Option<&'static str> {
        (self.first.is_zero() || self.most < self.first).then_some(
            "the pause between attempts is longer than nothing, and the longest no shorter than the first",
        )
    }

    /// For plans.
    pub(crate) fn describe(self) -> String {
        let Self { first, most } = self;
        if first == most {
            format!(", {first:?} apart")
        } else {
            format!(", {first:?} to {most:?} apart")
        }
    }

    /// After so many attempts.
    pub(super) fn after(self, attempts: u32) -> Duration {
        let doubled = 2_u32.checked_pow(attempts - 1).and_then(|by| self.first.checked_mul(by));
        doubled.map_or(self.most, |delay| delay.min(self.most))
    }
}

/// Made by the policies of `Patient`.
#[derive(Debug)]
pub(crate) struct RetryLater<T: Record, A: Fallible<T>> {
    fallible: A,
    attempts: u32,
    delays: Delays,
    guard: Guard,
    parked: Parked<T>,
    /// Records that may be parked before the next run is read.
    room: usize,
    out: Output<A::Out>,
    now: ProcessingTime,
    /// That of the input, and what was passed on.
    watermark: EventTime,
    passed: EventTime,
}

impl<T: Record, A: Fallible<T>> RetryLater<T, A> {
    /// `guard` makes one attempt at a time, `attempts` are made of a record; `place` is the worker, of how many; for `room` records there is room.
    pub(crate) fn new(
        (fallible, attempts, delays): (A, u32, Delays),
        guard: Guard,
        (records, due): (TimedLists<T>, TimedTable),
        (place, room): ((usize, usize), usize),
        out: Output<A::Out>,
    ) -> Self {
        let parked = Parked::new(records, due, place);
        let (now, watermark) = (ProcessingTime::MIN, EventTime::MIN);
        let passed = watermark;
        Self { fallible, attempts, delays, guard, parked, room, out, now, watermark, passed }
    }

    /// Makes one attempt more of what was taken out; true if there was an end of it.
    fn attempt(&mut self, waiting: Waiting) -> Result<bool, OperatorFault> {
        let Self { fallible, attempts, guard, parked, out, .. } = self;
        let (record, at) = parked.record(waiting);
        guard.note_retry();
        match fallible.call(record, at) {
            Ok(given) => A::give(given, record, at, &mut IntoOutput(out)),
            Err(_) if waiting.attempts + 1 < *attempts => return Ok(false),
            Err(fault) => guard.give_up(fault, record, at)?,
        }
        parked.forget(waiting);
        Ok(true)
    }

    /// Passes event time on as far as what is parked lets it.
    fn pass_on(&mut self) {
        let held = self.parked.held().unwrap_or(EventTime::MAX);
        let at = self.watermark.min(held);
        if at > self.passed {
            self.passed = at;
            self.outputs(&mut |output| output.emit_control(Control::Watermark(at)));
        }
    }

    /// Makes the attempts that are left of all that is parked, of about `limit` records.
    fn empty(&mut self, limit: usize) -> Result<Progress, OperatorFault> {
        for _ in 0..limit {
            let Some(mut waiting) = self.parked.take_oldest() else {
                self.pass_on();
                return Ok(Progress::Done);
            };
            while !self.attempt(waiting)? {
                waiting.attempts += 1;
            }
        }
        Ok(Progress::More)
    }
}

impl<T: Record, A: Fallible<T>> Operator for RetryLater<T, A> {
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.watermark = at;
        if at == EventTime::MAX {
            return self.empty(FIRST_SLICE);
        }
        self.pass_on();
        Ok(Progress::Done)
    }

    fn slice(&mut self, limit: usize) -> Result<Progress, OperatorFault> {
        self.empty(limit)
    }

    /// Records may have come behind the end of event time.
    fn end(&mut self) -> Result<Progress, OperatorFault> {
        self.empty(FIRST_SLICE)
    }

    fn clock(&mut self, now: ProcessingTime) {
        self.now = now;
    }

    fn alarm(&self) -> Option<ProcessingTime> {
        self.parked.next_due()
    }

    fn on_alarm(&mut self, limit: usize) -> Result<(), OperatorFault> {
        let mut budget = limit.max(1);
        while let Some(mut waiting) = self.parked.take_due(self.now, &mut budget) {
            if !self.attempt(waiting)? {
                waiting.attempts += 1;
                let due = self.now.saturating_add(self.delays.after(waiting.attempts));
                self.parked.wait(waiting, due);
            }
        }
        self.pass_on();
        Ok(())
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        self.parked.freeze(into);
        Ok(Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.parked.resume();
        self.watermark = from.watermark();
        self.passed = self.watermark.min(self.parked.held().unwrap_or(EventTime::MAX));
        Ok(())
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
        self.guard.outputs(each);
    }

    fn fates(&self) -> Fates {
        self.guard.fates()
    }

    fn is_full(&self) -> bool {
        self.parked.len() >= self.room
    }

    fn forwards_watermarks(&self) -> bool {
        false
    }
}

impl<T: Record, A: Fallible<T>> Input<T, 0> for RetryLater<T, A> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        for (record, at) in run.iter() {
            match self.fallible.call(record, at) {
                Ok(given) => A::give(given, record, at, &mut IntoOutput(&mut self.out)),
                Err(_) => {
                    let due = self.now.saturating_add(self.delays.after(1));
                    self.parked.park(record, at, self.watermark, due);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
