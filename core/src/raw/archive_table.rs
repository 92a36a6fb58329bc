//! State tables whose values are archives of one type.
//!
//! `thalweg-storage` knows bytes; here is where they become values again without being checked, because nothing but archives of
//! that type was ever written to that table.
//!
//! # Invariants
//!
//! 1. Every value of the table inside an [`ArchiveTable<V>`], [`ArchivePanes<V>`] or [`ListPanes<V>`] is one whole archive of `V`,
//!    whenever no call is under way: the table is private, and all writes here write archives.
//! 2. A value starts at an address aligned to 8, as the tables promise, and `V::ALIGN` divides 8.

use std::marker::PhantomData;

use thalweg_storage::{Panes, Table};

pub(crate) use thalweg_storage::{Cursor, Hint};

use super::scratch::Scratch;
use super::view::Rec;
use super::writer;
use crate::record::{KeyHash, Record};
use crate::time::EventTime;

/// State whose memory can be asked for ahead of its use, in two steps: what leads to an entry, and the entry.
pub(crate) trait Prefetch {
    /// What addresses a value.
    type Key: Copy;
    /// First step.
    fn bucket(&self, key: Self::Key);
    /// Second step, when what the first one asked for is there. What it finds out makes the update cheaper; a stale hint is harmless.
    fn entry(&self, key: Self::Key) -> Hint;
}

/// Where a key is, by its hash, and by what a prefetch found out if there was one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    hash: KeyHash,
    hint: Hint,
}

impl Place {
    pub(crate) fn hash(self) -> KeyHash {
        self.hash
    }

    pub(crate) fn hint(self) -> Hint {
        self.hint
    }
}

impl From<KeyHash> for Place {
    fn from(hash: KeyHash) -> Self {
        Self { hash, hint: Hint::default() }
    }
}

impl From<(KeyHash, Hint)> for Place {
    fn from((hash, hint): (KeyHash, Hint)) -> Self {
        Self { hash, hint }
    }
}

/// Updates one value of `table`, in place when its archive keeps its length.
#[inline]
fn update<V: Record, R>(
    table: &mut Table,
    scratch: &mut Scratch<V>,
    Place { hash, hint }: Place,
    key: &[u8],
    default: impl FnOnce() -> V,
    change: impl FnOnce(&mut V) -> R,
) -> R {
    let Some(bytes) = table.get_mut_at(hint, hash.0, key) else {
        // Nothing is in the table before the closures, which may panic, are done (invariant 1).
        let mut value = default();
        let result = change(&mut value);
        table.put(hash.0, key, scratch.archive(&value).archive());
        return result;
    };
    // SAFETY: invariants 1 and 2.
    let mut value = unsafe { Rec::<V>::from_archive(bytes) }.to_value();
    let result = change(&mut value);
    let length = bytes.len();
    if writer::write_archive(&value, bytes, 0) != Some((0, length)) {
        // The length has changed; what the attempt left behind is replaced whole.
        table.put(hash.0, key, scratch.archive(&value).archive());
    }
    result
}

/// A table of values.
#[derive(Debug)]
pub(crate) struct ArchiveTable<V: Record> {
    table: Table,
    scratch: Scratch<V>,
}

impl<V: Record> ArchiveTable<V> {
    /// A typed view of a table that is empty.
    pub(crate) fn new(table: Table) -> Self {
        assert!(table.is_empty(), "invariant 1: nothing but archives is in the table");
        Self { table, scratch: Scratch::default() }
    }

    /// Changes the value of `key`, which is `default()` if there is none.
    ///
    /// Cost: two cache misses if not prefetched; deserialises and serialises the value.
    #[inline]
    pub(crate) fn update<R>(
        &mut self,
        place: impl Into<Place>,
        key: &[u8],
        default: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> R,
    ) -> R {
        update(&mut self.table, &mut self.scratch, place.into(), key, default, change)
    }

    /// Forgets `key`; true if it was there.
    pub(crate) fn remove(&mut self, hash: KeyHash, key: &[u8]) -> bool {
        self.table.remove(hash.0, key)
    }
}

impl<V: Record> Prefetch for ArchiveTable<V> {
    type Key = KeyHash;

    #[inline(always)]
    fn bucket(&self, hash: KeyHash) {
        self.table.prefetch_bucket(hash.0);
    }

    #[inline(always)]
    fn entry(&self, hash: KeyHash) -> Hint {
        self.table.prefetch_entry(hash.0)
    }
}

/// A table of values for each pane, dropped whole.
#[derive(Debug)]
pub(crate) struct ArchivePanes<V: Record> {
    panes: Panes,
    scratch: Scratch<V>,
}

impl<V: Record> ArchivePanes<V> {
    /// A typed view of panes that are empty.
    pub(crate) fn new(panes: Panes) -> Self {
        assert!(panes.is_empty(), "invariant 1: nothing but archives is in the panes");
        Self { panes, scratch: Scratch::default() }
    }

    /// Changes the value of `key` in `pane`, which is `default()` if there is none.
    #[inline]
    pub(crate) fn update<R>(
        &mut self,
        pane: EventTime,
        place: impl Into<Place>,
        key: &[u8],
        default: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> R,
    ) -> R {
        let table = self.panes.pane(pane.as_nanos());
        update(table, &mut self.scratch, place.into(), key, default, change)
    }

    /// The oldest pane.
    pub(crate) fn first(&self) -> Option<EventTime> {
        self.panes.first_pane().map(EventTime::from_nanos)
    }

    /// The next key of `pane` and its value, in the order of the keys' arrival.
    pub(crate) fn next(&self, pane: EventTime, cursor: &mut Cursor) -> Option<(&[u8], &Rec<V>)> {
        let (_, key, value) = self.panes.get(pane.as_nanos())?.next(cursor)?;
        // SAFETY: invariants 1 and 2.
        Some((key, unsafe { Rec::from_archive(value) }))
    }

    /// Forgets a pane and all it holds.
    pub(crate) fn drop_pane(&mut self, pane: EventTime) {
        self.panes.drop_pane(pane.as_nanos());
    }
}

impl<V: Record> Prefetch for ArchivePanes<V> {
    type Key = (EventTime, KeyHash);

    #[inline(always)]
    fn bucket(&self, (pane, hash): (EventTime, KeyHash)) {
        if let Some(table) = self.panes.get(pane.as_nanos()) {
            table.prefetch_bucket(hash.0);
        }
    }

    #[inline(always)]
    fn entry(&self, (pane, hash): (EventTime, KeyHash)) -> Hint {
        self.panes
            .get(pane.as_nanos())
            .map_or_else(Hint::default, |table| table.prefetch_entry(hash.0))
    }
}

/// Lists of records, one for each key of each pane.
#[derive(Debug)]
pub(crate) struct ListPanes<T: Record> {
    panes: Panes,
    marker: PhantomData<fn(T) -> T>,
}

impl<T: Record> ListPanes<T> {
    /// A typed view of panes that are empty.
    pub(crate) fn new(panes: Panes) -> Self {
        assert!(panes.is_empty(), "invariant 1: nothing but archives is in the panes");
        Self { panes, marker: PhantomData }
    }

    /// Adds a record to the list of `key` in `pane`.
    pub(crate) fn append(&mut self, pane: EventTime, hash: KeyHash, key: &[u8], record: &Rec<T>) {
        self.panes.pane(pane.as_nanos()).append(hash.0, key, record.archive());
    }

    /// Shows the list of `key` in `pane`, oldest first.
    pub(crate) fn for_each(
        &self,
        pane: EventTime,
        hash: KeyHash,
        key: &[u8],
        mut each: impl FnMut(&Rec<T>),
    ) {
        if let Some(table) = self.panes.get(pane.as_nanos()) {
            table.for_each_value(hash.0, key, |bytes| {
                // SAFETY: invariants 1 and 2; list values are aligned as single ones are.
                each(unsafe { Rec::from_archive(bytes) });
            });
        }
    }

    /// Forgets the panes up to and with `last`.
    pub(crate) fn drop_through(&mut self, last: EventTime) {
        while let Some(first) = self.panes.first_pane().filter(|first| *first <= last.as_nanos()) {
            self.panes.drop_pane(first);
        }
    }
}

#[cfg(test)]
mod tests;
