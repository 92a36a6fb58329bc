//! What a worker has for a handle of the host: pages that the host has not read, the first of them in the ring, the others waiting for room in it.
//!
//! Each page goes into the ring as a copy, one for one. In a job with checkpoints the original stays until the host has given the copy back: a checkpoint then has what the
//! host was sent and has not read, for after a crash nobody will read it in the ring. While a checkpoint is under way more may wait than usual, so that the barrier
//! behind it can come.
//!
//! # Invariants
//!
//! 1. `pages` are in the order in which they were filled; the first `sent` of them are in the ring, or were given back since it was last asked, and as many pages were sent as were
//!    published. Only the last may be open, and a page in the ring is not.
//! 2. No page but the open one is empty.
//! 3. A record that fits no page is a page of its own; the ring has a mark in its place, as in a [`lane`](crate::exchange::lane).

use std::collections::VecDeque;
use std::sync::mpsc::Sender;

use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::operator::output::AnyOutput;
use crate::raw::doorbell::Ringer;
use crate::raw::page::{Control, PageBuf, PageTx, PageView};
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::sink::in_flight::{InFlight, MOST_BYTES};
use crate::time::EventTime;

/// A worker's end of the ring to a handle.
pub(crate) struct OutputEnds<T: Record> {
    pub(super) tx: PageTx<T>,
    pub(super) large: Sender<PageBuf<T>>,
    /// Wakes the host.
    pub(super) receiver: Ringer,
}

/// What a worker has for a handle.
pub(super) struct Outbox<T: Record> {
    ends: OutputEnds<T>,
    pages: VecDeque<PageBuf<T>>,
    sent: usize,
    /// The last page takes no more.
    is_sealed: bool,
    /// Of the pages that wait for room.
    waiting_bytes: usize,
    /// Empty pages of the ring's size.
    spare: Vec<PageBuf<T>>,
    /// In a job with checkpoints.
    in_flight: Option<InFlight<T>>,
    /// What was sent is kept until it is read.
    keeps: bool,
    /// The last epoch that was decided, and the last one whose barrier has come. Between the two more may wait.
    decided: u64,
    frozen: u64,
    origin_ns: u64,
    records: u64,
    bytes: u64,
}

impl<T: Record> Outbox<T> {
    pub(super) fn new(ends: OutputEnds<T>, in_flight: Option<InFlight<T>>) -> Self {
        let (pages, page_bytes) = (ends.tx.pages() + 2, ends.tx.page_bytes());
        let mut spare = Vec::with_capacity(pages);
        spare.resize_with(pages, || PageBuf::new(page_bytes));
        Self {
            ends,
            pages: VecDeque::with_capacity(pages),
            sent: 0,
            is_sealed: true,
            waiting_bytes: 0,
            spare,
            keeps: in_flight.is_some(),
            in_flight,
            decided: 0,
            frozen: 0,
            origin_ns: 0,
            records: 0,
            bytes: 0,
        }
    }

    /// Adds records behind the others.
    #[inline]
    pub(super) fn push(&mut self, run: Records<'_, T>) {
        self.records += run.len() as u64;
        for (record, at) in run.iter() {
            self.add(record, at);
        }
    }

    #[inline(always)]
    fn add(&mut self, record: &Rec<T>, at: EventTime) {
        let open = self.pages.back_mut().filter(|_| !self.is_sealed);
        if !open.is_some_and(|page| page.push_archived(record, at, KeyHash(0))) {
            self.add_to_next(record, at);
        }
    }

    #[cold]
    fn add_to_next(&mut self, record: &Rec<T>, at: EventTime) {
        if self.next_page().push_archived(record, at, KeyHash(0)) {
            return;
        }
        let origin_ns = self.origin_ns;
        let page = self.pages.back_mut().expect("invariant: one was made");
        let small = std::mem::replace(page, PageBuf::for_archive(record.archive().len()));
        page.stamp(origin_ns);
        let fits = page.push_archived(record, at, KeyHash(0));
        assert!(fits, "invariant: a page made for a record holds it");
        self.put_by(small);
        self.seal();
    }

    fn add_control(&mut self, control: Control) {
        let open = self.pages.back_mut().filter(|_| !self.is_sealed);
        if !open.is_some_and(|page| page.push_control(control)) {
            let fits = self.next_page().push_control(control);
            assert!(fits, "invariant: an empty page has room for a control element");
        }
    }

    /// Ends the open page, and opens another.
    fn next_page(&mut self) -> &mut PageBuf<T> {
        self.seal();
        self.send();
        let page_bytes = self.ends.tx.page_bytes();
        let mut page = self.spare.pop().unwrap_or_else(|| PageBuf::new(page_bytes));
        page.stamp(self.origin_ns);
        self.is_sealed = false;
        self.pages.push_back(page);
        self.pages.back_mut().expect("invariant: pushed above")
    }

    /// Ends the open page, so that the host gets it as soon as the ring has room.
    fn seal(&mut self) {
        if !self.is_sealed
            && let Some(page) = self.pages.back()
        {
            self.is_sealed = true;
            self.bytes += page.view().used_bytes() as u64;
            self.waiting_bytes += page.page_bytes();
        }
    }

    /// How many pages wait for room in the ring.
    fn waiting(&self) -> usize {
        self.pages.len() - self.sent - usize::from(!self.is_sealed)
    }

    /// Puts pages into the ring while it has room; true if one was.
    fn send(&mut self) -> bool {
        let mut any = false;
        while self.waiting() > 0 {
            // Not before it is needed: how far the host is lies in a line that it writes.
            if self.sent >= self.ends.tx.pages() {
                self.forget_read();
            }
            if self.send_next() {
                any = true;
            } else if self.ends.tx.is_abandoned() {
                self.discard();
            } else {
                break;
            }
        }
        if any {
            self.ends.receiver.ring();
        }
        any
    }

    fn send_next(&mut self) -> bool {
        let Self { ends, pages, sent, waiting_bytes, keeps, .. } = self;
        let page = &pages[*sent];
        if page.page_bytes() == ends.tx.page_bytes() {
            if !ends.tx.copy_page(page.view()) {
                return false;
            }
        } else {
            if !ends.tx.has_page() {
                return false;
            }
            let view = page.view();
            let (record, at, hash) = (view.record(0), view.event_time(0), view.hash(0));
            let mut copy = PageBuf::for_archive(record.archive().len());
            copy.stamp(view.origin_ns());
            let fits = copy.push_archived(record, at, hash);
            assert!(fits, "invariant: a page made for a record holds it");
            // A host that is gone is noticed with the next page.
            drop(ends.large.send(copy));
            ends.tx.stamp(view.origin_ns());
            let is_marked = ends.tx.push_large(at, hash);
            assert!(is_marked, "invariant: an empty page has room for a mark");
        }
        ends.tx.publish();
        *waiting_bytes -= page.page_bytes();
        *sent += 1;
        if !*keeps {
            self.forget_first();
        }
        true
    }

    /// Forgets the pages that the host has read.
    fn forget_read(&mut self) {
        if self.sent > 0 {
            let unread = self.ends.tx.unread();
            (unread..self.sent).for_each(|_| self.forget_first());
        }
    }

    /// Forgets the first page, which was sent.
    fn forget_first(&mut self) {
        self.sent -= 1;
        let page = self.pages.pop_front().expect("invariant 1: what was sent is there");
        self.put_by(page);
    }

    fn put_by(&mut self, mut page: PageBuf<T>) {
        let is_of_the_ring = page.page_bytes() == self.ends.tx.page_bytes();
        if is_of_the_ring && self.spare.len() < self.spare.capacity() {
            page.clear();
            self.spare.push(page);
        }
    }

    /// Nobody reads any more, the handle was dropped: nothing is worth keeping.
    fn discard(&mut self) {
        (self.sent, self.waiting_bytes) = (0, 0);
        let open = if self.is_sealed { None } else { self.pages.pop_back() };
        while let Some(page) = self.pages.pop_front() {
            self.put_by(page);
        }
        self.pages.extend(open);
    }

    /// The barrier of `epoch` is on its way.
    pub(super) fn await_barrier(&mut self, epoch: u64) {
        self.decided = epoch;
    }

    /// Freezes what the host has not read.
    pub(super) fn freeze(&mut self, into: &mut Freezing<'_>) {
        self.forget_read();
        if self.ends.tx.is_abandoned() {
            self.discard();
        }
        let Self { pages, in_flight, .. } = self;
        if let Some(in_flight) = in_flight {
            in_flight.freeze(into, |show| {
                pages.iter().for_each(|page| each_record(page.view(), show));
            });
        }
        self.frozen = into.epoch();
    }

    /// Has what a checkpoint says was not read.
    pub(super) fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        let Some(mut in_flight) = self.in_flight.take() else { return Ok(()) };
        let result = in_flight.resume(from, |record, at| {
            self.records += 1;
            self.add(record, at);
        });
        self.in_flight = Some(in_flight);
        result
    }

    /// Whether more may wait than usual.
    fn lays_aside(&self) -> bool {
        self.decided > self.frozen && self.keeps && self.waiting_bytes < MOST_BYTES
    }
}

/// Shows the records of a page, past its control elements.
fn each_record<T: Record>(page: PageView<'_, T>, show: &mut dyn FnMut(&Rec<T>, EventTime)) {
    let mut index = 0;
    while index < page.len() {
        let end = page.run_end(index);
        page.records(index, end).for_each(|(record, at)| show(record, at));
        index = end + 1;
    }
}

impl<T: Record> AnyOutput for Outbox<T> {
    fn end_step(&mut self) -> Result<(), OperatorFault> {
        Ok(())
    }

    fn flush(&mut self) -> bool {
        self.seal();
        self.send()
    }

    fn drain(&mut self) -> bool {
        self.send();
        !self.is_blocked()
    }

    fn is_blocked(&self) -> bool {
        self.waiting() > 0 && !self.lays_aside()
    }

    fn is_hungry(&mut self) -> bool {
        self.has_open() && self.is_drained()
    }

    fn has_open(&self) -> bool {
        !self.is_sealed
    }

    fn is_drained(&mut self) -> bool {
        self.ends.tx.is_drained()
    }

    fn emit_control(&mut self, control: Control) {
        // Nobody waits for a barrier outside.
        if !matches!(control, Control::Barrier(_)) {
            self.add_control(control);
        }
    }

    fn emitted(&self) -> u64 {
        self.records
    }

    fn emitted_bytes(&self) -> u64 {
        self.bytes
    }

    fn stamp_origin(&mut self, origin_ns: u64) {
        self.origin_ns = origin_ns;
        if let Some(page) = self.pages.back_mut().filter(|_| !self.is_sealed) {
            page.stamp(origin_ns);
        }
    }
}
