//! The only folder of this crate where `unsafe` compiles: memory, prefetch, maps and the kernel's ring, behind a safe API.
//!
//! | file | what it does | the promise to its callers | proof |
//! | --- | --- | --- | --- |
//! | `region.rs`: [`Region`] | owned zeroed memory, huge pages when large | every byte is initialised, aligned to a cache line, and freed once | miri (allocator path), tests on the mapped path |
//! | `frame.rs`: `Frame` | a region that is written until it is shared | bytes are written only while they are owned alone | miri |
//! | `words.rs`: [`HugeSlice`] | a region seen as plain words | only for types that are valid whatever their bits | miri |
//! | `prefetch.rs`: [`prefetch()`], [`prefetch_at`], [`prefetch_write_at`] | a hint to the cache | never reads, never faults | by the instruction's definition |
//! | `aligned.rs`: [`Buffer`] | owned zeroed memory that starts at a page | every byte is initialised, and does not move | miri |
//! | `ring.rs`: `Ring` | calls to io_uring | the kernel touches nothing that is not owned by a call in flight | tests on the kernel; a drop waits |
//! | `map.rs`: [`Map`] | mapped files, read only | a mapped file is neither written nor shortened, by this process | tests on files; the contract says who is trusted |

mod aligned;
mod frame;
mod map;
mod prefetch;
mod region;
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) mod ring;
mod words;

pub use aligned::Buffer;
pub(crate) use frame::Frame;
pub use map::Map;

pub use prefetch::{prefetch, prefetch_at, prefetch_write_at};
pub use region::{HUGE_PAGE_BYTES, Region};
pub use words::{HugeSlice, HugeWords, Plain};
