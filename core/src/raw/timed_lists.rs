//! Records with their event times, one or a list for each key: what windows and joins keep whole.
//!
//! # Invariants
//!
//! 1. Every value of the tables is one whole archive of `T`, padded to 8 bytes, then the event time (8 bytes) and the number of padding bytes (8).
//! 2. A value starts at an address aligned to 8, as the tables promise, and `T::ALIGN` divides 8.

use std::marker::PhantomData;

use thalweg_storage::{Cursor, Freezer, Hint, Panes, Table};

use super::claimed::{Claimed, Freezes, Stored};
use super::layout::Layout;
use super::view::Rec;
use crate::record::{Form, KeyHash, Record, TRAILER_BYTES, put_record};
use crate::time::EventTime;

/// Joins a record and its time in `scratch`.
fn join<T: Record>(scratch: &mut Vec<u8>, record: &Rec<T>, at: EventTime) {
    scratch.clear();
    put_record(record.archive(), at.as_nanos(), scratch);
}

/// Appends one record to a list; the copy that joins record and time is made in `scratch`.
fn append<T: Record>(
    table: &mut Table,
    scratch: &mut Vec<u8>,
    (hash, key): (KeyHash, &[u8]),
    record: &Rec<T>,
    at: EventTime,
) {
    join(scratch, record, at);
    table.append(hash.0, key, scratch);
}

/// A record and its time, as `append` has written them.
fn read<T: Record>(value: &[u8]) -> (&Rec<T>, EventTime) {
    let (padded, trailer) = value.split_at(value.len() - TRAILER_BYTES);
    let (at, padding) = trailer.split_at(8);
    let at = i64::from_le_bytes(at.try_into().expect("invariant 1: the time has 8 bytes"));
    // Fewer than 8: the lowest byte has it all.
    let archive = &padded[..padded.len() - usize::from(padding[0])];
    // SAFETY: invariants 1 and 2; the archive is at the value's start.
    (unsafe { Rec::from_archive(archive) }, EventTime::from_nanos(at))
}

/// One list of records a key.
#[derive(Debug)]
pub(crate) struct TimedLists<T: Record> {
    table: Table,
    scratch: Vec<u8>,
    marker: PhantomData<fn(T) -> T>,
}

impl<T: Record> TimedLists<T> {
    /// A typed view of a table that is empty.
    pub(crate) fn new(table: impl Into<Claimed<Table>>) -> Self {
        Self { table: table.into().open(&Self::layout()), scratch: Vec::new(), marker: PhantomData }
    }

    /// Adds a record to the list of `key`.
    pub(crate) fn append(&mut self, hash: KeyHash, key: &[u8], record: &Rec<T>, at: EventTime) {
        append(&mut self.table, &mut self.scratch, (hash, key), record, at);
    }

    /// Shows the list of `key`, oldest first.
    pub(crate) fn for_each<'a>(
        &'a self,
        hash: KeyHash,
        key: &[u8],
        mut each: impl FnMut(&'a Rec<T>, EventTime),
    ) {
        self.table.for_each_value(hash.0, key, |value| {
            let (record, at) = read(value);
            each(record, at);
        });
    }

    /// Asks for what leads to the list of a key with this hash.
    #[inline]
    pub(crate) fn prefetch_bucket(&self, hash: KeyHash) {
        self.table.prefetch_bucket(hash.0);
    }

    /// Asks for the list's entry, when what leads to it should be there.
    #[inline]
    pub(crate) fn prefetch_entry(&self, hash: KeyHash) {
        self.table.prefetch_entry(hash.0);
    }

    /// How many records the list of `key` has.
    pub(crate) fn count(&self, hash: KeyHash, key: &[u8]) -> usize {
        self.table.count_values(hash.0, key)
    }

    /// Moves the list of `from` behind that of `to`.
    ///
    /// Cost: O(bytes of the list), and it is copied twice.
    pub(crate) fn move_list(&mut self, from: (KeyHash, &[u8]), to: (KeyHash, &[u8])) {
        self.rewrite(from, to, |_| true);
    }

    /// Keeps the records of `key` at whose place in the list `keep` is true.
    ///
    /// Cost: O(bytes of the list); what is kept is written anew.
    pub(crate) fn retain(&mut self, hash: KeyHash, key: &[u8], keep: &[bool]) {
        self.rewrite((hash, key), (hash, key), |index| keep[index]);
    }

    /// Takes the list of `from` away and appends what of it is to be kept, by its place, to that of `to`.
    fn rewrite(
        &mut self,
        from: (KeyHash, &[u8]),
        to: (KeyHash, &[u8]),
        keep: impl Fn(usize) -> bool,
    ) {
        let (mut bytes, mut ends, mut index) = (Vec::new(), Vec::new(), 0);
        self.table.for_each_value(from.0.0, from.1, |value| {
            if keep(index) {
                bytes.extend_from_slice(value);
                ends.push(bytes.len());
            }
            index += 1;
        });
        self.table.remove(from.0.0, from.1);
        let mut start = 0;
        for end in ends {
            self.table.append(to.0.0, to.1, &bytes[start..end]);
            start = end;
        }
    }

    /// Forgets the list of `key`.
    pub(crate) fn remove(&mut self, hash: KeyHash, key: &[u8]) {
        self.table.remove(hash.0, key);
    }
}

/// One record a key.
#[derive(Debug)]
pub(crate) struct TimedRecords<T: Record> {
    table: Table,
    scratch: Vec<u8>,
    marker: PhantomData<fn(T) -> T>,
}

impl<T: Record> TimedRecords<T> {
    /// A typed view of a table of such records, or an empty one.
    pub(crate) fn new(table: impl Into<Claimed<Table>>) -> Self {
        Self { table: table.into().open(&Self::layout()), scratch: Vec::new(), marker: PhantomData }
    }

    /// Sets the record of `key`.
    pub(crate) fn put(&mut self, hash: KeyHash, key: &[u8], record: &Rec<T>, at: EventTime) {
        join(&mut self.scratch, record, at);
        self.table.put(hash.0, key, &self.scratch);
    }

    /// The record of `key`.
    #[inline]
    pub(crate) fn get(&self, hash: KeyHash, key: &[u8]) -> Option<(&Rec<T>, EventTime)> {
        self.table.get(hash.0, key).map(read)
    }

    /// Forgets the record of `key`.
    pub(crate) fn remove(&mut self, hash: KeyHash, key: &[u8]) {
        self.table.remove(hash.0, key);
    }

    /// The next key, in no particular order; each once while nothing is changed.
    pub(crate) fn next_key(&self, cursor: &mut Cursor) -> Option<(KeyHash, &[u8])> {
        self.table.next(cursor).map(|(hash, key, _)| (KeyHash(hash), key))
    }

    /// As [`Self::get`], with what [`Self::prefetch_entry`] found out for this hash.
    #[inline]
    pub(crate) fn get_at(
        &self,
        (hash, hint): (KeyHash, Hint),
        key: &[u8],
    ) -> Option<(&Rec<T>, EventTime)> {
        self.table.get_at(hint, hash.0, key).map(read)
    }

    /// Asks for what leads to the record of a key with this hash.
    #[inline]
    pub(crate) fn prefetch_bucket(&self, hash: KeyHash) {
        self.table.prefetch_bucket(hash.0);
    }

    /// Asks for the record's entry, when what leads to it should be there.
    #[inline]
    pub(crate) fn prefetch_entry(&self, hash: KeyHash) -> Hint {
        self.table.prefetch_entry(hash.0)
    }
}

/// One list of records a key and pane.
#[derive(Debug)]
pub(crate) struct TimedListPanes<T: Record> {
    panes: Panes,
    scratch: Vec<u8>,
    marker: PhantomData<fn(T) -> T>,
}

impl<T: Record> TimedListPanes<T> {
    /// A typed view of panes that are empty.
    pub(crate) fn new(panes: impl Into<Claimed<Panes>>) -> Self {
        Self { panes: panes.into().open(&Self::layout()), scratch: Vec::new(), marker: PhantomData }
    }

    /// Adds a record to the list of `key` in `pane`.
    #[inline]
    pub(crate) fn append(
        &mut self,
        pane: i64,
        hash: KeyHash,
        key: &[u8],
        record: &Rec<T>,
        at: EventTime,
    ) {
        append(self.panes.pane(pane), &mut self.scratch, (hash, key), record, at);
    }

    /// Shows the lists of `key` in the panes from `first` to `last`, lowest pane first, and of each the oldest record first.
    #[inline]
    pub(crate) fn for_each<'a>(
        &'a self,
        (first, last): (i64, i64),
        hash: KeyHash,
        key: &[u8],
        mut each: impl FnMut(&'a Rec<T>, EventTime),
    ) {
        for (_, table) in self.panes.range(first..last.saturating_add(1)) {
            table.for_each_value(hash.0, key, |value| {
                let (record, at) = read(value);
                each(record, at);
            });
        }
    }

    /// Asks for what leads to the list of a key with this hash.
    #[inline]
    pub(crate) fn prefetch_bucket(&self, pane: i64, hash: KeyHash) {
        if let Some(table) = self.panes.get(pane) {
            table.prefetch_bucket(hash.0);
        }
    }

    /// Asks for the list's entry, when what leads to it should be there.
    #[inline]
    pub(crate) fn prefetch_entry(&self, pane: i64, hash: KeyHash) {
        if let Some(table) = self.panes.get(pane) {
            table.prefetch_entry(hash.0);
        }
    }

    /// Forgets the panes below `pane`.
    pub(crate) fn drop_below(&mut self, pane: i64) {
        self.panes.drop_below(pane);
    }
}

impl<T: Record> Stored for TimedLists<T> {
    type Table = Table;

    fn layout() -> Layout {
        Layout::of::<T>(Form::ListsOfRecords)
    }

    fn open(claimed: Claimed<Table>) -> Self {
        Self::new(claimed)
    }
}

impl<T: Record> Freezes for TimedLists<T> {
    fn freeze(&mut self, into: &mut Freezer) {
        into.table(&mut self.table);
    }
}

impl<T: Record> Stored for TimedRecords<T> {
    type Table = Table;

    fn layout() -> Layout {
        Layout::of::<T>(Form::Records)
    }

    fn open(claimed: Claimed<Table>) -> Self {
        Self::new(claimed)
    }
}

impl<T: Record> Freezes for TimedRecords<T> {
    fn freeze(&mut self, into: &mut Freezer) {
        into.table(&mut self.table);
    }
}

impl<T: Record> Stored for TimedListPanes<T> {
    type Table = Panes;

    fn layout() -> Layout {
        Layout::of::<T>(Form::ListsOfRecordsInPanes)
    }

    fn open(claimed: Claimed<Panes>) -> Self {
        Self::new(claimed)
    }
}

impl<T: Record> Freezes for TimedListPanes<T> {
    fn freeze(&mut self, into: &mut Freezer) {
        into.panes(&mut self.panes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::scratch::Scratch;
    use crate::record::Str;
    use thalweg_storage::{Store, TableConfig, TableName};

    #[test]
    fn records_come_back_with_their_times_after_moves_and_evictions() {
        let mut store = Store::default();
        let table = store.table(TableName::new("l", "t"), TableConfig::default()).unwrap();
        let mut lists = TimedLists::<(u8, Str)>::new(table);
        let mut scratch = Scratch::default();
        let (a, b) = ((KeyHash(1 << 9), &b"a"[..]), (KeyHash(2 << 9), &b"b"[..]));
        for number in 0..20_u8 {
            let value = (number, Str::from("x".repeat(usize::from(number) * 3)));
            let (hash, key) = if number % 2 == 0 { a } else { b };
            let at = EventTime::from_nanos(i64::from(number) - 10);
            lists.append(hash, key, scratch.archive(&value), at);
        }
        lists.move_list(b, a);
        assert_eq!((lists.count(a.0, a.1), lists.count(b.0, b.1)), (20, 0));
        let keep: Vec<bool> = (0..20).map(|index| index >= 8).collect();
        lists.retain(a.0, a.1, &keep);
        let mut seen = Vec::new();
        lists.for_each(a.0, a.1, |record, at| seen.push((record, at)));
        let numbers: Vec<u8> = seen.iter().map(|(record, _)| record.to_value().0).collect();
        assert_eq!(numbers, [16, 18, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
        for (record, at) in seen {
            let (number, text) = record.to_value();
            assert_eq!(text.len(), usize::from(number) * 3);
            assert_eq!(at, EventTime::from_nanos(i64::from(number) - 10));
        }
        lists.remove(a.0, a.1);
        assert_eq!(lists.count(a.0, a.1), 0);
    }

    #[test]
    fn panes_are_read_as_a_range() {
        let mut store = Store::default();
        let panes = store.panes(TableName::new("l", "p"), TableConfig::default()).unwrap();
        let mut lists = TimedListPanes::<u32>::new(panes);
        let mut scratch = Scratch::default();
        for pane in 0..6_u32 {
            let at = EventTime::from_nanos(i64::from(pane));
            lists.append(pane.into(), KeyHash(7), b"k", scratch.archive(&pane), at);
        }
        lists.drop_below(2);
        let mut seen = Vec::new();
        lists.for_each((0, 4), KeyHash(7), b"k", |record, _| seen.push(record.to_value()));
        assert_eq!(seen, [2, 3, 4]);
    }
}
