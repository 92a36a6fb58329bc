//! What is written: memory that several may read and nobody writes any more.

use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::raw::{Buffer, Region};

/// Memory on its way to a disk: part of a [`Buffer`] or of a [`Region`] that is frozen by being shared.
///
/// A clone refers to the same memory. Who wants to write the memory again waits until he is the only one who
/// has it: [`Bytes::into_buffer`], or [`Arc::get_mut`] of the region.
#[derive(Clone, Debug)]
pub struct Bytes {
    memory: Memory,
    range: Range<usize>,
}

#[derive(Clone, Debug)]
enum Memory {
    Buffer(Arc<Buffer>),
    Region(Arc<Region>),
}

impl Bytes {
    /// The part `range` of a frozen region.
    ///
    /// # Panics
    ///
    /// If `range` does not lie in the region.
    #[must_use]
    pub fn of_region(region: Arc<Region>, range: Range<usize>) -> Self {
        let bytes = Self { memory: Memory::Region(region), range };
        let _ = &bytes[..];
        bytes
    }

    /// The part `range` of these bytes.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let start = self.range.start + range.start;
        let part = Self { memory: self.memory.clone(), range: start..self.range.start + range.end };
        assert!(part.range.end <= self.range.end, "invariant: a part lies in the whole");
        part
    }

    /// The buffer, to be filled anew, if nobody else refers to it.
    #[must_use]
    pub fn into_buffer(self) -> Option<Buffer> {
        match self.memory {
            Memory::Buffer(buffer) => Arc::into_inner(buffer),
            Memory::Region(_) => None,
        }
    }
}

impl From<Buffer> for Bytes {
    fn from(buffer: Buffer) -> Self {
        let range = 0..buffer.len();
        Self { memory: Memory::Buffer(Arc::new(buffer)), range }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.memory {
            Memory::Buffer(buffer) => &buffer[self.range.clone()],
            Memory::Region(region) => &region[self.range.clone()],
        }
    }
}

/// Buffers of one size, kept for the next one who needs one.
///
/// A page-aligned allocation of a megabyte is a call of the kernel and a fault for each of its pages: 0.2 ms and more.
#[derive(Debug)]
pub struct BufferPool {
    bytes: usize,
    spare: Vec<Buffer>,
    keep: usize,
}

impl BufferPool {
    /// A pool of buffers of `bytes` bytes that keeps up to `keep` of them.
    #[must_use]
    pub fn new(bytes: usize, keep: usize) -> Self {
        Self { bytes: bytes.max(1).next_multiple_of(Buffer::ALIGNMENT), spare: Vec::new(), keep }
    }

    /// A buffer; what is in it is whatever its last user left.
    #[must_use]
    pub fn take(&mut self) -> Buffer {
        self.spare.pop().unwrap_or_else(|| Buffer::zeroed(self.bytes))
    }

    /// Takes a buffer back, if it is of this pool's size and there are not enough already.
    pub fn give_back(&mut self, buffer: Buffer) {
        if buffer.len() == self.bytes && self.spare.len() < self.keep {
            self.spare.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_refer_to_the_same_memory_and_the_last_one_gives_it_back() {
        let mut buffer = Buffer::zeroed(8192);
        buffer[4096] = 9;
        let whole = Bytes::from(buffer);
        let part = whole.part(4096..8192);
        assert_eq!((part.len(), part[0]), (4096, 9));
        assert!(whole.into_buffer().is_none());
        assert_eq!(part.into_buffer().unwrap().len(), 8192);
    }

    #[test]
    fn a_pool_gives_the_same_buffer_again() {
        let mut pool = BufferPool::new(5000, 1);
        let buffer = pool.take();
        let place = buffer.as_ptr();
        pool.give_back(buffer);
        pool.give_back(Buffer::zeroed(4096));
        assert_eq!(pool.take().as_ptr(), place);
    }
}
