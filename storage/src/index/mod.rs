//! The index: from the hash of a key to the address of its entry.
//!
//! Open addressing over buckets of one cache line ([`bucket`]): seven slots, and one word with a
//! byte of tag for each slot and a count of entries that did not fit. So a lookup touches one
//! line here, and one in the log for the key that it finds; a key that is absent costs one line.
//!
//! * Arrives from: [`crate::Table`], with the full hash of the key.
//! * Leaves to: [`crate::log`], as an address.
//!
//! Of the hash, bits from 39 downwards choose the bucket, bits 8 to 23 are kept in the slot, bits 0 to 7
//! are the tag; the top bits, which choose key group and core and so are alike in all keys of a table, are not used. So the order of buckets is that of the low 40 bits, in a table of any size:
//! hashes that are near each other are near each other here too, which is what [`crate::dormant`] relies on to touch little.
//!
//! The table doubles at three quarters full, a few buckets at a time; see [`resize`].
//!
//! # Not here
//!
//! No keys: the caller says whether the entry at an address has the key it looks for.

mod bucket;
mod buckets;
mod resize;

use crate::log::Address;
use crate::memory::Memory;
use buckets::Buckets;
use resize::Migration;
use std::rc::Rc;

/// Where a key was found; valid until the next change of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// In the table that is being left, not in the current one.
    outgoing: bool,
    bucket: usize,
    word: usize,
}

/// What a growing index asks the log.
pub(crate) trait Entries {
    /// The whole hash of the entry at `address`.
    fn hash(&self, address: Address) -> u64;

    /// [`Entries::hash`] will be asked soon.
    fn prefetch(&self, address: Address);
}

/// Hash to address; see the file's header.
#[derive(Debug)]
pub(crate) struct Index {
    current: Buckets,
    /// The table that the current one replaces, while entries still move.
    migration: Option<Migration>,
    /// A table that everything has left, given back piece by piece.
    retired: Option<Box<Buckets>>,
    /// Buckets at the front of a cleared table that are not zero yet.
    dirty: usize,
    len: usize,
    memory: Rc<Memory>,
}

impl Index {
    /// An index for `expected_keys` without growing; one cache line if that is 0.
    pub(crate) fn new(memory: Rc<Memory>, expected_keys: usize) -> Self {
        let mut current = Buckets::with_room_for(expected_keys);
        current.populate(0..current.len());
        memory.add(current.bytes());
        Self { current, migration: None, retired: None, dirty: 0, len: 0, memory }
    }

    /// Makes room for that many keys in an index that is empty. Nothing is populated, so it costs little, and later page faults.
    pub(crate) fn make_room(&mut self, keys: usize) {
        if self.len > 0 || self.migration.is_some() || keys <= self.current.limit() {
            return;
        }
        let larger = Buckets::with_room_for(keys);
        self.memory.add(larger.bytes());
        self.memory.subtract(self.current.bytes());
        self.current = larger;
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Memory held, bytes.
    pub(crate) fn bytes(&self) -> usize {
        let outgoing = self.migration.as_ref().map_or(0, |migration| migration.outgoing.bytes());
        self.current.bytes() + outgoing + self.retired.as_ref().map_or(0, |retired| retired.bytes())
    }

    /// The table in which an entry with this hash is, if it is anywhere.
    #[inline(always)]
    fn holder(&self, hash: u64) -> (bool, &Buckets) {
        match &self.migration {
            Some(migration) if migration.holds(hash) => (true, &migration.outgoing),
            _ => (false, &self.current),
        }
    }

    fn holder_mut(&mut self, outgoing: bool) -> &mut Buckets {
        if outgoing {
            &mut self
                .migration
                .as_mut()
                .expect("invariant: the place is not older than the migration")
                .outgoing
        } else {
            &mut self.current
        }
    }

    /// Asks for the bucket of `hash`.
    #[inline(always)]
    pub(crate) fn prefetch(&self, hash: u64) {
        self.holder(hash).1.prefetch(hash);
    }

    /// The address that `hash` most likely has, if the first bucket, which is read, says so at first sight; else none, and the next bucket is asked
    /// for if the entry may be there.
    #[inline(always)]
    pub(crate) fn guess(&self, hash: u64) -> Address {
        self.holder(hash).1.guess(hash)
    }

    /// Finds the entry with this hash for which `is_it` holds.
    #[inline(always)]
    pub(crate) fn find(
        &self,
        hash: u64,
        is_it: impl FnMut(Address) -> bool,
    ) -> Option<(Place, Address)> {
        let (outgoing, buckets) = self.holder(hash);
        let (bucket, word, address) = buckets.find(hash, is_it)?;
        Some((Place { outgoing, bucket, word }, address))
    }

    /// Adds an entry that [`Index::find`] did not find.
    ///
    /// Cost: O(1); while the index grows, it also moves [`resize::BUCKETS_PER_INSERT`] buckets.
    pub(crate) fn insert(&mut self, hash: u64, address: Address, entries: &impl Entries) {
        debug_assert_eq!(
            self.dirty, 0,
            "invariant: a cleared index is scrubbed before its next use"
        );
        self.grow(entries);
        match &mut self.migration {
            Some(migration) if migration.holds(hash) => migration.outgoing.insert(hash, address),
            _ => self.current.insert(hash, address),
        }
        self.len += 1;
        self.memory.add_key();
    }

    /// Lets the place lead to another entry of the same key.
    pub(crate) fn redirect(&mut self, place: Place, address: Address) {
        self.holder_mut(place.outgoing).redirect(place.bucket, place.word, address);
    }

    /// Takes the entry at `place`, whose hash is `hash`, out.
    pub(crate) fn remove(&mut self, place: Place, hash: u64) {
        self.holder_mut(place.outgoing).remove(hash, place.bucket, place.word);
        self.len -= 1;
        self.memory.remove_keys(1);
    }

    /// Takes all entries out and keeps the current table. Cost: what [`Index::scrub`] costs in all.
    pub(crate) fn clear(&mut self) {
        self.begin_clear();
        while self.scrub(usize::MAX) {}
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.memory.remove_keys(self.len);
        self.memory.subtract(self.bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// The hash of an entry, by its address.
    impl<F: Fn(Address) -> u64> Entries for F {
        fn hash(&self, address: Address) -> u64 {
            self(address)
        }

        fn prefetch(&self, _: Address) {}
    }

    fn index() -> Index {
        Index::new(Memory::of_store(0), 0)
    }

    /// Hashes that share the bucket bits, the slot bits and the tag, alone or together.
    fn hashes() -> impl Strategy<Value = u64> {
        let few = 0..4u64;
        (few.clone(), few.clone(), few.clone(), few)
            .prop_map(|(home, slot, tag, top)| tag | (slot << 8) | (home * 7) << 33 | (top << 60))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 64 }, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_index_is_a_map_from_entries_to_hashes(
            steps in proptest::collection::vec((prop_oneof![hashes(), any::<u64>()], 0..4u8), 1..if cfg!(miri) { 60 } else { 3000 })
        ) {
            let mut index = index();
            // By entry: several entries may have one hash, and are told apart by their address.
            let mut model = BTreeMap::new();
            for (step, (hash, action)) in steps.into_iter().enumerate() {
                let address = Address((step as u64 + 1) * 16);
                if action == 0 && let Some((&gone, &hash)) = model.iter().next() {
                    let (place, found) = index.find(hash, |at| at.0 == gone).unwrap();
                    prop_assert_eq!(found.0, gone);
                    index.remove(place, hash);
                    model.remove(&gone);
                    prop_assert!(index.find(hash, |at| at.0 == gone).is_none());
                } else {
                    model.insert(address.0, hash);
                    index.insert(hash, address, &|at: Address| model[&at.0]);
                }
                prop_assert_eq!(index.len(), model.len());
            }
            for (&address, &hash) in &model {
                prop_assert!(index.find(hash, |at| at.0 == address).is_some());
            }
            index.clear();
            for (&address, &hash) in &model {
                prop_assert!(index.find(hash, |at| at.0 == address).is_none());
            }
        }
    }

    #[test]
    fn every_key_is_found_at_every_moment_of_growth() {
        let mut index = index();
        let count = if cfg!(miri) { 500 } else { 20_000u64 };
        let hash = |at: u64| at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for next in 1..=count {
            index.insert(hash(next), Address(next * 16), &|at: Address| hash(at.0 / 16));
            for at in [1, next / 2, next].into_iter().filter(|at| *at > 0) {
                assert!(
                    index.find(hash(at), |found| found.0 == at * 16).is_some(),
                    "{at} of {next}"
                );
            }
        }
        assert!((1..=count).all(|at| index.find(hash(at), |found| found.0 == at * 16).is_some()));
    }

    #[test]
    fn equal_hashes_are_kept_apart_by_the_caller() {
        let mut index = index();
        for at in 1..=300u64 {
            index.insert(5, Address(at * 16), &|_: Address| 5);
        }
        for at in 1..=300u64 {
            let (place, _) = index.find(5, |found| found.0 == at * 16).unwrap();
            index.remove(place, 5);
        }
        assert_eq!(index.len(), 0);
        assert!(index.find(5, |_| true).is_none());
    }

    #[test]
    fn no_insertion_moves_more_than_a_few_buckets() {
        let mut index = index();
        let hash = |at: u64| (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut longest = 0;
        for next in 1..if cfg!(miri) { 2000 } else { 200_000u64 } {
            let before = index.migration.as_ref().map(Migration::moved);
            index.insert(hash(next), Address(next * 16), &|at: Address| hash(at.0 / 16));
            if let (Some(before), Some(migration)) = (before, &index.migration) {
                longest = longest.max(migration.moved() - before);
            }
        }
        // The bound, and the run of full buckets that the last of them stands in.
        assert!(longest <= resize::BUCKETS_PER_INSERT + 40, "{longest}");
    }
}
