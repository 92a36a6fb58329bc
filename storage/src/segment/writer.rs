//! Fills a segment from the front.
//!
//! An extent takes two steps, so that a chunk can be written as it lies: [`place`](SegmentWriter::place) puts the checksums into the image while it is still
//! the caller's alone, and [`write`](SegmentWriter::write) hands over the memory, frozen by being shared. [`append`](SegmentWriter::append) is both, for a buffer.
//! Several extents may be in flight; [`sync`](SegmentWriter::sync) makes those durable that were written before it, as often as there are checkpoints, and
//! [`seal`](SegmentWriter::seal) ends the segment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SegmentRef;
use crate::format::extent::{self, Extent, Tag};
use crate::format::footer::{self, Entry};
use crate::format::header::Header;
use crate::format::{Identity, PAGE_BYTES};
use crate::io::{
    Answer, Buffer, Bytes, Completion, Disk, DiskError, FileId, Operation, Scope, Ticket, Work,
};
use crate::raw::Region;

/// A write is at most this long, bytes: several at once are no slower than one, and each is a bounded piece of the device's time.
const WRITE_BYTES: usize = 1 << 20;

/// Written buffers are kept up to this many, for whoever fills the next ones.
const MOST_SPENT: usize = 64;

/// Writes one segment; as [`Work`] it has ended when nothing is in flight.
#[derive(Debug)]
pub struct SegmentWriter {
    file: FileId,
    path: PathBuf,
    header: Header,
    entries: Vec<Entry>,
    digest: u32,
    end: u64,
    /// Writes in flight, with their number.
    writes: Vec<(Ticket, u64)>,
    issued: u64,
    /// Extents that have a place and were not written yet.
    unwritten: usize,
    /// What is to be made durable as soon as the writes before it have completed.
    wanted: Option<Mark>,
    syncing: Option<(Ticket, Mark)>,
    durable: Mark,
    sealing: bool,
    abandoned: bool,
    closing: Option<Ticket>,
    closed: bool,
    spent: Vec<Buffer>,
    error: Option<DiskError>,
}

/// A front of the segment.
#[derive(Clone, Copy, Debug)]
struct Mark {
    end: u64,
    extents: u32,
    digest: u32,
    sealed: bool,
    /// Writes with a lower number belong to it.
    writes: u64,
}

/// What a chunk's image is, besides its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    /// Whose it is.
    pub tag: Tag,
    /// Bytes left free at its start, as [`extent::header_bytes`] gives for the chunk it is an image of.
    pub header_bytes: u32,
    /// Bytes used, those included.
    pub used: usize,
}

/// Where an extent will be: to be [written](SegmentWriter::write).
#[derive(Debug)]
#[must_use = "the place is taken, and is to be written before the next sync"]
pub struct Place {
    extent: Extent,
}

impl Place {
    /// What is written there.
    #[must_use]
    pub fn extent(&self) -> &Extent {
        &self.extent
    }
}

/// Why an extent cannot be written here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The segment has no room for it. Seal it and go on in the next.
    #[error("segment \"{}\" has no room for {bytes} bytes more; seal it and begin another", path.display())]
    Full {
        /// The segment.
        path: PathBuf,
        /// What was to be written.
        bytes: u64,
    },
    /// An earlier write or sync failed, so the segment is given up ([`SegmentWriter::error`] says why). Abort the checkpoint and write it anew elsewhere.
    #[error("segment \"{}\" was given up after an error", path.display())]
    GivenUp {
        /// The segment.
        path: PathBuf,
    },
}

impl SegmentWriter {
    /// Invariant 1: only [`super::Prepare`] makes one.
    pub(super) fn over(file: FileId, path: PathBuf, header: Header) -> Self {
        let end = PAGE_BYTES as u64;
        let durable = Mark { end, extents: 0, digest: 0, sealed: false, writes: 0 };
        Self {
            file,
            path,
            header,
            entries: Vec::new(),
            digest: 0,
            end,
            writes: Vec::new(),
            issued: 0,
            unwritten: 0,
            wanted: None,
            syncing: None,
            durable,
            sealing: false,
            abandoned: false,
            closing: None,
            closed: false,
            spent: Vec::new(),
            error: None,
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file, in this life.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.header.identity
    }

    /// What the file says of itself.
    pub(crate) fn header(&self) -> Header {
        self.header
    }

    /// Bytes of an extent that would still fit.
    #[must_use]
    pub fn room(&self) -> u64 {
        let footer = footer::footer_bytes(self.entries.len() + 1) as u64;
        self.header.capacity.saturating_sub(self.end + footer)
    }

    /// Makes `image` an extent of this segment: its checksums and place go into the bytes left free at its start.
    ///
    /// Cost: a checksum over the image.
    ///
    /// # Errors
    ///
    /// There is no room, or an earlier write failed. The image is unchanged then.
    ///
    /// # Panics
    ///
    /// If the segment was sealed, or the image is not as [`extent::seal`] wants it.
    pub fn place(&mut self, image: &mut [u8], what: Image) -> Result<Place, AppendError> {
        assert!(!self.sealing && !self.abandoned, "invariant: nothing follows the footer");
        if self.error.is_some() {
            return Err(AppendError::GivenUp { path: self.path.clone() });
        }
        let bytes = what.used.next_multiple_of(PAGE_BYTES) as u64;
        if bytes > self.room() {
            return Err(AppendError::Full { path: self.path.clone(), bytes });
        }
        let Image { tag, header_bytes, used } = what;
        let identity = self.identity();
        let extent = extent::seal(image, identity, self.end, header_bytes, used, tag);
        self.end = extent.end();
        self.digest = footer::digest(self.digest, extent.checksum);
        self.entries.push(Entry::from(&extent));
        self.unwritten += 1;
        Ok(Place { extent })
    }

    /// Writes an image to its place: the same bytes, whole pages of them.
    ///
    /// # Panics
    ///
    /// If it has another length, or does not start at a page.
    pub fn write(&mut self, disk: &mut dyn Disk, place: Place, image: &Bytes) {
        let Extent { offset, .. } = place.extent;
        assert_eq!(image.len() as u64, place.extent.file_bytes(), "invariant: the whole image");
        self.unwritten -= 1;
        self.submit(disk, offset, image);
    }

    /// [Places](SegmentWriter::place) and [writes](SegmentWriter::write) an image that has a buffer of its own.
    ///
    /// # Errors
    ///
    /// As [`SegmentWriter::place`].
    pub fn append(
        &mut self,
        disk: &mut dyn Disk,
        mut image: Buffer,
        what: Image,
    ) -> Result<Extent, AppendError> {
        let place = self.place(&mut image, what)?;
        let extent = place.extent;
        let bytes = what.used.next_multiple_of(PAGE_BYTES);
        self.write(disk, place, &Bytes::from(image).part(0..bytes));
        Ok(extent)
    }

    /// Writes memory that others read, as it lies: its front up to `used`, with zeros behind up to a page's end. The checksums go into pages of their own in front of it.
    ///
    /// Cost: a checksum over the memory; nothing is copied.
    ///
    /// # Errors
    ///
    /// As [`SegmentWriter::place`].
    ///
    /// # Panics
    ///
    /// If the memory does not reach up to a page's end.
    pub fn append_shared(
        &mut self,
        disk: &mut dyn Disk,
        memory: &Arc<Region>,
        used: usize,
        tag: Tag,
    ) -> Result<Extent, AppendError> {
        assert!(!self.sealing && !self.abandoned, "invariant: nothing follows the footer");
        if self.error.is_some() {
            return Err(AppendError::GivenUp { path: self.path.clone() });
        }
        let bytes = Self::shared_bytes(used);
        if bytes > self.room() {
            return Err(AppendError::Full { path: self.path.clone(), bytes });
        }
        let mut header = Buffer::zeroed(shared_header_bytes(used));
        let (identity, offset) = (self.identity(), self.end);
        let extent = extent::seal_apart(&mut header, memory, identity, offset, used, tag);
        self.end = extent.end();
        self.digest = footer::digest(self.digest, extent.checksum);
        self.entries.push(Entry::from(&extent));
        let behind = offset + header.len() as u64;
        self.submit(disk, offset, &Bytes::from(header));
        let bytes = 0..used.next_multiple_of(PAGE_BYTES);
        self.submit(disk, behind, &Bytes::of_region(Arc::clone(memory), bytes));
        Ok(extent)
    }

    /// How many bytes of a file [`SegmentWriter::append_shared`] takes.
    #[must_use]
    pub fn shared_bytes(used: usize) -> u64 {
        (shared_header_bytes(used) + used.next_multiple_of(PAGE_BYTES)) as u64
    }

    /// Writes that are in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.writes.len()
    }

    /// Makes everything that was written so far durable; [`SegmentWriter::durable`] tells when it is.
    ///
    /// # Panics
    ///
    /// If an extent has a place and was not written.
    pub fn sync(&mut self, disk: &mut dyn Disk) {
        assert_eq!(
            self.unwritten, 0,
            "invariant 3: a place is written before it is called durable"
        );
        let last = self.last_mark();
        let is_news = self.end > last.end || self.sealing && !last.sealed;
        if is_news && !self.abandoned && self.error.is_none() {
            self.wanted = Some(self.mark());
            self.sync_if_written(disk);
        }
    }

    /// Ends the segment: footer, sync, close.
    ///
    /// # Panics
    ///
    /// As [`SegmentWriter::sync`].
    pub fn seal(&mut self, disk: &mut dyn Disk) {
        if self.sealing || self.abandoned || self.error.is_some() {
            return;
        }
        self.sealing = true;
        let footer = Bytes::from(footer::encode(self.identity(), &self.entries));
        let offset = self.header.capacity - footer.len() as u64;
        self.submit(disk, offset, &footer);
        self.sync(disk);
    }

    /// Gives the segment up: closes it when nothing is in flight any more. What was durable stays so.
    pub fn abandon(&mut self, disk: &mut dyn Disk) {
        self.wanted = None;
        self.abandoned = true;
        self.close_if_idle(disk);
    }

    /// What is durable now: what a manifest may name.
    #[must_use]
    pub fn durable(&self) -> SegmentRef {
        let Mark { end, extents, digest, sealed, .. } = self.durable;
        let Header { identity, layout, capacity } = self.header;
        SegmentRef { identity, layout, capacity, end, extents, digest, sealed }
    }

    /// Whether everything that was placed is durable.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.durable.end == self.end
    }

    /// Buffers that were [appended](SegmentWriter::append) and are written, to be filled again: see [`crate::io::BufferPool`].
    pub fn reclaim(&mut self) -> impl Iterator<Item = Buffer> {
        self.spent.drain(..)
    }

    fn keep(&mut self, answer: Answer) {
        if let Answer::Written { bytes } = answer
            && let Some(buffer) = bytes.into_buffer()
            && self.spent.len() < MOST_SPENT
        {
            self.spent.push(buffer);
        }
    }

    /// Why the segment was given up.
    #[must_use]
    pub fn error(&self) -> Option<&DiskError> {
        self.error.as_ref()
    }

    /// As [`SegmentWriter::error`], to be handed on.
    #[must_use]
    pub fn into_error(self) -> Option<DiskError> {
        self.error
    }

    fn mark(&self) -> Mark {
        let extents = u32::try_from(self.entries.len()).expect("invariant: fewer extents");
        let Self { end, digest, sealing: sealed, issued: writes, .. } = *self;
        Mark { end, extents, digest, sealed, writes }
    }

    fn last_mark(&self) -> Mark {
        let syncing = self.syncing.map(|(_, mark)| mark);
        self.wanted.or(syncing).unwrap_or(self.durable)
    }

    fn submit(&mut self, disk: &mut dyn Disk, offset: u64, bytes: &Bytes) {
        for start in (0..bytes.len()).step_by(WRITE_BYTES) {
            let end = (start + WRITE_BYTES).min(bytes.len());
            let (file, offset) = (self.file, offset + start as u64);
            let bytes = bytes.part(start..end);
            let ticket = disk.submit(Operation::Write { file, offset, bytes });
            self.writes.push((ticket, self.issued));
            self.issued += 1;
        }
    }

    fn sync_if_written(&mut self, disk: &mut dyn Disk) {
        let Some(mark) = self.wanted else { return };
        let written = self.writes.iter().all(|(_, number)| *number >= mark.writes);
        if written && self.syncing.is_none() && self.error.is_none() {
            let operation = Operation::Sync { file: self.file, scope: Scope::Data };
            self.syncing = Some((disk.submit(operation), mark));
            self.wanted = None;
        }
    }

    fn close_if_idle(&mut self, disk: &mut dyn Disk) {
        let idle = self.writes.is_empty() && self.syncing.is_none() && self.wanted.is_none();
        if idle && !self.closed {
            self.closed = true;
            self.closing = Some(disk.submit(Operation::Close { file: self.file }));
        }
    }

    fn fail(&mut self, disk: &mut dyn Disk, error: DiskError) {
        // The first error is the one to tell; the next ones follow from it.
        self.error.get_or_insert(error);
        self.wanted = None;
        self.close_if_idle(disk);
    }
}

/// Whole pages, with room for the checksums of themselves too.
fn shared_header_bytes(used: usize) -> usize {
    let guess = extent::header_bytes(used).next_multiple_of(PAGE_BYTES);
    extent::header_bytes(used + guess + PAGE_BYTES).next_multiple_of(PAGE_BYTES)
}

impl Work for SegmentWriter {
    fn awaits(&self) -> Option<Ticket> {
        let write = self.writes.first().map(|(ticket, _)| *ticket);
        write.or(self.syncing.map(|(ticket, _)| ticket)).or(self.closing)
    }

    fn take(&mut self, disk: &mut dyn Disk, completion: Completion) -> Option<Completion> {
        let ticket = completion.ticket;
        if let Some(at) = self.writes.iter().position(|(write, _)| *write == ticket) {
            self.writes.swap_remove(at);
            match completion.result {
                Ok(answer) => {
                    self.keep(answer);
                    self.sync_if_written(disk);
                }
                Err(error) => self.fail(disk, error),
            }
        } else if let Some((_, mark)) = self.syncing.filter(|(sync, _)| *sync == ticket) {
            self.syncing = None;
            match completion.result {
                Ok(_) => self.durable = mark,
                Err(error) => self.fail(disk, error),
            }
            self.sync_if_written(disk);
        } else if self.closing == Some(ticket) {
            self.closing = None;
        } else {
            return Some(completion);
        }
        if self.durable.sealed || self.abandoned || self.error.is_some() {
            self.close_if_idle(disk);
        }
        None
    }
}
