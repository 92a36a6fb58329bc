//! The board of a source: what each worker's slowest split has come to, for the others to wait for.
//!
//! # Invariants
//!
//! 1. One line a worker, which it alone writes, by a plain store, when its least watermark moves: once in some 64 records at most.
//! 2. What is read here decides only *which split is polled next*. That is a decision like any other: a recording says which polls were made, and a
//!    replay makes them without looking at the board. No result of a poll depends on it.
//! 3. What is read may be old. An old value is too small (a split is held a little longer) unless an idle split has come back in between
//!    (then one is held a little later); neither loses anything.

use std::sync::atomic::{AtomicI64, Ordering};

use crossbeam_utils::CachePadded;

use super::EventTime;

/// The least watermarks of a source's workers.
#[derive(Debug)]
pub(crate) struct AlignmentBoard {
    least: Box<[CachePadded<AtomicI64>]>,
}

impl AlignmentBoard {
    /// A board for `workers` workers, all of which are at the beginning of time.
    pub(crate) fn new(workers: usize) -> Self {
        let line = |_| CachePadded::new(AtomicI64::new(i64::MIN));
        Self { least: (0..workers).map(line).collect() }
    }

    /// Says that no split of `worker` is behind `least`; the end of time if none holds the others back.
    pub(crate) fn publish(&self, worker: usize, least: EventTime) {
        self.least[worker].store(least.as_nanos(), Ordering::Relaxed);
    }

    /// The least of all workers but `worker`. Cost: a line a worker, most of them unchanged since the last look.
    pub(crate) fn least_of_others(&self, worker: usize) -> EventTime {
        let others = self.least.iter().enumerate().filter(|(index, _)| *index != worker);
        let least = others.map(|(_, line)| line.load(Ordering::Relaxed)).min();
        EventTime::from_nanos(least.unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_waits_for_all_but_itself() {
        let at = EventTime::from_nanos;
        let board = AlignmentBoard::new(3);
        board.publish(0, at(5));
        board.publish(1, at(7));
        assert_eq!(board.least_of_others(0), EventTime::MIN, "worker 2 has not begun");
        board.publish(2, EventTime::MAX);
        assert_eq!([0, 1, 2].map(|worker| board.least_of_others(worker)), [at(7), at(5), at(5)]);
        assert_eq!(AlignmentBoard::new(1).least_of_others(0), EventTime::MAX);
    }
}
