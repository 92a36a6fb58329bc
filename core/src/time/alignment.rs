//! The board of a source: what each worker's slowest split has come to, for the others to wait for; those of other sources too, if they are aligned with it.
//!
//! # Invariants
//!
//! 1. One line a worker, which it alone writes, by a plain store, when its least watermark moves: once in some 64 records at most.
//! 2. What is read here decides only *which split is polled next*. That is a decision like any other: a recording says which polls were made, and a
//!    replay makes them without looking at the board. No result of a poll depends on it.
//! 3. What is read may be old. An old value is too small (a split is held a little longer) unless an idle split has come back in between
//!    (then one is held a little later); neither loses anything.

use std::sync::Arc;
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
        self.least_but(Some(worker))
    }

    fn least_but(&self, worker: Option<usize>) -> EventTime {
        let others = self.least.iter().enumerate().filter(|(index, _)| Some(*index) != worker);
        let least = others.map(|(_, line)| line.load(Ordering::Relaxed)).min();
        EventTime::from_nanos(least.unwrap_or(i64::MAX))
    }
}

/// A source's board, and those of the sources that it is aligned with.
#[derive(Debug, Clone)]
pub(crate) struct Boards {
    own: Arc<AlignmentBoard>,
    others: Vec<Arc<AlignmentBoard>>,
}

impl Boards {
    /// That of a source that is aligned with no other.
    pub(crate) fn of(own: Arc<AlignmentBoard>) -> Self {
        Self { own, others: Vec::new() }
    }

    /// This source is aligned with that of `other` too.
    pub(crate) fn align_with(&mut self, other: &Self) {
        self.others.push(Arc::clone(&other.own));
    }

    /// See [`AlignmentBoard::publish`].
    pub(crate) fn publish(&self, worker: usize, least: EventTime) {
        self.own.publish(worker, least);
    }

    /// The least of all workers but `worker`, and of all workers of the other sources.
    pub(crate) fn least_of_others(&self, worker: usize) -> EventTime {
        let others = self.others.iter().map(|board| board.least_but(None));
        others.fold(self.own.least_of_others(worker), EventTime::min)
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

    #[test]
    fn a_source_waits_for_all_workers_of_those_it_is_aligned_with() {
        let at = EventTime::from_nanos;
        let mut sources = [(); 2].map(|()| Boards::of(Arc::new(AlignmentBoard::new(2))));
        let [one, two] = &mut sources;
        one.align_with(two);
        one.publish(0, at(5));
        one.publish(1, at(7));
        assert_eq!(one.least_of_others(0), EventTime::MIN, "the other has not begun");
        two.publish(0, at(3));
        two.publish(1, EventTime::MAX);
        assert_eq!([0, 1].map(|worker| one.least_of_others(worker)), [at(3); 2]);
        two.publish(0, EventTime::MAX);
        assert_eq!([0, 1].map(|worker| one.least_of_others(worker)), [at(7), at(5)]);
        assert_eq!(two.least_of_others(0), EventTime::MAX, "it is not aligned with the first");
    }
}
