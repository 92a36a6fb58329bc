//! Slots: what is asked about at a time, with what is to be polled for it.
//!
//! None of it is state: it is made anew of the records in the store.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::in_flight::Place;
use super::wakes::Wakes;
use crate::error::OperatorFault;
use crate::time::{EventTime, ProcessingTime};

/// What is known of a record that is asked about.
#[derive(Debug)]
pub(crate) struct Entry<U> {
    pub(super) place: Place,
    pub(super) at: EventTime,
    pub(super) segment: u64,
    /// Those that were begun.
    pub(super) attempts: u32,
    /// A reply is waited for, not the next attempt.
    pub(super) is_asked: bool,
    pub(super) due: ProcessingTime,
    /// What it came to, until that may leave.
    pub(super) reply: Option<Result<U, OperatorFault>>,
}

struct Slot<P, U> {
    entry: Option<Entry<U>>,
    /// Its place in memory stays, for the next.
    future: Pin<Box<Option<P>>>,
    waker: Waker,
}

/// As many as may be asked about at a time.
pub(crate) struct Slots<P, U> {
    slots: Vec<Slot<P, U>>,
    free: Vec<u32>,
    wakes: Arc<Wakes>,
}

crate::operator::opaque_debug!(Slots<P, U>);

/// A look at all slots that were woken.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    word: usize,
    bits: u64,
}

impl<P, U> Slots<P, U>
where
    P: Future<Output = Result<U, OperatorFault>>,
{
    pub(crate) fn new(capacity: u32, wakes: Arc<Wakes>) -> Self {
        let slot = |slot| {
            let waker = wakes.waker(slot);
            Slot { entry: None, future: Box::pin(None), waker }
        };
        let slots = (0..capacity).map(slot).collect();
        Self { slots, free: (0..capacity).rev().collect(), wakes }
    }

    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    pub(super) fn has_woken(&self) -> bool {
        self.wakes.has_any()
    }

    /// Takes a free slot for a record.
    pub(super) fn take(&mut self, place: Place, at: EventTime, segment: u64) -> u32 {
        let slot = self.free.pop().expect("invariant: it was asked whether one is free");
        let (attempts, is_asked, due, reply) = (0, false, ProcessingTime::MAX, None);
        let entry = Entry { place, at, segment, attempts, is_asked, due, reply };
        self.slots[slot as usize].entry = Some(entry);
        slot
    }

    pub(super) fn free(&mut self, slot: u32) {
        self.slots[slot as usize].entry = None;
        self.free.push(slot);
    }

    /// What is known of a slot's record.
    pub(super) fn entry(&mut self, slot: u32) -> &mut Entry<U> {
        let entry = self.slots[slot as usize].entry.as_mut();
        entry.expect("invariant: the slot is taken")
    }

    /// From now on this is polled; first as soon as the task is asked again.
    pub(super) fn begin(&mut self, slot: u32, asked: P) {
        self.slots[slot as usize].future.set(Some(asked));
        self.wakes.set(slot);
    }

    pub(super) fn drop_future(&mut self, slot: u32) {
        self.slots[slot as usize].future.set(None);
    }

    /// Asks a slot that was woken; `None` if there is nothing in it any more.
    pub(super) fn poll(&mut self, slot: u32) -> Option<Poll<P::Output>> {
        let Slot { future, waker, .. } = &mut self.slots[slot as usize];
        let polled = future.as_mut().as_pin_mut()?.poll(&mut Context::from_waker(waker));
        if polled.is_ready() {
            future.set(None);
        }
        Some(polled)
    }

    /// Nobody waits for any reply.
    pub(super) fn abandon(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.future.set(None));
    }

    pub(super) fn sweep(&self) -> Sweep {
        self.wakes.begin_sweep();
        Sweep::default()
    }

    /// The next slot that was woken.
    pub(super) fn next_woken(&self, sweep: &mut Sweep) -> Option<u32> {
        while sweep.bits == 0 {
            sweep.bits = self.wakes.take_word(sweep.word)?;
            sweep.word += 1;
        }
        let bit = sweep.bits.trailing_zeros();
        sweep.bits &= sweep.bits - 1;
        let word = u32::try_from(sweep.word - 1).expect("invariant: as many words as slots have");
        Some(word * u64::BITS + bit)
    }

    /// Leaves for the next sweep what this one has not come to.
    pub(super) fn end_sweep(&self, sweep: Sweep) {
        if sweep.bits != 0 {
            self.wakes.put_back(sweep.word - 1, sweep.bits);
        }
        self.wakes.leave_rest_from(sweep.word, sweep.bits != 0);
    }
}
