//! The disk, as a seam: everything the store asks of files goes through [`Disk`], so that a seeded run can tear, lose and refuse.
//!
//! An operation is [submitted](Disk::submit), which gives a [`Ticket`], and completes some time later, which is seen by
//! [polling](Disk::poll): a worker never waits for a disk. Who may wait, at start or on a helper, does so for one ticket
//! ([`Disk::wait`]) or for a whole piece of [`Work`] ([`drive`]).
//!
//! | disk | what it is |
//! | --- | --- |
//! | [`Uring`] | io_uring, past the page cache where the file system lets it; [`open`] chooses it where the system permits it |
//! | [`Blocking`] | the same by plain system calls, on a helper thread or at once |
//! | [`Memory`] | no disk at all, deterministic |
//! | [`Faulty`] | a [`Memory`] that fails by plan and by seed, and can lose power |
//!
//! All are one [engine](Engine) over different executors: what is refused, what is given up and what an error says is the same for each.
//!
//! * Arrives from: [`crate::segment`] and [`crate::checkpoint`], as operations.
//! * Leaves to: the kernel.
//!
//! # Invariants
//!
//! 1. Operations in flight are not ordered among each other. Who needs an order waits: a sync covers the writes completed before it was submitted.
//! 2. A failed write or sync is final for its file, on this disk, until the file is removed: everything but closing and removing it is refused
//!    ([`DiskError::GivenUp`]). Measured on ext4, Linux 6.18: after a failed fsync the next one succeeds, reads give the new data, and after the page cache
//!    is dropped it is the old data again.
//! 3. A directory whose sync failed is not synced again either.
//! 4. Only [`Publish`] renames, and only what it has synced.
//! 5. Every submitted operation completes exactly once.
//!
//! # Not here
//!
//! No formats, and no retries. The lock of a state directory ([`StateLock`]) is here since it is a file, but it is not an operation: it is
//! taken once, before anything else, and only on real disks.

use std::fmt::Debug;
use std::path::Path;

mod bytes;
mod error;
mod operation;
mod engine;
mod work;
mod publish;
#[cfg(all(target_os = "linux", not(miri)))]
mod uring;
mod blocking;
mod image;
mod memory;
mod faulty;
mod dice;
mod mapped;
mod lock;
mod folder;

pub use crate::raw::Buffer;
pub use blocking::Blocking;
pub use bytes::{BufferPool, Bytes};
pub use engine::{Engine, Executor, Job, Outcome};
pub use error::{DiskError, Verb};
pub use faulty::{Fault, Faulty, Rates, What};
pub(crate) use folder::is_empty as is_empty_directory;
pub(crate) use lock::make as make_directory;
pub use lock::{LockError, Owner, StateLock};
pub use mapped::Mapped;
pub use memory::Memory;
pub(crate) use operation::directory_of;
pub use operation::{Access, Answer, Completion, FileId, Operation, PAGE_BYTES, Scope, Ticket};
pub(crate) use publish::TEMPORARY;
pub use publish::{Permit, Publish, PublishError};
#[cfg(all(target_os = "linux", not(miri)))]
pub use uring::Uring;
pub use work::{Work, drive, read_exactly, run};

/// A place for files; see the module's header.
pub trait Disk: Debug {
    /// Starts an operation, or queues it to be started by the next [`Disk::poll`]. Never waits.
    ///
    /// # Panics
    ///
    /// If an offset, a length or an address is not a multiple of [`PAGE_BYTES`], or the file is not open on this disk.
    fn submit(&mut self, operation: Operation) -> Ticket;

    /// Appends what has completed since; never waits. Cost with nothing in flight: a comparison.
    fn poll(&mut self, completions: &mut Vec<Completion>);

    /// Waits until that operation has completed; others that complete meanwhile are kept for [`Disk::poll`].
    ///
    /// # Panics
    ///
    /// If the operation is not in flight: it was taken already, or belongs to another disk.
    fn wait(&mut self, ticket: Ticket) -> Completion;

    /// Operations whose completion was not taken yet.
    fn in_flight(&self) -> usize;

    /// Maps the first `bytes` bytes of a file to be read.
    ///
    /// A system call or two at once, not an operation: nothing is read yet. Whoever calls this promises that the file is neither written
    /// nor shortened while the map lives, so only the rest of this crate does.
    ///
    /// # Errors
    ///
    /// The file is missing or shorter, or the system refuses.
    fn map(&mut self, path: &Path, bytes: u64) -> Result<Mapped, DiskError>;
}

/// The disk of this machine: [`Uring`] where the system permits it, else [`Blocking`] with a helper thread; the log says which.
#[must_use]
pub fn open() -> Box<dyn Disk + Send> {
    #[cfg(all(target_os = "linux", not(miri)))]
    match Uring::new(uring::DEPTH) {
        Ok(disk) => return Box::new(disk),
        Err(reason) => {
            tracing::warn!(%reason, "io_uring is not available; files are read and written by a helper thread");
        }
    }
    Box::new(Blocking::on_a_thread())
}
