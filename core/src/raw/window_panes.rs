//! Panes of values, each named by a number: the slices of windows, and what is merged from them.
//!
//! # Invariants
//!
//! Those of [`super::archive_table`]: every value of every pane is one whole archive of `V`, aligned.

use std::marker::PhantomData;

use thalweg_storage::{Freezer, Panes, Table};

use super::archive_table::{Cursor, Hint, Place, Prefetch, update};
use super::claimed::{Claimed, Freezes, Stored};
use super::layout::Layout;
use super::scratch::Scratch;
use super::view::Rec;
use crate::record::{Form, KeyHash, Record};

/// A key of a pane: its hash, its bytes, its value.
pub(crate) type Entry<'a, V> = (KeyHash, &'a [u8], &'a Rec<V>);

/// One pane, to be read.
#[derive(Debug)]
pub(crate) struct Slice<'a, V> {
    table: &'a Table,
    marker: PhantomData<fn() -> V>,
}

impl<'a, V: Record> Slice<'a, V> {
    /// The value of `key`.
    #[inline]
    pub(crate) fn get(&self, hash: KeyHash, key: &[u8]) -> Option<&'a Rec<V>> {
        let value = self.table.get(hash.0, key)?;
        // SAFETY: the values are archives of `V`, whole and aligned (invariant).
        Some(unsafe { Rec::from_archive(value) })
    }

    /// The next key and its value, in the order of the keys' arrival.
    #[inline]
    pub(crate) fn next(&self, cursor: &mut Cursor) -> Option<Entry<'a, V>> {
        let (hash, key, value) = self.table.next(cursor)?;
        // SAFETY: the values are archives of `V`, whole and aligned (invariant).
        Some((KeyHash(hash), key, unsafe { Rec::from_archive(value) }))
    }

    /// Asks for what leads to a key's entry.
    #[inline]
    pub(crate) fn prefetch_bucket(&self, hash: KeyHash) {
        self.table.prefetch_bucket(hash.0);
    }

    /// Asks for a key's entry, when what leads to it should be there.
    #[inline]
    pub(crate) fn prefetch_entry(&self, hash: KeyHash) {
        self.table.prefetch_entry(hash.0);
    }
}

/// A table of values for each number.
#[derive(Debug)]
pub(crate) struct SlicePanes<V: Record> {
    panes: Panes,
    scratch: Scratch<V>,
}

impl<V: Record> SlicePanes<V> {
    /// A typed view of panes that are empty.
    pub(crate) fn new(panes: impl Into<Claimed<Panes>>) -> Self {
        Self { panes: panes.into().open(&Self::layout()), scratch: Scratch::default() }
    }

    /// Changes the value of `key` in `pane`, which is `default()` if there is none.
    #[inline]
    pub(crate) fn update<R>(
        &mut self,
        pane: i64,
        place: impl Into<Place>,
        key: &[u8],
        default: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> R,
    ) -> R {
        update(self.panes.pane(pane), &mut self.scratch, place.into(), key, default, change)
    }

    /// The pane with this number, to be read.
    #[inline]
    pub(crate) fn pane(&self, pane: i64) -> Option<Slice<'_, V>> {
        Some(Slice { table: self.panes.get(pane)?, marker: PhantomData })
    }

    /// Whether `pane` is there.
    pub(crate) fn contains(&self, pane: i64) -> bool {
        self.panes.get(pane).is_some()
    }

    /// The lowest pane from `pane` on.
    pub(crate) fn first_from(&self, pane: i64) -> Option<i64> {
        self.panes.range(pane..i64::MAX).next().map(|(pane, _)| pane)
    }

    /// Forgets the panes below `pane`.
    pub(crate) fn drop_below(&mut self, pane: i64) {
        self.panes.drop_below(pane);
    }
}

impl<V: Record> Stored for SlicePanes<V> {
    type Table = Panes;

    fn layout() -> Layout {
        Layout::of::<V>(Form::ArchivesInPanes)
    }

    fn open(claimed: Claimed<Panes>) -> Self {
        Self::new(claimed)
    }
}

impl<V: Record> Freezes for SlicePanes<V> {
    fn freeze(&mut self, into: &mut Freezer) {
        into.panes(&mut self.panes);
    }
}

impl<V: Record> Prefetch for SlicePanes<V> {
    type Key = (i64, KeyHash);

    #[inline(always)]
    fn bucket(&self, (pane, hash): (i64, KeyHash)) {
        if let Some(table) = self.panes.get(pane) {
            table.prefetch_bucket(hash.0);
        }
    }

    #[inline(always)]
    fn entry(&self, (pane, hash): (i64, KeyHash)) -> Hint {
        self.panes.get(pane).map_or_else(Hint::default, |table| table.prefetch_entry(hash.0))
    }

    #[inline(always)]
    fn again(&self, (pane, hash): (i64, KeyHash)) -> Hint {
        self.panes.get(pane).map_or_else(Hint::default, |table| table.prefetch_again(hash.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg_storage::{Store, TableConfig, TableName};

    #[test]
    fn panes_keep_their_values_apart_and_are_dropped_from_below() {
        let panes =
            Store::default().panes(TableName::new("w", "slices"), TableConfig::default()).unwrap();
        let mut panes = SlicePanes::<Vec<u32>>::new(panes);
        for pane in [-2, 0, 5] {
            for number in 0..3_u8 {
                let hash = KeyHash(u64::from(number) << 7);
                let value = vec![u32::from(number); usize::from(number) + 1];
                panes.update(pane, hash, &[number], Vec::new, |list| list.extend(value));
            }
        }
        assert_eq!(panes.pane(0).unwrap().get(KeyHash(1 << 7), &[1]).unwrap().to_value(), [1, 1]);
        assert!(panes.pane(1).is_none());
        assert_eq!(panes.first_from(-1), Some(0));
        assert!(panes.contains(-2));
        panes.drop_below(5);
        assert_eq!((panes.contains(0), panes.first_from(i64::MIN)), (false, Some(5)));
        let mut cursor = Cursor::default();
        let mut keys = Vec::new();
        while let Some((_, key, value)) = panes.pane(5).unwrap().next(&mut cursor) {
            keys.push((key.to_vec(), value.to_value().len()));
        }
        assert_eq!(keys, [(vec![0], 1), (vec![1], 2), (vec![2], 3)]);
    }
}
