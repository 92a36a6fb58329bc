//! One sender's way to one receiver: the ring's open page, and what waits while the ring is full.
//!
//! A lane never refuses an element. What does not fit the ring waits in pages of the lane's own, which are
//! kept and reused; the worker gives a task with waiting pages nothing more to do, so what waits is bounded by the
//! output of one page (invariant 2 of [`super`]).
//!
//! # Invariants
//!
//! 1. The sequence of pages in a lane is a function of what was pushed and when it was flushed. Whether a page
//!    went straight into the ring or waited first does not show: a replay with other timing sees equal pages.
//! 2. A record that fits no page travels as a page of its own, beside the ring; a `Large` element in the ring holds
//!    its place in the order.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender};

use crate::raw::doorbell::Ringer;
use crate::raw::page::{Control, PageBuf, PageRx, PageTx, PageView};
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::time::EventTime;

/// The receiving end of a lane, as the mesh hands it out.
#[derive(Debug)]
pub(crate) struct LaneRx<T: Record> {
    pub(crate) pages: PageRx<T>,
    pub(crate) large: Receiver<PageBuf<T>>,
    /// Wakes the sender when a page is released; none if the sender is this worker.
    pub(crate) sender: Option<Ringer>,
}

impl<T: Record> LaneRx<T> {
    /// Gives the front page back, and wakes a sender that waits for one.
    pub(crate) fn release(&mut self) {
        self.pages.release();
        if let Some(sender) = &self.sender {
            sender.ring();
        }
    }
}

/// Pages that a lane has from the start for what waits, so that a ring which is full for the first time after hours costs no
/// allocation: a step reads at most a page, and its output is seldom more than two for one receiver.
const WAITING_PAGES: usize = 2;

/// The sending end of a lane.
#[derive(Debug)]
pub(crate) struct Lane<T: Record> {
    tx: PageTx<T>,
    large: Sender<PageBuf<T>>,
    /// Wakes the receiver; none if it is this worker.
    receiver: Option<Ringer>,
    page_bytes: usize,
    waiting: VecDeque<PageBuf<T>>,
    /// The last waiting page was flushed: what comes next starts a new one.
    sealed: bool,
    spare: Vec<PageBuf<T>>,
    /// When what is pushed now entered the engine.
    origin_ns: u64,
}

impl<T: Record> Lane<T> {
    pub(crate) fn new(
        tx: PageTx<T>,
        large: Sender<PageBuf<T>>,
        receiver: Option<Ringer>,
        page_bytes: usize,
    ) -> Self {
        let waiting = VecDeque::with_capacity(4);
        let mut spare = Vec::with_capacity(4);
        spare.resize_with(WAITING_PAGES, || PageBuf::new(page_bytes));
        Self { tx, large, receiver, page_bytes, waiting, sealed: false, spare, origin_ns: 0 }
    }

    /// Says when what is pushed from now on entered the engine.
    pub(crate) fn stamp(&mut self, origin_ns: u64) {
        self.origin_ns = origin_ns;
        match self.waiting.back_mut().filter(|_| !self.sealed) {
            Some(page) => page.stamp(origin_ns),
            None => self.tx.stamp(origin_ns),
        }
    }

    /// Copies a record into the lane.
    #[inline(always)]
    pub(crate) fn push_record(&mut self, record: &Rec<T>, at: EventTime, hash: KeyHash) {
        if self.waiting.is_empty() && self.tx.push_archived(record, at, hash) {
            return;
        }
        self.push_slow(
            &|page| page.push_archived(record, at, hash),
            &|page| page.push_archived(record, at, hash),
            (at, hash),
            &|| PageBuf::for_archive(record.archive().len()),
        );
    }

    /// Serialises a value into the lane.
    #[inline(always)]
    pub(crate) fn push_value(&mut self, value: &T, at: EventTime, hash: KeyHash) {
        if self.waiting.is_empty() && self.tx.push(value, at, hash) {
            return;
        }
        self.push_slow(
            &|page| page.push(value, at, hash),
            &|page| page.push(value, at, hash),
            (at, hash),
            &|| PageBuf::for_value(value),
        );
    }

    /// Serialises a value into the page that is open, with a hash that is read from its archive there; false if it does not fit, or a page waits: then it is for
    /// [`Self::push_record`].
    #[inline(always)]
    pub(crate) fn push_hashed(
        &mut self,
        value: &T,
        at: EventTime,
        hash: impl FnOnce(&Rec<T>) -> KeyHash,
    ) -> bool {
        self.waiting.is_empty() && self.tx.push_hashed(value, at, hash)
    }

    /// Takes all elements of a page at once, with the hashes that `hash` gives its records; false if it is too empty for
    /// a page of the ring, and its elements are to be pushed one by one.
    ///
    /// Whether it is depends on the page alone, so this too is a function of what is pushed (invariant 1).
    pub(crate) fn push_page(
        &mut self,
        page: PageView<'_, T>,
        hash: Option<impl FnMut(&Rec<T>) -> KeyHash>,
    ) -> bool {
        if page.bytes().len() != self.page_bytes || 2 * page.used_bytes() < self.page_bytes {
            return false;
        }
        self.flush();
        if self.waiting.is_empty() && self.tx.copy_page(page) {
            hash.into_iter().for_each(|hash| self.tx.set_hashes(hash));
            return true;
        }
        if self.sealed || self.waiting.is_empty() {
            self.wait_in_new_page();
        }
        let last = self.waiting.back_mut().expect("invariant: a page waits");
        assert!(last.copy_page(page), "invariant: a page of one's own is there");
        hash.into_iter().for_each(|hash| last.set_hashes(hash));
        true
    }

    /// Adds a control element, in order with the records.
    pub(crate) fn push_control(&mut self, control: Control) {
        if self.waiting.is_empty() && self.tx.push_control(control) {
            return;
        }
        let fits =
            self.try_push(&|page| page.push_control(control), &|page| page.push_control(control));
        assert!(fits, "invariant: an empty page has room for a control element");
    }

    #[cold]
    fn push_slow(
        &mut self,
        to_ring: &dyn Fn(&mut PageTx<T>) -> bool,
        to_page: &dyn Fn(&mut PageBuf<T>) -> bool,
        (at, hash): (EventTime, KeyHash),
        own_page: &dyn Fn() -> PageBuf<T>,
    ) {
        if self.try_push(to_ring, to_page) {
            return;
        }
        let mut page = own_page();
        page.stamp(self.origin_ns);
        assert!(to_page(&mut page), "invariant: a page made for a record holds it");
        // A receiver that is gone is noticed where all receivers are: the job is being stopped.
        drop(self.large.send(page));
        let marked =
            self.try_push(&|page| page.push_large(at, hash), &|page| page.push_large(at, hash));
        assert!(marked, "invariant: an empty page has room for a mark");
    }

    /// Pushes into the page that is open, or the next one; false if the element fits no page.
    fn try_push(
        &mut self,
        to_ring: &dyn Fn(&mut PageTx<T>) -> bool,
        to_page: &dyn Fn(&mut PageBuf<T>) -> bool,
    ) -> bool {
        if self.waiting.is_empty() {
            if self.tx.has_page() {
                if to_ring(&mut self.tx) {
                    return true;
                }
                self.publish();
            }
            if self.tx.has_page() {
                self.tx.stamp(self.origin_ns);
                return to_ring(&mut self.tx);
            }
            self.wait_in_new_page();
        }
        if self.sealed {
            self.wait_in_new_page();
        }
        let last = self.waiting.back_mut().expect("invariant: a page waits");
        if to_page(last) {
            return true;
        }
        if last.is_empty() {
            return false;
        }
        self.wait_in_new_page();
        to_page(self.waiting.back_mut().expect("invariant: a page waits"))
    }

    fn wait_in_new_page(&mut self) {
        let mut page = self.spare.pop().unwrap_or_else(|| PageBuf::new(self.page_bytes));
        page.stamp(self.origin_ns);
        self.waiting.push_back(page);
        self.sealed = false;
    }

    fn publish(&mut self) -> bool {
        let published = self.tx.publish();
        if let Some(receiver) = self.receiver.as_ref().filter(|_| published) {
            receiver.ring();
        }
        published
    }

    /// Ends the open page, so that the receiver gets it as soon as the ring has room.
    pub(crate) fn flush(&mut self) -> bool {
        match self.waiting.back() {
            None => self.publish(),
            Some(last) => {
                self.sealed |= !last.is_empty();
                false
            }
        }
    }

    /// Moves waiting pages into the ring while it has room; true if none waits any more.
    #[inline]
    pub(crate) fn drain(&mut self) -> bool {
        self.waiting.is_empty() || self.drain_waiting()
    }

    #[cold]
    fn drain_waiting(&mut self) -> bool {
        while let Some(page) = self.waiting.front() {
            let open = self.waiting.len() == 1 && !self.sealed;
            if !self.tx.copy_page(page.view()) {
                if !self.tx.is_abandoned() {
                    return false;
                }
                // Nobody reads here any more: a handle of the host was dropped, or the receiver's job is being stopped. What waits is
                // discarded, or the sender would wait for ever.
                let mut page = self.waiting.pop_front().expect("invariant: a page waits");
                page.clear();
                self.spare.push(page);
                continue;
            }
            let mut page = self.waiting.pop_front().expect("invariant: a page waits");
            page.clear();
            self.spare.push(page);
            if !open {
                self.publish();
            }
        }
        self.sealed = false;
        true
    }

    /// True if pages wait for room in the ring.
    #[inline]
    pub(crate) fn is_blocked(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// True if elements are in the open page, and the receiver has nothing else to read.
    #[inline]
    pub(crate) fn is_hungry(&mut self) -> bool {
        !self.tx.is_empty() && self.tx.is_drained()
    }

    /// True if the receiver has read all that was sent. Asked when there is nothing else to do, so that the answer is known when there is:
    /// it lies in a line that the receiver writes.
    #[inline]
    pub(crate) fn is_drained(&mut self) -> bool {
        self.tx.is_drained()
    }

    /// True if the open page holds elements.
    #[inline]
    pub(crate) fn has_open(&self) -> bool {
        !self.tx.is_empty() || (!self.sealed && self.waiting.back().is_some_and(|p| !p.is_empty()))
    }
}

#[cfg(test)]
mod tests;
