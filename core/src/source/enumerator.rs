//! Splits that appear while a job runs: new files in a folder, new connections.
//!
//! Each worker has an enumerator of its own and asks it now and then; it finds the splits *of this worker*, so no worker has to tell
//! another one. Which worker a split belongs to depends on the split alone, such as on a hash of its name or on its number.
//!
//! What was found, and when, is a decision: a recording keeps the splits themselves, and a replay opens those without asking again.
//!
//! # Invariants
//!
//! 1. The enumerators of all workers together find every split, and none twice.
//! 2. A worker that has no split at the moment is idle, and does not hold event time back; so a split that appears later may bring
//!    records that are late. Bound the disorder, or keep a split open, where that matters.

use std::time::Duration;

use super::{OpenContext, Position};
use crate::error::OperatorFault;

/// What a look around came to, beside the splits that it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discovered {
    /// There may be more later.
    MoreLater,
    /// There will never be another one; the source ends with its last split.
    All,
}

/// Finds the splits of one worker, while the job runs.
pub trait SplitEnumerator<S> {
    /// Adds to `found` the splits of this worker that have appeared since the last call. Never blocks.
    ///
    /// * `now_ns`: the clock as it was last decided; moves in steps of about a millisecond.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn discover(&mut self, now_ns: u64, found: &mut Vec<S>) -> Result<Discovered, OperatorFault>;

    /// How long to wait until the next look.
    fn interval(&self) -> Duration;

    /// What it has found so far, to go on from there; `None` if it keeps nothing, as with connections, which are gone.
    fn position(&self) -> Option<Position> {
        None
    }

    /// Before the first look: goes on from where another one stood. Called once for each worker that there was before, which may be more or fewer than there are
    /// now: what they have found adds up.
    ///
    /// # Errors
    ///
    /// If the position is none of this source's.
    fn resume(&mut self, position: &Position) -> Result<(), OperatorFault> {
        Err(format!("this source cannot look for splits from {position} on: it has no `SplitEnumerator::resume`; was another source given this name? give it one of its own").into())
    }
}

impl OpenContext {
    /// True if the split with this name belongs to this worker: by a hash, so that all workers agree without asking.
    pub fn owns(&self, name: &[u8]) -> bool {
        let hash = xxhash_rust::xxh3::xxh3_64(name);
        hash % self.workers as u64 == self.worker as u64
    }

    /// True if the split with this number belongs to this worker.
    pub fn owns_number(&self, number: u64) -> bool {
        number % self.workers as u64 == self.worker as u64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Forgetful;

    impl SplitEnumerator<u64> for Forgetful {
        fn discover(&mut self, _: u64, _: &mut Vec<u64>) -> Result<Discovered, OperatorFault> {
            Ok(Discovered::All)
        }

        fn interval(&self) -> Duration {
            Duration::from_secs(1)
        }
    }

    #[test]
    fn what_keeps_no_positions_goes_on_from_none() {
        let error = Forgetful.resume(&Position::of(&"2024-01.csv")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "this source cannot look for splits from \"2024-01.csv\" on: it has no `SplitEnumerator::resume`; \
             was another source given this name? give it one of its own"
        );
    }
}
