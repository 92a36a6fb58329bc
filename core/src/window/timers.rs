//! When to look at a key's window again: a timer for each key that waits, in the store.
//!
//! A window notes in its state for which instant its timer is set (`armed`); a timer is set anew only for an earlier instant, and one that
//! comes before its window is due is set again. So the records of a session never touch it while the session grows.
//!
//! Timers that are due together come by key hash, so that firing order does not depend on how it came about.

use thalweg_storage::{Popped, TimedTable};

use crate::checkpoint::Freezing;
use crate::record::KeyHash;
use crate::state::Hint;
use crate::time::EventTime;

/// See the module.
#[derive(Debug)]
pub(crate) struct Timers {
    table: TimedTable,
}

/// A timer that has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timer {
    pub(crate) at: EventTime,
    pub(crate) hash: KeyHash,
}

impl Timers {
    /// Timers in a table of their own.
    pub(crate) fn new(table: TimedTable) -> Self {
        Self { table }
    }

    /// Looks at `key` when its time domain reaches `at`, instead of what was set.
    ///
    /// Cost: as an update of a table; no allocation once there was room for as many.
    pub(crate) fn set(&mut self, at: EventTime, hash: KeyHash, key: &[u8]) {
        self.table.set(Hint::default(), hash.0, key, at.as_nanos());
    }

    /// Takes the next timer that has come at `at` and copies its key; `limit` goes down by the work done.
    ///
    /// # Errors
    ///
    /// True if none is left, false if the limit is used up.
    pub(crate) fn pop_due(
        &mut self,
        at: EventTime,
        limit: &mut usize,
        key: &mut Vec<u8>,
    ) -> Result<Timer, bool> {
        match self.table.pop_due(at.as_nanos(), limit, key) {
            Popped::Due { hash, at } => {
                Ok(Timer { at: EventTime::from_nanos(at), hash: KeyHash(hash) })
            }
            Popped::Budget => Err(false),
            Popped::Nothing => Err(true),
        }
    }

    pub(crate) fn freeze(&mut self, into: &mut Freezing<'_>) {
        into.state(&mut self.table);
    }

    /// No timer is set for an instant before this.
    pub(crate) fn next(&self) -> Option<EventTime> {
        self.table.next_due().map(EventTime::from_nanos)
    }
}
