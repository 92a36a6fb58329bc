//! A bounded single-producer single-consumer ring whose slots are pages of bytes.
//!
//! The producer opens the next free page, fills it in place and publishes it with one store; the
//! consumer reads it in place and releases it with one store. Nothing is copied, nothing is
//! allocated after construction, and no atomic read-modify-write is made.
//!
//! ```
//! let (mut producer, mut consumer) = thalweg::raw::ring::ring(8, 8192);
//! let page = producer.open().expect("eight pages are free");
//! page[..5].copy_from_slice(b"hello");
//! producer.publish();
//!
//! assert_eq!(&consumer.front().expect("one page was published")[..5], b"hello");
//! consumer.release();
//! assert!(producer.is_drained());
//! ```
//!
//! # Invariants
//!
//! 1. *Bound*: `0 <= tail - head <= pages`, modulo the word size. `tail` counts the pages ever
//!    published, `head` those ever released. Only differences are taken of them, so both may wrap.
//! 2. *Ownership*: pages `head..tail` belong to the consumer, all others to the producer. `tail` is
//!    moved by the producer alone, `head` by the consumer alone, each by a `Release` store that the
//!    other side reads with `Acquire`: whoever gains a page sees all that was done to it before.
//! 3. *Order*: page number `n` is slot `n % pages`, so pages arrive once each, in order. Each end
//!    counts its slot by itself: `tail % pages` would jump where `tail` wraps, unless `pages` were a
//!    power of two, and a capacity is what the caller asked for.
//! 4. *Lag*: what an end remembers of the other end's count is never ahead of it, so the memory
//!    can only make the ring look fuller to the producer and emptier to the consumer.
//!
//! # Not here
//!
//! No waiting and no waking: [`super::doorbell`]. No format of the page: `record::batch`.
//!
//! # Source
//!
//! Lamport, "Specifying concurrent program modules", TOPLAS 5(2), 1983, for the ring; Lee, Bu and
//! Chandranmenon, "A lock-free, cache-efficient shared ring buffer for multi-core architectures",
//! ANCS 2009 (MCRingBuffer), for the cached indices.

mod consumer;
mod producer;
#[cfg(test)]
mod tests;

pub use consumer::Consumer;
pub use producer::Producer;

use super::atomic::{Arc, AtomicBool, AtomicUsize};
use super::region::Region;
use crossbeam_utils::CachePadded;
use std::ptr::NonNull;

/// Alignment of every page, in bytes, and the unit of its size: a cache line.
pub const PAGE_ALIGN: usize = 64;

/// What a page holds after its release in builds with debug assertions: whoever kept an offset into
/// it reads nonsense at once and not only under load.
pub const SHRED: u8 = 0xDE;

/// A ring of `pages` pages of `page_bytes` bytes each, zeroed.
///
/// * `pages`: the capacity, at least 1, any number. With one page the ends take turns.
/// * `page_bytes`: a multiple of [`PAGE_ALIGN`], not zero.
///
/// The memory is one piece, aligned to 4096; from 2 MiB on it is aligned to that and huge pages are asked for. It is
/// touched here, so it lies on the NUMA node of the caller.
///
/// # Panics
///
/// If a size is not as said, or memory runs out: rings are made at start, from a checked plan.
#[must_use]
pub fn ring(pages: usize, page_bytes: usize) -> (Producer, Consumer) {
    ring_at(0, pages, page_bytes)
}

/// As [`ring`], with both counts at `start`: the tests let them wrap.
fn ring_at(start: usize, pages: usize, page_bytes: usize) -> (Producer, Consumer) {
    assert!(pages >= 1, "invariant: a ring has at least one page");
    assert!(
        page_bytes > 0 && page_bytes.is_multiple_of(PAGE_ALIGN),
        "invariant: a page is a multiple of {PAGE_ALIGN} bytes, not {page_bytes}"
    );
    let bytes = pages.checked_mul(page_bytes).expect("invariant: a ring fits the address space");
    let shared = Arc::new(Shared {
        tail: CachePadded::new(Side::at(start)),
        head: CachePadded::new(Side::at(start)),
        region: Region::zeroed(bytes),
        pages,
        page_bytes,
        #[cfg(loom)]
        traces: (0..pages).map(|_| loom::cell::UnsafeCell::new(())).collect(),
    });
    (Producer::new(Arc::clone(&shared), start), Consumer::new(shared, start))
}

/// What both ends see.
struct Shared {
    tail: CachePadded<Side>,
    head: CachePadded<Side>,
    region: Region,
    pages: usize,
    page_bytes: usize,
    /// Stands for the pages' bytes, which loom does not watch.
    #[cfg(loom)]
    traces: Vec<loom::cell::UnsafeCell<()>>,
}

/// What one end writes and the other reads.
struct Side {
    /// Pages ever published, or ever released.
    count: AtomicUsize,
    /// That end was dropped; set once, after its last change of `count`.
    is_gone: AtomicBool,
}

impl Side {
    fn at(start: usize) -> Self {
        Self { count: AtomicUsize::new(start), is_gone: AtomicBool::new(false) }
    }
}

/// Where the lines are that both ends of a ring touch of every page, however little is in it: of a format that begins with a header, and grows from both ends.
///
/// Asked for together they take as long as one. Else each is asked for when the one before has said where it is, and a line from another core takes 50 to 150 ns.
#[cfg(not(loom))]
fn ends_of(page: &[u8]) -> impl Iterator<Item = usize> {
    [0, PAGE_ALIGN, page.len() - PAGE_ALIGN].into_iter()
}

impl Shared {
    /// The first byte of the page in `slot`.
    #[inline]
    fn page(&self, slot: usize) -> NonNull<u8> {
        assert!(slot < self.pages, "invariant 3: a slot is below the capacity");
        // SAFETY: the region is `pages * page_bytes` long and `slot < pages`, so the page lies in it
        // and the product does not overflow.
        unsafe { self.region.base().add(slot * self.page_bytes) }
    }

    /// The slot after `slot`.
    #[inline]
    fn next_slot(&self, slot: usize) -> usize {
        if slot + 1 == self.pages { 0 } else { slot + 1 }
    }

    /// Tells loom that the page in `slot` is written now. An end does so first and last in the time
    /// that it owns the page, so a race with anything in between shows as well.
    #[inline]
    fn trace_write(&self, slot: usize) {
        #[cfg(loom)]
        self.traces[slot].with_mut(|_| ());
        let _ = slot;
    }

    /// Tells loom that the page in `slot` is read now.
    #[inline]
    fn trace_read(&self, slot: usize) {
        #[cfg(loom)]
        self.traces[slot].with(|_| ());
        let _ = slot;
    }
}
