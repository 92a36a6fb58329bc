//! Records before the outside that a checkpoint has as its own: its barrier has passed them, and who is to have them has not taken them.
//!
//! They are one list of the table `aside` for each worker. The list's place is one of its worker's key groups, so with as many workers as before it comes back to the
//! worker that had it.
//!
//! # Source
//!
//! P. Carbone et al., "Lightweight Asynchronous Snapshots for Distributed Dataflows", 2015: records in flight as part of the state, here of what is at the end of a job alone.

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::raw::view::Rec;
use crate::record::{KeyGroup, KeyHash, Record};
use crate::state::TimedLists;
use crate::time::EventTime;

/// Name of the table, under its operator's.
pub(crate) const TABLE: &str = "aside";

/// Under which name it is noted whose list is in the table.
const PLACE: &str = "aside";

/// How many bytes of records may wait for an outside that takes none, so that barriers can pass them. What is on its way when a barrier is decided is far less, but each
/// checkpoint makes room for as much again; when this is reached, barriers wait as well.
pub(super) const MOST_BYTES: usize = if cfg!(test) { 256 << 10 } else { 64 << 20 };

/// What the last checkpoint has of one worker.
pub(crate) struct InFlight<T: Record> {
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

impl<T: Record> InFlight<T> {
    /// Of `worker` of `workers`; `kept` is empty, or what a checkpoint has.
    pub(crate) fn new(kept: TimedLists<T>, (worker, workers): (usize, usize)) -> Self {
        Self { kept, is_kept: false, place: Place { worker, workers } }
    }

    /// Freezes the records that `show` shows, in their order.
    ///
    /// Cost: O(bytes of them).
    pub(super) fn freeze(
        &mut self,
        into: &mut Freezing<'_>,
        show: impl FnOnce(&mut dyn FnMut(&Rec<T>, EventTime)),
    ) {
        let Self { kept, is_kept, place } = self;
        let (hash, key) = (place.hash(), place.key());
        if *is_kept {
            kept.remove(hash, &key);
        }
        *is_kept = false;
        show(&mut |record, at| {
            *is_kept = true;
            kept.append(hash, &key, record, at);
        });
        if *is_kept {
            into.note(PLACE, place);
        }
        into.state(kept);
    }

    /// Takes the lists that are on this worker now.
    pub(super) fn resume(
        &mut self,
        from: &Resuming<'_>,
        mut each: impl FnMut(&Rec<T>, EventTime),
    ) -> Result<(), OperatorFault> {
        let mut places: Vec<Place> = from.notes(PLACE)?;
        places.sort_unstable_by_key(|place| place.worker);
        for place in places {
            let (hash, key) = (place.hash(), place.key());
            self.kept.for_each(hash, &key, &mut each);
            self.kept.remove(hash, &key);
        }
        Ok(())
    }
}
