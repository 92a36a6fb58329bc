//! The least that a keyed count can cost: a linear-probe table of words in populated huge pages.
//!
//! Sixteen bytes a slot, key and count side by side, one cache miss an update. It does nothing that a state
//! store has to do: no growing, no removal, no other types, no key 0, no order, nothing to checkpoint.

use thalweg_storage::raw::{HugeWords, prefetch_at};

/// Counts by key; see the file's header.
#[derive(Debug)]
pub struct LinearProbe {
    /// Key and count, alternating; key 0 says that the slot is free.
    slots: HugeWords,
    mask: usize,
}

impl LinearProbe {
    /// A table for `keys` keys, at most half full.
    #[must_use]
    pub fn for_keys(keys: usize) -> Self {
        let slots = (keys * 2).next_power_of_two();
        Self { slots: HugeWords::populated(slots * 2), mask: slots - 1 }
    }

    /// Asks for the slot of `hash`.
    #[inline(always)]
    pub fn prefetch(&self, hash: u64) {
        prefetch_at(&self.slots, self.home(hash) * 2);
    }

    /// Adds one to the count of `key`, which is not 0.
    #[inline(always)]
    pub fn increment(&mut self, hash: u64, key: u64) {
        let mut slot = self.home(hash);
        loop {
            let at = slot * 2;
            if self.slots[at] == key {
                self.slots[at + 1] += 1;
                return;
            }
            if self.slots[at] == 0 {
                self.slots[at] = key;
                self.slots[at + 1] = 1;
                return;
            }
            slot = (slot + 1) & self.mask;
        }
    }

    /// The count of `key`, 0 if it was never seen.
    #[must_use]
    pub fn count(&self, hash: u64, key: u64) -> u64 {
        let mut slot = self.home(hash);
        while self.slots[slot * 2] != key && self.slots[slot * 2] != 0 {
            slot = (slot + 1) & self.mask;
        }
        self.slots[slot * 2 + 1]
    }

    #[inline(always)]
    fn home(&self, hash: u64) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the mask takes the low bits anyway")]
        let low = hash as usize;
        low & self.mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_kept_by_key_even_when_hashes_are_equal() {
        let mut table = LinearProbe::for_keys(10);
        for key in 1..=10 {
            (0..key).for_each(|_| table.increment(5, key));
        }
        assert!((1..=10).all(|key| table.count(5, key) == key));
        assert_eq!(table.count(5, 11), 0);
    }
}
