//! What one worker contributes to the epoch that is under way, until all its tasks have frozen.
//!
//! # Invariants
//!
//! 1. Of two epochs the later one counts: when it begins, what was collected of the earlier one is dropped. Its tables stay frozen, and belong to the later one.
//! 2. A part is whole when the barrier was decided, so that sources have said where they are, and every task has frozen.

use thalweg_storage::checkpoint::{Blob, Position};
use thalweg_storage::{Freezer, Frozen, Store};

use super::Freezing;

/// A worker's part of an epoch, while it is collected.
#[derive(Debug)]
pub(crate) struct Pending {
    epoch: u64,
    pub(super) freezer: Freezer,
    pub(super) blobs: Vec<Blob>,
    positions: Vec<Position>,
    stalls: Vec<Stall>,
    /// The worker has decided the barrier; before that a task may have frozen because the barriers of all other workers have come.
    is_decided: bool,
}

/// How long a task did nothing else but freeze.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stall {
    pub(crate) operator: String,
    pub(crate) nanos: u64,
}

/// A worker's whole part, on its way to the disk.
#[derive(Debug)]
pub(crate) struct FrozenPart {
    pub(crate) epoch: u64,
    pub(crate) frozen: Frozen,
    pub(crate) blobs: Vec<Blob>,
    pub(crate) positions: Vec<Position>,
    pub(crate) stalls: Vec<Stall>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Contribution {
    /// Whose tables freeze.
    store: Store,
    /// Tasks of the worker.
    tasks: usize,
    pending: Option<Pending>,
    /// The latest epoch that began here.
    latest: u64,
}

impl Contribution {
    /// That of a worker with so many tasks, whose state is in `store`.
    pub(crate) fn new(tasks: usize, store: Store) -> Self {
        Self { tasks, store, ..Self::default() }
    }

    /// Where the state of the worker's tasks is.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The epoch that is being collected.
    pub(crate) fn epoch(&self) -> Option<u64> {
        self.pending.as_ref().map(|pending| pending.epoch)
    }

    /// Begins an epoch, unless it has begun or a later one has.
    fn begin(&mut self, epoch: u64) {
        if epoch > self.latest {
            self.latest = epoch;
            self.pending = Some(Pending {
                epoch,
                freezer: self.store.freezer(epoch),
                blobs: Vec::new(),
                positions: Vec::new(),
                stalls: Vec::new(),
                is_decided: false,
            });
        }
    }

    /// The worker decides the barrier of `epoch`.
    pub(crate) fn decide(&mut self, epoch: u64) {
        self.begin(epoch);
        if let Some(pending) = self.of(epoch) {
            pending.is_decided = true;
        }
    }

    fn of(&mut self, epoch: u64) -> Option<&mut Pending> {
        self.pending.as_mut().filter(|pending| pending.epoch == epoch)
    }

    /// What task `operator` freezes into.
    pub(crate) fn freezing<'a>(&'a mut self, epoch: u64, operator: &'a str) -> Freezing<'a> {
        self.begin(epoch);
        Freezing::new(operator, epoch, self.of(epoch))
    }

    /// Says how far a source is in a split.
    pub(crate) fn position(&mut self, epoch: u64, position: Position) {
        if let Some(pending) = self.of(epoch) {
            pending.positions.push(position);
        }
    }

    /// A task has frozen, which took it `nanos`.
    pub(crate) fn done(&mut self, epoch: u64, operator: &str, nanos: u64) {
        if let Some(pending) = self.of(epoch) {
            pending.stalls.push(Stall { operator: operator.to_owned(), nanos });
        }
    }

    /// The worker's part, once it is whole.
    pub(crate) fn take(&mut self) -> Option<FrozenPart> {
        let tasks = self.tasks;
        let is_whole = |pending: &mut Pending| pending.is_decided && pending.stalls.len() == tasks;
        let pending = self.pending.take_if(is_whole)?;
        let Pending { epoch, freezer, blobs, positions, stalls, .. } = pending;
        Some(FrozenPart { epoch, frozen: freezer.finish(&self.store), blobs, positions, stalls })
    }
}
