//! An inbox: the lanes into one port of one task, and how far each page is read.

use super::lane::LaneRx;
use crate::raw::page::{Control, Element, PageView};
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::time::EventTime;

/// A run of records of one page, in order; what an operator gets at a time.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a, T: Record> {
    page: PageView<'a, T>,
    from: usize,
    to: usize,
}

impl<'a, T: Record> Records<'a, T> {
    /// All records of a page that holds nothing else.
    pub(crate) fn whole(page: PageView<'a, T>) -> Self {
        Self { page, from: 0, to: page.len() }
    }

    /// Number of records.
    #[inline]
    pub fn len(&self) -> usize {
        self.to - self.from
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// The record at `index`.
    #[inline]
    pub fn record(&self, index: usize) -> &'a Rec<T> {
        self.page.record(self.from + index)
    }

    /// The event time of the record at `index`.
    #[inline]
    pub fn event_time(&self, index: usize) -> EventTime {
        self.page.event_time(self.from + index)
    }

    /// The key hash of the record at `index`; zero where the stream is not keyed.
    #[inline]
    pub fn hash(&self, index: usize) -> KeyHash {
        self.page.hash(self.from + index)
    }

    /// The event times and key hashes of the records, without the records.
    #[inline(always)]
    pub(crate) fn keys(
        &self,
    ) -> impl ExactSizeIterator<Item = (EventTime, KeyHash)> + Clone + use<'a, T> {
        self.page.keys(self.from, self.to)
    }

    /// When the oldest record of the batch entered the engine, in the clock's nanoseconds; 0 = unknown.
    pub fn origin_ns(&self) -> u64 {
        self.page.origin_ns()
    }

    /// The records with their event times and key hashes.
    pub(crate) fn keyed(
        &self,
    ) -> impl Iterator<Item = (&'a Rec<T>, EventTime, KeyHash)> + use<'a, T> {
        self.page.keyed_records(self.from, self.to)
    }

    /// The records with their event times.
    pub fn iter(&self) -> impl Iterator<Item = (&'a Rec<T>, EventTime)> + use<'a, T> {
        self.page.records(self.from, self.to)
    }
}

/// What a port does with what arrives.
pub(crate) trait Arrivals<T: Record> {
    /// Records that a run has at most.
    const MOST: usize = usize::MAX;

    /// Takes a run of records; false to stop reading this page for now.
    fn records(&mut self, run: Records<'_, T>) -> bool;
    /// Takes a control element of lane `lane`; false to stop reading this page for now.
    fn control(&mut self, lane: usize, control: Control) -> bool;
}

#[derive(Debug)]
struct InLane<T: Record> {
    rx: LaneRx<T>,
    /// Elements of the front page that were read already.
    cursor: usize,
    /// Its sender has no source to read: nothing will come but the end.
    is_silent: bool,
    /// Its sender is in a loop that this one is in, or leads out of: waves come on it.
    is_inside: bool,
}

/// The lanes into one port.
#[derive(Debug)]
pub(crate) struct Inbox<T: Record> {
    lanes: Vec<InLane<T>>,
    bytes: u64,
}

impl<T: Record> Inbox<T> {
    pub(crate) fn new(lanes: Vec<LaneRx<T>>) -> Self {
        let lane = |rx| InLane { rx, cursor: 0, is_silent: false, is_inside: false };
        Self { lanes: lanes.into_iter().map(lane).collect(), bytes: 0 }
    }

    /// The same inbox; no record will come on `lane`, so event time need not wait for it.
    pub(crate) fn with_silent(mut self, lane: usize) -> Self {
        self.lanes[lane].is_silent = true;
        self
    }

    /// The same inbox, whose senders are in a loop.
    pub(crate) fn inside(mut self) -> Self {
        self.lanes.iter_mut().for_each(|lane| lane.is_inside = true);
        self
    }

    /// The lanes of `self` and then those of `other`, as one inbox.
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.lanes.extend(other.lanes);
        self
    }

    /// True if no record will come on `lane`.
    pub(crate) fn is_silent(&self, lane: usize) -> bool {
        self.lanes[lane].is_silent
    }

    /// True if the sender of `lane` is in a loop.
    pub(crate) fn is_inside(&self, lane: usize) -> bool {
        self.lanes[lane].is_inside
    }

    pub(crate) fn len(&self) -> usize {
        self.lanes.len()
    }

    #[inline]
    pub(crate) fn is_ready(&mut self, lane: usize) -> bool {
        self.lanes[lane].rx.pages.is_ready()
    }

    /// Pages that wait in `lane`, the one that is being read among them. Cost: a line that the sender writes.
    pub(crate) fn waiting(&mut self, lane: usize) -> usize {
        self.lanes[lane].rx.pages.len()
    }

    /// What the pages that were read held, in bytes: archives and what says where they lie.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When the front page's oldest record entered the engine.
    pub(crate) fn origin_ns(&mut self, lane: usize) -> u64 {
        self.lanes[lane].rx.pages.front().map_or(0, |page| page.origin_ns())
    }

    /// Reads up to `limit` elements of the front page of `lane`; the rest stays for the next step.
    ///
    /// Returns how many elements were read.
    pub(crate) fn read<A: Arrivals<T>>(
        &mut self,
        lane: usize,
        limit: usize,
        arrivals: &mut A,
    ) -> usize {
        let InLane { rx, cursor, .. } = &mut self.lanes[lane];
        let Some(page) = rx.pages.front() else { return 0 };
        let first = *cursor;
        let end = page.len().min(first + limit);
        let mut go_on = true;
        while *cursor < end && go_on {
            let to = page.run_end(*cursor).min(end).min(cursor.saturating_add(A::MOST));
            if to > *cursor {
                go_on = arrivals.records(Records { page, from: *cursor, to });
                *cursor = to;
                continue;
            }
            match page.element(*cursor) {
                Element::Control(control) => go_on = arrivals.control(lane, control),
                Element::Large(..) => {
                    let large = rx
                        .large
                        .recv()
                        .expect("invariant: a large record was sent before its mark");
                    let page = large.view();
                    self.bytes += page.used_bytes() as u64;
                    go_on = arrivals.records(Records { page, from: 0, to: page.len() });
                }
                Element::Record(..) => unreachable!("invariant: a run of records was read above"),
            }
            *cursor += 1;
        }
        let read = *cursor - first;
        if *cursor == page.len() {
            *cursor = 0;
            self.bytes += page.used_bytes() as u64;
            rx.release();
        }
        read
    }
}

#[cfg(test)]
mod tests;
