//! Every byte on disk, in the order of a file. Numbers are little-endian; what is not named is zero.
//!
//! There are two kinds of file. A **segment** (`00000042.seg`) holds images of chunks of memory; it is allocated whole, filled from the front, sealed, and in a later life
//! written again under a new generation. A **manifest** (`manifest-0000000000000007`) says which segments and positions make a checkpoint; it is
//! published once and never changed. A page is 4096 bytes, a block 65,536.
//!
//! # Segment
//!
//! | at | bytes | what |
//! | --- | --- | --- |
//! | 0 | 4096 | file header |
//! | 4096 | … | extents, each at a page, one behind the other |
//! | … | … | room that is allocated and not used; what is there is of no meaning |
//! | length - footer | … | footer, whole pages, once the segment is sealed |
//!
//! File header ([`header`]):
//!
//! | at | bytes | what |
//! | --- | --- | --- |
//! | 0 | 8 | `thalwseg` |
//! | 8 | 4 | format version |
//! | 12 | 4 | block size, bytes: 65,536 |
//! | 16 | 8 | number of the segment, which is in its name too |
//! | 24 | 8 | generation: the file's how-manieth life this is, from 1 |
//! | 32 | 8 | layout hash: how entries are laid out in the chunks |
//! | 40 | 8 | length of the file, bytes |
//! | 4092 | 4 | CRC32C of the 4092 bytes before |
//!
//! Extent ([`extent`]), the image of one chunk of memory up to its last used byte, rounded up to a page with zeros:
//!
//! | at | bytes | what |
//! | --- | --- | --- |
//! | 0 | 4 | `ext1` |
//! | 4 | 4 | header bytes: where the payload starts; a multiple of 64 |
//! | 8 | 8 | number of the segment |
//! | 16 | 8 | generation |
//! | 24 | 8 | where in the file this extent starts |
//! | 32 | 8 | length: bytes used, header included, without the zeros behind |
//! | 40 | 8 | layout hash: how the values of this table are laid out |
//! | 48 | 8 | which chunk of the table this is the image of |
//! | 56 | 4 | number of the table, as the manifest has it |
//! | 60 | 4 | CRC32C of the header bytes before and behind this field |
//! | 64 | 4 each | for each block of the extent, CRC32C of its bytes; of the first one, of those behind the header |
//! | header bytes | … | payload |
//!
//! Footer ([`footer`]), at the end of the file:
//!
//! | at | bytes | what |
//! | --- | --- | --- |
//! | 0 | 40 each | for each extent: where it starts (8), length (8), chunk (8), layout hash (8), table (4), its header's CRC32C (4) |
//! | end - 64 | 4 | `end1` |
//! | end - 60 | 4 | number of extents |
//! | end - 56 | 8 | number of the segment |
//! | end - 48 | 8 | generation |
//! | end - 40 | 8 | where the last extent ends |
//! | end - 32 | 8 | length of the footer, bytes |
//! | end - 24 | 4 | digest of the extents: over each header's CRC, CRC32C of the digest before it and of it |
//! | end - 8 | 4 | CRC32C of the footer without these last 64 bytes |
//! | end - 4 | 4 | CRC32C of the 60 bytes before |
//!
//! Extents of the three highest table numbers are not images of chunks: 4,294,967,295 is a part's directory, which says what the others are worth, 4,294,967,294 several small
//! things together, and 4,294,967,293 a roster, which lists entries. What is in them: `archive/directory.rs`, `archive/roster.rs`.
//!
//! # Manifest
//!
//! | at | bytes | what |
//! | --- | --- | --- |
//! | 0 | 8 | `thalwman` |
//! | 8 | 4 | format version |
//! | 16 | 8 | epoch, which is in its name too |
//! | 24 | 8 | length of the body, bytes |
//! | 32 | 4 | CRC32C of everything behind byte 64, the zeros at the end included |
//! | 60 | 4 | CRC32C of the 60 bytes before |
//! | 64 | … | body, as [`crate::checkpoint::Manifest`] has it; then zeros up to a page, and the file ends |
//!
//! # Why extents
//!
//! A block with a header of its own in front, every 64 KiB, would have to be there in memory too, or frozen chunks could not be written as they lie; then no entry could cross 64 KiB,
//! and every allocation and every scan would step over gaps. With all checksums of a chunk in one place, a chunk of 2 MiB gives up its first 192 bytes, once, and
//! its entries follow each other without gaps: it is written as it lies, an entry's place in the file is the extent's plus its offset in the chunk, and an
//! entry may be as long as its chunk. A block needs no identity of its own (segment, generation, place): the extent's header has one, and its checksum covers that together with
//! the checksums of all blocks, so the bytes of a former life or of another place fail, unless they are the very bytes that belong there.
//!
//! # Invariants
//!
//! 1. A generation is durable in the file header before the first block of it is written. So bytes of a life that a crash cut short are not taken for those of the next.
//! 2. Every byte of an extent, of a footer and of a manifest is covered by a checksum.
//! 3. Nothing is believed before its checksum: lengths that would lead out of the file are refused first, whatever else they are.
//!
//! # Versions
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 1 | 0.1 | the first; golden files in `tests/golden/v1` |
//!
//! An unknown version is refused: nothing is guessed.

use std::fmt;

pub mod checksum;
pub mod code;
pub mod extent;
pub mod flaw;
pub mod footer;
pub mod header;

pub use flaw::Flaw;

/// The version that is written; the only one that is read.
pub const VERSION: u32 = 1;

/// What has a checksum of its own, bytes.
pub const BLOCK_BYTES: usize = 64 << 10;

/// The grain of everything in a file, bytes.
pub const PAGE_BYTES: usize = 4096;

/// Number of a segment file in its state directory; also its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u64);

/// Which of a segment file's lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

impl Generation {
    /// Of a file that was just made.
    pub const FIRST: Self = Self(1);

    /// The life after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What tells the bytes of one life of one file from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The file.
    pub id: SegmentId,
    /// Its life.
    pub generation: Generation,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {} generation {}", self.id.0, self.generation.0)
    }
}

impl SegmentId {
    /// Its name in the state directory.
    #[must_use]
    pub fn file_name(self) -> String {
        format!("{:08}.seg", self.0)
    }

    /// The segment of that name; `None` if it is no name of one.
    #[must_use]
    pub fn of_file_name(name: &str) -> Option<Self> {
        let id = Self(name.strip_suffix(".seg")?.parse().ok()?);
        (id.file_name() == name).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_one_name_and_the_name_one_segment() {
        for id in [0, 7, 99_999_999, 123_456_789_012, u64::MAX] {
            let id = SegmentId(id);
            assert_eq!(SegmentId::of_file_name(&id.file_name()), Some(id));
        }
        assert_eq!(SegmentId(42).file_name(), "00000042.seg");
        for name in ["42.seg", "+0000042.seg", "00000042", "00000042.seg.tmp", ".seg", ""] {
            assert_eq!(SegmentId::of_file_name(name), None, "{name}");
        }
    }
}
