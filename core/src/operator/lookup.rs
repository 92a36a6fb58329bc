//! `lookup_join`: records meet the rows of a table that does not change.
//!
//! The table is made before the job and shared by its workers, sealed; so the join is a link of the chain, without an exchange and without
//! state. What is in it belongs to the program, as its closures do: a job that is restored brings it along.
//!
//! # Not here
//!
//! Tables that change while the job runs: those are streams, and meet others in a regular join or, on every worker, through
//! `KeyedStream::connect_broadcast`.

use std::marker::PhantomData;
use std::sync::Arc;

use super::chain::{Emit, Link};
use crate::raw::view::Rec;
use crate::record::{Key, KeyHash, KeyRef, KeyScratch, Record};
use crate::time::EventTime;

/// Rows by key, in memory; equal keys have several, in their order.
///
/// ```
/// use thalweg::operator::LookupTable;
///
/// let airports = LookupTable::of([("EWR".into(), "Newark"), ("LGA".into(), "La Guardia")]);
/// assert_eq!(airports.rows("EWR").collect::<Vec<_>>(), [&"Newark"]);
/// assert_eq!(airports.rows("JFK").count(), 0);
/// # let _: LookupTable<thalweg::prelude::Str, _> = airports;
/// ```
///
/// Cost: a look-up is about two cache misses; a clone is a pointer.
pub struct LookupTable<K, V> {
    rows: Arc<Rows<V>>,
    marker: PhantomData<fn(K)>,
}

crate::operator::opaque_debug!(LookupTable<K, V>);

impl<K, V> Clone for LookupTable<K, V> {
    fn clone(&self) -> Self {
        Self { rows: Arc::clone(&self.rows), marker: PhantomData }
    }
}

/// A row behind its key.
struct Entry<V> {
    hash: KeyHash,
    key: Box<[u8]>,
    value: V,
}

/// Entries with equal keys side by side, and an index of where each key begins: linear probing, at most half full.
struct Rows<V> {
    entries: Vec<Entry<V>>,
    index: Box<[u32]>,
}

/// An empty place of the index.
const NONE: u32 = u32::MAX;

impl<V> Rows<V> {
    fn new(mut entries: Vec<Entry<V>>) -> Self {
        // Stable: rows of one key keep their order.
        entries.sort_by(|a, b| (a.hash, &a.key).cmp(&(b.hash, &b.key)));
        let mut index = vec![NONE; (entries.len() * 2).next_power_of_two()].into_boxed_slice();
        for (at, entry) in entries.iter().enumerate() {
            let is_first = at == 0 || entries[at - 1].key != entry.key;
            if is_first {
                let mut place = place_of(entry.hash, index.len());
                while index[place] != NONE {
                    place = (place + 1) % index.len();
                }
                index[place] = u32::try_from(at).expect("a lookup table has fewer than 2^32 rows");
            }
        }
        Self { entries, index }
    }

    /// The rows from the first of `key` on.
    #[inline]
    fn from(&self, hash: KeyHash, key: &[u8]) -> &[Entry<V>] {
        let mut place = place_of(hash, self.index.len());
        loop {
            match self.index[place] {
                NONE => return &[],
                at => {
                    let rows = &self.entries[at as usize..];
                    if rows[0].hash == hash && *rows[0].key == *key {
                        return rows;
                    }
                }
            }
            place = (place + 1) % self.index.len();
        }
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "only the low bits are used")]
fn place_of(hash: KeyHash, places: usize) -> usize {
    hash.0 as usize & (places - 1)
}

impl<K: Key + KeyRef<Key = K>, V> LookupTable<K, V> {
    /// A table of these rows. Cost: sorts them.
    ///
    /// # Panics
    ///
    /// If there are 2^32 rows or more.
    pub fn of(rows: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut scratch = KeyScratch::new();
        let entry = |(key, value): (K, V)| {
            let (hash, key) = (key.hash(), key.bytes(&mut scratch).into());
            Entry { hash, key, value }
        };
        let entries = rows.into_iter().map(entry).collect();
        Self { rows: Arc::new(Rows::new(entries)), marker: PhantomData }
    }
}

impl<K: Key, V> LookupTable<K, V> {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.entries.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of a key, in their order.
    pub fn rows<R: KeyRef<Key = K>>(&self, key: R) -> impl Iterator<Item = &V> {
        self.rows_with(&key, &mut KeyScratch::new())
    }

    #[inline]
    fn rows_with<'a, R: KeyRef<Key = K>>(
        &'a self,
        key: &R,
        scratch: &mut KeyScratch,
    ) -> impl Iterator<Item = &'a V> + use<'a, K, V, R> {
        let rows = self.rows.from(key.hash(), key.bytes(scratch));
        let first = rows.first().map(|first| &first.key);
        rows.iter().take_while(move |row| Some(&row.key) == first).map(|row| &row.value)
    }
}

/// Made by `Stream::lookup_join` and `Stream::lookup_left_join`.
pub struct Lookup<K, V, S, R, F, U> {
    table: LookupTable<K, V>,
    select: S,
    pair: F,
    is_outer: bool,
    scratch: KeyScratch,
    marker: PhantomData<fn() -> (R, U)>,
}

crate::operator::opaque_debug!(Lookup<K, V, S, R, F, U>);

impl<K, V, S, R, F, U> Lookup<K, V, S, R, F, U> {
    pub(crate) fn new(table: LookupTable<K, V>, select: S, pair: F, is_outer: bool) -> Self {
        let (scratch, marker) = (KeyScratch::new(), PhantomData);
        Self { table, select, pair, is_outer, scratch, marker }
    }
}

impl<T, K, V, S, R, F, U> Link<T> for Lookup<K, V, S, R, F, U>
where
    T: Record,
    K: Key,
    V: 'static,
    S: Fn(&Rec<T>) -> R + 'static,
    R: KeyRef<Key = K> + 'static,
    U: Record,
    F: FnMut(&Rec<T>, Option<&V>) -> U + 'static,
{
    type Out = U;
    const NAME: &'static str = "lookup_join";

    #[inline]
    fn apply(&mut self, record: &Rec<T>, at: EventTime, emit: &mut impl Emit<U>) {
        let Self { table, select, pair, is_outer, scratch, .. } = self;
        let mut rows = table.rows_with(&select(record), scratch).peekable();
        if *is_outer && rows.peek().is_none() {
            emit.value(&pair(record, None), at);
        }
        for row in rows {
            emit.value(&pair(record, Some(row)), at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Str;
    use proptest::prelude::*;

    #[test]
    fn an_empty_table_has_no_rows() {
        let table = LookupTable::<u64, u8>::of([]);
        assert!(table.is_empty());
        assert_eq!(table.rows(7_u64).count(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn each_key_has_its_rows_in_their_order(
            rows in proptest::collection::vec(("[a-c]{0,3}", any::<u16>()), 0..200), asked in "[a-d]{0,3}",
        ) {
            let rows: Vec<(Str, u16)> = rows.into_iter().map(|(key, row)| (key.into(), row)).collect();
            let table = LookupTable::of(rows.clone());
            prop_assert_eq!(table.len(), rows.len());
            for key in rows.iter().map(|(key, _)| key.clone()).chain([asked.into()]) {
                let expected = rows.iter().filter(|(other, _)| *other == key).map(|(_, row)| row);
                prop_assert!(table.rows(&*key).eq(expected));
            }
        }
    }
}
