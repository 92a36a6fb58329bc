//! `async_map`: asks somebody outside about each record, and goes on with others until the reply is there.
//!
//! * Arrives from: [`crate::exchange`], where the record is.
//! * Leaves to: [`crate::exchange`], and to dead letters.
//!
//! # Invariants
//!
//! 1. A record is in the store from its arrival until its result has left: under `asked`, by the number of its arrival. What was asked about it lives with the process; after
//!    a restore all records in the store are asked about again, before any that comes then.
//! 2. Replies are decisions: a poll takes those that are there, is recorded with them, and a replay takes them from the recording and asks nobody. What the clock brings
//!    about, a timeout or another attempt, follows from the decided clock.
//! 3. Results leave in the order that [`order`] keeps: that of their records, or any within watermarks. A watermark never overtakes a record that came before it.
//! 4. A checkpoint does not wait for replies, at the end neither: then the task passes the barrier on before its end.
//! 5. As many are asked about at a time as there are slots; while none is free nothing is read.
//!
//! # Not here
//!
//! No executor: what is polled here is woken from elsewhere, or does its own work when it is polled, on the worker. Order between what was in flight at a
//! checkpoint and what comes later is kept if the job goes on with as many workers as it had.

mod in_flight;
mod order;
mod promise;
mod replies;
mod slots;
mod wakes;

pub(crate) use in_flight::InFlight;
pub(crate) use order::Order;
pub use promise::{Promise, Reply, promise};
pub(crate) use replies::Replies;
pub(crate) use slots::Slots;
pub(crate) use wakes::Wakes;

use std::collections::{BTreeSet, VecDeque};
use std::task::Poll;
use std::time::Duration;

use in_flight::Place;
use order::Leaving;

use super::output::{AnyOutput, Output};
use super::policy::{Fates, Guard};
use super::retry_later::Delays;
use super::task::Polled;
use super::{Input, Operator, Progress};
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::{RecordedInput, Records};
use crate::raw::page::{Control, Wave};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::{EventTime, ProcessingTime};

/// Of one attempt, and of how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// How long a reply may take.
    pub(crate) timeout: Duration,
    pub(crate) attempts: u32,
    /// Between two attempts; none if they follow each other at once.
    pub(crate) delays: Option<Delays>,
}

/// Made by `AsyncMap::or_fail` and the like.
pub(crate) struct Ask<T: Record, F, P, U: Record> {
    call: F,
    terms: Terms,
    in_flight: InFlight<T>,
    /// Records that no slot was free for.
    backlog: VecDeque<Place>,
    /// What came behind the backlog.
    held: VecDeque<Control>,
    slots: Slots<P, U>,
    order: Order,
    replies: Replies<U>,
    /// When each slot is to be looked at: its reply is overdue, or its next attempt is due.
    due: BTreeSet<(ProcessingTime, u32)>,
    guard: Guard,
    out: Output<U>,
    now: ProcessingTime,
    is_ending: bool,
}

super::opaque_debug!(Ask<T: Record, F, P, U: Record>);

/// Under which name an operator notes the number of the next arrival.
const NEXT: &str = "next";

impl<T, F, P, U> Ask<T, F, P, U>
where
    T: Record,
    U: Record,
    F: FnMut(&Rec<T>) -> P + 'static,
    P: Future<Output = Result<U, OperatorFault>> + 'static,
{
    /// `guard` decides on what the last attempt came to; the attempts are counted here.
    pub(crate) fn new(
        (call, terms, guard): (F, Terms, Guard),
        in_flight: InFlight<T>,
        (slots, order, replies): (Slots<P, U>, Order, Replies<U>),
        out: Output<U>,
    ) -> Self {
        let (backlog, held, due) = (VecDeque::new(), VecDeque::new(), BTreeSet::new());
        let (now, is_ending) = (ProcessingTime::MIN, false);
        Self {
            call,
            terms,
            in_flight,
            backlog,
            held,
            slots,
            order,
            replies,
            due,
            guard,
            out,
            now,
            is_ending,
        }
    }

    fn can_refill(&self) -> bool {
        !self.backlog.is_empty() && self.slots.has_free()
    }

    fn is_empty(&self) -> bool {
        self.order.is_empty() && self.backlog.is_empty()
    }

    /// A reply has come, or is not waited for any longer.
    fn complete(
        &mut self,
        slot: u32,
        reply: Result<U, OperatorFault>,
    ) -> Result<(), OperatorFault> {
        let entry = self.slots.entry(slot);
        self.due.remove(&(entry.due, slot));
        entry.is_asked = false;
        if reply.is_err() && entry.attempts < self.terms.attempts {
            self.guard.note_retry();
            match self.terms.delays.map(|delays| delays.after(entry.attempts)) {
                None => self.ask(slot),
                Some(delay) => self.look_at(slot, delay),
            }
            return Ok(());
        }
        entry.reply = Some(reply);
        self.order.done(entry.segment, slot);
        Ok(())
    }

    /// The slot is to be looked at after a while.
    fn look_at(&mut self, slot: u32, after: Duration) {
        let due = self.now.saturating_add(after);
        self.slots.entry(slot).due = due;
        self.due.insert((due, slot));
    }

    /// Asks about the slot's record, once more if it was asked about before.
    fn ask(&mut self, slot: u32) {
        let entry = self.slots.entry(slot);
        entry.attempts += 1;
        entry.is_asked = true;
        let (record, _) = self.in_flight.record(entry.place);
        if !self.replies.is_replay() {
            let asked = (self.call)(record);
            self.slots.begin(slot, asked);
        }
        self.look_at(slot, self.terms.timeout);
    }

    /// Gives free slots to what waits for them, and passes on what came behind it.
    fn refill(&mut self) -> Result<(), OperatorFault> {
        while self.can_refill()
            && let Some(place) = self.backlog.pop_front()
        {
            let (_, at) = self.in_flight.record(place);
            let slot = self.slots.take(place, at, self.order.enter());
            self.ask(slot);
        }
        while self.backlog.is_empty()
            && let Some(control) = self.held.pop_front()
        {
            self.control(control);
        }
        Ok(())
    }

    /// Sends what may leave now.
    fn leave(&mut self) -> Result<(), OperatorFault> {
        while let Some(leaving) = self.order.next() {
            match leaving {
                Leaving::Slot(slot) => self.give(slot)?,
                Leaving::Control(control) => self.pass_on(control),
            }
            self.refill()?;
        }
        Ok(())
    }

    fn give(&mut self, slot: u32) -> Result<(), OperatorFault> {
        let entry = self.slots.entry(slot);
        let (place, at) = (entry.place, entry.at);
        match entry.reply.take().expect("invariant: what is done has a reply") {
            Ok(value) => self.out.value(&value, at),
            Err(fault) => {
                let (record, at) = self.in_flight.record(place);
                self.guard.give_up(fault, record, at)?;
            }
        }
        self.in_flight.forget(place);
        self.slots.free(slot);
        Ok(())
    }

    /// Passes a control on when what came before it has left.
    fn control(&mut self, control: Control) {
        if !self.backlog.is_empty() {
            self.held.push_back(control);
        } else if let Some(control) = self.order.control(control) {
            self.pass_on(control);
        }
    }

    fn pass_on(&mut self, control: Control) {
        self.outputs(&mut |output| output.emit_control(control));
    }
}

impl<T, F, P, U> Polled for Ask<T, F, P, U>
where
    T: Record,
    U: Record,
    F: FnMut(&Rec<T>) -> P + 'static,
    P: Future<Output = Result<U, OperatorFault>> + 'static,
{
    /// A reply may be there, or a record waits for a slot that is free.
    fn wants_poll(&self) -> bool {
        self.slots.has_woken() || self.can_refill()
    }

    /// For the last replies.
    fn is_waiting(&self) -> bool {
        self.is_ending && !self.is_empty()
    }

    /// Takes up to `limit` replies, in a replay exactly as many.
    fn poll(&mut self, limit: usize) -> Result<(usize, bool), OperatorFault> {
        let refills = self.can_refill();
        self.refill()?;
        let mut taken = 0;
        if self.replies.is_replay() {
            while taken < limit
                && let Some((slot, reply)) = self.replies.next()
            {
                self.complete(slot, reply)?;
                taken += 1;
            }
        } else {
            let mut sweep = self.slots.sweep();
            while taken < limit
                && let Some(slot) = self.slots.next_woken(&mut sweep)
            {
                if let Some(Poll::Ready(reply)) = self.slots.poll(slot) {
                    self.replies.record(slot, &reply);
                    self.complete(slot, reply)?;
                    taken += 1;
                }
            }
            self.slots.end_sweep(sweep);
        }
        self.leave()?;
        Ok((taken, refills || taken > 0))
    }

    fn take_recorded(&mut self, name: &str, worker: usize) -> Option<RecordedInput> {
        self.replies.take(name, worker)
    }

    fn replay_inputs(&mut self, name: &str, worker: usize, recorded: &[RecordedInput]) {
        self.replies.replay(name, worker, recorded);
    }
}

impl<T, F, P, U> Operator for Ask<T, F, P, U>
where
    T: Record,
    U: Record,
    F: FnMut(&Rec<T>) -> P + 'static,
    P: Future<Output = Result<U, OperatorFault>> + 'static,
{
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.control(Control::Watermark(at));
        Ok(Progress::Done)
    }

    /// There is nothing to work off, only something to wait for: the task asks when that is over.
    fn slice(&mut self, _: usize) -> Result<Progress, OperatorFault> {
        Ok(Progress::from(!self.is_waiting()))
    }

    fn end(&mut self) -> Result<Progress, OperatorFault> {
        self.is_ending = true;
        Ok(Progress::from(self.is_empty()))
    }

    /// What is in flight stays in the store, and is asked about again when the job goes on.
    fn halt(&mut self) -> Result<Progress, OperatorFault> {
        self.slots.abandon();
        self.due.clear();
        Ok(Progress::Done)
    }

    fn clock(&mut self, now: ProcessingTime) {
        self.now = now;
    }

    fn alarm(&self) -> Option<ProcessingTime> {
        self.due.first().map(|(due, _)| *due)
    }

    fn on_alarm(&mut self, limit: usize) -> Result<(), OperatorFault> {
        for _ in 0..limit.max(1) {
            let Some(&(due, slot)) = self.due.first().filter(|(due, _)| *due <= self.now) else {
                break;
            };
            self.due.remove(&(due, slot));
            if self.slots.entry(slot).is_asked {
                self.slots.drop_future(slot);
                let message = format!("no reply within {:?}", self.terms.timeout);
                self.complete(slot, Err(message.into()))?;
            } else {
                self.ask(slot);
            }
        }
        self.leave()
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        self.in_flight.freeze(into);
        into.note(NEXT, &self.in_flight.next());
        Ok(Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        let next = from.notes::<u64>(NEXT)?.into_iter().max().unwrap_or(0);
        self.backlog = self.in_flight.resume(next);
        // If it was not passed on, then because of what is in the backlog.
        if !self.backlog.is_empty() && from.watermark() > EventTime::MIN {
            self.control(Control::Watermark(from.watermark()));
        }
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
        !self.backlog.is_empty() || !self.slots.has_free()
    }

    fn forwards_watermarks(&self) -> bool {
        false
    }

    /// Behind what came before it, as a watermark.
    fn wave(&mut self, wave: Wave) -> Option<Wave> {
        self.control(Control::Wave(wave));
        None
    }

    fn delays(&mut self, idleness: Control) -> bool {
        self.control(idleness);
        true
    }
}

impl<T, F, P, U> Input<T, 0> for Ask<T, F, P, U>
where
    T: Record,
    U: Record,
    F: FnMut(&Rec<T>) -> P + 'static,
    P: Future<Output = Result<U, OperatorFault>> + 'static,
{
    const MOST: usize = 1;

    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        for (record, at) in run.iter() {
            self.backlog.push_back(self.in_flight.add(record, at));
            self.refill()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
