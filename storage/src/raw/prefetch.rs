//! A hint that a cache line will be wanted soon.
//!
//! A lookup in a table that is larger than the caches costs one or two DRAM latencies (about 100 ns
//! each on the test machine); 32 hints in flight at a time bring that to 5 to 15 ns a lookup.

/// Asks for the cache line that holds the first byte of `place`, to be read or written soon.
///
/// Cost: one instruction; it never waits. A no-op where the architecture has no such hint.
#[inline(always)]
pub fn prefetch<T: ?Sized>(place: &T) {
    let address: *const T = place;
    prefetch_address(address.cast());
}

/// [`prefetch`] of `slice[at]`; whatever an index outside of the slice asks for is of no use, and does no harm.
#[inline(always)]
pub fn prefetch_at<T>(slice: &[T], at: usize) {
    prefetch_address(slice.as_ptr().wrapping_add(at).cast());
}

/// Asks for the cache line of `slice[at]`, to be written soon: another core that has it gives it up. Any index will do, as with [`prefetch_at`].
#[inline(always)]
pub fn prefetch_write_at<T>(slice: &[T], at: usize) {
    let address: *const u8 = slice.as_ptr().wrapping_add(at).cast();
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: `prefetchw` is a hint that touches neither what the program can see of memory, nor flags, nor the stack, and cannot fault,
    // whatever the address; a processor that does not know it takes it for a `nop`, as every x86-64 does.
    unsafe {
        std::arch::asm!("prefetchw [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(any(miri, not(target_arch = "x86_64")))]
    prefetch_address(address);
}

/// The hint, for any address at all.
#[inline(always)]
fn prefetch_address(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is a hint: it reads nothing that the program can see, and it cannot
        // fault, whatever the address; SSE, which it needs, is part of every x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: as above: `prfm` is a hint that touches neither memory nor flags nor the stack.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_taken_for_any_place_and_any_index() {
        let words = [1u64, 2, 3];
        prefetch(&words);
        prefetch(&words[..0]);
        prefetch_at(&words, 2);
        prefetch_at(&words, 3);
        prefetch_write_at(&words, 0);
        prefetch_write_at(&words, 4);
        assert_eq!(words, [1, 2, 3]);
    }
}
