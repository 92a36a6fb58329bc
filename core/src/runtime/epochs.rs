//! What a worker is told of checkpoints, and how far it has followed.
//!
//! As with a stop, what is told is a wish: that a barrier is decided, that a checkpoint is complete, is a decision of the worker between two of its steps,
//! recorded like any other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::Decision;

/// What all workers of a job are told; written by whoever coordinates its checkpoints.
#[derive(Debug, Default)]
pub(crate) struct EpochWish {
    /// Goes up with every change: the only thing that is looked at once a turn.
    changes: AtomicU64,
    barrier: AtomicU64,
    committed: AtomicU64,
    may_end: AtomicBool,
}

impl EpochWish {
    /// The barrier of `epoch` is to be decided.
    pub(crate) fn raise(&self, epoch: u64) {
        self.barrier.store(epoch, Ordering::Relaxed);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// The checkpoint of `epoch` is complete.
    pub(crate) fn commit(&self, epoch: u64) {
        self.committed.store(epoch, Ordering::Relaxed);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Workers that are through may end.
    pub(crate) fn end(&self) {
        self.may_end.store(true, Ordering::Relaxed);
        self.changes.fetch_add(1, Ordering::Release);
    }
}

/// How far a worker has followed.
#[derive(Debug, Default)]
pub(super) struct Followed {
    changes: u64,
    barrier: u64,
    committed: u64,
    /// The job has checkpoints, and the worker may not end before the last one is complete.
    waits_for_last: bool,
}

impl Followed {
    /// The worker waits for the last checkpoint when it is through.
    pub(super) fn wait_for_last(&mut self) {
        self.waits_for_last = true;
    }

    pub(super) fn may_end(&self) -> bool {
        !self.waits_for_last
    }

    /// Whether there is something to follow.
    #[inline]
    pub(super) fn is_behind(&self, wish: &EpochWish) -> bool {
        wish.changes.load(Ordering::Relaxed) != self.changes
    }

    /// What is to be decided next.
    pub(super) fn next(&mut self, wish: &EpochWish) -> Option<Decision> {
        let changes = wish.changes.load(Ordering::Acquire);
        let (committed, barrier) =
            (wish.committed.load(Ordering::Relaxed), wish.barrier.load(Ordering::Relaxed));
        // A barrier is raised when the epoch before it is complete, or given up.
        if committed > self.committed {
            self.committed = committed;
            return Some(Decision::Commit { epoch: committed });
        }
        if barrier > self.barrier {
            self.barrier = barrier;
            return Some(Decision::Barrier { epoch: barrier });
        }
        self.waits_for_last &= !wish.may_end.load(Ordering::Relaxed);
        self.changes = changes;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_follows_in_order_and_skips_what_is_over() {
        let (wish, mut followed) = (EpochWish::default(), Followed::default());
        followed.wait_for_last();
        assert!(!followed.is_behind(&wish));
        wish.raise(1);
        wish.raise(2);
        assert!(followed.is_behind(&wish));
        assert_eq!(followed.next(&wish), Some(Decision::Barrier { epoch: 2 }));
        assert_eq!(followed.next(&wish), None);
        assert!(!followed.is_behind(&wish));
        wish.commit(2);
        wish.raise(3);
        wish.end();
        assert_eq!(followed.next(&wish), Some(Decision::Commit { epoch: 2 }));
        assert_eq!(followed.next(&wish), Some(Decision::Barrier { epoch: 3 }));
        assert!(!followed.may_end());
        assert_eq!(followed.next(&wish), None);
        assert!(followed.may_end());
    }
}
