//! Looking up many keys ahead of their use, so that their cache misses overlap.
//!
//! A lookup is two misses, one after the other: a bucket of the index, then the entry. While a key is worked on, the keys behind it are on
//! their way through three steps, each far enough ahead that what the step before asked for is there. So nothing is
//! waited for but at the start, and memory is never idle while the core works: keys advance by [`GROUP`], and asking for
//! 16 or 32 at a time and then working on them was up to a third slower with tables that the caches do not hold.
//!
//! The third step is a second chance for the 2 to 5 % of keys whose home bucket was full, so that they are in the bucket behind it:
//! [`Prefetch::entry`] asks for that bucket, and [`Prefetch::again`] looks into it. Without, each of them is two misses
//! in full, which cost a third of all time with 10 M keys.
//!
//! What was measured: `bench/README.md`.

use crate::{Hint, Table};

/// Keys that advance together.
const GROUP: usize = 4;

/// Groups between the second step and use: 16 keys. A core has some 24 misses under way at most, and one key is two of them.
const ENTRIES: usize = 4;

/// Groups between the third step and use.
const AGAIN: usize = 2;

/// Groups between the first step and use: about as many again before the second.
const BUCKETS: usize = 7;

/// Rows that are kept: those of all groups from the one that is worked on to the one that takes its first step.
const ROWS: usize = BUCKETS + 1;

/// One group on its way. Where the last group is short, the rest of its row is of an earlier group: asked for once more in vain, never used.
#[derive(Clone, Copy)]
struct Row<K> {
    keys: [K; GROUP],
    hints: [Hint; GROUP],
}

/// State whose memory can be asked for ahead of its use, in steps: what leads to an entry, and the entry.
///
/// All of it is advice: a hint that misleads costs time and nothing else.
pub trait Prefetch {
    /// What addresses a value.
    type Key: Copy;

    /// First step: asks for what leads to the entry.
    fn bucket(&self, key: Self::Key);

    /// Second step, when what the first one asked for is there: asks for the entry, or, if it is not found where it should be, for what leads
    /// to the next place where it may be.
    fn entry(&self, key: Self::Key) -> Hint;

    /// Third step, when what the second one asked for is there, and only if its hint leads nowhere: looks at that next place.
    fn again(&self, key: Self::Key) -> Hint {
        let _ = key;
        Hint::default()
    }
}

impl Prefetch for Table {
    type Key = u64;

    #[inline(always)]
    fn bucket(&self, hash: u64) {
        self.prefetch_bucket(hash);
    }

    #[inline(always)]
    fn entry(&self, hash: u64) -> Hint {
        self.prefetch_entry(hash)
    }

    #[inline(always)]
    fn again(&self, hash: u64) -> Hint {
        self.prefetch_again(hash)
    }
}

/// Calls `each` with every one of `items`, in order, and with what is known about where the value of its key lies.
///
/// `keys` are the keys of `items`, as many. `each` may do with the state what it likes. Cost: some ten nanoseconds a key that the caches hold; the misses of the
/// first few keys show.
#[inline(always)]
pub fn look_ahead<S: Prefetch, I>(
    mut keys: impl ExactSizeIterator<Item = S::Key> + Clone,
    items: impl IntoIterator<Item = I>,
    state: &mut S,
    mut each: impl FnMut(&mut S, Hint, I),
) {
    let groups = keys.len().div_ceil(GROUP);
    let mut items = items.into_iter();
    let Some(first) = keys.clone().next() else { return };
    let mut rows = [Row { keys: [first; GROUP], hints: [Hint::default(); GROUP] }; ROWS];
    if keys.len() < GROUP {
        rows[0].ask_for_few(keys.clone(), state);
    } else {
        rows.iter_mut().take(groups).for_each(|row| row.ask_for_buckets(&mut keys, state));
        rows.iter_mut().take(groups.min(ENTRIES)).for_each(|row| row.ask_for_entries(state));
        rows.iter_mut().take(groups.min(AGAIN)).for_each(|row| row.ask_again(state));
    }
    for group in 0..groups {
        if group + ENTRIES < groups {
            rows[(group + ENTRIES) % ROWS].ask_for_entries(state);
        }
        if group + AGAIN < groups {
            rows[(group + AGAIN) % ROWS].ask_again(state);
        }
        for (hint, item) in rows[group % ROWS].hints.iter().zip(&mut items) {
            each(state, *hint, item);
        }
        if group + ROWS < groups {
            rows[group % ROWS].ask_for_buckets(&mut keys, state);
        }
    }
}

impl<K: Copy> Row<K> {
    #[inline(always)]
    fn ask_for_buckets(
        &mut self,
        keys: &mut impl Iterator<Item = K>,
        state: &impl Prefetch<Key = K>,
    ) {
        for (place, key) in self.keys.iter_mut().zip(keys) {
            *place = key;
            state.bucket(key);
        }
    }

    /// All steps, for keys that do not fill the row: asked for in full, the rest of it would be most of the work.
    #[inline]
    fn ask_for_few(
        &mut self,
        keys: impl Iterator<Item = K> + Clone,
        state: &impl Prefetch<Key = K>,
    ) {
        keys.clone().for_each(|key| state.bucket(key));
        for (hint, key) in self.hints.iter_mut().zip(keys) {
            *hint = state.entry(key);
            if !hint.leads_somewhere() {
                *hint = state.again(key);
            }
        }
    }

    #[inline(always)]
    fn ask_for_entries(&mut self, state: &impl Prefetch<Key = K>) {
        for (hint, key) in self.hints.iter_mut().zip(&self.keys) {
            *hint = state.entry(*key);
        }
    }

    #[inline(always)]
    fn ask_again(&mut self, state: &impl Prefetch<Key = K>) {
        for (hint, key) in self.hints.iter_mut().zip(&self.keys) {
            if !hint.leads_somewhere() {
                *hint = state.again(*key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Store, TableConfig, TableName};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn table() -> Table {
        let config = TableConfig::default();
        Store::default().table(TableName::new("a", "b"), config).unwrap()
    }

    /// Few bits that choose a bucket, so that buckets overflow.
    fn hash(key: u64) -> u64 {
        key.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_right(29) & !(0xc << 34)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 64 }, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn counts_equal_a_fold_however_many_keys_come_together(
            runs in proptest::collection::vec(proptest::collection::vec(0..600u64, 0..130), 1..if cfg!(miri) { 3 } else { 20 })
        ) {
            let mut table = table();
            let mut expected = BTreeMap::new();
            for run in runs {
                run.iter().for_each(|key| *expected.entry(*key).or_insert(0u64) += 1);
                let hashes = run.iter().map(|key| hash(*key));
                look_ahead(hashes, &run, &mut table, |table, hint, key| {
                    let (value, _) = table.upsert_at(hint, hash(*key), &key.to_le_bytes(), 8, |_| {});
                    let value: &mut [u8; 8] = value.try_into().unwrap();
                    *value = (u64::from_le_bytes(*value) + 1).to_le_bytes();
                });
            }
            prop_assert_eq!(table.len(), expected.len());
            for (key, count) in expected {
                let value = table.get(hash(key), &key.to_le_bytes());
                prop_assert_eq!(value, Some(&count.to_le_bytes()[..]));
            }
        }
    }

    #[test]
    fn a_key_that_its_bucket_had_no_room_for_is_found_at_the_second_chance() {
        let mut table = table();
        let hash = |key: u64| (key + 2) | key << 8;
        for key in 0..8u64 {
            table.put(hash(key), &key.to_le_bytes(), b"value");
        }
        let first: Vec<Hint> = (0..8).map(|key| table.prefetch_entry(hash(key))).collect();
        let found = first.iter().filter(|hint| hint.leads_somewhere()).count();
        assert_eq!(found, 7);
        for key in 0..8 {
            assert!(table.prefetch_again(hash(key)).leads_somewhere());
        }
        assert!(!table.prefetch_again(hash(9)).leads_somewhere());
    }
}
