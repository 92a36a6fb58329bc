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

/// Groups between the first step and use: as many again before the second.
const BUCKETS: usize = 8;

/// Groups whose hints are kept, more than [`ENTRIES`]; a power of two, so that a place in the row is a mask away.
const KEPT: usize = 8;

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

    /// Third step, when what the second one asked for is there: looks at that next place, if `hint`, which the second step gave, leads nowhere.
    fn again(&self, key: Self::Key, hint: Hint) -> Hint {
        let _ = key;
        hint
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
    fn again(&self, hash: u64, hint: Hint) -> Hint {
        self.prefetch_again(hash, hint)
    }
}

/// Calls `each` with every key, in order, and with what is known about where its value lies.
///
/// `each` may do with the state what it likes. Cost: some ten nanoseconds a key in caches' hits; the misses of the first group show.
#[inline(always)]
pub fn look_ahead<S: Prefetch>(
    keys: impl ExactSizeIterator<Item = S::Key> + Clone,
    state: &mut S,
    mut each: impl FnMut(&mut S, S::Key, Hint),
) {
    let groups = keys.len().div_ceil(GROUP);
    let (mut for_bucket, mut for_entry, mut for_again) = (keys.clone(), keys.clone(), keys.clone());
    let mut keys = keys;
    // Of a group in the place of its number.
    let mut hints = [[Hint::default(); GROUP]; KEPT];
    buckets(&mut for_bucket, state, BUCKETS * GROUP);
    hints[..ENTRIES].iter_mut().for_each(|hints| entries(&mut for_entry, state, hints));
    hints[..AGAIN].iter_mut().for_each(|hints| again(&mut for_again, state, hints));
    for group in 0..groups {
        entries(&mut for_entry, state, &mut hints[(group + ENTRIES) % KEPT]);
        again(&mut for_again, state, &mut hints[(group + AGAIN) % KEPT]);
        buckets(&mut for_bucket, state, GROUP);
        for (hint, key) in hints[group % KEPT].iter().zip(&mut keys) {
            each(state, key, *hint);
        }
    }
}

#[inline(always)]
fn buckets<S: Prefetch>(keys: &mut impl Iterator<Item = S::Key>, state: &S, count: usize) {
    for key in keys.take(count) {
        state.bucket(key);
    }
}

#[inline(always)]
fn entries<S: Prefetch>(
    keys: &mut impl Iterator<Item = S::Key>,
    state: &S,
    hints: &mut [Hint; GROUP],
) {
    for (hint, key) in hints.iter_mut().zip(keys) {
        *hint = state.entry(key);
    }
}

#[inline(always)]
fn again<S: Prefetch>(
    keys: &mut impl Iterator<Item = S::Key>,
    state: &S,
    hints: &mut [Hint; GROUP],
) {
    for (hint, key) in hints.iter_mut().zip(keys) {
        *hint = state.again(key, *hint);
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

    /// Few low bits, so that buckets overflow.
    fn hash(key: u64) -> u64 {
        key.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_right(29) & !0xc
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
                let mut keys = run.iter();
                look_ahead(run.iter().map(|key| hash(*key)), &mut table, |table, hash, hint| {
                    let key = keys.next().unwrap().to_le_bytes();
                    let (value, _) = table.upsert_at(hint, hash, &key, 8, |_| {});
                    let value: &mut [u8; 8] = value.try_into().unwrap();
                    *value = (u64::from_le_bytes(*value) + 1).to_le_bytes();
                });
                assert!(keys.next().is_none());
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
        let hash = |key: u64| (key + 2) << 32 | key << 16;
        for key in 0..8u64 {
            table.put(hash(key), &key.to_le_bytes(), b"value");
        }
        let first: Vec<Hint> = (0..8).map(|key| table.prefetch_entry(hash(key))).collect();
        let found = first.iter().filter(|hint| hint.leads_somewhere()).count();
        assert_eq!(found, 7);
        for (key, hint) in (0..8).zip(first) {
            assert!(table.prefetch_again(hash(key), hint).leads_somewhere());
        }
        assert!(!table.prefetch_again(hash(9), table.prefetch_entry(hash(9))).leads_somewhere());
    }
}
