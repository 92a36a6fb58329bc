//! A cell: some words that one thread writes and others read, and that are seen as they were at one moment.
//!
//! A sequence lock without a lock: the writer never waits and makes plain stores; a reader that was overtaken reads again.
//!
//! # Source
//!
//! Boehm, "Can seqlocks get along with programming language memory models?", MSPC 2012: the words are atomic, and the fences order them.

use std::sync::atomic::{AtomicU64, Ordering, fence};

/// `N` words. Aligned to two cache lines, so that writers of neighbouring cells do not meet.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Cell<const N: usize> {
    /// Odd while the words are being written.
    version: AtomicU64,
    words: [AtomicU64; N],
}

/// Reads of a cell before what was read is taken as it is: a writer publishes some hundred times a second and needs some nanoseconds, so
/// more than one overtaking is next to impossible, and a reader must not hang if it happens.
const READS: usize = 64;

impl<const N: usize> Cell<N> {
    pub(super) fn new(words: [u64; N]) -> Self {
        Self { version: AtomicU64::new(0), words: words.map(AtomicU64::new) }
    }

    /// Called by the owner alone. Cost: `N` + 2 plain stores.
    pub(super) fn write(&self, words: &[u64; N]) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        for (cell, word) in self.words.iter().zip(words) {
            cell.store(*word, Ordering::Relaxed);
        }
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    pub(super) fn read(&self) -> [u64; N] {
        let mut words = [0; N];
        for _ in 0..READS {
            let before = self.version.load(Ordering::Acquire);
            for (word, cell) in words.iter_mut().zip(&self.words) {
                *word = cell.load(Ordering::Relaxed);
            }
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == before {
                break;
            }
            std::hint::spin_loop();
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_written_together_are_read_together() {
        let rounds = if cfg!(miri) { 50 } else { 100_000 };
        let cell = Cell::new([0; 5]);
        std::thread::scope(|scope| {
            scope.spawn(|| (1..=rounds).for_each(|round| cell.write(&[round; 5])));
            let mut last = 0;
            while last < rounds {
                let words = cell.read();
                assert!(words.iter().all(|word| *word == words[0]), "{words:?}");
                assert!(words[0] >= last);
                last = words[0];
            }
        });
    }
}
