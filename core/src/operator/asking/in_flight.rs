//! The records that were asked about, in the store.
//!
//! # Invariants
//!
//! 1. A number is given once in the life of the state, whichever worker gives it: after a restore all go on from the largest.
//! 2. A record lies in a key group of its own worker, so that it comes back to it if the job goes on with as many workers.

use std::collections::VecDeque;

use thalweg_storage::Cursor;

use crate::checkpoint::Freezing;
use crate::raw::view::Rec;
use crate::record::{KeyGroup, KeyHash, Record};
use crate::state::TimedRecords;
use crate::time::EventTime;

/// Records by the number of their arrival.
#[derive(Debug)]
pub(crate) struct InFlight<T: Record> {
    records: TimedRecords<T>,
    worker: u16,
    /// The key groups of the worker.
    groups: std::ops::Range<u16>,
    next: u64,
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    hash: KeyHash,
    /// The number of its arrival, then the worker that gave it: as bytes they are in order.
    key: [u8; 10],
}

impl<T: Record> InFlight<T> {
    /// Those of `worker`, of so many.
    pub(crate) fn new(records: TimedRecords<T>, (worker, workers): (usize, usize)) -> Self {
        let groups = KeyGroup::of_worker(worker, workers);
        let worker = u16::try_from(worker).expect("invariant: fewer than 65,536 workers");
        Self { records, worker, groups, next: 0 }
    }

    /// Keeps a record.
    pub(crate) fn add(&mut self, record: &Rec<T>, at: EventTime) -> Place {
        let mut key = [0; 10];
        key[..8].copy_from_slice(&self.next.to_le_bytes());
        key[..8].reverse();
        key[8..].copy_from_slice(&self.worker.to_le_bytes());
        let place = Place { hash: self.hash(&key), key };
        self.next += 1;
        self.records.put(place.hash, &place.key, record, at);
        place
    }

    /// The record at a place.
    pub(crate) fn record(&self, place: Place) -> (&Rec<T>, EventTime) {
        let found = self.records.get(place.hash, &place.key);
        found.expect("invariant: what is in flight is in the store")
    }

    /// Its result has left.
    pub(crate) fn forget(&mut self, place: Place) {
        self.records.remove(place.hash, &place.key);
    }

    /// The number of the next arrival.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    pub(crate) fn freeze(&mut self, into: &mut Freezing<'_>) {
        into.state(&mut self.records);
    }

    /// After a restore: what is there, in the order of its arrival. `next` is the largest number of any worker.
    pub(crate) fn resume(&mut self, next: u64) -> VecDeque<Place> {
        self.next = next;
        let (mut places, mut cursor) = (Vec::new(), Cursor::default());
        while let Some((hash, key)) = self.records.next_key(&mut cursor) {
            let key = key.try_into().expect("invariant: keys have ten bytes");
            places.push(Place { hash, key });
        }
        places.sort_unstable_by_key(|place| place.key);
        places.into()
    }

    /// A hash whose group is the worker's.
    fn hash(&self, key: &[u8]) -> KeyHash {
        KeyHash::of_bytes(key).in_one_of(&self.groups, self.next)
    }
}
