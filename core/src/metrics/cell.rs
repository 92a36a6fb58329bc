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

/// Reads in a row. A writer publishes some hundred times a second and needs some nanoseconds, so more than one overtaking is next to impossible; but the system may take the writer's core away amid its words, for milliseconds, and these reads last for some ten of its time slices. Then what was read is taken as it is, as a reader must not hang.
const READS: usize = if cfg!(miri) { 1_000 } else { 1 << 21 };

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

    /// Called by any thread but the owner. Cost: `N` + 2 loads; a spin only while the writer stands still amid its words.
    pub(super) fn read(&self) -> [u64; N] {
        let mut words = [0; N];
        for _ in 0..READS {
            if self.read_once(&mut words) {
                break;
            }
            std::hint::spin_loop();
        }
        words
    }

    /// Whether the words were read as they were at one moment.
    fn read_once(&self, words: &mut [u64; N]) -> bool {
        let before = self.version.load(Ordering::Acquire);
        for (word, cell) in words.iter_mut().zip(&self.words) {
            *word = cell.load(Ordering::Relaxed);
        }
        fence(Ordering::Acquire);
        before.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == before
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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

    #[test]
    fn a_writer_that_stands_still_amid_its_words_is_waited_for_but_not_for_ever() {
        let cell = Cell::new([1; 5]);
        cell.version.store(1, Ordering::Relaxed);
        cell.words[0].store(2, Ordering::Relaxed);
        assert_eq!(cell.read(), [2, 1, 1, 1, 1], "it never goes on");
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| cell.read());
            std::thread::sleep(Duration::from_millis(1));
            cell.words.iter().for_each(|word| word.store(2, Ordering::Relaxed));
            cell.version.store(2, Ordering::Release);
            assert_eq!(reader.join().unwrap(), [2; 5]);
        });
    }
}
