//! Records that came while the writer was full and a checkpoint was under way: they are laid aside, so that the barrier behind them can come.
//!
//! Without this a sink that takes nothing would hold up every checkpoint: the barrier travels in band, behind what waits in front of the sink. What lies here at a barrier is
//! part of its checkpoint.
//!
//! # Invariants
//!
//! 1. First in, first out: while something lies here the writer gets it, and what comes is laid behind it.

use std::collections::VecDeque;

use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::raw::page::PageBuf;
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::sink::in_flight::{InFlight, MOST_BYTES};
use crate::time::EventTime;

/// Bytes of a page, if its first record is not larger.
const PAGE_BYTES: usize = 16 << 10;

/// Records in the order in which they came.
pub(super) struct Aside<T: Record> {
    /// None of them is empty.
    pages: VecDeque<PageBuf<T>>,
    /// Of all pages.
    bytes: usize,
    in_flight: InFlight<T>,
}

/// Adds a record behind the others.
fn add<T: Record>(
    pages: &mut VecDeque<PageBuf<T>>,
    bytes: &mut usize,
    record: &Rec<T>,
    at: EventTime,
    hash: KeyHash,
) {
    if pages.back_mut().is_some_and(|page| page.push_archived(record, at, hash)) {
        return;
    }
    let mut page = PageBuf::for_archive(record.archive().len());
    if page.page_bytes() < PAGE_BYTES {
        page = PageBuf::new(PAGE_BYTES);
    }
    let fits = page.push_archived(record, at, hash);
    assert!(fits, "invariant: the page was made for it");
    *bytes += page.page_bytes();
    pages.push_back(page);
}

impl<T: Record> Aside<T> {
    pub(super) fn new(in_flight: InFlight<T>) -> Self {
        Self { pages: VecDeque::new(), bytes: 0, in_flight }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// True if no more is to be laid aside.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= MOST_BYTES
    }

    /// Lays records behind the others.
    pub(super) fn push(&mut self, run: Records<'_, T>) {
        let Self { pages, bytes, .. } = self;
        run.keyed().for_each(|(record, at, hash)| add(pages, bytes, record, at, hash));
    }

    /// What is to be written next.
    pub(super) fn front(&self) -> Option<Records<'_, T>> {
        self.pages.front().map(|page| Records::whole(page.view()))
    }

    /// The front was written.
    pub(super) fn pop(&mut self) {
        self.bytes -= self.pages.pop_front().map_or(0, |page| page.page_bytes());
    }

    /// Cost: O(bytes that lie here).
    pub(super) fn freeze(&mut self, into: &mut Freezing<'_>) {
        let Self { pages, in_flight, .. } = self;
        in_flight.freeze(into, |show| {
            for page in &*pages {
                Records::whole(page.view()).iter().for_each(|(record, at)| show(record, at));
            }
        });
    }

    /// Takes what is on this worker now; `has_writer`: it can be written here.
    pub(super) fn resume(
        &mut self,
        from: &Resuming<'_>,
        has_writer: bool,
    ) -> Result<(), OperatorFault> {
        let Self { pages, bytes, in_flight } = self;
        in_flight.resume(from, |record, at| add(pages, bytes, record, at, KeyHash(0)))?;
        if !self.is_empty() && !has_writer {
            return Err(NO_WRITER.into());
        }
        Ok(())
    }
}

const NO_WRITER: &str = "the checkpoint has records for this sink that had a writer on each worker, and it has but one now; let the sink take them first, or leave it as it was";
