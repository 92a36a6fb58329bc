//! Reads a segment through the disk: every error of the medium is an error here, and never a signal.
//!
//! For restores, scrubs and tools; it waits for its reads. Lookups go through [`super::MappedSegment`].

use std::path::{Path, PathBuf};

use super::{SegmentError, SegmentRef};
use crate::format::extent::{self, Extent};
use crate::format::footer::{self, Entry};
use crate::format::header::Header;
use crate::format::{Flaw, Identity, PAGE_BYTES};
use crate::io::{Access, Answer, Buffer, Disk, DiskError, FileId, Operation, read_exactly, run};

/// Bytes that a sealed segment has at least: a header and a footer.
const LEAST_BYTES: u64 = 2 * PAGE_BYTES as u64;

/// An open segment; to be [closed](SegmentReader::close).
#[derive(Debug)]
pub struct SegmentReader {
    file: FileId,
    path: PathBuf,
    header: Header,
    /// No extent that is referred to reaches beyond this.
    limit: u64,
    entries: Vec<Entry>,
    digest: u32,
}

impl SegmentReader {
    /// Opens a sealed segment, whichever it is.
    ///
    /// Cost: three reads or four.
    ///
    /// # Errors
    ///
    /// Header or footer are damaged, the file is too short, it was not sealed, or the disk refuses.
    pub fn open(disk: &mut dyn Disk, path: &Path) -> Result<Self, SegmentError> {
        Self::with(disk, path, Self::read_footer)
    }

    /// Opens the front of a segment that a manifest refers to, and makes sure it is that one.
    ///
    /// Cost: three reads or four for a sealed one; for the front of one that is not sealed, one for each extent.
    ///
    /// # Errors
    ///
    /// It is another segment or another life of this one, was shortened or damaged, or the disk refuses.
    pub fn open_as(
        disk: &mut dyn Disk,
        path: &Path,
        expected: &SegmentRef,
    ) -> Result<Self, SegmentError> {
        Self::with(disk, path, |reader, disk| {
            reader.expect(expected)?;
            if expected.sealed {
                reader.read_footer(disk)?;
            } else {
                reader.limit = expected.end;
                reader.scan(disk, expected.end)?;
            }
            let end = reader.entries.last().map_or(PAGE_BYTES as u64, Entry::end);
            let count = reader.entries.len() as u64;
            if (end, count, reader.digest)
                == (expected.end, u64::from(expected.extents), expected.digest)
            {
                Ok(())
            } else {
                Err(Flaw::Inconsistent { offset: end }.into())
            }
        })
    }

    fn with(
        disk: &mut dyn Disk,
        path: &Path,
        find_extents: impl FnOnce(&mut Self, &mut dyn Disk) -> Result<(), Obstacle>,
    ) -> Result<Self, SegmentError> {
        let open = Operation::Open { path: path.to_path_buf(), access: Access::Read };
        let answer = run(disk, open).map_err(|error| SegmentError::disk(path, error))?;
        let Answer::Opened { file, length, .. } = answer else {
            panic!("invariant: opening is answered by an open file")
        };
        let result = Self::read_header(disk, file, path, length).and_then(|mut reader| {
            find_extents(&mut reader, disk)?;
            Ok(reader)
        });
        result.map_err(|obstacle| {
            close(disk, file);
            obstacle.of(path)
        })
    }

    fn read_header(
        disk: &mut dyn Disk,
        file: FileId,
        path: &Path,
        length: u64,
    ) -> Result<Self, Obstacle> {
        if length < LEAST_BYTES {
            return Err(Flaw::Truncated { length, needed: LEAST_BYTES }.into());
        }
        let (page, bytes) = read_exactly(disk, file, 0, PAGE_BYTES)?;
        let header = Header::decode(&page[..bytes], length)?;
        if header.capacity < LEAST_BYTES {
            return Err(Flaw::Inconsistent { offset: 40 }.into());
        }
        let (path, limit) = (path.to_path_buf(), header.capacity);
        Ok(Self { file, path, header, limit, entries: Vec::new(), digest: 0 })
    }

    fn expect(&self, expected: &SegmentRef) -> Result<(), Flaw> {
        let Header { identity: found, layout, capacity } = self.header;
        if found != expected.identity {
            return Err(Flaw::Stranger { offset: 0, expected: expected.identity, found });
        }
        if layout != expected.layout {
            return Err(Flaw::Layout { expected: expected.layout, found: layout });
        }
        let end_lies_within = expected.end <= capacity && expected.end >= PAGE_BYTES as u64;
        if capacity != expected.capacity || !end_lies_within {
            return Err(Flaw::Inconsistent { offset: 40 });
        }
        Ok(())
    }

    fn read_footer(&mut self, disk: &mut dyn Disk) -> Result<(), Obstacle> {
        let Header { identity, capacity, .. } = self.header;
        let last = capacity - PAGE_BYTES as u64;
        let (page, bytes) = read_exactly(disk, self.file, last, PAGE_BYTES)?;
        self.expect_bytes(last, bytes, PAGE_BYTES)?;
        let length = footer::length(&page, identity, capacity)?;
        let at = capacity - length as u64;
        let (entries, digest) = if length == PAGE_BYTES {
            footer::decode(&page, identity, capacity)?
        } else {
            let (whole, bytes) = read_exactly(disk, self.file, at, length)?;
            self.expect_bytes(at, bytes, length)?;
            footer::decode(&whole, identity, capacity)?
        };
        (self.entries, self.digest, self.limit) = (entries, digest, at);
        Ok(())
    }

    /// Goes from extent to extent, up to `end`.
    fn scan(&mut self, disk: &mut dyn Disk, end: u64) -> Result<(), Obstacle> {
        let mut offset = PAGE_BYTES as u64;
        while offset < end {
            let extent = self.read_extent_header(disk, offset)?;
            self.digest = footer::digest(self.digest, extent.checksum);
            self.entries.push(Entry::from(&extent));
            offset = extent.end();
        }
        Ok(())
    }

    fn read_extent_header(&self, disk: &mut dyn Disk, offset: u64) -> Result<Extent, Obstacle> {
        let room = self.limit - offset;
        let (page, bytes) = read_exactly(disk, self.file, offset, PAGE_BYTES)?;
        let length = extent::header_length(&page[..bytes], offset, room)?;
        if length <= bytes {
            return Ok(extent::decode(&page[..bytes], self.header.identity, offset, room)?);
        }
        let pages = length.next_multiple_of(PAGE_BYTES);
        let (header, bytes) = read_exactly(disk, self.file, offset, pages)?;
        Ok(extent::decode(&header[..bytes], self.header.identity, offset, room)?)
    }

    fn expect_bytes(&self, offset: u64, found: usize, expected: usize) -> Result<(), Flaw> {
        if found == expected {
            return Ok(());
        }
        Err(Flaw::Truncated { length: offset + found as u64, needed: offset + expected as u64 })
    }

    /// The file, in this life.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.header.identity
    }

    /// How entries are laid out.
    #[must_use]
    pub fn layout(&self) -> u64 {
        self.header.layout
    }

    /// Length of the file, bytes.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.header.capacity
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Reads an extent and checks every byte of it. The image as it lay in memory is the front of the buffer.
    ///
    /// # Errors
    ///
    /// It is damaged, or not what the directory says, or the disk refuses.
    ///
    /// # Panics
    ///
    /// If `number` is not one of [`SegmentReader::entries`].
    pub fn extent(
        &self,
        disk: &mut dyn Disk,
        number: usize,
    ) -> Result<(Extent, Buffer), SegmentError> {
        let entry = &self.entries[number];
        self.read_extent(disk, entry).map_err(|obstacle| obstacle.of(&self.path))
    }

    fn read_extent(
        &self,
        disk: &mut dyn Disk,
        entry: &Entry,
    ) -> Result<(Extent, Buffer), Obstacle> {
        let room = entry.end() - entry.offset;
        let length =
            usize::try_from(room).map_err(|_| Flaw::Inconsistent { offset: entry.offset })?;
        let (image, bytes) = read_exactly(disk, self.file, entry.offset, length)?;
        self.expect_bytes(entry.offset, bytes, length)?;
        let extent = check_header(&image, self.header.identity, entry, self.limit)?;
        for block in 0..extent.blocks() {
            extent::check_block(&extent, &image, block)?;
        }
        Ok((extent, image))
    }

    /// Reads everything and checks every byte.
    ///
    /// # Errors
    ///
    /// Something is damaged, or the disk refuses.
    pub fn verify(&self, disk: &mut dyn Disk) -> Result<(), SegmentError> {
        for number in 0..self.entries.len() {
            self.extent(disk, number)?;
        }
        Ok(())
    }

    /// Closes the file.
    pub fn close(self, disk: &mut dyn Disk) {
        close(disk, self.file);
    }

    pub(super) fn into_parts(self, disk: &mut dyn Disk) -> (PathBuf, Header, Vec<Entry>, u64) {
        close(disk, self.file);
        (self.path, self.header, self.entries, self.limit)
    }
}

/// The header of the extent that `entry` names, given at least all bytes of it; it must be that very one.
pub(super) fn check_header(
    image: &[u8],
    identity: Identity,
    entry: &Entry,
    limit: u64,
) -> Result<Extent, Flaw> {
    let extent = extent::decode(image, identity, entry.offset, limit - entry.offset)?;
    if Entry::from(&extent) == *entry {
        Ok(extent)
    } else {
        Err(Flaw::Inconsistent { offset: entry.offset })
    }
}

fn close(disk: &mut dyn Disk, file: FileId) {
    // Only read, so closing can lose nothing.
    let _ = run(disk, Operation::Close { file });
}

/// An error that does not know its file yet.
enum Obstacle {
    Flaw(Flaw),
    Disk(DiskError),
}

impl Obstacle {
    fn of(self, path: &Path) -> SegmentError {
        match self {
            Self::Flaw(flaw) => SegmentError::unfit(path, flaw),
            Self::Disk(error) => SegmentError::disk(path, error),
        }
    }
}

impl From<Flaw> for Obstacle {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

impl From<DiskError> for Obstacle {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}
