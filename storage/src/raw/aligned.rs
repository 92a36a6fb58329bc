//! Owned memory that starts at a page, for reads and writes that bypass the page cache.
//!
//! # Invariants
//!
//! 1. All `bytes` bytes from `start` on are initialised (zero until written) and owned by the buffer.
//! 2. `start` is a multiple of [`Buffer::ALIGNMENT`]; `bytes` is a multiple of it and not zero.
//! 3. The bytes do not move when the buffer does: the kernel may be told where they are.

use std::alloc::{self, Layout};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Owned, zeroed, page-aligned bytes; dereferences to them.
pub struct Buffer {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a buffer owns its memory alone, as a `Box<[u8]>` does, and has no interior mutability.
unsafe impl Send for Buffer {}
// SAFETY: as above: through `&Buffer` the bytes can only be read.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Where a buffer starts, and what its length is a multiple of: 4096 bytes, which suits every device there is.
    pub const ALIGNMENT: usize = 4096;

    /// Zero bytes: `bytes` of them, rounded up to whole pages and at least one.
    #[must_use]
    pub fn zeroed(bytes: usize) -> Self {
        let bytes = bytes.max(1).next_multiple_of(Self::ALIGNMENT);
        let layout = layout(bytes);
        // SAFETY: the size is not zero.
        let start = unsafe { alloc::alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { alloc::handle_alloc_error(layout) };
        Self { start, bytes }
    }

    /// A copy of `contents`, with zeros behind it up to the next page.
    #[must_use]
    pub fn holding(contents: &[u8]) -> Self {
        let mut buffer = Self::zeroed(contents.len());
        buffer[..contents.len()].copy_from_slice(contents);
        buffer
    }

    /// Where the bytes are, for the kernel to write to.
    #[cfg(all(target_os = "linux", not(miri)))]
    pub(super) fn start_mut(&mut self) -> *mut u8 {
        self.start.as_ptr()
    }
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, Buffer::ALIGNMENT)
        .expect("invariant: no buffer is larger than the address space")
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        // SAFETY: invariant 1, and `&self` lends the bytes for as long as the slice lives.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }
}

impl DerefMut for Buffer {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: invariant 1, and `&mut self` lends them exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: it came from the allocator with this very layout, once (invariants 1 and 2).
        unsafe { alloc::dealloc(self.start.as_ptr(), layout(self.bytes)) };
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("bytes", &self.bytes).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_whole_aligned_pages_of_zeros_that_can_be_written() {
        for bytes in [0, 1, 4096, 4097, 70_000] {
            let mut buffer = Buffer::zeroed(bytes);
            assert_eq!(buffer.len(), bytes.max(1).next_multiple_of(4096));
            assert_eq!(buffer.as_ptr().addr() % Buffer::ALIGNMENT, 0);
            assert!(buffer.iter().step_by(61).all(|byte| *byte == 0));
            let last = buffer.len() - 1;
            buffer[last] = 7;
            assert_eq!(buffer[last], 7);
        }
    }

    #[test]
    fn a_buffer_holds_what_it_was_given_and_zeros_behind() {
        let buffer = Buffer::holding(b"river");
        assert_eq!((&buffer[..5], buffer.len()), (&b"river"[..], 4096));
        assert!(buffer[5..].iter().all(|byte| *byte == 0));
    }
}
