//! One aligned, zeroed, populated piece of anonymous memory.
//!
//! # Invariants
//!
//! 1. The region is `bytes` long, allocated once, and neither moves nor grows until it is dropped.
//! 2. Every byte was written before [`Region::zeroed`] returns: each is initialised, and no later
//!    access takes a page fault.
//!
//! # Not here
//!
//! No references: a region hands out its address, and who may touch which part of it when is the
//! contract of the owner ([`super::ring`]).

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Alignment of a small region: a page of the memory management unit.
const SMALL_ALIGN: usize = 4096;

/// A region of at least this size is aligned to it and advised to be backed by huge pages; below
/// it the kernel has no huge page to give.
const HUGE_BYTES: usize = 2 << 20;

/// Owned memory, freed on drop; see the module.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a region is an address and a layout. It owns its memory alone, any thread may free it, and
// it offers no access to the bytes: whoever dereferences the address answers for it.
unsafe impl Send for Region {}
// SAFETY: as for `Send`; `&Region` can only copy the address.
unsafe impl Sync for Region {}

impl Region {
    /// A zeroed region of `bytes` bytes, at least one.
    ///
    /// Aligned to 4096, or to 2 MiB if it is that large. The calling thread touches all of it first, so on a machine with
    /// several NUMA nodes the memory is on the node of the caller.
    pub(crate) fn zeroed(bytes: usize) -> Self {
        assert!(bytes > 0, "invariant: a region is not empty");
        let align = if bytes >= HUGE_BYTES { HUGE_BYTES } else { SMALL_ALIGN };
        let layout = Layout::from_size_align(bytes, align)
            .expect("invariant: a region is smaller than the address space");
        // SAFETY: the layout is not empty, as asserted above.
        let Some(base) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        // Before the first touch: advice on pages that are already there would be left to khugepaged.
        if bytes >= HUGE_BYTES {
            advise_huge(base, bytes);
        }
        // SAFETY: `base` is valid for writes of `bytes` bytes, just allocated, seen by nobody else.
        unsafe { base.write_bytes(0, bytes) };
        Self { base, layout }
    }

    /// The first byte; the address is valid for reads and writes of the whole region until drop.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: allocated in `zeroed` by the same allocator with the same layout, freed only here.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}

/// Asks for huge pages; a refusal costs speed only and is not reported.
#[cfg(all(target_os = "linux", not(miri), not(loom)))]
fn advise_huge(base: NonNull<u8>, bytes: usize) {
    // SAFETY: the range starts on a page, is whole pages after rounding down, and lies in our own
    // allocation; `MADV_HUGEPAGE` changes no content.
    unsafe { libc::madvise(base.as_ptr().cast(), bytes & !(SMALL_ALIGN - 1), libc::MADV_HUGEPAGE) };
}

/// There is nothing to ask where there are no huge pages.
#[cfg(not(all(target_os = "linux", not(miri), not(loom))))]
fn advise_huge(_base: NonNull<u8>, _bytes: usize) {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn small_region_is_zeroed_and_starts_on_a_page() {
        let region = Region::zeroed(64);
        assert_eq!(region.base().as_ptr().addr() % 4096, 0);
        // SAFETY: initialised by `zeroed`, and nobody writes.
        let bytes = unsafe { std::slice::from_raw_parts(region.base().as_ptr(), 64) };
        assert!(bytes.iter().all(|&b| b == 0));
    }

    #[test]
    #[cfg_attr(miri, ignore = "four million bytes are minutes under the interpreter")]
    fn large_region_starts_on_a_huge_page_and_may_end_anywhere() {
        let bytes = 2 * HUGE_BYTES + 64;
        let region = Region::zeroed(bytes);
        assert_eq!(region.base().as_ptr().addr() % HUGE_BYTES, 0);
        // SAFETY: initialised by `zeroed`, and nobody writes.
        let bytes = unsafe { std::slice::from_raw_parts(region.base().as_ptr(), bytes) };
        assert!(bytes.iter().all(|&b| b == 0));
    }
}
