//! Records that came while the writer was full and a checkpoint was under way: they are laid aside, so that the barrier behind them can come.
//!
//! Without this a sink that takes nothing would hold up every checkpoint: the barrier travels in band, behind what waits in front of the sink. What is laid aside
//! is bounded by what was on its way when the barrier was decided.
//!
//! # Invariants
//!
//! 1. First in, first out: while something lies here the writer gets it, and what comes is laid behind it.
//! 2. A checkpoint has what lay here at its barrier, as one list of the table `aside` for each worker; the list's place is one of its worker's key groups, so with as
//!    many workers as before it comes back to the worker that had it.
//!
//! # Source
//!
//! P. Carbone et al., "Lightweight Asynchronous Snapshots for Distributed Dataflows", 2015: records in flight as part of the state, here of the sinks alone.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::raw::page::PageBuf;
use crate::raw::view::Rec;
use crate::record::{KeyGroup, KeyHash, Record};
use crate::state::TimedLists;
use crate::time::EventTime;

/// Bytes of a page, if its first record is not larger.
const PAGE_BYTES: usize = 16 << 10;

/// Under which name it is noted whose list is in the table.
const PLACE: &str = "aside";

/// Records in the order in which they came.
pub(crate) struct Aside<T: Record> {
    /// None of them is empty.
    pages: VecDeque<PageBuf<T>>,
    /// What the last checkpoint has of them.
    kept: TimedLists<T>,
    is_kept: bool,
    place: Place,
}

/// Where the list of a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    worker: usize,
    workers: usize,
}

impl Place {
    fn hash(self) -> KeyHash {
        let first = KeyGroup::of_worker(self.worker, self.workers).start;
        KeyHash(0).in_group(KeyGroup(first))
    }

    fn key(self) -> [u8; 8] {
        ((self.worker as u64) << 32 | self.workers as u64).to_le_bytes()
    }
}

/// Adds a record behind the others.
fn add<T: Record>(pages: &mut VecDeque<PageBuf<T>>, record: &Rec<T>, at: EventTime, hash: KeyHash) {
    if pages.back_mut().is_some_and(|page| page.push_archived(record, at, hash)) {
        return;
    }
    let mut page = PageBuf::for_archive(record.archive().len());
    if page.page_bytes() < PAGE_BYTES {
        page = PageBuf::new(PAGE_BYTES);
    }
    let fits = page.push_archived(record, at, hash);
    assert!(fits, "invariant: the page was made for it");
    pages.push_back(page);
}

impl<T: Record> Aside<T> {
    /// Nothing, on `worker` of `workers`; `kept` is empty, or what a checkpoint has.
    pub(crate) fn new(kept: TimedLists<T>, (worker, workers): (usize, usize)) -> Self {
        Self { pages: VecDeque::new(), kept, is_kept: false, place: Place { worker, workers } }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Lays records behind the others.
    pub(super) fn push(&mut self, run: Records<'_, T>) {
        run.keyed().for_each(|(record, at, hash)| add(&mut self.pages, record, at, hash));
    }

    /// What is to be written next.
    pub(super) fn front(&self) -> Option<Records<'_, T>> {
        self.pages.front().map(|page| Records::whole(page.view()))
    }

    /// The front was written.
    pub(super) fn pop(&mut self) {
        self.pages.pop_front();
    }

    /// Cost: O(bytes that lie here).
    pub(super) fn freeze(&mut self, into: &mut Freezing<'_>) {
        let Self { pages, kept, is_kept, place } = self;
        let (hash, key) = (place.hash(), place.key());
        if *is_kept {
            kept.remove(hash, &key);
        }
        for page in &*pages {
            for (record, at) in Records::whole(page.view()).iter() {
                kept.append(hash, &key, record, at);
            }
        }
        *is_kept = !pages.is_empty();
        if *is_kept {
            into.note(PLACE, place);
        }
        into.state(kept);
    }

    /// Takes the lists that are on this worker now; `has_writer`: they can be written here.
    pub(super) fn resume(
        &mut self,
        from: &Resuming<'_>,
        has_writer: bool,
    ) -> Result<(), OperatorFault> {
        let mut places: Vec<Place> = from.notes(PLACE)?;
        places.sort_unstable_by_key(|place| place.worker);
        for place in places {
            let (hash, key) = (place.hash(), place.key());
            let Self { pages, kept, .. } = self;
            let mut found = false;
            kept.for_each(hash, &key, |record, at| {
                found = true;
                add(pages, record, at, KeyHash(0));
            });
            if found && !has_writer {
                return Err(NO_WRITER.into());
            }
            kept.remove(hash, &key);
        }
        Ok(())
    }
}

const NO_WRITER: &str = "the checkpoint has records for this sink that had a writer on each worker, and it has but one now; let the sink take them first, or leave it as it was";
