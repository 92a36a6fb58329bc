//! Records that wait for another attempt, and when each is due.
//!
//! # Invariants
//!
//! 1. Everything is in the store: under `parked` the records with their event times, under `parked.due` when each is due, how often it was attempted, and
//!    the watermark when it came. The numbers that lead from one to the other follow from what is there.
//! 2. Numbers go up, and so do the watermarks noted with them.
//! 3. Every key's hash is in a key group of the worker's: a restore gives each group to one worker, and a key in another's would come back twice.

use std::ops::Range;

use thalweg_storage::{Cursor, Popped, Taken, TimedTable};

use crate::checkpoint::Freezing;
use crate::raw::view::Rec;
use crate::record::{KeyGroup, KeyHash, Record};
use crate::state::TimedLists;
use crate::time::{EventTime, ProcessingTime};

/// Records by number.
#[derive(Debug)]
pub(super) struct Parked<T: Record> {
    /// One record a list.
    records: TimedLists<T>,
    due: TimedTable,
    keys: Keys,
    next: u64,
    /// No record with a lesser number is there.
    oldest: u64,
    taken: Taken,
}

/// A record that waits, without the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    number: u64,
    /// How often it was attempted.
    pub(super) attempts: u32,
    /// Event time when it came.
    held: EventTime,
}

/// Makes the keys of a worker's records.
#[derive(Debug, Clone)]
struct Keys {
    /// A record's number alone would not tell it from another worker's.
    worker: u16,
    /// The worker's.
    groups: Range<u16>,
}

/// No worker has this number.
const ASIDE: u16 = u16::MAX;

impl Keys {
    /// Those of `worker`, of so many.
    fn new((worker, workers): (usize, usize)) -> Self {
        let groups = KeyGroup::of_worker(worker, workers);
        let worker = u16::try_from(worker).expect("invariant: fewer than 65,536 workers");
        Self { worker, groups }
    }

    /// Those that nobody has, in the same groups.
    fn aside(&self) -> Self {
        Self { worker: ASIDE, groups: self.groups.clone() }
    }

    /// The key of a number, and the hash.
    fn of(&self, number: u64) -> (KeyHash, [u8; 10]) {
        let mut key = [0; 10];
        key[..2].copy_from_slice(&self.worker.to_le_bytes());
        key[2..].copy_from_slice(&number.to_le_bytes());
        (KeyHash::of_bytes(&key).in_one_of(&self.groups, number), key)
    }
}

impl Waiting {
    fn payload(self) -> [u8; 12] {
        let mut payload = [0; 12];
        payload[..8].copy_from_slice(&self.held.as_nanos().to_le_bytes());
        payload[8..].copy_from_slice(&self.attempts.to_le_bytes());
        payload
    }

    fn read(number: u64, payload: &[u8]) -> Self {
        let (held, rest) = payload.split_first_chunk().expect("invariant: 12 bytes");
        let (attempts, _) = rest.split_first_chunk().expect("invariant: 12 bytes");
        let held = EventTime::from_nanos(i64::from_le_bytes(*held));
        Self { number, attempts: u32::from_le_bytes(*attempts), held }
    }
}

impl<T: Record> Parked<T> {
    /// What a worker, of so many, has parked in tables that are empty.
    pub(super) fn new(records: TimedLists<T>, due: TimedTable, place: (usize, usize)) -> Self {
        let (keys, taken) = (Keys::new(place), Taken::default());
        Self { records, due, keys, next: 0, oldest: 0, taken }
    }

    pub(super) fn freeze(&mut self, into: &mut Freezing<'_>) {
        into.state(&mut self.records);
        into.state(&mut self.due);
    }

    /// After a restore: gives what is there numbers of this worker's, whichever worker had parked it; what came at an earlier event time gets a lesser one.
    pub(super) fn resume(&mut self) {
        let mut all = Vec::new();
        let mut cursor = Cursor::default();
        while let Some((hash, key, due, payload)) = self.due.next(&mut cursor) {
            let waiting = Waiting::read(0, payload);
            all.push((waiting.held, key.to_vec(), KeyHash(hash), due, waiting));
        }
        all.sort_unstable_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        // By way of keys that nobody has: the old and the new ones may be the same.
        let by_way = self.keys.aside();
        for (number, (_, key, hash, ..)) in (0..).zip(&all) {
            let (aside_hash, aside) = by_way.of(number);
            self.records.move_list((*hash, key), (aside_hash, &aside));
            self.due.remove(hash.0, key);
        }
        for (number, (.., due, waiting)) in (0..).zip(all) {
            let ((from_hash, from), (hash, key)) = (by_way.of(number), self.keys.of(number));
            self.records.move_list((from_hash, &from), (hash, &key));
            self.wait(Waiting { number, ..waiting }, ProcessingTime::from_nanos(due));
            self.next = number + 1;
        }
    }

    /// Parks a record that was attempted once, and came when event time was `held`.
    pub(super) fn park(
        &mut self,
        record: &Rec<T>,
        at: EventTime,
        held: EventTime,
        due: ProcessingTime,
    ) {
        let waiting = Waiting { number: self.next, attempts: 1, held };
        self.next += 1;
        let (hash, key) = self.keys.of(waiting.number);
        self.records.append(hash, &key, record, at);
        self.wait(waiting, due);
    }

    /// Parks again what was taken out.
    pub(super) fn wait(&mut self, waiting: Waiting, due: ProcessingTime) {
        let (hash, key) = self.keys.of(waiting.number);
        self.due.put(hash.0, &key, due.as_nanos(), &waiting.payload());
    }

    /// Takes out the next that is due at `now`; its record stays until it is [forgotten](Self::forget).
    pub(super) fn take_due(&mut self, now: ProcessingTime, budget: &mut usize) -> Option<Waiting> {
        match self.due.take_due(now.as_nanos(), budget, &mut self.taken) {
            Popped::Due { .. } => {
                let number = self.taken.key.last_chunk().expect("invariant: a key has 10 bytes");
                Some(Waiting::read(u64::from_le_bytes(*number), &self.taken.payload))
            }
            Popped::Budget | Popped::Nothing => None,
        }
    }

    /// Takes out the oldest, due or not.
    pub(super) fn take_oldest(&mut self) -> Option<Waiting> {
        let oldest = self.oldest()?;
        let (hash, key) = self.keys.of(oldest.number);
        self.due.remove(hash.0, &key);
        Some(oldest)
    }

    /// The record that waits, or was just taken out.
    pub(super) fn record(&self, waiting: Waiting) -> (&Rec<T>, EventTime) {
        let (hash, key) = self.keys.of(waiting.number);
        let mut found = None;
        self.records.for_each(hash, &key, |record, at| found = Some((record, at)));
        found.expect("invariant 1: what waits has a record")
    }

    /// Forgets the record of what was taken out.
    pub(super) fn forget(&mut self, waiting: Waiting) {
        let (hash, key) = self.keys.of(waiting.number);
        self.records.remove(hash, &key);
    }

    /// How far event time was when the oldest record that waits came.
    pub(super) fn held(&mut self) -> Option<EventTime> {
        Some(self.oldest()?.held)
    }

    /// Records that wait.
    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    /// When the next is due, or a little before.
    pub(super) fn next_due(&self) -> Option<ProcessingTime> {
        self.due.next_due().map(ProcessingTime::from_nanos)
    }

    /// Cost: O(1) over time; each number is passed once.
    fn oldest(&mut self) -> Option<Waiting> {
        while self.oldest < self.next {
            let (hash, key) = self.keys.of(self.oldest);
            if let Some((_, payload)) = self.due.get(hash.0, &key) {
                return Some(Waiting::read(self.oldest, payload));
            }
            self.oldest += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use thalweg_storage::{Store, TableConfig, TableName};

    use super::*;
    use crate::raw::scratch::Scratch;

    #[test]
    fn keys_are_in_groups_of_their_worker_and_tell_numbers_apart() {
        for workers in 1..5 {
            for worker in 0..workers {
                let keys = Keys::new((worker, workers));
                for number in [0, 1, 2, 1_365, 1_366, 4_095, 4_096, 40_000, u64::MAX] {
                    for (hash, _) in [keys.of(number), keys.aside().of(number)] {
                        assert_eq!(hash.group().owner(workers), worker);
                    }
                    assert_ne!(keys.of(number).1, keys.aside().of(number).1);
                    assert_ne!(keys.of(number).1, keys.of(number ^ 1).1);
                }
            }
        }
    }

    #[test]
    fn what_several_workers_had_parked_is_one_s_afterwards_and_keeps_its_order() {
        let mut store = Store::default();
        let records = store.table(TableName::new("op", "parked"), TableConfig::default()).unwrap();
        let due = store.timed(TableName::new("op", "due"), TableConfig::default()).unwrap();
        let mut parked = Parked::<u64>::new(TimedLists::new(records), due, (1, 3));
        let mut scratch = Scratch::default();
        let time = |nanos: u64| i64::try_from(nanos).unwrap();
        for value in 0..40_u64 {
            // As if two workers had parked them, each in its order.
            parked.keys = Keys::new((usize::try_from(1 + value % 2).unwrap(), 3));
            parked.next = value / 2;
            let (held, due) =
                (EventTime::from_nanos(time(value)), ProcessingTime::from_nanos(time(900 - value)));
            parked.park(scratch.archive(&value), EventTime::from_nanos(7), held, due);
        }
        (parked.keys, parked.next) = (Keys::new((0, 3)), 0);
        parked.resume();
        assert_eq!(parked.next, 40);
        let mut budget = 1_000;
        let first = parked.take_due(ProcessingTime::from_nanos(861), &mut budget).unwrap();
        assert_eq!((parked.record(first).0.to_native(), first.attempts), (39, 1));
        parked.forget(first);
        for value in 0..39 {
            assert_eq!(parked.held(), Some(EventTime::from_nanos(value)));
            let oldest = parked.take_oldest().unwrap();
            assert_eq!(time(parked.record(oldest).0.to_native()), value);
            parked.forget(oldest);
        }
        assert_eq!(parked.held(), None);
    }
}
