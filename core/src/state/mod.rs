//! What a key remembers.
//!
//! Keyed state lives in the tables of a [`thalweg_storage::Store`], one store a worker; the values are archives. Operators look
//! up a batch at a time, so that the cache misses of its keys overlap.
//!
//! * Arrives from: [`crate::exchange`], on the worker that owns the key group.
//! * Leaves to: [`crate::window`] and [`crate::operator`], as values.

pub(crate) use crate::raw::archive_table::{ArchiveTable as ValueTable, Cursor, Hint, Prefetch};
pub(crate) use crate::raw::timed_lists::{TimedListPanes, TimedLists};
pub(crate) use crate::raw::window_panes::{Entry, Slice, SlicePanes};
