//! The archive of one worker: writes what was frozen, and knows which files hold it.
//!
//! * Arrives from: [`crate::Freezer`], as [`Frozen`], on another thread than the worker's.
//! * Leaves to: [`crate::segment`]; and as a [`Part`] to the manifest.

use std::path::{Path, PathBuf};

use crate::checkpoint::{Manifest, Part, TableRecord, named};
use crate::format::extent::{self, Tag};
use crate::format::header::Header;
use crate::format::{Generation, Identity, SegmentId};
use crate::freeze::{Frozen, FrozenTable, Shape};
use crate::io::{Answer, Buffer, Disk, DiskError, Operation, drive, run};
use crate::restored::KeyGroups;
use crate::segment::{Image, Life, Prepare, SegmentRef, SegmentWriter};

/// How a worker's archive is set up.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ArchiveConfig {
    /// Length of a segment file, bytes: whole pages, three at least. Default 32 MiB.
    pub segment_bytes: u64,
    /// Retired files that are kept to be written again. Default 8.
    pub spare_segments: usize,
    /// The key groups of this worker, as the manifest will have them.
    pub key_groups: KeyGroups,
}

impl ArchiveConfig {
    /// For a worker with these key groups.
    #[must_use]
    pub fn new(key_groups: KeyGroups) -> Self {
        Self { segment_bytes: 32 << 20, spare_segments: 8, key_groups }
    }

    /// The same with [`ArchiveConfig::segment_bytes`].
    #[must_use]
    pub fn segment_bytes(mut self, segment_bytes: u64) -> Self {
        self.segment_bytes = segment_bytes;
        self
    }

    /// The same with [`ArchiveConfig::spare_segments`].
    #[must_use]
    pub fn spare_segments(mut self, spare_segments: usize) -> Self {
        self.spare_segments = spare_segments;
        self
    }
}

/// Why a checkpoint was not written. What was frozen for it is kept and written with the next one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The disk refused. If it is [full](DiskError::is_full), make room, and the next checkpoint may succeed.
    #[error("the state of worker {worker} was not written for checkpoint {epoch}")]
    Disk {
        /// Whose state.
        worker: u32,
        /// Of which checkpoint; 0 outside of any.
        epoch: u64,
        /// What the disk said.
        source: DiskError,
    },
}

impl ArchiveError {
    /// Whether there is no room on the disk.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Disk { source, .. } => source.is_full(),
        }
    }
}

/// See the module's header. One for each worker, on the thread that writes checkpoints.
#[derive(Debug)]
pub struct Archive {
    directory: PathBuf,
    worker: u32,
    config: ArchiveConfig,
    next: u64,
}

/// Numbers of segments go up by this, so that the archives of a job share a directory; no job has more workers.
const STEP: u64 = 4096;
const LAYOUT: u64 = 1;
const MOST_EXTENT_BYTES: usize = 1 << 20;

impl Archive {
    /// The archive of `worker` in `directory`, where `retained` are the manifests that are kept. Waits for the disk.
    ///
    /// For a start: after [`crate::checkpoint::newest`], before anything is written, with the directory's [lock](crate::io::StateLock) held.
    ///
    /// # Errors
    ///
    /// The directory cannot be listed.
    pub fn open(
        disk: &mut dyn Disk,
        directory: &Path,
        worker: u32,
        config: ArchiveConfig,
        retained: &[Manifest],
    ) -> Result<Self, ArchiveError> {
        let mut archive = Self {
            directory: directory.to_path_buf(),
            worker,
            config,
            next: u64::from(worker) + STEP,
        };
        archive.retire(disk, retained)?;
        Ok(archive)
    }

    /// Writes what was frozen, and returns when it is durable: the worker's part of the manifest, without positions and blobs.
    ///
    /// # Errors
    ///
    /// See [`ArchiveError`].
    pub fn write(&mut self, disk: &mut dyn Disk, frozen: Frozen) -> Result<Part, ArchiveError> {
        let epoch = frozen.epoch;
        let mut part = Part { worker: self.worker, ..Part::default() };
        for table in &frozen.tables {
            part.tables.push(self.record(table));
            let segment = self.write_table(disk, table);
            part.segments.push(segment.map_err(|source| self.error(epoch, source))?);
        }
        Ok(part)
    }

    /// Takes what was frozen for a checkpoint that is given up: it is written with the next one.
    pub fn absorb(&mut self, frozen: Frozen) {
        let _ = frozen;
    }

    /// Lets go of files that none of the `retained` manifests names. Manifests that are not retained any more are removed, durably, before this. Waits for the disk.
    ///
    /// # Errors
    ///
    /// The directory cannot be listed, or a file not removed.
    pub fn retire(
        &mut self,
        disk: &mut dyn Disk,
        retained: &[Manifest],
    ) -> Result<(), ArchiveError> {
        let named = named(retained);
        let listing = run(disk, Operation::List { path: self.directory.clone() });
        let Answer::Names(names) = listing.map_err(|source| self.error(0, source))? else {
            panic!("invariant: a listing is answered by names")
        };
        for id in names.iter().filter_map(|name| SegmentId::of_file_name(name)) {
            if id.0 % STEP != u64::from(self.worker) {
                continue;
            }
            self.next = self.next.max(id.0 + STEP);
            if !named.contains(&id) {
                let path = self.directory.join(id.file_name());
                run(disk, Operation::Remove { path }).map_err(|source| self.error(0, source))?;
            }
        }
        Ok(())
    }

    fn error(&self, epoch: u64, source: DiskError) -> ArchiveError {
        ArchiveError::Disk { worker: self.worker, epoch, source }
    }

    fn record(&self, table: &FrozenTable) -> TableRecord {
        TableRecord {
            operator: table.name.operator.clone(),
            state: table.name.state.clone(),
            number: table.number,
            layout: 0,
            first_key_group: self.config.key_groups.first,
            last_key_group: self.config.key_groups.last,
            value_align: u32::try_from(table.value_align).expect("invariant: 8 or 16"),
            entries: table.entries,
            bytes: table.bytes,
        }
    }

    fn write_table(
        &mut self,
        disk: &mut dyn Disk,
        table: &FrozenTable,
    ) -> Result<SegmentRef, DiskError> {
        let mut content = number_of(table.shape).to_le_bytes().to_vec();
        content.extend_from_slice(&table.content);
        let extents = content.len().div_ceil(MOST_EXTENT_BYTES);
        let capacity = (content.len() + (extents + 4) * 8192).next_multiple_of(4096) as u64;
        let id = SegmentId(self.next);
        self.next += STEP;
        let identity = Identity { id, generation: Generation::FIRST };
        let header = Header { identity, layout: LAYOUT, capacity };
        let path = self.directory.join(id.file_name());
        let mut writer = Prepare::now(disk, path, header, Life::New)?;
        for (chunk, bytes) in content.chunks(MOST_EXTENT_BYTES).enumerate() {
            append(disk, &mut writer, table.number, chunk as u64, bytes);
        }
        writer.seal(disk);
        drive(disk, &mut writer);
        let durable = writer.durable();
        match writer.into_error() {
            Some(error) => Err(error),
            None => Ok(durable),
        }
    }
}

fn append(disk: &mut dyn Disk, writer: &mut SegmentWriter, table: u32, chunk: u64, bytes: &[u8]) {
    let header = extent::header_bytes(bytes.len() + 4096);
    let used = header + bytes.len();
    let mut image = Buffer::zeroed(used);
    image[header..used].copy_from_slice(bytes);
    let header_bytes = u32::try_from(header).expect("invariant: a short header");
    let tag = Tag { table, chunk, layout: 0 };
    // After an error of the disk the segment is given up, which is seen at its end.
    let _ = writer.append(disk, image, Image { tag, header_bytes, used });
}

fn number_of(shape: Shape) -> u32 {
    match shape {
        Shape::Table => 0,
        Shape::Panes => 1,
        Shape::Timed => 2,
    }
}

pub(crate) fn shape_of(number: u32) -> Option<Shape> {
    match number {
        0 => Some(Shape::Table),
        1 => Some(Shape::Panes),
        2 => Some(Shape::Timed),
        _ => None,
    }
}
