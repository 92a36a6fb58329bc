//! The only folder of this crate where `unsafe` compiles: memory and prefetch, behind a safe API.
//!
//! | file | what it does | the promise to its callers | proof |
//! | --- | --- | --- | --- |
//! | `region.rs`: [`Region`] | owned zeroed memory, huge pages when large | every byte is initialised, aligned to a cache line, and freed once | miri (allocator path), tests on the mapped path |
//! | `words.rs`: [`HugeSlice`] | a region seen as plain words | only for types that are valid whatever their bits | miri |
//! | `prefetch.rs`: [`prefetch()`], [`prefetch_at`] | a hint to the cache | never reads, never faults | by the instruction's definition |
//!
//! # Not here
//!
//! No mapping of files: sealed segments will have a file of their own beside these.

mod prefetch;
mod region;
mod words;

pub use prefetch::{prefetch, prefetch_at};
pub use region::{HUGE_PAGE_BYTES, Region};
pub use words::{HugeSlice, HugeWords, Plain};
