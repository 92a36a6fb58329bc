//! What an operator freezes into.

use serde::Serialize;
use thalweg_storage::checkpoint::Blob;
use thalweg_storage::{Panes, Table, TimedTable};

use super::contribution::Pending;
use crate::raw::claimed::Freezes;

/// Takes an operator's state at a barrier: every table that it has, and what it notes besides.
pub struct Freezing<'a> {
    operator: &'a str,
    epoch: u64,
    /// None if the epoch was given up meanwhile: nothing is taken then, and the state belongs to the next one.
    pending: Option<&'a mut Pending>,
}

impl std::fmt::Debug for Freezing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { operator, epoch, .. } = self;
        f.debug_struct("Freezing")
            .field("operator", operator)
            .field("epoch", epoch)
            .finish_non_exhaustive()
    }
}

impl<'a> Freezing<'a> {
    pub(super) fn new(operator: &'a str, epoch: u64, pending: Option<&'a mut Pending>) -> Self {
        Self { operator, epoch, pending }
    }

    /// The number of the checkpoint.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Freezes state as it is now. Cost: independent of its size.
    pub(crate) fn state(&mut self, state: &mut impl Freezes) {
        if let Some(pending) = &mut self.pending {
            state.freeze(&mut pending.freezer);
        }
    }

    /// Freezes a table as it is now. Cost: independent of its size.
    pub fn table(&mut self, table: &mut Table) {
        if let Some(pending) = &mut self.pending {
            pending.freezer.table(table);
        }
    }

    /// Freezes panes as they are now. Cost: O(panes).
    pub fn panes(&mut self, panes: &mut Panes) {
        if let Some(pending) = &mut self.pending {
            pending.freezer.panes(panes);
        }
    }

    /// Freezes a table with deadlines as it is now. Cost: independent of its size.
    pub fn timed(&mut self, table: &mut TimedTable) {
        if let Some(pending) = &mut self.pending {
            pending.freezer.timed(table);
        }
    }

    /// Puts something small beside the tables; a restored operator gets what each worker noted under the name.
    ///
    /// # Panics
    ///
    /// If JSON has no form for it, such as for a map whose keys are no strings.
    pub fn note(&mut self, name: &str, value: &impl Serialize) {
        let Some(pending) = &mut self.pending else { return };
        let data = sonic_rs::to_vec(value).expect("invariant: what is noted has a form in JSON");
        let (operator, name) = (self.operator.to_owned(), name.to_owned());
        pending.blobs.push(Blob { operator, name, data });
    }
}
