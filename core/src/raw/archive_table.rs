//! State tables whose values are archives of one type.
//!
//! `thalweg-storage` knows bytes; here is where they become values again without being checked, because nothing but archives of
//! that type was ever written to that table.
//!
//! # Invariants
//!
//! 1. Every value of the table inside an [`ArchiveTable<V>`] is one whole archive of `V`, whenever no call is under way: the table is
//!    private, all writes here write archives, and what a checkpoint had in it was written here too (see [`super::claimed`]).
//! 2. A value starts at an address aligned to 8, as the tables promise, and `V::ALIGN` divides 8.

use thalweg_storage::{Freezer, Table};

pub(crate) use thalweg_storage::{Cursor, Hint, Prefetch};

use super::claimed::{Claimed, Freezes, Stored};
use super::layout::Layout;
use super::scratch::Scratch;
use super::view::Rec;
use super::writer;
use crate::record::{Form, KeyHash, Record};

/// Where a key is, by its hash, and by what a prefetch found out if there was one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(super) hash: KeyHash,
    pub(super) hint: Hint,
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
pub(super) fn update<V: Record, R>(
    table: &mut Table,
    scratch: &mut Scratch<V>,
    place: Place,
    key: &[u8],
    default: impl FnOnce() -> V,
    change: impl FnOnce(&mut V) -> R,
) -> R {
    update_with(table, scratch, (place, key), &mut (), |()| default(), |(), value| change(value))
}

/// As [`update`], where both closures need the same `context`.
#[inline]
pub(super) fn update_with<C, V: Record, R>(
    table: &mut Table,
    scratch: &mut Scratch<V>,
    (Place { hash, hint }, key): (Place, &[u8]),
    context: &mut C,
    default: impl FnOnce(&mut C) -> V,
    change: impl FnOnce(&mut C, &mut V) -> R,
) -> R {
    let Some(bytes) = table.get_mut_at(hint, hash.0, key) else {
        // Nothing is in the table before the closures, which may panic, are done (invariant 1).
        let mut value = default(context);
        let result = change(context, &mut value);
        table.put_new(hash.0, key, scratch.archive(&value).archive());
        return result;
    };
    // SAFETY: invariants 1 and 2.
    let mut value = unsafe { Rec::<V>::from_archive(bytes) }.to_value();
    let result = change(context, &mut value);
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
    /// A typed view of a table that is empty, or comes from a checkpoint of the same layout.
    pub(crate) fn new(table: impl Into<Claimed<Table>>) -> Self {
        Self { table: table.into().open(&Self::layout()), scratch: Scratch::default() }
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

    /// As [`Self::update`], where both closures need the same `context`.
    #[inline]
    pub(crate) fn update_with<C, R>(
        &mut self,
        (place, key): (impl Into<Place>, &[u8]),
        context: &mut C,
        default: impl FnOnce(&mut C) -> V,
        change: impl FnOnce(&mut C, &mut V) -> R,
    ) -> R {
        let place = place.into();
        update_with(&mut self.table, &mut self.scratch, (place, key), context, default, change)
    }

    /// Changes the value of `key` if there is one.
    ///
    /// Cost: as [`Self::update`].
    pub(crate) fn change<R>(
        &mut self,
        hash: KeyHash,
        key: &[u8],
        change: impl FnOnce(&mut V) -> R,
    ) -> Option<R> {
        self.table.get(hash.0, key)?;
        let never = || unreachable!("invariant: the key was just found");
        Some(self.update(hash, key, never, change))
    }

    /// Forgets `key`; true if it was there.
    pub(crate) fn remove(&mut self, hash: KeyHash, key: &[u8]) -> bool {
        self.table.remove(hash.0, key)
    }
}

impl<V: Record> Stored for ArchiveTable<V> {
    type Table = Table;

    fn layout() -> Layout {
        Layout::of::<V>(Form::Archives)
    }

    fn open(claimed: Claimed<Table>) -> Self {
        Self::new(claimed)
    }
}

impl<V: Record> Freezes for ArchiveTable<V> {
    fn freeze(&mut self, into: &mut Freezer) {
        into.table(&mut self.table);
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

    #[inline(always)]
    fn again(&self, hash: KeyHash) -> Hint {
        self.table.prefetch_again(hash.0)
    }
}

#[cfg(test)]
mod tests;
