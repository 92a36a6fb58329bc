//! The end of a ring that fills pages.

use super::Shared;
#[cfg(not(loom))]
use super::ends_of;
use crate::raw::atomic::{Arc, Ordering};
use std::fmt;
use std::ptr::NonNull;

/// Opens free pages, and publishes them in order; made by [`super::ring`].
///
/// It is `Send` and not `Clone`, and what changes it takes `&mut self`: that there is one producer is a fact of the
/// types. Dropping it loses the open page, if there is one, and lets the consumer see the end.
// On its own pair of cache lines: the counts kept in it change with every page, and an end of another core may
// have been allocated next to it.
#[repr(align(128))]
pub struct Producer {
    shared: Arc<Shared>,
    /// The page in `slot`.
    page: NonNull<u8>,
    page_bytes: usize,
    /// `page` was handed out and is not published yet; then `tail - head < pages`.
    is_open: bool,
    /// The slot of page number `tail`.
    slot: usize,
    /// Pages published; equal to the shared count, which only we write.
    tail: usize,
    /// Pages released, as far as we know (invariant 4).
    head: usize,
}

// SAFETY: all that is not `Send` by itself is `page`, an address in the region that `shared` keeps
// alive; what it points to is ours alone while `is_open`, on whichever thread we are (invariant 2).
unsafe impl Send for Producer {}

impl Producer {
    pub(super) fn new(shared: Arc<Shared>, start: usize) -> Self {
        Self {
            page: shared.page(0),
            page_bytes: shared.page_bytes,
            is_open: false,
            slot: 0,
            tail: start,
            head: start,
            shared,
        }
    }

    /// The page to fill next: the same one until [`Self::publish`]; `None` while all pages are
    /// with the consumer.
    ///
    /// It holds what it held before (zeros at first, [`super::SHRED`] after a release in debug
    /// builds), so the format in it must say how much of it counts. Aligned to [`super::PAGE_ALIGN`].
    ///
    /// Cost: a test and two loads while the page is open. Else the consumer's count is read, but only if
    /// the ring looks full.
    #[inline]
    pub fn open(&mut self) -> Option<&mut [u8]> {
        if !self.is_open && !self.acquire() {
            return None;
        }
        Some(self.bytes())
    }

    /// The open page; unlike [`Self::open`] never a new one.
    #[inline]
    pub fn opened(&mut self) -> Option<&mut [u8]> {
        if self.is_open { Some(self.bytes()) } else { None }
    }

    /// Hands the open page over to the consumer.
    ///
    /// Cost: one `Release` store. It wakes nobody: see [`crate::raw::doorbell`].
    ///
    /// # Panics
    ///
    /// If no page is open.
    #[inline]
    pub fn publish(&mut self) {
        self.publish_with(Ordering::Release);
    }

    /// Pages that can still be published before the consumer has to release one; the open page
    /// counts as free.
    ///
    /// Cost: reads the consumer's count, so probably a cache miss: per batch, not per record.
    pub fn free(&mut self) -> usize {
        self.refresh();
        self.shared.pages - self.tail.wrapping_sub(self.head)
    }

    /// Whether the consumer has released every page that was published: it has nothing to do but
    /// what is in the open page.
    ///
    /// Cost: as [`Self::free`], unless it is known to be so from before.
    pub fn is_drained(&mut self) -> bool {
        if self.head != self.tail {
            self.refresh();
        }
        self.head == self.tail
    }

    /// Whether the consumer was dropped: what is published now is never read, and a full ring stays full.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.shared.head.is_gone.load(Ordering::Acquire)
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

    /// The open page. Callers make sure that there is one.
    #[inline]
    fn bytes(&mut self) -> &mut [u8] {
        debug_assert!(self.is_open, "invariant 2: only an open page is the producer's to write");
        // SAFETY: the page lies in the region, which `shared` keeps alive, and is initialised. It is
        // open, so outside `head..tail`, and the consumer does not touch it before `publish`
        // (invariant 2), which needs `&mut self`: the slice is the only way to it while it lives.
        unsafe { std::slice::from_raw_parts_mut(self.page.as_ptr(), self.page_bytes) }
    }

    /// Opens the page in `slot` if it is free.
    #[inline]
    fn acquire(&mut self) -> bool {
        if self.tail.wrapping_sub(self.head) == self.shared.pages {
            self.refresh();
            if self.tail.wrapping_sub(self.head) == self.shared.pages {
                return false;
            }
        }
        self.shared.trace_write(self.slot);
        self.is_open = true;
        true
    }

    /// Reads how far the consumer is. `Acquire`: its last reads of the pages it gave back are over.
    #[inline]
    fn refresh(&mut self) {
        self.head = self.shared.head.count.load(Ordering::Acquire);
        debug_assert!(
            self.tail.wrapping_sub(self.head) <= self.shared.pages,
            "invariant 1: at most all pages are with the consumer"
        );
    }

    /// [`Self::publish`] with the ordering of its store, which loom's tests weaken.
    #[inline]
    pub(super) fn publish_with(&mut self, ordering: Ordering) {
        assert!(self.is_open, "invariant: a page is opened before it is published");
        self.shared.trace_write(self.slot);
        self.is_open = false;
        self.tail = self.tail.wrapping_add(1);
        self.slot = self.shared.next_slot(self.slot);
        self.page = self.shared.page(self.slot);
        self.shared.tail.count.store(self.tail, ordering);
        #[cfg(not(loom))]
        self.prepare();
    }

    /// Asks for the next page's lines, which the consumer has had since it read them, if the page is known to be free.
    #[cfg(not(loom))]
    #[inline]
    fn prepare(&self) {
        if self.tail.wrapping_sub(self.head) < self.shared.pages {
            // SAFETY: the page is `page_bytes` of the region, and free, so it is ours (invariant 2); what is made here is not written through.
            let page = unsafe { std::slice::from_raw_parts(self.page.as_ptr(), self.page_bytes) };
            ends_of(page).for_each(|at| thalweg_storage::raw::prefetch_write_at(page, at));
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // `Release`: who sees the end sees every page published before it.
        self.shared.tail.is_gone.store(true, Ordering::Release);
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("pages", &self.shared.pages)
            .field("page_bytes", &self.page_bytes)
            .field("published", &self.tail)
            .field("is_open", &self.is_open)
            .finish_non_exhaustive()
    }
}
