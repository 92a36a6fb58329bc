//! The host as a source: records that any of its threads pushes into a job of the same process.
//!
//! A handle is the sending end of one ring into one worker. What is sent is serialised straight into the ring's page; the worker reads it in
//! place. Each handle is a split: it has its watermarks, falls silent, and ends when it is closed or dropped.
//!
//! * Arrives from: the host, by [`InputHandle`].
//! * Leaves to: [`crate::exchange`], through the task of the input (`gate`), in pages with event times and watermarks.
//!
//! # Invariants
//!
//! 1. One producer a ring: a handle is not `Clone`, and what sends takes `&mut self`. Who wants more threads declares more handles.
//! 2. What [`InputHandle::try_send`] or [`InputHandle::send`] took is published when they return: it reaches the job though the host does
//!    nothing more.
//! 3. A full ring is said to the caller; the record was not taken then, and nothing that was taken is lost while the job runs.

mod gate;
mod port;
mod player;
#[cfg(test)]
mod tests;

pub(crate) use gate::GateTask;
pub(crate) use player::Values;
use port::InputEnds;
pub(crate) use port::input_port;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::task::{Context, Poll};

use crate::error::SendError;
use crate::exchange::host::{Outcome, RingWhenDropped};
use crate::raw::doorbell::Ringer;
use crate::raw::page::{Control, PageBuf, PageTx};
use crate::raw::view::Rec;
use crate::raw::wake::HostBell;
use crate::record::{KeyHash, Record};
use crate::time::EventTime;

/// Pushes records into a job; from [`JobHandle::input`](crate::control::JobHandle::input).
///
/// ```
/// use thalweg::prelude::*;
///
/// let engine = Engine::builder().build();
/// let job = engine.deploy("doubled", |t| {
///     t.input::<u64>("numbers")
///         .without_event_time()
///         .map(|n| n.to_native() * 2)
///         .output("doubled");
///     Ok(())
/// })?;
/// let mut numbers = job.input::<u64>("numbers")?;
/// let mut doubled = job.output::<u64>("doubled")?;
/// numbers.send(&21).unwrap();
/// assert_eq!(doubled.recv().unwrap(), 42);
/// numbers.close();
/// job.join()?;
/// # Ok::<(), JobError>(())
/// ```
///
/// Sending blocks the thread only in calls that say so. On a thread that turns the job itself
/// ([`InlineEngine`](crate::control::InlineEngine)) use those that do not.
pub struct InputHandle<T: Record> {
    tx: PageTx<T>,
    large: Sender<PageBuf<T>>,
    bell: HostBell,
    outcome: Arc<Outcome>,
    worker: Ringer,
    /// After `tx`: what it rings for is that the ring has lost its sender.
    _closing: RingWhenDropped,
}

crate::operator::opaque_debug!(InputHandle<T: Record>);

/// The time in a record's event time field.
fn own_time<T: Record>(record: &Rec<T>) -> EventTime {
    T::event_time(record).unwrap_or(EventTime::MIN)
}

/// A page of its own for a record that fits no page of the ring.
fn large_page<T: Record>(value: &T, write: impl Fn(&mut PageBuf<T>) -> bool) -> PageBuf<T> {
    let mut page = PageBuf::for_value(value);
    assert!(write(&mut page), "invariant: a page made for a record holds it");
    page
}

impl<T: Record> InputHandle<T> {
    fn new(
        tx: PageTx<T>,
        large: Sender<PageBuf<T>>,
        bell: HostBell,
        worker: Ringer,
        outcome: Arc<Outcome>,
    ) -> Self {
        let closing = RingWhenDropped(worker.clone());
        Self { tx, large, bell, outcome, worker, _closing: closing }
    }

    /// Sends one record, with the time of its `#[event_time]` field, if there is room.
    ///
    /// Cost: its serialisation, a store, and a ring of the worker's doorbell (a fence; a system call only if the worker sleeps).
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] and the record was not taken; or the job is over.
    #[inline]
    pub fn try_send(&mut self, value: &T) -> Result<(), SendError> {
        self.put_value(value)?;
        self.publish();
        Ok(())
    }

    /// As [`Self::try_send`], with a time that the record does not carry.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_send_at(&mut self, value: &T, at: EventTime) -> Result<(), SendError> {
        self.put(&|page| page.push(value, at, KeyHash(0)), &|| {
            large_page(value, |page| page.push(value, at, KeyHash(0)))
        })?;
        self.publish();
        Ok(())
    }

    /// As [`Self::try_send`], of a record that is archived already, as an output of another job gives it. Cost: a `memcpy`.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_send_archived(&mut self, record: &Rec<T>) -> Result<(), SendError> {
        let at = own_time(record);
        self.put(&|page| page.push_archived(record, at, KeyHash(0)), &|| {
            let mut page = PageBuf::for_archive(record.archive().len());
            let is_in = page.push_archived(record, at, KeyHash(0));
            assert!(is_in, "invariant: a page made for a record holds it");
            page
        })?;
        self.publish();
        Ok(())
    }

    /// Sends one record; waits while the ring is full: spins, then blocks the thread.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`] or [`SendError::Failed`]; the record was not taken.
    #[inline]
    pub fn send(&mut self, value: &T) -> Result<(), SendError> {
        self.waiting(|handle| handle.try_send(value))
    }

    /// As [`Self::send`], with a time that the record does not carry.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_at(&mut self, value: &T, at: EventTime) -> Result<(), SendError> {
        self.waiting(|handle| handle.try_send_at(value, at))
    }

    /// As [`Self::send`], of a record that is archived already.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_archived(&mut self, record: &Rec<T>) -> Result<(), SendError> {
        self.waiting(|handle| handle.try_send_archived(record))
    }

    /// Sends one record and leaves the thread to others while the ring is full; a future of std, for any executor.
    ///
    /// Dropped before it is ready it has sent nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub async fn send_async(&mut self, value: &T) -> Result<(), SendError> {
        loop {
            match self.try_send(value) {
                Err(SendError::Full) => poll_fn(|context| self.poll_ready(context)).await?,
                sent => return sent,
            }
        }
    }

    /// Ready when there is room for a record.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let Self { tx, bell, outcome, .. } = self;
        let is_gone = |tx: &PageTx<T>| tx.is_abandoned() || outcome.is_over();
        match bell.poll(context, || tx.has_page() || is_gone(tx)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) if is_gone(tx) => Poll::Ready(Err(self.why_gone())),
            Poll::Ready(()) => Poll::Ready(Ok(())),
        }
    }

    /// Writes one record into the open page, and publishes the page if it is full or the worker has nothing else to read; waits while the ring is
    /// full. For many records at a time: what was pushed last leaves with [`Self::flush`], or with anything that is sent or
    /// pushed later, or when the handle is dropped.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    #[inline]
    pub fn push(&mut self, value: &T) -> Result<(), SendError> {
        self.waiting(|handle| handle.put_value(value))?;
        if self.tx.is_drained() {
            self.publish();
        }
        Ok(())
    }

    /// Pushes many records, and flushes.
    ///
    /// # Errors
    ///
    /// As [`Self::send`]; those before the one that failed were taken.
    pub fn send_all<'a>(
        &mut self,
        values: impl IntoIterator<Item = &'a T>,
    ) -> Result<(), SendError> {
        values.into_iter().try_for_each(|value| self.push(value))?;
        self.flush();
        Ok(())
    }

    /// Publishes what was pushed. Never blocks.
    pub fn flush(&mut self) {
        self.publish();
    }

    /// Says that no record with an earlier time will come from this handle, in order with its records; event time is never behind what the
    /// input's strategy makes of the records.
    ///
    /// # Errors
    ///
    /// As [`Self::send`]; it waits as that does.
    pub fn watermark(&mut self, at: EventTime) -> Result<(), SendError> {
        self.waiting(|handle| handle.try_control(Control::Watermark(at)))
    }

    /// As [`Self::watermark`], without waiting.
    ///
    /// # Errors
    ///
    /// As [`Self::try_send`].
    pub fn try_watermark(&mut self, at: EventTime) -> Result<(), SendError> {
        self.try_control(Control::Watermark(at))
    }

    /// Says that nothing is expected from this handle for now, so that it does not hold event time back; its next record, or watermark, takes
    /// that back.
    ///
    /// # Errors
    ///
    /// As [`Self::send`]; it waits as that does.
    pub fn idle(&mut self) -> Result<(), SendError> {
        self.waiting(|handle| handle.try_control(Control::Idle))
    }

    /// Ends this split: what was sent and pushed is still read. Dropping the handle does the same.
    pub fn close(self) {
        drop(self);
    }

    #[inline]
    fn put_value(&mut self, value: &T) -> Result<(), SendError> {
        self.put(&|page| page.push_timed(value, own_time), &|| {
            large_page(value, |page| page.push_timed(value, own_time))
        })
    }

    fn try_control(&mut self, control: Control) -> Result<(), SendError> {
        self.put(&|page| page.push_control(control), &|| {
            unreachable!("invariant: an empty page has room for a control element")
        })?;
        self.publish();
        Ok(())
    }

    /// Writes into the open page, or the next one.
    #[inline]
    fn put(
        &mut self,
        to_ring: &impl Fn(&mut PageTx<T>) -> bool,
        own_page: &dyn Fn() -> PageBuf<T>,
    ) -> Result<(), SendError> {
        if self.tx.is_abandoned() {
            return Err(self.why_gone());
        }
        if to_ring(&mut self.tx) {
            return Ok(());
        }
        self.publish();
        if !self.tx.has_page() {
            return Err(SendError::Full);
        }
        if !to_ring(&mut self.tx) {
            self.put_large(own_page());
        }
        Ok(())
    }

    /// Sends a record that fits no page of the ring beside it, and marks its place.
    #[cold]
    fn put_large(&mut self, page: PageBuf<T>) {
        let at = page.view().event_time(0);
        // That the receiver is gone is found out with the next record.
        drop(self.large.send(page));
        let is_marked = self.tx.push_large(at, KeyHash(0));
        assert!(is_marked, "invariant: an empty page has room for a mark");
    }

    #[inline]
    fn publish(&mut self) {
        if self.tx.publish() {
            self.worker.ring();
        }
    }

    /// Does `send` again whenever there is room.
    #[inline]
    fn waiting(
        &mut self,
        mut send: impl FnMut(&mut Self) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        loop {
            match send(self) {
                Err(SendError::Full) => self.wait_for_room(),
                sent => return sent,
            }
        }
    }

    #[cold]
    fn wait_for_room(&mut self) {
        let Self { tx, bell, outcome, .. } = self;
        bell.wait(None, || tx.has_page() || tx.is_abandoned() || outcome.is_over());
    }

    #[cold]
    fn why_gone(&self) -> SendError {
        match self.outcome.failure() {
            Some(message) => SendError::Failed { message: message.to_owned() },
            None => SendError::Ended,
        }
    }
}

impl<T: Record> Drop for InputHandle<T> {
    fn drop(&mut self) {
        self.publish();
    }
}
