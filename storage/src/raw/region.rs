//! Owned, zeroed, anonymous memory: from the allocator when small, in huge pages when large.
//!
//! A table of millions of keys misses the TLB on every lookup with 4 KiB pages; with 2 MiB pages it
//! does not. So a region of [`HUGE_PAGE_BYTES`] or more is mapped by itself, aligned to a huge page
//! and advised `MADV_HUGEPAGE`; a smaller one is an ordinary aligned allocation, since there are
//! hundreds of tables with three keys each.
//!
//! # Invariants
//!
//! 1. All `bytes` bytes from `start` on are initialised (zero until written) and owned by the region.
//! 2. `start` is aligned to [`ALIGNMENT`], to a page if the region has one, and to [`HUGE_PAGE_BYTES`] if the region is mapped.
//! 3. `mapped` says who frees: the kernel or the allocator. It never changes.
//!
//! # Not here
//!
//! No error for lack of memory: as everywhere in Rust, that ends the process
//! ([`std::alloc::handle_alloc_error`]). Limits are the caller's, who can see how much is in use.

use std::alloc::{self, Layout};
use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;

/// Size and alignment of one huge page, bytes.
pub const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Alignment of every region, bytes: a cache line.
const ALIGNMENT: usize = 64;

/// Alignment of one that has a page or more, bytes: it may be written to disk as it lies.
const PAGE_BYTES: usize = 4096;

/// Owned zeroed memory; see the file's header. Dereferences to its bytes.
pub struct Region {
    start: NonNull<u8>,
    bytes: usize,
    mapped: bool,
}

// SAFETY: a region owns its memory alone, as a `Box<[u8]>` does, and has no interior mutability.
unsafe impl Send for Region {}
// SAFETY: as above: through `&Region` the bytes can only be read.
unsafe impl Sync for Region {}

impl Region {
    /// A region of `bytes` zero bytes; a large one is rounded up to whole huge pages.
    ///
    /// Cost: a large region costs three system calls whatever its size: the kernel gives its pages
    /// when they are first touched, or when [`Region::populate`] asks for them.
    #[must_use]
    pub fn zeroed(bytes: usize) -> Self {
        if bytes == 0 {
            return Self { start: NonNull::<Line>::dangling().cast(), bytes: 0, mapped: false };
        }
        #[cfg(all(target_os = "linux", not(miri)))]
        if bytes >= HUGE_PAGE_BYTES {
            return map::huge(bytes);
        }
        let layout = layout(bytes);
        // SAFETY: `bytes` is not zero here.
        let start = unsafe { alloc::alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { alloc::handle_alloc_error(layout) };
        Self { start, bytes, mapped: false }
    }

    /// Has the kernel give the pages of `range` now, so that the first touch does not fault.
    ///
    /// A hint: nothing changes that a reader could see, and a small region has nothing to do. A huge
    /// page costs its zeroing, 0.1 to 0.2 ms, and under a hypervisor much more if the host has no memory behind
    /// it yet: 5 ms measured. So callers that must not stall ask for one at a time, or at start.
    ///
    /// # Panics
    ///
    /// If `range` does not lie in the region.
    pub fn populate(&mut self, range: Range<usize>) {
        let slice = &self[range];
        if slice.is_empty() {
            return;
        }
        #[cfg(all(target_os = "linux", not(miri)))]
        if self.mapped {
            let (first, bytes) = (slice.as_ptr().addr(), slice.len());
            map::populate(self, first, bytes);
        }
    }

    /// Gives back everything behind the first `bytes` bytes of a large region, rounded up to whole
    /// huge pages; a small region stays as it is. Cost: one system call, about 1 us a huge page.
    pub fn truncate(&mut self, bytes: usize) {
        #[cfg(all(target_os = "linux", not(miri)))]
        if self.mapped {
            map::truncate(self, bytes);
        }
        let _ = bytes;
    }
}

/// A cache line, for its alignment.
#[repr(align(64))]
struct Line;

fn layout(bytes: usize) -> Layout {
    let alignment = if bytes >= PAGE_BYTES { PAGE_BYTES } else { ALIGNMENT };
    Layout::from_size_align(bytes, alignment)
        .expect("invariant: no region is larger than the address space")
}

impl Deref for Region {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        // SAFETY: invariant 1, and `&self` lends the bytes for as long as the slice lives.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }
}

impl DerefMut for Region {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: invariant 1, and `&mut self` lends them exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        #[cfg(all(target_os = "linux", not(miri)))]
        if self.mapped {
            map::truncate(self, 0);
            return;
        }
        // SAFETY: not mapped, so it came from the allocator with this very layout (invariant 3).
        unsafe { alloc::dealloc(self.start.as_ptr(), layout(self.bytes)) };
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region").field("bytes", &self.bytes).field("mapped", &self.mapped).finish()
    }
}

/// The mapped kind, where the kernel is Linux.
#[cfg(all(target_os = "linux", not(miri)))]
mod map {
    use super::{HUGE_PAGE_BYTES, Region, layout};
    use std::alloc;
    use std::ptr::{self, NonNull};

    /// Since Linux 5.14; older headers do not have it.
    const MADV_POPULATE_WRITE: libc::c_int = 23;

    /// The smallest page there is; touching one byte in each populates everything.
    const SMALL_PAGE_BYTES: usize = 4096;

    pub(super) fn huge(bytes: usize) -> Region {
        let bytes = bytes.next_multiple_of(HUGE_PAGE_BYTES);
        // One huge page more than wanted, so that an aligned start lies within.
        let mapped_bytes = bytes + HUGE_PAGE_BYTES;
        // SAFETY: a new private anonymous mapping at an address of the kernel's choice: it
        // replaces nothing.
        let raw = unsafe {
            libc::mmap(
                ptr::null_mut(),
                mapped_bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if raw == libc::MAP_FAILED {
            alloc::handle_alloc_error(layout(bytes));
        }
        let raw = raw.cast::<u8>();
        let head = raw.addr().next_multiple_of(HUGE_PAGE_BYTES) - raw.addr();
        let tail = mapped_bytes - head - bytes;
        let start = raw.wrapping_add(head);
        unmap(raw, head);
        unmap(start.wrapping_add(bytes), tail);
        // SAFETY: the range is the mapping just made; the advice changes no contents. It may be
        // refused (a kernel without huge pages), and then the pages are small.
        unsafe { libc::madvise(start.cast(), bytes, libc::MADV_HUGEPAGE) };
        let start = NonNull::new(start).expect("invariant: no mapping starts at address zero");
        Region { start, bytes, mapped: true }
    }

    /// Unmaps a page-aligned part of a mapping that this file made and nothing refers to any more.
    fn unmap(start: *mut u8, bytes: usize) {
        if bytes > 0 {
            // SAFETY: private to this file, and every caller passes a part of its own mapping to
            // which no slice exists: cut off before the region was made, or under `&mut` with the
            // region's length already reduced.
            let result = unsafe { libc::munmap(start.cast(), bytes) };
            debug_assert_eq!(result, 0, "invariant: the range is a mapped one");
        }
    }

    pub(super) fn populate(region: &mut Region, first: usize, bytes: usize) {
        let begin = first & !(SMALL_PAGE_BYTES - 1);
        let end = (first + bytes).next_multiple_of(SMALL_PAGE_BYTES);
        let at = region.start.as_ptr().with_addr(begin);
        // SAFETY: the region is whole pages, so rounding outwards stays within it; populating
        // writes nothing but the zeros of pages never touched before.
        if unsafe { libc::madvise(at.cast(), end - begin, MADV_POPULATE_WRITE) } == 0 {
            return;
        }
        // An older kernel: fault the pages one by one. Each byte is written back as it was, through
        // `black_box`, which keeps the compiler from seeing that.
        let offset = begin - region.start.as_ptr().addr();
        for byte in region[offset..offset + (end - begin)].iter_mut().step_by(SMALL_PAGE_BYTES) {
            *byte = std::hint::black_box(*byte);
        }
    }

    pub(super) fn truncate(region: &mut Region, bytes: usize) {
        let keep = bytes.next_multiple_of(HUGE_PAGE_BYTES).min(region.bytes);
        let cut = region.bytes - keep;
        // First the length: nothing can refer to the tail once it is gone.
        region.bytes = keep;
        unmap(region.start.as_ptr().wrapping_add(keep), cut);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_regions_are_zero_aligned_and_writable() {
        for bytes in [1, 64, 4096, HUGE_PAGE_BYTES, HUGE_PAGE_BYTES + 1] {
            let mut region = Region::zeroed(bytes);
            assert!(region.len() >= bytes);
            assert_eq!(region.as_ptr().addr() % ALIGNMENT, 0);
            if bytes >= HUGE_PAGE_BYTES && !cfg!(miri) {
                assert_eq!(region.as_ptr().addr() % HUGE_PAGE_BYTES, 0);
            }
            assert!(region.iter().step_by(61).all(|byte| *byte == 0));
            let last = region.len() - 1;
            region[last] = 7;
            assert_eq!(region[last], 7);
        }
    }

    #[test]
    fn populating_changes_nothing() {
        let mut region = Region::zeroed(2 * HUGE_PAGE_BYTES);
        region[5] = 5;
        region[HUGE_PAGE_BYTES] = 6;
        region.populate(1..2 * HUGE_PAGE_BYTES - 1);
        region.populate(9..9);
        assert_eq!((region[5], region[HUGE_PAGE_BYTES], region[6]), (5, 6, 0));
    }

    #[test]
    fn a_truncated_region_keeps_its_front() {
        let mut region = Region::zeroed(3 * HUGE_PAGE_BYTES);
        region[0] = 1;
        region.truncate(1);
        assert_eq!(region[0], 1);
        if cfg!(all(target_os = "linux", not(miri))) {
            assert_eq!(region.len(), HUGE_PAGE_BYTES);
        }
    }

    #[test]
    fn an_empty_region_has_no_memory() {
        let mut region = Region::zeroed(0);
        assert!(region.is_empty());
        region.populate(0..0);
        region.truncate(0);
    }
}
