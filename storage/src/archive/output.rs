//! The open segment of an archive: room for the next extent, whatever its size, in this segment or another.

use std::collections::{BTreeMap, BTreeSet};

use super::directory::PACK;
use crate::format::extent::{self, Tag};
use crate::format::header::Header;
use crate::format::{PAGE_BYTES, SegmentId};
use crate::freeze::{Content, Place};
use crate::io::{Buffer, Disk, DiskError, Work, drive};
use crate::segment::{AppendError, Image, Recycler, Retired, SegmentRef, SegmentWriter};

/// Writes that are in flight at once.
const DEPTH: usize = 16;

/// An extent with several small things is about this long at most, bytes.
const PACK_BYTES: usize = 256 << 10;

/// See the file's header.
#[derive(Debug)]
pub(super) struct Output {
    recycler: Recycler,
    capacity: u64,
    writer: Option<SegmentWriter>,
    /// Segments that were written, or begun, in this life, or have a number of this archive's.
    ours: BTreeMap<SegmentId, Option<Header>>,
    /// Those that are not written again: a write or a sync of them failed, or somebody reads them.
    spoiled: BTreeSet<SegmentId>,
    /// Sealed since they were last asked for.
    sealed: Vec<SegmentRef>,
    /// Bytes that were written, in all.
    pub(super) written: u64,
}

impl Output {
    pub(super) fn new(recycler: Recycler, capacity: u64) -> Self {
        let (ours, spoiled, sealed) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        Self { recycler, capacity, writer: None, ours, spoiled, sealed, written: 0 }
    }

    /// Sees to it that a file is not written again.
    pub(super) fn spoil(&mut self, id: SegmentId) {
        if self.ours.contains_key(&id) {
            self.spoiled.insert(id);
        }
    }

    /// Takes responsibility for a file that is there.
    pub(super) fn own(&mut self, id: SegmentId) {
        self.ours.entry(id).or_insert(None);
    }

    pub(super) fn recycler(&mut self) -> &mut Recycler {
        &mut self.recycler
    }

    /// Writes a chunk that others read.
    pub(super) fn append_shared(
        &mut self,
        disk: &mut dyn Disk,
        memory: &std::sync::Arc<crate::raw::Region>,
        used: usize,
        tag: Tag,
    ) -> Result<Place, DiskError> {
        let bytes = SegmentWriter::shared_bytes(used);
        let writer = self.writer_with_room(disk, bytes)?;
        let segment = writer.identity().id;
        let result = writer.append_shared(disk, memory, used, tag);
        let extent = self.looked_at(result)?;
        self.written += bytes;
        self.wait_for_some(disk)?;
        let offset = extent.offset + u64::from(extent.header_bytes);
        Ok(Place { segment, offset, bytes: used as u64 })
    }

    /// Writes one thing as an extent of its own.
    pub(super) fn append(
        &mut self,
        disk: &mut dyn Disk,
        bytes: &[u8],
        tag: Tag,
    ) -> Result<Place, DiskError> {
        let header = extent::header_bytes(bytes.len() + PAGE_BYTES + bytes.len() / 512);
        let used = header + bytes.len();
        let mut image = Buffer::zeroed(used);
        image[header..used].copy_from_slice(bytes);
        let file_bytes = image.len() as u64;
        let writer = self.writer_with_room(disk, file_bytes)?;
        let segment = writer.identity().id;
        let header_bytes = u32::try_from(header).expect("invariant: a header is short");
        let result = writer.append(disk, image, Image { tag, header_bytes, used });
        let extent = self.looked_at(result)?;
        self.written += file_bytes;
        self.wait_for_some(disk)?;
        let offset = extent.offset + header as u64;
        Ok(Place { segment, offset, bytes: bytes.len() as u64 })
    }

    /// Makes everything that was written durable. The segments that were sealed meanwhile, oldest first, and the open one.
    pub(super) fn sync(&mut self, disk: &mut dyn Disk) -> Result<Vec<SegmentRef>, DiskError> {
        let mut references = std::mem::take(&mut self.sealed);
        if let Some(writer) = &mut self.writer {
            writer.sync(disk);
            drive(disk, writer);
            self.check(disk)?;
            references.extend(self.writer.as_ref().map(SegmentWriter::durable));
        }
        Ok(references)
    }

    /// What is durable of the open segment.
    pub(super) fn open_segment(&self) -> Option<SegmentId> {
        self.writer.as_ref().map(|writer| writer.identity().id)
    }

    /// Gives up what was written since the last sync. What was durable of the open segment stays so; it is written no further if a write of it failed.
    pub(super) fn give_up(&mut self, disk: &mut dyn Disk) {
        self.sealed.clear();
        // What was placed and not synced is dead, and in the way of nothing; but a failed file is final.
        if let Some(mut writer) = self.writer.take() {
            drive(disk, &mut writer);
            if writer.error().is_some() {
                self.spoiled.insert(writer.identity().id);
            }
            writer.abandon(disk);
            drive(disk, &mut writer);
        }
    }

    /// Lets go of files that nobody needs: those in `needed` are.
    pub(super) fn retire(
        &mut self,
        disk: &mut dyn Disk,
        needed: &BTreeSet<SegmentId>,
    ) -> Result<(), DiskError> {
        let open = self.open_segment();
        let idle = |id: &&SegmentId| !needed.contains(id) && Some(**id) != open;
        let idle: Vec<SegmentId> = self.ours.keys().filter(idle).copied().collect();
        for id in idle {
            let header = self.ours[&id].filter(|_| !self.spoiled.contains(&id));
            match header {
                Some(header) => {
                    if let Some(ticket) = self.recycler.give_back(disk, Retired::of(header)) {
                        missing_is_well(disk.wait(ticket).result.map(drop))?;
                    }
                }
                None => {
                    let path = self.recycler.path(id);
                    let remove = crate::io::Operation::Remove { path };
                    missing_is_well(crate::io::run(disk, remove).map(drop))?;
                }
            }
            self.ours.remove(&id);
            self.spoiled.remove(&id);
        }
        Ok(())
    }

    fn writer_with_room(
        &mut self,
        disk: &mut dyn Disk,
        bytes: u64,
    ) -> Result<&mut SegmentWriter, DiskError> {
        if self.writer.as_ref().is_some_and(|writer| writer.room() < bytes) {
            self.seal(disk)?;
        }
        if self.writer.is_none() {
            // Room for a header and a footer besides.
            let least = bytes + 4 * PAGE_BYTES as u64;
            let mut prepare = if least > self.capacity {
                self.recycler.prepare_large(disk, least)
            } else {
                self.recycler.prepare(disk)
            };
            drive(disk, &mut prepare);
            let writer = prepare.result().expect("invariant: what was driven has ended")?;
            self.ours.insert(writer.identity().id, Some(writer.header()));
            self.writer = Some(writer);
        }
        Ok(self.writer.as_mut().expect("invariant: it was just made"))
    }

    fn seal(&mut self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.seal(disk);
        drive(disk, writer);
        self.check(disk)?;
        self.sealed.extend(self.writer.take().map(|writer| writer.durable()));
        Ok(())
    }

    fn wait_for_some(&mut self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        while writer.in_flight() > DEPTH
            && let Some(ticket) = writer.awaits()
        {
            let completion = disk.wait(ticket);
            let stranger = writer.take(disk, completion);
            assert!(stranger.is_none(), "invariant: work takes what it awaits");
        }
        self.check(disk)
    }

    /// Whether the open segment is well; if not, it is given up, and the error told.
    fn check(&mut self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        if self.writer.as_ref().is_none_or(|writer| writer.error().is_none()) {
            return Ok(());
        }
        let mut writer = self.writer.take().expect("invariant: it is open");
        drive(disk, &mut writer);
        self.spoiled.insert(writer.identity().id);
        Err(writer.into_error().expect("invariant: it has one"))
    }

    fn looked_at<T>(&self, result: Result<T, AppendError>) -> Result<T, DiskError> {
        result.map_err(|error| match error {
            AppendError::Full { .. } => unreachable!("invariant: room was made"),
            AppendError::GivenUp { path } => {
                DiskError::GivenUp { verb: crate::io::Verb::Write, path }
            }
        })
    }
}

/// A file that is gone needs no removal.
fn missing_is_well(result: Result<(), DiskError>) -> Result<(), DiskError> {
    match result {
        Err(error) if error.is_missing() => Ok(()),
        result => result,
    }
}

/// Small things on their way into one extent.
#[derive(Debug, Default)]
pub(super) struct Pack<T> {
    bytes: Vec<u8>,
    /// What each is, and where it begins.
    items: Vec<(T, usize, usize)>,
}

impl<T> Pack<T> {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), items: Vec::new() }
    }

    pub(super) fn add(&mut self, what: T, bytes: &[u8]) {
        self.items.push((what, self.bytes.len(), bytes.len()));
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= PACK_BYTES
    }

    /// Writes it, and adds where all of it is.
    pub(super) fn write_as_one(
        &mut self,
        disk: &mut dyn Disk,
        output: &mut Output,
        places: &mut Vec<Place>,
    ) -> Result<(), DiskError> {
        if !self.items.is_empty() {
            let tag = Tag { table: PACK, chunk: 0, layout: 0 };
            places.push(output.append(disk, &self.bytes, tag)?);
            self.bytes.clear();
            self.items.clear();
        }
        Ok(())
    }

    /// Writes it, and says where each thing is.
    pub(super) fn write(
        &mut self,
        disk: &mut dyn Disk,
        output: &mut Output,
        mut placed: impl FnMut(T, Place),
    ) -> Result<(), DiskError> {
        if self.items.is_empty() {
            return Ok(());
        }
        let tag = Tag { table: PACK, chunk: 0, layout: 0 };
        let Place { segment, offset, .. } = output.append(disk, &self.bytes, tag)?;
        self.bytes.clear();
        for (what, start, bytes) in self.items.drain(..) {
            placed(what, Place { segment, offset: offset + start as u64, bytes: bytes as u64 });
        }
        Ok(())
    }
}

/// The bytes of something that is not on disk.
pub(super) fn bytes_of(content: &Content) -> &[u8] {
    match content {
        Content::Copied(bytes) => bytes,
        Content::Shared(region, used) => &region[..*used],
        Content::Filed(_) => unreachable!("invariant: what is filed is not written"),
    }
}
