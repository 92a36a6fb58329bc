//! What a worker and the thread that writes its checkpoints hand each other beside what is frozen: memory that is populated, and where chunks are on disk.
//!
//! A chunk from the kernel is zeroed when it is first touched, for milliseconds under a hypervisor; so those that the next epoch will want are made by the thread that writes the last one.
//! And where a chunk is on disk is known there first: a worker whose memory is bounded lets go of chunks that are.
//!
//! Both sides lock for moments, and none of it is on the path of a record: a worker looks here when it takes 2 MiB.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::log::{CHUNK_BYTES, Parked};
use crate::memory::fresh;
use crate::raw::Region;

/// Chunks that are made ahead at most: 128 MiB.
const MOST_CHUNKS: usize = 64;

/// See the file's header.
#[derive(Debug, Default)]
pub(crate) struct Supply {
    chunks: Mutex<Vec<Region>>,
    /// How many there should be.
    wanted: AtomicUsize,
    /// Whether the worker asks where its chunks are.
    is_bounded: bool,
    /// By table number: sequence numbers, and where those chunks are.
    filed: Mutex<BTreeMap<u32, Vec<(u64, Parked)>>>,
}

/// A panic while it was locked left it as good as it was.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Supply {
    pub(crate) fn new(is_bounded: bool) -> Self {
        Self { is_bounded, ..Self::default() }
    }

    /// Whether the worker asks where its chunks are.
    pub(crate) fn is_bounded(&self) -> bool {
        self.is_bounded
    }

    /// Says how many chunks the worker will take before it freezes again.
    pub(crate) fn want(&self, chunks: usize) {
        self.wanted.store(chunks.min(MOST_CHUNKS), Ordering::Relaxed);
    }

    /// A chunk that is populated, if there is one.
    pub(crate) fn take(&self) -> Option<Region> {
        self.chunks.try_lock().ok()?.pop()
    }

    /// Makes what is wanted, and gives back what is not. Cost: 0.2 ms a chunk and more, so not for a worker.
    pub(crate) fn fill(&self) {
        let wanted = self.wanted.load(Ordering::Relaxed);
        let there = {
            let mut chunks = locked(&self.chunks);
            chunks.truncate(wanted);
            chunks.len()
        };
        for _ in there..wanted {
            let chunk = fresh(CHUNK_BYTES);
            locked(&self.chunks).push(chunk);
        }
    }

    /// Bytes that are there to be taken.
    pub(crate) fn bytes(&self) -> usize {
        locked(&self.chunks).len() * CHUNK_BYTES
    }

    /// Gives what is there back to the system.
    pub(crate) fn trim(&self) {
        locked(&self.chunks).clear();
    }

    /// Says where a chunk is from now on.
    pub(crate) fn file(&self, table: u32, sequence: u64, parked: Parked) {
        locked(&self.filed).entry(table).or_default().push((sequence, parked));
    }

    /// What was said of a table since.
    pub(crate) fn take_filed(&self, table: u32) -> Vec<(u64, Parked)> {
        locked(&self.filed).remove(&table).unwrap_or_default()
    }
}
