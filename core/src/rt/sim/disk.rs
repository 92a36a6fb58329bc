//! A disk that outlives simulated runs.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thalweg_storage::io::{Completion, Disk, DiskError, Mapped, Memory, Operation, Ticket};

/// What the runs of a [`Sim`](super::Sim) keep checkpoints on; clones are one disk.
#[derive(Debug, Clone)]
pub struct SimDisk {
    disk: Arc<Mutex<Box<dyn Disk + Send>>>,
}

impl SimDisk {
    /// One that is as it is given: a [`Memory`], or one that fails.
    pub fn new(disk: impl Disk + Send + 'static) -> Self {
        Self { disk: Arc::new(Mutex::new(Box::new(disk))) }
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn Disk + Send>> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the disk, or does something to it, between two runs.
    pub fn with<R>(&self, look: impl FnOnce(&mut dyn Disk) -> R) -> R {
        look(&mut **self.lock())
    }
}

impl Default for SimDisk {
    /// One that never fails.
    fn default() -> Self {
        Self::new(Memory::new())
    }
}

impl Disk for SimDisk {
    fn submit(&mut self, operation: Operation) -> Ticket {
        self.lock().submit(operation)
    }

    fn poll(&mut self, completions: &mut Vec<Completion>) {
        self.lock().poll(completions);
    }

    fn wait(&mut self, ticket: Ticket) -> Completion {
        self.lock().wait(ticket)
    }

    fn in_flight(&self) -> usize {
        self.lock().in_flight()
    }

    fn map(&mut self, path: &Path, bytes: u64) -> Result<Mapped, DiskError> {
        self.lock().map(path, bytes)
    }
}
