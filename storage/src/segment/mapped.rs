//! A segment as memory: an entry is at (segment, offset), and nothing is read before it is touched.
//!
//! Bytes are given out only after their checksum was seen to be right: all of them when the segment is opened ([`Verification::AtOpen`]), or block by block when one is
//! first touched ([`Verification::OnTouch`]). That a block was verified is a bit; asking for verified bytes again costs a look at it.
//!
//! # Not here
//!
//! No full protection from the medium: a block that cannot be read is an error when it is first touched; if the kernel drops its pages later and cannot read them again, that is a
//! signal.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::reader::{self, SegmentReader};
use super::{Retired, SegmentError, SegmentRef, Suspects};
use crate::format::extent::{self, Extent};
use crate::format::footer::Entry;
use crate::format::header::Header;
use crate::format::{BLOCK_BYTES, Flaw, Identity};
use crate::io::{Disk, DiskError, Mapped, Verb};
use crate::raw;

/// When checksums are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Every block before the segment is used: reads all of it.
    AtOpen,
    /// A block when it is first touched: 3 us each, plus reading it in.
    OnTouch,
}

/// A segment, or the front of one, in memory to be read.
#[derive(Debug)]
pub struct MappedSegment {
    map: Mapped,
    path: PathBuf,
    header: Header,
    limit: u64,
    parts: Vec<Part>,
    /// A bit for each block of each extent.
    verified: Vec<AtomicU64>,
    /// Where it is noted that this file is damaged.
    suspects: Suspects,
}

/// An extent of the segment.
#[derive(Debug)]
struct Part {
    entry: Entry,
    /// Once its header was checked.
    extent: OnceLock<Extent>,
    /// Blocks of the extents before.
    first_block: usize,
}

impl MappedSegment {
    /// Maps what a manifest refers to. Header and directory are read and checked through the disk first.
    ///
    /// # Errors
    ///
    /// It is not that segment, or damaged as far as was looked, or the disk refuses.
    pub fn open(
        disk: &mut dyn Disk,
        path: &Path,
        expected: &SegmentRef,
        verification: Verification,
    ) -> Result<Self, SegmentError> {
        let reader = SegmentReader::open_as(disk, path, expected)?;
        if verification == Verification::AtOpen {
            // By reads: what cannot be read is an error now rather than a signal later.
            if let Err(error) = reader.verify(disk) {
                reader.close(disk);
                return Err(error);
            }
        }
        let (path, header, entries, limit) = reader.into_parts(disk);
        let map =
            disk.map(&path, expected.end).map_err(|error| SegmentError::disk(&path, error))?;
        let mut first_block = 0;
        let mut parts = Vec::with_capacity(entries.len());
        for entry in entries {
            parts.push(Part { entry, extent: OnceLock::new(), first_block });
            first_block += blocks(entry.length);
        }
        let words = first_block.div_ceil(64);
        let verified = std::iter::repeat_with(AtomicU64::default).take(words).collect();
        let suspects = Suspects::default();
        let segment = Self { map, path, header, limit, parts, verified, suspects };
        if verification == Verification::AtOpen {
            for number in 0..segment.parts.len() {
                segment.extent(number)?;
            }
        }
        Ok(segment)
    }

    /// The same; that it is damaged, if that is seen, is noted there.
    #[must_use]
    pub fn noting(mut self, suspects: &Suspects) -> Self {
        self.suspects = suspects.clone();
        self
    }

    /// The file, in this life.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.header.identity
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it, in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.parts.iter().map(|part| &part.entry)
    }

    /// A whole extent, verified: the image of a chunk as it lay in memory, its header included.
    ///
    /// # Errors
    ///
    /// It is damaged.
    ///
    /// # Panics
    ///
    /// If there is no extent of that number.
    pub fn extent(&self, number: usize) -> Result<&[u8], SegmentError> {
        let Entry { offset, length, .. } = self.parts[number].entry;
        self.bytes(offset, index(length))
    }

    /// `count` bytes from `offset` of the file on, all in one extent, verified. They may begin within an extent's header.
    ///
    /// Cost when they are verified already: a search for the extent and a bit for each block.
    ///
    /// # Errors
    ///
    /// They are damaged.
    ///
    /// # Panics
    ///
    /// If they do not lie in one extent.
    pub fn bytes(&self, offset: u64, count: usize) -> Result<&[u8], SegmentError> {
        let part = self.part(offset);
        let start = index(offset - part.entry.offset);
        assert!(
            start + count <= index(part.entry.length),
            "invariant: an entry lies in one extent"
        );
        if count > 0 {
            for block in start / BLOCK_BYTES..=(start + count - 1) / BLOCK_BYTES {
                if !self.is_verified(part.first_block + block) {
                    self.verify(part, block)?;
                }
            }
        }
        Ok(&self.map[index(offset)..index(offset) + count])
    }

    /// Whether these bytes lie in the payload of one extent, as far as its entry says.
    #[must_use]
    pub fn holds(&self, offset: u64, count: u64) -> bool {
        let behind = self.parts.partition_point(|part| part.entry.offset <= offset);
        let part = behind.checked_sub(1).map(|number| &self.parts[number].entry);
        part.is_some_and(|entry| {
            let end = offset.checked_add(count);
            end.is_some_and(|end| end <= entry.offset + entry.length)
                && offset >= entry.offset + extent::FRONT_BYTES as u64
        })
    }

    /// A byte will be wanted soon: its block is read, without waiting, or its cache line asked for if that was done.
    ///
    /// # Panics
    ///
    /// If it lies in no extent.
    pub fn hint(&self, offset: u64) {
        let part = self.part(offset);
        let block = index(offset - part.entry.offset) / BLOCK_BYTES;
        if self.is_verified(part.first_block + block) {
            raw::prefetch_at(&self.map, index(offset));
            return;
        }
        let start = part.entry.offset + (block * BLOCK_BYTES) as u64;
        self.ask_for(start, BLOCK_BYTES);
    }

    /// The error of somebody who found that what the file says makes no sense.
    pub(crate) fn unfit(&self, flaw: Flaw) -> SegmentError {
        self.suspects.note(&self.path);
        SegmentError::unfit(&self.path, flaw)
    }

    /// Has pages read in so that touching them does not fault; waits for it. Cut to what is mapped.
    ///
    /// # Errors
    ///
    /// The medium does not give them.
    pub fn populate(&self, offset: u64, count: usize) -> Result<(), SegmentError> {
        let start = index(offset).min(self.map.len());
        self.read_in(start..(start + count).min(self.map.len()))
    }

    /// Has these bytes read soon; does not wait. Cut to what is mapped.
    pub fn ask_for(&self, offset: u64, count: usize) {
        let start = index(offset).min(self.map.len());
        let end = (start + count).min(self.map.len());
        self.map.ask_for(start..end);
    }

    /// Gives the map up, and with it the file to be written again; the caller knows that no retained manifest names it.
    #[must_use]
    pub fn retire(self) -> Retired {
        Retired::of(self.header)
    }

    fn part(&self, offset: u64) -> &Part {
        let behind = self.parts.partition_point(|part| part.entry.offset <= offset);
        let number = behind.checked_sub(1).expect("invariant: an entry lies in an extent");
        &self.parts[number]
    }

    fn is_verified(&self, bit: usize) -> bool {
        self.verified[bit / 64].load(Ordering::Relaxed) >> (bit % 64) & 1 == 1
    }

    fn read_in(&self, range: Range<usize>) -> Result<(), SegmentError> {
        let offset = range.start as u64;
        self.map.populate(range).map_err(|error| {
            let error = DiskError::new(Verb::Read, self.path.clone(), Some(offset), error);
            SegmentError::disk(&self.path, error)
        })
    }

    #[cold]
    fn verify(&self, part: &Part, block: usize) -> Result<(), SegmentError> {
        self.look_at(part, block).inspect_err(|_| self.suspects.note(&self.path))
    }

    /// Reads a block in, where an error of the medium is an error, and checks it.
    fn look_at(&self, part: &Part, block: usize) -> Result<(), SegmentError> {
        let first = index(part.entry.offset);
        let end = index(part.entry.end());
        let unfit = |flaw| SegmentError::unfit(&self.path, flaw);
        let image = &self.map[first..end];
        let extent = match part.extent.get() {
            Some(extent) => *extent,
            None => {
                let entry = &part.entry;
                // More blocks than this have more checksums than a block holds.
                self.read_in(first..end.min(first + BLOCK_BYTES))?;
                let found = reader::check_header(image, self.header.identity, entry, self.limit)
                    .map_err(unfit)?;
                *part.extent.get_or_init(|| found)
            }
        };
        let start = first + block * BLOCK_BYTES;
        self.read_in(start..end.min(start + BLOCK_BYTES))?;
        extent::check_block(&extent, image, block).map_err(unfit)?;
        let bit = part.first_block + block;
        self.verified[bit / 64].fetch_or(1 << (bit % 64), Ordering::Relaxed);
        Ok(())
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("invariant: what is mapped fits the address space")
}

fn blocks(length: u64) -> usize {
    index(length.div_ceil(BLOCK_BYTES as u64))
}
