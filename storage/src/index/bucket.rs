//! One bucket: a cache line of seven slots and a word about them.
//!
//! ```text
//!  word 0:     overflow count (byte 0), tag of slot 1 … tag of slot 7 (bytes 1 to 7)
//!  word 1..8:  16 bits of the hash (8 to 23) | 48 bits of address / 16
//! ```
//!
//! A tag is at least 2; a tag byte of 0 says that the slot is free. The overflow count is how many
//! entries passed this bucket because it was full: a lookup goes on only if it is not 0, so removal
//! needs no tombstones. At 255 the count stays: then lookups go on in vain, and still end at an open bucket.
//!
//! Seven tags are compared with a handful of word operations, so no vector instructions are needed
//! (Mycroft's test for a zero byte; the lowest hit is exact, a higher one may have a tag that differs in its lowest bit).
//! The tag and the 16 bits together let 1 of 16 million wrong entries through to the log.
//!
//! # Source
//!
//! Overflow counts: N. Bronson, X. Shi, "Open-sourcing F14 for faster, more memory-efficient hash tables", Facebook Engineering, 2019.

use crate::log::Address;

/// Words of a bucket.
pub(super) type Bucket = [u64; 8];

/// Entries that a bucket holds.
pub(super) const SLOTS: usize = 7;

/// The highest overflow count, which is never lowered again.
const FOREVER: u64 = 0xff;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// What a bucket keeps of a hash.
#[derive(Clone, Copy)]
pub(super) struct Print {
    tag: u64,
    /// In place: the top 16 bits of a slot.
    slot: u64,
}

impl Print {
    #[inline(always)]
    pub(super) fn of(hash: u64) -> Self {
        let tag = hash & 0xff;
        // Not 1 either: see `with_tag`.
        Self { tag: tag.max(2), slot: (hash >> 8) << 48 }
    }

    #[inline(always)]
    pub(super) fn is_of(self, slot: u64) -> bool {
        (slot ^ self.slot) >> 48 == 0
    }

    #[inline(always)]
    pub(super) fn slot(self, address: Address) -> u64 {
        self.slot | address.0 >> 4
    }

    /// What `bucket` keeps in `word`, an occupied one.
    #[inline(always)]
    pub(super) fn kept(bucket: &Bucket, word: usize) -> Self {
        Self { tag: bucket[0] >> (8 * word) & 0xff, slot: bucket[word] & !ADDRESS }
    }

    /// Bit `at` of the hash, one of [`Print::BITS`].
    #[inline(always)]
    pub(super) fn bit(self, at: u32) -> u64 {
        self.slot >> (48 + at - Self::BITS.start) & 1
    }

    /// The bits of the hash that a slot keeps beside the tag.
    pub(super) const BITS: std::ops::Range<u32> = 8..24;
}

const ADDRESS: u64 = (1 << 48) - 1;

/// The address in a slot.
#[inline(always)]
pub(super) fn address(slot: u64) -> Address {
    Address((slot & ADDRESS) << 4)
}

/// The words (1 to 7) of the slots that may have this print.
#[inline(always)]
pub(super) fn candidates(bucket: &Bucket, print: Print) -> Words {
    with_tag(bucket[0], print.tag)
}

/// The words of the occupied slots.
#[inline(always)]
pub(super) fn occupied(bucket: &Bucket) -> impl Iterator<Item = usize> + use<> {
    let tags = bucket[0];
    (1..=SLOTS).filter(move |word| tags >> (8 * word) & 0xff != 0)
}

/// A free slot's word.
#[inline(always)]
pub(super) fn vacancy(bucket: &Bucket) -> Option<usize> {
    with_tag(bucket[0], 0).next()
}

#[inline(always)]
fn with_tag(tags: u64, tag: u64) -> Words {
    // A hit that is none has `tag ^ 1`; since no tag is 0 or 1, it is an occupied slot, whose other bits and key
    // are compared anyway. With a tag of 1 it could be a free one, which leads nowhere.
    // The overflow byte becomes 0xff: it does not hit, and it does not borrow from its neighbour.
    let differences = (tags ^ (tag * ONES)) | 0xff;
    Words(differences.wrapping_sub(ONES) & !differences & HIGHS)
}

/// Words of a bucket, lowest first.
#[derive(Clone, Copy)]
pub(super) struct Words(u64);

impl Iterator for Words {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let word = self.0.trailing_zeros() as usize / 8;
        self.0 &= self.0 - 1;
        Some(word)
    }
}

/// Occupies a free slot.
#[inline(always)]
pub(super) fn fill(bucket: &mut Bucket, word: usize, print: Print, address: Address) {
    bucket[0] |= print.tag << (8 * word);
    bucket[word] = print.slot(address);
}

/// Frees a slot.
#[inline(always)]
pub(super) fn vacate(bucket: &mut Bucket, word: usize) {
    bucket[0] &= !(0xff << (8 * word));
    bucket[word] = 0;
}

/// Whether entries passed this bucket.
#[inline(always)]
pub(super) fn overflows(bucket: &Bucket) -> bool {
    bucket[0] & 0xff != 0
}

/// One more entry passes.
#[inline(always)]
pub(super) fn add_overflow(bucket: &mut Bucket) {
    if bucket[0] & 0xff != FOREVER {
        bucket[0] += 1;
    }
}

/// An entry that passed is gone.
#[inline(always)]
pub(super) fn subtract_overflow(bucket: &mut Bucket) {
    debug_assert!(overflows(bucket), "invariant: what passed was counted");
    if bucket[0] & 0xff != FOREVER {
        bucket[0] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_with_tag(tag: u64) -> u64 {
        tag
    }

    #[test]
    fn slots_fill_up_and_are_found_by_tag() {
        let mut bucket = Bucket::default();
        for at in 1..=SLOTS {
            let word = vacancy(&bucket).unwrap();
            fill(
                &mut bucket,
                word,
                Print::of(hash_with_tag(3 * at as u64)),
                Address(at as u64 * 16),
            );
        }
        assert_eq!(vacancy(&bucket), None);
        for at in 1..=SLOTS {
            let word = candidates(&bucket, Print::of(hash_with_tag(3 * at as u64))).next().unwrap();
            assert_eq!(address(bucket[word]), Address(at as u64 * 16));
        }
        vacate(&mut bucket, 4);
        assert_eq!(vacancy(&bucket), Some(4));
        assert_eq!(occupied(&bucket).collect::<Vec<_>>(), [1, 2, 3, 5, 6, 7]);
    }

    #[test]
    fn overflow_counts_neither_hide_a_vacancy_nor_make_one() {
        let mut bucket = Bucket::default();
        add_overflow(&mut bucket);
        assert_eq!(vacancy(&bucket), Some(1));
        for word in 1..=SLOTS {
            fill(&mut bucket, word, Print::of(hash_with_tag(1)), Address(16));
        }
        assert_eq!(vacancy(&bucket), None);
        subtract_overflow(&mut bucket);
        assert!(!overflows(&bucket));
        assert_eq!(vacancy(&bucket), None);
        assert_eq!(candidates(&bucket, Print::of(hash_with_tag(1))).count(), SLOTS);
    }

    #[test]
    fn a_saturated_count_stays() {
        let mut bucket = Bucket::default();
        for _ in 0..1000 {
            add_overflow(&mut bucket);
        }
        for _ in 0..1000 {
            subtract_overflow(&mut bucket);
        }
        assert!(overflows(&bucket));
        assert_eq!(occupied(&bucket).count(), 0);
    }

    /// A free slot behind an occupied one with tag 1 once looked like a candidate, and its address
    /// of 0 like an entry with the empty key.
    #[test]
    fn no_candidate_is_a_free_slot() {
        let stride = if cfg!(miri) { 51 } else { 1 };
        for tag in (0..256).step_by(stride) {
            for other in (0..256).step_by(stride) {
                let mut bucket = Bucket::default();
                fill(&mut bucket, 1, Print::of(hash_with_tag(tag)), Address(16));
                let found: Vec<_> = candidates(&bucket, Print::of(hash_with_tag(other))).collect();
                assert!(found.is_empty() || found == [1], "{tag} {other}");
                assert!(tag != other || found == [1], "{tag}");
            }
        }
    }

    #[test]
    fn the_tag_zero_is_not_a_vacancy() {
        let mut bucket = Bucket::default();
        fill(&mut bucket, 1, Print::of(0), Address(16));
        assert_eq!(vacancy(&bucket), Some(2));
        assert_eq!(candidates(&bucket, Print::of(0)).next(), Some(1));
    }
}
