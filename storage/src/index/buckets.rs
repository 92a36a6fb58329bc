//! A power of two of buckets, probed one after the other.

use super::bucket::{self, Bucket, Print};
use crate::log::Address;
use crate::raw::{self, HugeSlice};
use std::ops::Range;

/// The bits of the hash below this one choose the bucket, the highest first.
pub(super) const HOME_END: u32 = 40;

/// Buckets of one size; see the [index](super).
#[derive(Debug)]
pub(super) struct Buckets {
    buckets: HugeSlice<Bucket>,
    mask: usize,
    /// Where in the hash the number of its bucket begins.
    shift: u32,
}

impl Buckets {
    /// `count` empty buckets, a power of two, not populated.
    pub(super) fn new(count: usize) -> Self {
        debug_assert!(
            count.is_power_of_two(),
            "invariant: some bits of the hash choose the bucket"
        );
        let shift = HOME_END - count.trailing_zeros();
        Self { buckets: HugeSlice::zeroed(count), mask: count - 1, shift }
    }

    /// The fewest buckets that `keys` do not fill beyond the limit.
    pub(super) fn with_room_for(keys: usize) -> Self {
        Self::new(keys.div_ceil(bucket::SLOTS * 3 / 4).next_power_of_two())
    }

    /// Entries beyond which there should be more buckets: three quarters of the slots. The probed
    /// path is then 1.1 buckets long.
    pub(super) fn limit(&self) -> usize {
        self.len() * bucket::SLOTS * 3 / 4
    }

    pub(super) fn len(&self) -> usize {
        self.mask + 1
    }

    pub(super) fn bytes(&self) -> usize {
        self.buckets.bytes()
    }

    pub(super) fn populate(&mut self, range: Range<usize>) {
        self.buckets.populate(range);
    }

    pub(super) fn zero(&mut self, range: Range<usize>) {
        self.buckets[range].fill(Bucket::default());
    }

    /// Gives memory behind the first `len` buckets back; lookups are over then.
    pub(super) fn truncate(&mut self, len: usize) {
        self.buckets.truncate(len);
    }

    /// Buckets left by [`Buckets::truncate`].
    pub(super) fn left(&self) -> usize {
        self.buckets.len()
    }

    #[inline(always)]
    pub(super) fn home(&self, hash: u64) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the mask takes the low bits anyway")]
        let bits = (hash >> self.shift) as usize;
        bits & self.mask
    }

    #[inline(always)]
    pub(super) fn after(&self, bucket: usize) -> usize {
        (bucket + 1) & self.mask
    }

    #[inline(always)]
    pub(super) fn before(&self, bucket: usize) -> usize {
        bucket.wrapping_sub(1) & self.mask
    }

    #[inline(always)]
    pub(super) fn prefetch(&self, hash: u64) {
        raw::prefetch_at(&self.buckets, self.home(hash));
    }

    #[inline(always)]
    pub(super) fn guess(&self, hash: u64) -> Address {
        let (home, print) = (self.home(hash), Print::of(hash));
        let bucket = &self.buckets[home];
        if let Some(word) = bucket::candidates(bucket, print).next() {
            let slot = bucket[word & 7];
            if print.is_of(slot) {
                return bucket::address(slot);
            }
        }
        if bucket::overflows(bucket) {
            raw::prefetch_at(&self.buckets, self.after(home));
        }
        Address::NONE
    }

    /// Bucket, word and address of the entry for which `is_it` holds.
    #[inline(always)]
    pub(super) fn find(
        &self,
        hash: u64,
        mut is_it: impl FnMut(Address) -> bool,
    ) -> Option<(usize, usize, Address)> {
        let print = Print::of(hash);
        let mut at = self.home(hash);
        for _ in 0..self.len() {
            let bucket = &self.buckets[at];
            for word in bucket::candidates(bucket, print) {
                let slot = bucket[word & 7];
                if print.is_of(slot) && is_it(bucket::address(slot)) {
                    return Some((at, word, bucket::address(slot)));
                }
            }
            if !bucket::overflows(bucket) {
                return None;
            }
            at = self.after(at);
        }
        None
    }

    pub(super) fn insert(&mut self, hash: u64, address: Address) {
        self.insert_print(self.home(hash), Print::of(hash), address);
    }

    /// Inserts what is known of a hash from its home on.
    #[inline(always)]
    pub(super) fn insert_print(&mut self, home: usize, print: Print, address: Address) {
        let mut at = home;
        for _ in 0..self.len() {
            let bucket = &mut self.buckets[at];
            if let Some(word) = bucket::vacancy(bucket) {
                bucket::fill(bucket, word & 7, print, address);
                return;
            }
            bucket::add_overflow(bucket);
            at = self.after(at);
        }
        unreachable!("invariant: a quarter of the slots is free");
    }

    pub(super) fn redirect(&mut self, bucket: usize, word: usize, address: Address) {
        let bucket = &mut self.buckets[bucket];
        bucket[word] = Print::kept(bucket, word).slot(address);
    }

    pub(super) fn remove(&mut self, hash: u64, bucket: usize, word: usize) {
        bucket::vacate(&mut self.buckets[bucket], word);
        let mut at = self.home(hash);
        while at != bucket {
            bucket::subtract_overflow(&mut self.buckets[at]);
            at = self.after(at);
        }
    }

    /// Takes a bucket's contents out and leaves it empty, overflow count included.
    pub(super) fn take(&mut self, bucket: usize) -> Bucket {
        std::mem::take(&mut self.buckets[bucket])
    }

    #[inline(always)]
    pub(super) fn overflows(&self, bucket: usize) -> bool {
        bucket::overflows(&self.buckets[bucket])
    }

    /// The addresses in a bucket.
    pub(super) fn addresses(&self, bucket: usize) -> impl Iterator<Item = Address> {
        let bucket = self.buckets[bucket];
        bucket::occupied(&bucket).map(move |word| bucket::address(bucket[word]))
    }
}
