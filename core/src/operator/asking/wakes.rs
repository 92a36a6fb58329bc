//! Which slots were woken, by any thread.
//!
//! # Invariants
//!
//! 1. *No wake is lost*: who wakes first sets the slot's bit, then `any`, then rings; a sweep first clears `any`, then looks at the bits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Wake, Waker};

use crate::raw::doorbell::Ringer;

/// One bit for each slot.
#[derive(Debug)]
pub(crate) struct Wakes {
    any: AtomicBool,
    words: Box<[AtomicU64]>,
    /// Wakes the worker; none while a plan is made.
    worker: Option<Ringer>,
}

/// Wakes one slot.
struct OfSlot {
    wakes: Arc<Wakes>,
    slot: u32,
}

impl Wake for OfSlot {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakes.set(self.slot);
        if let Some(worker) = &self.wakes.worker {
            worker.ring();
        }
    }
}

impl Wakes {
    pub(crate) fn new(slots: u32, worker: Option<Ringer>) -> Arc<Self> {
        let words = (0..slots.div_ceil(u64::BITS)).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { any: AtomicBool::new(false), words, worker })
    }

    pub(super) fn waker(self: &Arc<Self>, slot: u32) -> Waker {
        Waker::from(Arc::new(OfSlot { wakes: Arc::clone(self), slot }))
    }

    /// Wakes a slot on its own worker, which is awake.
    pub(super) fn set(&self, slot: u32) {
        let bit = 1 << (slot % u64::BITS);
        self.words[(slot / u64::BITS) as usize].fetch_or(bit, Ordering::Release);
        self.any.store(true, Ordering::Release);
    }

    pub(super) fn has_any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Before the bits are looked at.
    pub(super) fn begin_sweep(&self) {
        self.any.swap(false, Ordering::AcqRel);
    }

    /// After a sweep that came as far as `word`: what it has left is not forgotten.
    pub(super) fn leave_rest_from(&self, word: usize, has_left: bool) {
        let is_set = |word: &AtomicU64| word.load(Ordering::Relaxed) != 0;
        if has_left || self.words[word..].iter().any(is_set) {
            self.any.store(true, Ordering::Release);
        }
    }

    /// Takes the bits of a word.
    pub(super) fn take_word(&self, word: usize) -> Option<u64> {
        Some(self.words.get(word)?.swap(0, Ordering::Acquire))
    }

    /// Puts bits of a word back.
    pub(super) fn put_back(&self, word: usize, bits: u64) {
        self.words[word].fetch_or(bits, Ordering::Release);
    }
}
