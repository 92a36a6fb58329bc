//! A region seen as a slice of plain words.

use super::Region;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Range};

/// Types that a zeroed region may be read as.
///
/// # Safety
///
/// Every bit pattern is a valid value, there is no padding and no drop glue, the size is not zero,
/// and the alignment is at most a cache line (64 bytes).
#[expect(unsafe_code, reason = "declared here, implemented here, closed to others")]
pub unsafe trait Plain: Copy + 'static + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u64 {}
    impl Sealed for [u64; 8] {}
}

// SAFETY: an integer has no invalid bits and no padding; its alignment is 8.
unsafe impl Plain for u64 {}
// SAFETY: an array of such integers, without gaps.
unsafe impl Plain for [u64; 8] {}

/// An owned slice of plain words, zero at first, in huge pages when it is large.
///
/// As a `Vec<T>` of fixed length that never touches its memory before you do.
#[derive(Debug)]
pub struct HugeSlice<T: Plain> {
    memory: Region,
    len: usize,
    plain: PhantomData<T>,
}

/// An owned slice of `u64`, zero at first, in huge pages when it is large.
pub type HugeWords = HugeSlice<u64>;

impl<T: Plain> HugeSlice<T> {
    /// `len` zero words. Large slices are not populated yet; see [`HugeSlice::populate`].
    ///
    /// # Panics
    ///
    /// If that many words exceed the address space.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        let bytes =
            len.checked_mul(size_of::<T>()).expect("invariant: a slice fits the address space");
        Self { memory: Region::zeroed(bytes), len, plain: PhantomData }
    }

    /// As [`HugeSlice::zeroed`], with every page there already.
    #[must_use]
    pub fn populated(len: usize) -> Self {
        let mut words = Self::zeroed(len);
        words.populate(0..len);
        words
    }

    /// Has the pages under `range` (words, cut to the slice) given now; see [`Region::populate`].
    pub fn populate(&mut self, range: Range<usize>) {
        let end = range.end.min(self.len);
        let start = range.start.min(end);
        self.memory.populate(start * size_of::<T>()..end * size_of::<T>());
    }

    /// Keeps about `len` words and gives the memory behind them back; see [`Region::truncate`].
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.memory.truncate(len * size_of::<T>());
            self.len = len;
        }
    }

    /// Memory held, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.memory.len()
    }
}

impl<T: Plain> Deref for HugeSlice<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: the region holds at least `len * size_of::<T>()` initialised bytes, aligned to a
        // cache line, and any bytes are a valid `T` (the contract of `Plain`).
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast(), self.len) }
    }
}

impl<T: Plain> DerefMut for HugeSlice<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; `&mut self` lends the region exclusively, and a `T` without
        // padding leaves every byte initialised.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_zero_then_what_was_written() {
        for len in [0, 1, 1000, if cfg!(miri) { 2000 } else { 300_000 }] {
            let mut words = HugeWords::populated(len);
            assert_eq!(words.len(), len);
            assert!(words.iter().all(|word| *word == 0));
            words.fill(u64::MAX);
            assert!(words.iter().all(|word| *word == u64::MAX));
        }
    }

    #[test]
    fn truncation_keeps_the_front() {
        let mut lines = HugeSlice::<[u64; 8]>::zeroed(70_000);
        lines[3] = [9; 8];
        lines.truncate(10);
        assert_eq!((lines.len(), lines[3]), (10, [9; 8]));
    }
}
