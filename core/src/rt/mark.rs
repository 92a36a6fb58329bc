//! Remembers a thread.

use std::thread::{self, ThreadId};

/// Which thread it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadMark(ThreadId);

impl ThreadMark {
    /// The calling thread.
    pub(crate) fn here() -> Self {
        Self(thread::current().id())
    }
}
