//! What is due in the present tick, or was before: a heap, so that it comes in order.
//!
//! The order is that of time, then of the key's hash, then of the key's last byte (which tells the timers of one key apart): a function of
//! what is pending, not of how it came to be. Of two keys whose 64-bit hashes are equal, which takes two strings among
//! billions, either may come first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An entry to look at; ordered as the file's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    pub(super) at: u64,
    pub(super) hash: u64,
    /// The key's last byte.
    pub(super) last: u8,
}

/// The heap. Cost of both operations: O(log of what is due at once).
#[derive(Debug, Default)]
pub(super) struct DueHeap(BinaryHeap<Reverse<Due>>);

impl DueHeap {
    pub(super) fn push(&mut self, due: Due) {
        self.0.push(Reverse(due));
    }

    pub(super) fn first(&self) -> Option<Due> {
        self.0.peek().map(|due| due.0)
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
