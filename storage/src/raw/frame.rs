//! A region that is written by its owner until it is shared, and then by nobody.
//!
//! The log looks up a frame with every record, so where the bytes are lies in the frame itself, not behind the `Arc` of a shared region.
//!
//! # Invariants
//!
//! 1. `start` and `bytes` are those of the region that `owner` has; a region's memory does not move when the region does.
//! 2. `writable` is `bytes`, or 0; it is 0 whenever the region is shared. So bytes are written only while the frame owns them alone, under `&mut`.

use super::Region;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

/// See the file's header. Dereferences to its bytes.
#[derive(Debug)]
pub(crate) struct Frame {
    start: NonNull<u8>,
    bytes: usize,
    writable: usize,
    owner: Owner,
}

#[derive(Debug)]
enum Owner {
    Alone(Region),
    Shared(Arc<Region>),
}

impl Frame {
    /// A frame that may be written.
    pub(crate) fn new(mut region: Region) -> Self {
        let bytes = region.len();
        let start = NonNull::new(region.as_mut_ptr()).expect("invariant: no region is at zero");
        Self { start, bytes, writable: bytes, owner: Owner::Alone(region) }
    }

    /// A frame of memory that others have too.
    pub(crate) fn shared(region: Arc<Region>) -> Self {
        let start = NonNull::from(&**region).cast();
        Self { start, bytes: region.len(), writable: 0, owner: Owner::Shared(region) }
    }

    /// A frame without bytes.
    pub(crate) fn empty() -> Self {
        let mut frame = Self::new(Region::zeroed(0));
        frame.writable = 0;
        frame
    }

    /// Whether it may be written.
    #[inline(always)]
    pub(crate) fn is_writable(&self) -> bool {
        self.writable != 0
    }

    /// All bytes if they may be written, else none.
    #[inline(always)]
    pub(crate) fn if_writable(&self) -> &[u8] {
        // SAFETY: as in `deref`; `writable` is not more than `bytes` (invariant 2).
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.writable) }
    }

    /// All bytes if they may be written, else none.
    #[inline(always)]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `if_writable`; if there are any, the frame owns the region alone (invariant 2), and `&mut self` lends them exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.writable) }
    }

    /// Forbids to write, for a while.
    pub(crate) fn lock(&mut self) {
        self.writable = 0;
    }

    /// Allows to write again; `false` if it is shared for good.
    pub(crate) fn unlock(&mut self) -> bool {
        let alone = matches!(self.owner, Owner::Alone(_));
        if alone {
            self.writable = self.bytes;
        }
        alone
    }

    /// Gives the memory to others too; nobody writes it any more.
    pub(crate) fn share(&mut self) -> Arc<Region> {
        self.writable = 0;
        let owner = std::mem::replace(&mut self.owner, Owner::Alone(Region::zeroed(0)));
        let shared = match owner {
            Owner::Alone(region) => Arc::new(region),
            Owner::Shared(shared) => shared,
        };
        self.owner = Owner::Shared(Arc::clone(&shared));
        shared
    }

    /// The region, if nobody else has it; else what it is shared by.
    pub(crate) fn into_region(self) -> Result<Region, Arc<Region>> {
        match self.owner {
            Owner::Alone(region) => Ok(region),
            Owner::Shared(shared) => Arc::try_unwrap(shared),
        }
    }
}

// SAFETY: a frame owns or shares a region, which is both `Send` and `Sync`; the pointer leads to that region's memory, which is written under `&mut` alone.
unsafe impl Send for Frame {}
// SAFETY: as above: through `&Frame` the bytes can only be read.
unsafe impl Sync for Frame {}

impl Deref for Frame {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        // SAFETY: the region has `bytes` initialised bytes at `start` (invariant 1), and lives as long as the frame; nobody writes them while `&self` lends
        // them: the owner is this frame, or they are shared and never written (invariant 2).
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_written_until_it_is_locked_or_shared() {
        for bytes in [64, 4096, if cfg!(miri) { 8192 } else { super::super::HUGE_PAGE_BYTES }] {
            let mut frame = Frame::new(Region::zeroed(bytes));
            frame.bytes_mut()[3] = 7;
            assert_eq!((frame[3], frame.if_writable().len(), frame.len()), (7, bytes, bytes));
            frame.lock();
            assert!(!frame.is_writable() && frame.bytes_mut().is_empty());
            assert!(frame.if_writable().is_empty());
            assert!(frame.unlock());
            frame.bytes_mut()[4] = 8;
            let shared = frame.share();
            assert!(Arc::ptr_eq(&shared, &frame.share()));
            assert!(!frame.unlock() && frame.bytes_mut().is_empty());
            let read = || (shared[3], shared[4]);
            let seen = std::thread::scope(|scope| scope.spawn(read).join().unwrap());
            drop(shared);
            assert_eq!(((frame[3], frame[4]), seen), ((7, 8), (7, 8)));
            let mut again = Frame::new(frame.into_region().unwrap());
            again.bytes_mut()[3] = 9;
            assert_eq!((again[3], again[4]), (9, 8));
        }
    }

    #[test]
    fn a_shared_region_is_given_back_by_the_last_who_has_it() {
        let mut frame = Frame::new(Region::zeroed(64));
        let shared = frame.share();
        let shared = Frame::shared(shared);
        assert_eq!((shared.len(), shared.is_writable()), (64, false));
        assert!(frame.into_region().is_err());
        assert_eq!(shared.into_region().unwrap().len(), 64);
        assert!(Frame::empty().is_empty() && !Frame::empty().is_writable());
    }
}
