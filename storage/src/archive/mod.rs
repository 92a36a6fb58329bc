//! The archive of one worker: writes what was frozen, and knows which files hold what of it.
//!
//! * Arrives from: [`crate::Freezer`], as [`Frozen`], on another thread than the worker's.
//! * Leaves to: [`crate::segment`]; and as a [`Part`] to the manifest.
//!
//! | file | what it does |
//! | --- | --- |
//! | [`state`] | which chunks are live, where each is, and what is dead in it |
//! | [`output`] | the open segment, and files that are done with |
//! | [`directory`] | what it writes about chunks, byte by byte |
//! | [`roster`] | the entries of chunks, listed by a part of their hash |
//! | [`garbage`] | segments of which little is live are made anew |
//!
//! # A checkpoint
//!
//! Chunks that are new since the last one that was durable are written: large ones as they lie in memory, small ones together. Then what died in older ones; then a directory of all
//! chunks that are live, which is small: 72 bytes for 2 MiB. Then everything is synced, and the part names the segments in which something is live.
//!
//! # Invariants
//!
//! 1. A chunk's place on disk is believed only when what is there is durable. A checkpoint that fails leaves everything as it was before, and what it should have written is
//!    written with the next one.
//! 2. The directory is the last extent of the last segment of a part.
//! 3. A file is written again, or removed, only when neither a retained manifest names it nor anything in it is live.

mod directory;
mod garbage;
mod output;
pub(crate) mod roster;
mod state;

pub(crate) use directory::{
    DIRECTORY, DeadUnits, Directory, DirectoryTable, Listing, decode_deaths, decode_directory,
    shape_of,
};

#[cfg(test)]
pub(crate) use directory::{DirectoryChunk, PACK, encode_directory};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use crate::checkpoint::{Manifest, Part, TableRecord, named};
use crate::format::SegmentId;
use crate::format::code::Encoder;
use crate::format::extent::Tag;
use crate::freeze::{Content, Frozen, Place};
use crate::io::{Answer, Disk, DiskError, Operation, run};
use crate::key_groups::KeyGroups;
use crate::log::Parked;
use crate::segment::{MappedSegment, Recycler, Suspects, Verification};
use crate::supply::Supply;
use output::{Output, Pack, bytes_of};
use roster::{Counted, Lister, ROSTER};
use state::{NewRoster, State, Unlisted};

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
    /// Bytes of chunks, the youngest, whose entries are not listed in a roster. What is listed need not be read before it is served again, and costs 8 bytes an entry more to write, once; what is
    /// not listed is read as a whole by a restore. Default: four segments, which are read in a tenth of a second.
    pub unlisted_bytes: u64,
    /// How many workers the job has, so that files of workers that are no more have an owner. Default 0: they are left alone.
    pub workers: u32,
}

impl ArchiveConfig {
    /// For a worker with these key groups.
    #[must_use]
    pub fn new(key_groups: KeyGroups) -> Self {
        let segment_bytes = 32 << 20;
        let unlisted_bytes = 4 * segment_bytes;
        Self { segment_bytes, spare_segments: 8, key_groups, unlisted_bytes, workers: 0 }
    }

    /// The same with [`ArchiveConfig::segment_bytes`], and four times that of [`ArchiveConfig::unlisted_bytes`].
    #[must_use]
    pub fn segment_bytes(mut self, segment_bytes: u64) -> Self {
        self.segment_bytes = segment_bytes;
        self.unlisted_bytes = 4 * segment_bytes;
        self
    }

    /// The same with [`ArchiveConfig::unlisted_bytes`].
    #[must_use]
    pub fn unlisted_bytes(mut self, unlisted_bytes: u64) -> Self {
        self.unlisted_bytes = unlisted_bytes;
        self
    }

    /// The same with [`ArchiveConfig::workers`].
    #[must_use]
    pub fn workers(mut self, workers: u32) -> Self {
        self.workers = workers;
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
    state: State,
    output: Output,
    /// How many were taken in.
    serial: u64,
    /// The last part that was written.
    last: Option<Part>,
    /// Bytes of live state that were moved since.
    moved: u64,
    /// What is handed to the worker.
    supply: Option<Arc<Supply>>,
    /// Segments of this life that the worker may have mapped.
    mapped: BTreeMap<SegmentId, Vec<Weak<MappedSegment>>>,
    /// Where it is noted which of them are damaged.
    suspects: Suspects,
}

/// What an archive has done and holds, for statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveUsage {
    /// Bytes written to segments since it was opened.
    pub written_bytes: u64,
    /// Of those, bytes that were on disk before and moved out of files of which little was live.
    pub moved_bytes: u64,
    /// Bytes of segments that the last checkpoint names, up to where they are used.
    pub file_bytes: u64,
    /// Of those, bytes that are live: of chunks, with what is dead in them, deaths and the directory.
    pub live_bytes: u64,
}

/// Numbers of segments go up by this, so that the archives of a job share a directory; no job has more workers.
const STEP: u64 = 4096;

/// How entries are laid out in chunks: the first way.
const LAYOUT: u64 = 1;

/// Batches of deaths, above which they are made one.
const MOST_BATCHES: usize = 256;

impl Archive {
    /// The archive of `worker` in `directory`, where `retained` are the manifests that are kept. Waits for the disk.
    ///
    /// For a start: after [`crate::checkpoint::newest`], before any archive of the job writes, with the directory's [lock](crate::io::StateLock) held.
    ///
    /// # Errors
    ///
    /// The directory cannot be listed, or a file not removed.
    pub fn open(
        disk: &mut dyn Disk,
        directory: &Path,
        worker: u32,
        config: ArchiveConfig,
        retained: &[Manifest],
    ) -> Result<Self, ArchiveError> {
        let first = SegmentId(u64::from(worker));
        let path = directory.to_path_buf();
        let (bytes, spare) = (config.segment_bytes, config.spare_segments);
        let recycler = Recycler::new(path, LAYOUT, bytes, spare, first, STEP);
        let mut archive = Self {
            directory: directory.to_path_buf(),
            worker,
            config,
            state: State::default(),
            output: Output::new(recycler, bytes),
            serial: 0,
            last: None,
            moved: 0,
            supply: None,
            mapped: BTreeMap::new(),
            suspects: Suspects::default(),
        };
        archive.adopt(disk, retained).map_err(|source| archive.error(0, source))?;
        Ok(archive)
    }

    /// The same; what the worker reads from its files again and is damaged is noted there.
    #[must_use]
    pub fn noting(mut self, suspects: &Suspects) -> Self {
        self.suspects = suspects.clone();
        self
    }

    /// Takes over the files that are there.
    fn adopt(&mut self, disk: &mut dyn Disk, retained: &[Manifest]) -> Result<(), DiskError> {
        let named = named(retained);
        self.output.recycler().adopt(disk, &named)?;
        let listing = run(disk, Operation::List { path: self.directory.clone() })?;
        let Answer::Names(names) = listing else {
            panic!("invariant: a listing is answered by names")
        };
        for id in names.iter().filter_map(|name| SegmentId::of_file_name(name)) {
            let (owner, worker) = (id.0 % STEP, u64::from(self.worker));
            let workers = u64::from(self.config.workers);
            let is_orphan = workers > 0 && owner >= workers && owner % workers == worker;
            if is_orphan || owner == worker && named.contains(&id) {
                self.output.own(id);
            }
        }
        self.output.retire(disk, &named)
    }

    /// Writes what was frozen, and returns when it is durable: the worker's part of the manifest, without positions and blobs.
    ///
    /// # Errors
    ///
    /// See [`ArchiveError`]. What was frozen is written with the next checkpoint then.
    pub fn write(&mut self, disk: &mut dyn Disk, frozen: Frozen) -> Result<Part, ArchiveError> {
        let epoch = frozen.epoch;
        self.absorb(frozen);
        if self.state.is_dirty || self.last.is_none() {
            let written = self.write_changes(disk);
            written.map_err(|source| {
                self.output.give_up(disk);
                self.error(epoch, source)
            })?;
        }
        let part = self.part();
        self.last = Some(part.clone());
        Ok(part)
    }

    /// Takes what was frozen for a checkpoint that is given up: it is written with the next one.
    ///
    /// # Panics
    ///
    /// If something that was frozen before did not get here.
    pub fn absorb(&mut self, frozen: Frozen) {
        self.serial += 1;
        assert_eq!(
            frozen.serial, self.serial,
            "invariant: everything that is frozen reaches its archive, in order"
        );
        frozen.supply.fill();
        self.supply = Some(frozen.supply).filter(|supply| supply.is_bounded());
        frozen.tables.into_iter().for_each(|table| self.state.take_in(table));
    }

    /// Lets go of files that none of the `retained` manifests names. Manifests that are not retained any more are removed, durably, before this. Waits for the disk.
    ///
    /// # Errors
    ///
    /// A file cannot be removed.
    pub fn retire(
        &mut self,
        disk: &mut dyn Disk,
        retained: &[Manifest],
    ) -> Result<(), ArchiveError> {
        let mut needed = named(retained);
        needed.extend(self.state.segments.keys());
        self.mapped.retain(|id, maps| {
            maps.retain(|map| map.strong_count() > 0);
            // Somebody reads it: it may go, and is not written again.
            if !maps.is_empty() {
                self.output.spoil(*id);
            }
            !maps.is_empty()
        });
        self.output.retire(disk, &needed).map_err(|source| self.error(0, source))
    }

    /// What it has done and holds.
    #[must_use]
    pub fn usage(&self) -> ArchiveUsage {
        let held = self.state.segments.values();
        ArchiveUsage {
            written_bytes: self.output.written,
            moved_bytes: self.moved,
            file_bytes: held.clone().map(|held| held.reference.end).sum(),
            live_bytes: held.map(|held| held.live).sum(),
        }
    }

    fn error(&self, epoch: u64, source: DiskError) -> ArchiveError {
        ArchiveError::Disk { worker: self.worker, epoch, source }
    }

    fn write_changes(&mut self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        let rescue = self.choose_garbage(disk);
        let placed = self.write_chunks(disk)?;
        let (new_rosters, moved_rosters) = (self.list(disk)?, self.move_rosters(disk)?);
        let everything = rescue || self.state.batches.len() >= MOST_BATCHES;
        let batches = self.write_deaths(disk, everything)?;
        let mut all = if everything { Vec::new() } else { self.state.batches.clone() };
        all.extend_from_slice(&batches);
        let directory = self.state.directory(&placed, all, &new_rosters, &moved_rosters);
        let content = directory::encode_directory(&directory);
        let tag = Tag { table: DIRECTORY, chunk: 0, layout: 0 };
        let directory = self.output.append(disk, &content, tag)?;
        for reference in self.output.sync(disk)? {
            self.state.hold(reference);
            let held = self.state.segments.get_mut(&reference.identity.id);
            held.expect("invariant: it is held").reference = reference;
        }
        // Invariant 1: from here on it is durable.
        let written: Vec<_> = placed.keys().copied().collect();
        placed.into_iter().for_each(|(chunk, place)| self.state.settle(chunk, place));
        self.state.settle_rosters(new_rosters, moved_rosters);
        if everything {
            let old = std::mem::take(&mut self.state.batches);
            old.into_iter().for_each(|place| self.state.release(place));
        }
        batches.iter().for_each(|place| self.state.claim(*place));
        self.state.batches.extend(batches);
        for chunk in self.state.tables.values_mut().flat_map(|table| table.chunks.values_mut()) {
            chunk.told = chunk.dead.len();
        }
        self.state.claim(directory);
        if let Some(old) = self.state.directory.replace(directory) {
            self.state.release(old);
        }
        let open = self.output.open_segment();
        self.state.segments.retain(|id, held| held.live > 0 || Some(*id) == open);
        self.state.is_dirty = false;
        self.tell(disk, &written);
        Ok(())
    }

    /// Tells a worker whose memory is bounded where chunks are. One that cannot be told keeps them.
    fn tell(&mut self, disk: &mut dyn Disk, written: &[(u32, u64)]) {
        let Some(supply) = self.supply.clone() else { return };
        let mut maps = BTreeMap::new();
        for (table, sequence) in written {
            let chunk = self.state.chunk((*table, *sequence));
            let Some(place) = chunk.place.filter(|place| chunk.can_be_parked(*place)) else {
                continue;
            };
            let reference = self.state.segments[&place.segment].reference;
            let map = maps.entry(place.segment).or_insert_with(|| {
                let path = self.directory.join(place.segment.file_name());
                let map = MappedSegment::open(disk, &path, &reference, Verification::OnTouch);
                let map = map.inspect_err(|error| {
                    tracing::warn!(%error, "what was written cannot be mapped, and stays in memory");
                });
                map.ok().map(|map| Arc::new(map.noting(&self.suspects)))
            });
            let Some(map) = map else { continue };
            if let Ok(parked) = Parked::new(Arc::clone(map), place) {
                supply.file(*table, *sequence, parked);
            }
        }
        for (id, map) in maps {
            self.mapped.entry(id).or_default().extend(map.as_ref().map(Arc::downgrade));
        }
    }

    /// Writes the chunks that are not on disk, and says where.
    fn write_chunks(
        &mut self,
        disk: &mut dyn Disk,
    ) -> Result<BTreeMap<(u32, u64), Place>, DiskError> {
        let mut placed = BTreeMap::new();
        let mut pack = Pack::new();
        for key in self.state.unwritten() {
            match &self.state.chunk(key).content {
                Some(Content::Shared(region, used)) => {
                    let tag = Tag { table: key.0, chunk: key.1, layout: 0 };
                    let place = self.output.append_shared(disk, region, *used, tag)?;
                    placed.insert(key, place);
                }
                Some(content) => {
                    pack.add(key, bytes_of(content));
                    if pack.is_full() {
                        pack.write(disk, &mut self.output, |key, place| {
                            placed.insert(key, place);
                        })?;
                    }
                }
                None => {}
            }
        }
        pack.write(disk, &mut self.output, |key, place| {
            placed.insert(key, place);
        })?;
        Ok(placed)
    }

    /// Writes rosters of chunks that have none, the oldest of them, until few enough are left: what lives long is listed once, and what is written over soon never is.
    fn list(&mut self, disk: &mut dyn Disk) -> Result<Vec<NewRoster>, DiskError> {
        let (unlisted, mut candidates) = self.state.unlisted();
        let mut too_many = unlisted.saturating_sub(self.config.unlisted_bytes);
        let mut ages: Vec<_> = candidates.iter().map(|chunk| (chunk.key.1, chunk.bytes)).collect();
        ages.sort_unstable();
        let youngest = ages.into_iter().take_while(|(_, bytes)| {
            let is_one = too_many > 0;
            too_many = too_many.saturating_sub(*bytes);
            is_one
        });
        let youngest = youngest.last().map(|(sequence, _)| sequence);
        candidates.retain(|chunk| youngest.is_some_and(|youngest| chunk.key.1 <= youngest));
        let mut lister = Lister::default();
        let (mut rosters, mut members) = (Vec::new(), Vec::new());
        let mut of = None;
        for Unlisted { key, pane, .. } in candidates {
            let is_full = members.len() == roster::MOST_CHUNKS;
            if of.replace((key.0, pane)) != Some((key.0, pane)) || is_full {
                write_roster(disk, &mut self.output, &mut lister, &mut members, &mut rosters)?;
            }
            let counted = self.state.chunk(key).with_bytes(|bytes| lister.add(bytes)).flatten();
            members.extend(counted.map(|counted| (key, counted)));
        }
        write_roster(disk, &mut self.output, &mut lister, &mut members, &mut rosters)?;
        Ok(rosters)
    }

    /// Writes rosters again that are in segments that are emptied.
    fn move_rosters(&mut self, disk: &mut dyn Disk) -> Result<Vec<(u64, Place)>, DiskError> {
        let mut moved = Vec::new();
        for (number, roster) in &self.state.rosters {
            if let Some(content) = &roster.content {
                let tag = Tag { table: ROSTER, chunk: 0, layout: 0 };
                moved.push((*number, self.output.append(disk, content, tag)?));
            }
        }
        Ok(moved)
    }

    /// Writes what died in chunks since the last checkpoint, or `everything` that is dead in them.
    fn write_deaths(
        &mut self,
        disk: &mut dyn Disk,
        everything: bool,
    ) -> Result<Vec<Place>, DiskError> {
        let mut batches = Vec::new();
        let mut pack = Pack::new();
        for (number, table) in &self.state.tables {
            for (sequence, chunk) in &table.chunks {
                let told = if everything { 0 } else { chunk.told };
                if told == chunk.dead.len() {
                    continue;
                }
                let mut encoder = Encoder::default();
                directory::encode_deaths(&mut encoder, *number, *sequence, &chunk.dead[told..]);
                pack.add((), &encoder.into_bytes());
                if pack.is_full() {
                    pack.write_as_one(disk, &mut self.output, &mut batches)?;
                }
            }
        }
        pack.write_as_one(disk, &mut self.output, &mut batches)?;
        Ok(batches)
    }

    fn part(&self) -> Part {
        let mut held: Vec<_> = self.state.segments.values().collect();
        let directory = self.state.directory.expect("invariant: it was written").segment;
        // Invariant 2.
        held.sort_by_key(|held| (held.reference.identity.id == directory, held.age));
        let segments = held.iter().filter(|held| held.live > 0).map(|held| held.reference);
        Part {
            worker: self.worker,
            segments: segments.collect(),
            tables: self
                .state
                .tables
                .iter()
                .map(|(number, table)| self.record(*number, table))
                .collect(),
            ..Part::default()
        }
    }

    fn record(&self, number: u32, table: &state::Tabled) -> TableRecord {
        TableRecord {
            operator: table.name.operator.clone(),
            state: table.name.state.clone(),
            number,
            layout: 0,
            first_key_group: self.config.key_groups.first,
            last_key_group: self.config.key_groups.last,
            value_align: u32::try_from(table.value_align).expect("invariant: 8 or 16"),
            entries: table.entries,
            bytes: table.bytes,
        }
    }
}

/// Writes the roster of `members`, if there are any.
fn write_roster(
    disk: &mut dyn Disk,
    output: &mut Output,
    lister: &mut Lister,
    members: &mut Vec<((u32, u64), Counted)>,
    rosters: &mut Vec<NewRoster>,
) -> Result<(), DiskError> {
    if !members.is_empty() {
        let tag = Tag { table: ROSTER, chunk: 0, layout: 0 };
        let place = output.append(disk, &lister.take(), tag)?;
        rosters.push(NewRoster { place, members: std::mem::take(members) });
    }
    Ok(())
}

const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Archive>();
};
