//! The files of a part, read chunk by chunk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::Obstacle;
use crate::archive::{self, Directory};
use crate::format::extent::Extent;
use crate::format::{Flaw, SegmentId};
use crate::freeze::Place;
use crate::io::{Buffer, Disk};
use crate::segment::{MappedSegment, SegmentReader, SegmentRef, Suspects, Verification};

/// The files of a part.
pub(super) struct Files<'a> {
    pub(super) directory: &'a Path,
    pub(super) segments: &'a [SegmentRef],
    /// Whether what is listed may stay on disk.
    pub(super) may_park: bool,
    pub(super) suspects: &'a Suspects,
}

/// Segments that are mapped.
pub(super) type Maps = BTreeMap<SegmentId, Arc<MappedSegment>>;

impl Files<'_> {
    /// How many bytes they have.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().fold(0, |sum, segment| sum.saturating_add(segment.end))
    }

    /// Makes sure that rosters lie in them, as far as can be told without a look at them: what is read as a whole needs none, and the next checkpoint counts them.
    pub(super) fn check_rosters(&self, rosters: &[Place]) -> Result<(), Obstacle> {
        rosters.iter().try_for_each(|place| {
            let end = self.reference(place.segment)?.end;
            let lies_in = place.offset.checked_add(place.bytes).is_some_and(|last| last <= end);
            if lies_in { Ok(()) } else { Err(Flaw::Inconsistent { offset: place.offset }.into()) }
        })
    }

    fn reference(&self, id: SegmentId) -> Result<&SegmentRef, Obstacle> {
        let found = self.segments.iter().find(|segment| segment.identity.id == id);
        Ok(found.ok_or(Flaw::Inconsistent { offset: 0 })?)
    }

    /// The map of the segment that `place` is in.
    pub(super) fn map(
        &self,
        disk: &mut dyn Disk,
        maps: &mut Maps,
        place: Place,
    ) -> Result<Arc<MappedSegment>, Obstacle> {
        if let Some(map) = maps.get(&place.segment) {
            return Ok(Arc::clone(map));
        }
        let expected = self.reference(place.segment)?;
        let path = self.directory.join(place.segment.file_name());
        let map = MappedSegment::open(disk, &path, expected, Verification::OnTouch)?;
        let map = map.noting(self.suspects);
        Ok(Arc::clone(maps.entry(place.segment).or_insert(Arc::new(map))))
    }

    fn open(&self, disk: &mut dyn Disk, id: SegmentId) -> Result<OpenSegment, Obstacle> {
        let expected = self.reference(id)?;
        let path = self.directory.join(id.file_name());
        let reader = SegmentReader::open_as(disk, &path, expected)?;
        Ok(OpenSegment { id, reader, extent: None })
    }

    /// The part's directory: the last extent of the last segment. `None` if it has no state.
    pub(super) fn directory(&self, disk: &mut dyn Disk) -> Result<Option<Vec<u8>>, Obstacle> {
        let Some(last) = self.segments.last() else { return Ok(None) };
        let open = self.open(disk, last.identity.id)?;
        let result = match open.reader.entries().len().checked_sub(1) {
            Some(number) => open.reader.extent(disk, number).map_err(Obstacle::Segment),
            None => Err(Flaw::Inconsistent { offset: 0 }.into()),
        };
        open.reader.close(disk);
        let (extent, image) = result?;
        if extent.tag.table != archive::DIRECTORY {
            return Err(Flaw::Inconsistent { offset: extent.offset }.into());
        }
        Ok(Some(image[extent.payload()].to_vec()))
    }

    /// What is dead in the chunks.
    pub(super) fn deaths(
        &self,
        disk: &mut dyn Disk,
        found: &Directory,
    ) -> Result<archive::DeadUnits, Obstacle> {
        let total = found.batches.iter().fold(0u64, |sum, place| sum.saturating_add(place.bytes));
        if total > self.bytes() {
            return Err(Flaw::Inconsistent { offset: 0 }.into());
        }
        let mut dead = archive::DeadUnits::new();
        let mut reading = Reading::default();
        let read = found.batches.iter().try_for_each(|place| {
            let bytes = reading.bytes(disk, self, *place)?;
            archive::decode_deaths(bytes, &mut dead).map_err(Obstacle::Flaw)
        });
        reading.close(disk);
        read.map(|()| dead)
    }
}

/// The segment that is being read; one at a time is open.
#[derive(Default)]
pub(super) struct Reading(Option<OpenSegment>);

impl Reading {
    /// The bytes at a place in one of `files`.
    pub(super) fn bytes(
        &mut self,
        disk: &mut dyn Disk,
        files: &Files<'_>,
        place: Place,
    ) -> Result<&[u8], Obstacle> {
        if self.0.as_ref().is_none_or(|open| open.id != place.segment) {
            self.close(disk);
            self.0 = Some(files.open(disk, place.segment)?);
        }
        self.0.as_mut().expect("invariant: it was just opened").bytes(disk, place)
    }

    pub(super) fn close(&mut self, disk: &mut dyn Disk) {
        if let Some(open) = self.0.take() {
            open.reader.close(disk);
        }
    }
}

/// A segment that is being read, and the extent that was read last.
struct OpenSegment {
    id: SegmentId,
    reader: SegmentReader,
    extent: Option<(Extent, Buffer)>,
}

impl OpenSegment {
    /// The bytes at a place.
    fn bytes(&mut self, disk: &mut dyn Disk, place: Place) -> Result<&[u8], Obstacle> {
        let flaw = || Obstacle::Flaw(Flaw::Inconsistent { offset: place.offset });
        let end = place.offset.checked_add(place.bytes).ok_or_else(flaw)?;
        let lies_in = |offset: u64, length: u64| place.offset >= offset && end <= offset + length;
        if self.extent.as_ref().is_none_or(|(extent, _)| !lies_in(extent.offset, extent.length)) {
            let entries = self.reader.entries();
            let number = entries.iter().position(|entry| lies_in(entry.offset, entry.length));
            self.extent = Some(self.reader.extent(disk, number.ok_or_else(flaw)?)?);
        }
        let (extent, image) = self.extent.as_ref().expect("invariant: it was just read");
        let start = usize::try_from(place.offset - extent.offset).map_err(|_| flaw())?;
        let bytes = usize::try_from(place.bytes).map_err(|_| flaw())?;
        if start < extent.payload().start {
            return Err(flaw());
        }
        Ok(&image[start..start + bytes])
    }
}
