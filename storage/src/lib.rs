//! The keyed state store of Thalweg: a log and its index, one store per core.
//!
//! This crate knows bytes, keys and hashes; it does not know records, operators or watermarks. A
//! [`Store`] belongs to one core and hands out [`Table`]s, each owned by one operator: no locks, no
//! atomics, nothing shared but an account of memory. The shape is FASTER's hybrid log, made for epochs:
//! entries are found through an index of hashes, are updated in place while they are mutable, and are addressed
//! rather than pointed at, so that what is frozen can be written to disk and mapped again.
//!
//! In the order in which an update meets them:
//!
//! | module | what it does |
//! | --- | --- |
//! | [`store`](Store) | names tables and counts memory |
//! | [`panes`](Panes) | one table per slice of time, dropped whole |
//! | [`table`](Table) | the operations; [`list`](Table::append) for several values a key |
//! | [`ahead`](look_ahead) | many keys looked up before they are used, their cache misses together |
//! | [`timers`](TimedTable) | a table whose entries have deadlines, and the wheel that finds those that are due |
//! | `index` | hash to address: one cache line a lookup, doubles without a pause |
//! | `log` | where entries live; what is dead is reused |
//! | `dormant` | restored entries that are not in the index yet |
//! | `compact` | what is live in mostly dead chunks is copied to the tail, and the chunks are dropped |
//! | [`freeze`](Freezer) | what a checkpoint takes from the tables, [`archive`](Archive) writes, and [`restored`](RestoredParts) gives back |
//! | [`cursor`](Cursor) | walking over a table in pieces, in a reproducible order |
//! | [`io`] | the disk as a seam: io_uring, system calls, memory, and one that fails |
//! | [`format`](mod@format) | every byte on disk |
//! | [`segment`] | files that are written once, mapped, and written again in another life |
//! | [`checkpoint`] | manifests: which files and positions belong together |
//! | [`savepoint`] | a checkpoint in a folder of its own: written, read, looked into, made from nothing |
//! | [`raw`] | huge pages, prefetch, maps and the kernel's ring: the only `unsafe` of the crate |
//!
//! # Example
//!
//! ```
//! use thalweg_storage::{Cursor, Store, TableConfig, TableName, look_ahead};
//!
//! // Any well-mixed hash will do, as long as it is always the same.
//! fn hash(key: u64) -> u64 {
//!     let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
//!     (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
//! }
//!
//! # fn main() -> Result<(), thalweg_storage::StoreError> {
//! let mut store = Store::default();
//! let mut counts = store.table(TableName::new("count by user", "total"), TableConfig::default())?;
//! let batch = [7u64, 9, 7];
//! look_ahead(batch.iter().map(|user| hash(*user)), batch, &mut counts, |counts, hint, user| {
//!     let (count, _new) = counts.upsert_at(hint, hash(user), &user.to_le_bytes(), 8, |_zero| {});
//!     count[0] += 1;
//! });
//! assert_eq!(counts.get(hash(7), &7u64.to_le_bytes()), Some(&2u64.to_le_bytes()[..]));
//!
//! let mut cursor = Cursor::default();
//! while let Some((_hash, user, count)) = counts.next(&mut cursor) {
//!     assert_eq!((user.len(), count.len()), (8, 8));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # A checkpoint
//!
//! A [`Freezer`] takes what was written since the last one from each table: memory is shared, not copied, so the tables go on at once. The [`Frozen`] goes to another thread, whose
//! [`Archive`] writes it and gives the worker's [`checkpoint::Part`] of the manifest. Later, [`RestoredParts`] of the manifest's parts make a [`Store`] with the tables as they were, on as many
//! workers as there are then.
//!
//! # Not here
//!
//! No coordination: when a checkpoint begins, that it is complete and which are kept is decided elsewhere.
//!
//! # Source
//!
//! B. Chandramouli et al., "FASTER: A Concurrent Key-Value Store with In-Place Updates", SIGMOD 2018.
#![deny(missing_docs)]

mod config;
mod error;
mod store;
mod panes;
mod table;
mod ahead;
mod compact;
mod dormant;
mod list;
mod timers;
mod index;
mod log;
mod cursor;
mod memory;
mod supply;
mod freeze;
mod archive;
mod key_groups;
mod restored;
pub mod io;
pub mod format;
pub mod segment;
pub mod checkpoint;
pub mod savepoint;
#[cfg(test)]
mod model;
#[expect(
    unsafe_code,
    reason = "memory, prefetch, maps and the kernel's ring; the only folder of this crate where unsafe compiles"
)]
pub mod raw;

pub use ahead::{Prefetch, look_ahead};
pub use archive::{Archive, ArchiveConfig, ArchiveError, ArchiveUsage};
pub use config::{StoreConfig, TableConfig, TableName};
pub use cursor::Cursor;
pub use error::StoreError;
pub use freeze::{Freezer, Frozen, FrozenUsage};
pub use key_groups::KeyGroups;
pub use panes::Panes;
pub use restored::{PartsError, RestoredParts};
pub use store::{Store, TableUsage};
pub use table::{Hint, Table};
pub use timers::{Popped, Taken, TimedTable};

/// Longest key, bytes.
pub const MAX_KEY_BYTES: usize = log::entry::MAX_KEY_BYTES;

/// Longest value, bytes; in a list, 32 bytes less.
pub const MAX_VALUE_BYTES: usize = log::entry::MAX_VALUE_BYTES;
