//! Segment files: written once from the front, then read, then written again in another life.
//!
//! * Arrives from: whoever keeps chunks in memory, as frozen images ([`SegmentWriter`]).
//! * Leaves to: the disk; then to lookups, as maps ([`MappedSegment`]), and to restores and scrubs, as reads ([`SegmentReader`]).
//!
//! ```text
//!   Recycler ── Prepare ──▶ SegmentWriter ── place, write … sync … seal ──▶ SegmentRef ──▶ MappedSegment ── retire ──▶ Recycler
//!                 header, synced                                           in a manifest
//! ```
//!
//! # Invariants
//!
//! 1. The header with its generation is durable before anything else of it is written (the format's invariant 1): a writer exists only after [`Prepare`].
//! 2. Files do not grow: they are allocated whole, and how long they are is durable before the first extent.
//! 3. [`SegmentWriter::durable`] names only what a successful sync covered. A manifest names nothing else.
//! 4. A failed write or sync ends the writer: its segment gets no further, and is never sealed.
//! 5. A file is written again only after its map is gone ([`MappedSegment::retire`] consumes it) and while no retained manifest names it, which is the caller's to
//!    know ([`crate::checkpoint::unreferenced`]).

mod error;
mod mapped;
mod prepare;
mod reader;
mod recycle;
mod suspect;
mod writer;

pub use error::SegmentError;
pub use mapped::{MappedSegment, Verification};
pub use prepare::{Life, Prepare};
pub use reader::SegmentReader;
pub use recycle::{Recycler, Retired};
pub use suspect::Suspects;
pub use writer::{AppendError, Image, Place, SegmentWriter};

use crate::format::Identity;

/// What of a segment belongs to a checkpoint: its front up to `end`. Everything that is needed to find it again and to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRef {
    /// The file, in this life.
    pub identity: Identity,
    /// How entries are laid out.
    pub layout: u64,
    /// Length of the file, bytes.
    pub capacity: u64,
    /// Where the last extent ends.
    pub end: u64,
    /// How many extents there are up to there.
    pub extents: u32,
    /// Their digest: see [`crate::format::footer::digest`].
    pub digest: u32,
    /// Whether nothing follows, so that there is a footer.
    pub sealed: bool,
}
