//! The end of a ring that reads pages.

#[cfg(not(loom))]
use super::ends_of;
use super::{SHRED, Shared};
use crate::raw::atomic::{Arc, Ordering};
use std::fmt;
use std::ptr::NonNull;

/// Reads published pages in order, and gives them back; made by [`super::ring`].
///
/// It is `Send` and not `Clone`, and what changes it takes `&mut self`: that there is one consumer is a fact of the
/// types. Dropping it loses what was not read, and lets the producer see that.
// Aligned for the same reason as `Producer`.
#[repr(align(128))]
pub struct Consumer {
    shared: Arc<Shared>,
    /// The page in `slot`.
    page: NonNull<u8>,
    page_bytes: usize,
    /// `page` was handed out and is not released yet; then `head != tail`.
    is_held: bool,
    /// The slot of page number `head`.
    slot: usize,
    /// Pages released; equal to the shared count, which only we write.
    head: usize,
    /// Pages published, as far as we know (invariant 4).
    tail: usize,
}

// SAFETY: all that is not `Send` by itself is `page`, an address in the region that `shared` keeps
// alive; what it points to is ours alone while `is_held`, on whichever thread we are (invariant 2).
unsafe impl Send for Consumer {}

impl Consumer {
    pub(super) fn new(shared: Arc<Shared>, start: usize) -> Self {
        Self {
            page: shared.page(0),
            page_bytes: shared.page_bytes,
            is_held: false,
            slot: 0,
            head: start,
            tail: start,
            shared,
        }
    }

    /// The oldest published page: the same one until [`Self::release`]; `None` if there is none.
    ///
    /// Aligned to [`super::PAGE_ALIGN`].
    ///
    /// Cost: a test and two loads while the page is held. Else the producer's count is read, but only if
    /// the ring looks empty.
    #[inline]
    pub fn front(&mut self) -> Option<&[u8]> {
        if !self.is_held && !self.acquire() {
            return None;
        }
        self.front_shared()
    }

    /// The page that [`Self::front`] gave and that is not released yet; never a new one, and nothing shared is read.
    ///
    /// For callers that took the front and then lend it out through `&self`.
    #[inline]
    #[must_use]
    pub fn front_shared(&self) -> Option<&[u8]> {
        if !self.is_held {
            return None;
        }
        // SAFETY: the page lies in the region, which `shared` keeps alive, and is initialised. It is
        // held, so inside `head..tail`, and the producer does not touch it before `release`
        // (invariant 2), which needs `&mut self`: nobody writes to it while the slice lives.
        Some(unsafe { std::slice::from_raw_parts(self.page.as_ptr(), self.page_bytes) })
    }

    /// Gives the front page back to the producer, shredded in builds with debug assertions.
    ///
    /// Cost: one `Release` store. It wakes nobody: see [`crate::raw::doorbell`].
    ///
    /// # Panics
    ///
    /// If [`Self::front`] gave no page since the last release: a page would be lost unread.
    #[inline]
    pub fn release(&mut self) {
        self.release_with(Ordering::Release);
    }

    /// Pages that are published and not released, the front one among them.
    ///
    /// Cost: reads the producer's count, so probably a cache miss: per batch, not per record.
    pub fn len(&mut self) -> usize {
        self.refresh();
        self.tail.wrapping_sub(self.head)
    }

    /// Whether no page is published that is not released.
    ///
    /// Cost: as [`Self::len`], unless a page is known from before.
    pub fn is_empty(&mut self) -> bool {
        if self.tail == self.head {
            self.refresh();
        }
        self.tail == self.head
    }

    /// Whether the producer was dropped and all its pages were released: nothing will come any more.
    pub fn is_finished(&mut self) -> bool {
        // First whether it is gone, then whether there is something: the other way round its last page
        // could arrive between the two looks.
        self.tail == self.head
            && self.shared.tail.is_gone.load(Ordering::Acquire)
            && self.is_empty()
    }

    /// The capacity in pages.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.shared.pages
    }

    /// The size of a page in bytes.
    #[must_use]
    pub fn page_bytes(&self) -> usize {
        self.page_bytes
    }

    /// Takes hold of the page in `slot` if it is published.
    #[inline]
    fn acquire(&mut self) -> bool {
        if self.is_empty() {
            return false;
        }
        self.shared.trace_read(self.slot);
        self.is_held = true;
        #[cfg(not(loom))]
        if let Some(page) = self.front_shared() {
            ends_of(page).for_each(|at| thalweg_storage::raw::prefetch_at(page, at));
        }
        true
    }

    /// Reads how far the producer is. `Acquire`: its writes to the pages it published are over.
    #[inline]
    fn refresh(&mut self) {
        self.tail = self.shared.tail.count.load(Ordering::Acquire);
        debug_assert!(
            self.tail.wrapping_sub(self.head) <= self.shared.pages,
            "invariant 1: at most all pages are with the consumer"
        );
    }

    /// [`Self::release`] with the ordering of its store, which loom's tests weaken.
    #[inline]
    pub(super) fn release_with(&mut self, ordering: Ordering) {
        assert!(self.is_held, "invariant: a page is read before it is released");
        self.shared.trace_read(self.slot);
        if cfg!(debug_assertions) {
            // SAFETY: the page is `page_bytes` long and still inside `head..tail`, so the producer does not touch it
            // (invariant 2); `&mut self` means that no slice of ours is alive.
            unsafe { self.page.write_bytes(SHRED, self.page_bytes) };
        }
        self.is_held = false;
        self.head = self.head.wrapping_add(1);
        self.slot = self.shared.next_slot(self.slot);
        self.page = self.shared.page(self.slot);
        self.shared.head.count.store(self.head, ordering);
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.shared.head.is_gone.store(true, Ordering::Release);
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("pages", &self.shared.pages)
            .field("page_bytes", &self.page_bytes)
            .field("released", &self.head)
            .field("is_held", &self.is_held)
            .finish_non_exhaustive()
    }
}
