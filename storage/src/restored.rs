//! What a checkpoint gives back: the state of one or several old workers, on its way to the tables of a new one.
//!
//! Each part's directory says which chunks are live, where they are and what is dead in them. A table takes them over as they are: frozen, and on disk already, so that the next checkpoint does
//! not write them again. There are two ways:
//!
//! * Chunks that a [roster](crate::archive::roster) lists stay where they are: their segments are mapped, and neither they nor their entries are looked at before somebody asks for one
//!   ([`crate::dormant`]). Every block is checked when it is first touched. So this costs nothing, whatever their size.
//! * All others are read, and every byte is checked: 1 s a GiB. Those are the few that no roster lists, lists and timers, and what is to be dealt anew since the
//!   number of workers is another.
//!
//! [`RestoredParts::open_checked`] reads and checks everything first: it takes as long as that takes, and then a damaged file is an error before the job begins, rather than a panic in its midst.
//!
//! * Arrives from: [`crate::checkpoint::newest`], as a manifest, and from the disk.
//! * Leaves to: [`crate::Store::restore`], on the worker.
//!
//! # Several parts
//!
//! A table that was on several workers gets the chunks of all of them. Lists lead from chunk to chunk by number, so the numbers of the second and later parts, and those in
//! their entries, are shifted behind those of the first. Of entries in other key groups than the wanted ones nothing is seen; compaction gets rid of them in time, and until then the
//! directory says of the chunk which key groups count.
//!
//! State of which every worker has the whole ([`crate::TableConfig::is_copied`]) is taken from the first part that has it.
//!
mod files;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::archive::roster::Lister;
use crate::archive::{self, DirectoryTable, Listing};
use crate::checkpoint::{Manifest, Part, TableRecord};
use crate::dormant::{self, Dormant};
use crate::format::{Flaw, SegmentId};
use crate::freeze::{Filed, FiledListing, Place, Shape};
use crate::io::Disk;
use crate::key_groups::KeyGroups;
use crate::log::entry::{self, Header, Kind};
use crate::log::{Address, CHUNK_BYTES, Parked, restored_bytes, shift, size_class};
use crate::raw::Region;
use crate::segment::{MappedSegment, SegmentError, SegmentRef, suspect};
use crate::{Panes, Table, TableName, TimedTable};
use files::{Files, Reading};

/// Why the state of a checkpoint cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// A file is missing or damaged, or the disk refuses it.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The files are whole, and what they say makes no sense: they were written by another version, or by one with a bug. Restore an older checkpoint.
    #[error("the state of worker {worker} in checkpoint {epoch} cannot be read: {flaw}")]
    Content {
        /// The checkpoint.
        epoch: u64,
        /// The worker that wrote it.
        worker: u32,
        /// What is wrong.
        flaw: Flaw,
    },
}

impl PartsError {
    /// Whether a file is damaged, so that [`crate::checkpoint::newest`], asked again, passes over this checkpoint.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Segment(SegmentError::Unfit { .. }))
    }
}

/// State that was opened; becomes tables in [`crate::Store::restore`]. May go to another thread.
#[derive(Debug, Default)]
pub struct RestoredParts {
    pub(crate) tables: BTreeMap<TableName, RestoredTable>,
}

#[derive(Debug)]
pub(crate) struct RestoredTable {
    pub(crate) shape: Shape,
    pub(crate) value_align: usize,
    /// By pane; 0 where there are none.
    logs: BTreeMap<i64, Vec<RestoredChunk>>,
    segments: Vec<SegmentRef>,
}

#[derive(Debug)]
struct RestoredChunk {
    number: u32,
    content: Held,
    used: usize,
    groups: Option<KeyGroups>,
    filed: Filed,
    /// What was found when it was read.
    seen: Seen,
}

/// What is in a chunk that was read.
#[derive(Debug, Default)]
struct Seen {
    /// Entries with a key that are live, and in the key groups.
    entries: usize,
    /// Bytes of those.
    bytes: usize,
    /// Where the other ones are that have a key, in units.
    dead: Vec<u32>,
    /// Whether there are lists, or blocks of them.
    has_lists: bool,
}

/// Where the bytes of a chunk are.
#[derive(Debug)]
enum Held {
    /// They are to be read.
    Unread,
    Read(Arc<Region>),
    /// They stay on disk.
    Parked(Parked, Arc<MappedSegment>),
}

const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<RestoredParts>();
};

impl RestoredParts {
    /// Opens what the workers of `manifest` had in the key groups `wanted`: maps what is listed, and reads the rest of it. Waits for its reads.
    ///
    /// What is mapped is checked when it is first touched. If it is damaged then, that is a panic with the name of the file on the worker that touched it, and from then on
    /// [`crate::checkpoint::newest`] reads all of that file before it believes it: so the restart falls back to a checkpoint without it.
    ///
    /// # Errors
    ///
    /// See [`PartsError`].
    pub fn open(
        disk: &mut dyn Disk,
        directory: &Path,
        manifest: &Manifest,
        wanted: KeyGroups,
    ) -> Result<Self, PartsError> {
        Self::open_with(disk, directory, manifest, wanted, true)
    }

    /// As [`RestoredParts::open`], with every byte read into memory and checked: nothing of it can fail later. Cost: about 1 s a GiB.
    ///
    /// # Errors
    ///
    /// See [`PartsError`].
    pub fn open_checked(
        disk: &mut dyn Disk,
        directory: &Path,
        manifest: &Manifest,
        wanted: KeyGroups,
    ) -> Result<Self, PartsError> {
        Self::open_with(disk, directory, manifest, wanted, false)
    }

    fn open_with(
        disk: &mut dyn Disk,
        directory: &Path,
        manifest: &Manifest,
        wanted: KeyGroups,
        may_park: bool,
    ) -> Result<Self, PartsError> {
        let mut restored = Self::default();
        for part in &manifest.parts {
            let files = Files { directory, segments: &part.segments, may_park };
            restored.add(disk, &files, part, wanted).map_err(|obstacle| match obstacle {
                Obstacle::Segment(error) => {
                    suspect::note(error.path());
                    PartsError::Segment(error)
                }
                Obstacle::Flaw(flaw) => {
                    PartsError::Content { epoch: manifest.epoch, worker: part.worker, flaw }
                }
            })?;
        }
        Ok(restored)
    }

    /// Names of the tables that are there.
    pub fn names(&self) -> impl Iterator<Item = &TableName> {
        self.tables.keys()
    }

    fn add(
        &mut self,
        disk: &mut dyn Disk,
        files: &Files<'_>,
        part: &Part,
        wanted: KeyGroups,
    ) -> Result<(), Obstacle> {
        let Some(content) = files.directory(disk)? else { return Ok(()) };
        let found = archive::decode_directory(&content)?;
        let mut dead = files.deaths(disk, &found)?;
        let mut slots = Vec::new();
        for table in &found.tables {
            let record = part.tables.iter().find(|record| record.number == table.number);
            // A number that no table has is dead.
            let Some(record) = record else { continue };
            self.plan((table, &found.rosters), record, &mut dead, wanted, files, &mut slots)?;
        }
        let (parked, read) = slots.into_iter().partition(|slot| slot.is_parked);
        self.park(disk, files, parked)?;
        self.read(disk, files, read)
    }

    /// Makes a table's chunks ready to be read.
    fn plan(
        &mut self,
        (table, rosters): (&DirectoryTable, &[Place]),
        record: &TableRecord,
        dead: &mut archive::DeadUnits,
        wanted: KeyGroups,
        files: &Files<'_>,
        slots: &mut Vec<Slot>,
    ) -> Result<(), Obstacle> {
        let name = TableName::new(&record.operator, &record.state);
        if table.is_copied && self.tables.contains_key(&name) {
            return Ok(());
        }
        let flaw = || Obstacle::Flaw(Flaw::Inconsistent { offset: 0 });
        let shape = archive::shape_of(table.shape).ok_or_else(flaw)?;
        let value_align = record.value_align as usize;
        let restored = self.tables.entry(name.clone()).or_insert_with(|| RestoredTable {
            shape,
            value_align,
            logs: BTreeMap::new(),
            segments: Vec::new(),
        });
        if (restored.shape, restored.value_align) != (shape, value_align) {
            return Err(flaw());
        }
        let own = KeyGroups {
            count: wanted.count,
            first: record.first_key_group,
            last: record.last_key_group,
        };
        restored.segments.extend_from_slice(files.segments);
        // How far each pane's numbers are shifted, so that they lie behind those of the parts before.
        let mut shifts = BTreeMap::<i64, u32>::new();
        for chunk in &table.chunks {
            let log = restored.logs.entry(chunk.pane).or_default();
            let before = || log.iter().map(RestoredChunk::end).max().unwrap_or(1) - 1;
            let by = *shifts.entry(chunk.pane).or_insert_with(before);
            let groups = match chunk.groups {
                None if wanted.has_all_of(own) || table.is_copied => None,
                groups => Some(wanted.and(groups)),
            };
            if groups.is_some_and(|groups| groups.first > groups.last) {
                continue;
            }
            let used = usize::try_from(chunk.place.bytes).map_err(|_| flaw())?;
            let listing = chunk.listing.map(|listing| {
                let Listing { roster, member, entries, dead_bytes } = listing;
                FiledListing { roster: rosters[roster], member, entries, dead_bytes }
            });
            let is_whole = groups.is_none() && shape != Shape::Timed;
            let is_parked = files.may_park && is_whole && listing.is_some();
            let filed = Filed {
                listing,
                place: chunk.place,
                shift: chunk.shift + by,
                groups: groups.map(|groups| (groups.first, groups.last)),
                dead: dead.remove(&(table.number, chunk.sequence)).unwrap_or_default(),
            };
            log.push(RestoredChunk {
                number: chunk.number + by,
                content: Held::Unread,
                used,
                groups,
                filed,
                seen: Seen::default(),
            });
            slots.push(Slot { name: name.clone(), pane: chunk.pane, at: log.len() - 1, is_parked });
        }
        Ok(())
    }

    /// Maps the segments of chunks.
    fn park(
        &mut self,
        disk: &mut dyn Disk,
        files: &Files<'_>,
        slots: Vec<Slot>,
    ) -> Result<(), Obstacle> {
        let mut maps = BTreeMap::new();
        for slot in slots {
            let table = self.tables.get_mut(&slot.name).expect("invariant: it was planned");
            let log = table.logs.get_mut(&slot.pane).expect("invariant: it was planned");
            let chunk = &mut log[slot.at];
            let listing = chunk.filed.listing.expect("invariant: what is parked is listed");
            let parked =
                Parked::new(files.map(disk, &mut maps, chunk.filed.place)?, chunk.filed.place)?;
            let roster = files.map(disk, &mut maps, listing.roster)?;
            dormant::Roster::new(Arc::clone(&roster), listing.roster)?;
            chunk.content = Held::Parked(parked, roster);
        }
        Ok(())
    }

    /// Reads chunks, segment by segment.
    fn read(
        &mut self,
        disk: &mut dyn Disk,
        files: &Files<'_>,
        mut slots: Vec<Slot>,
    ) -> Result<(), Obstacle> {
        let tables = &mut self.tables;
        let place = |tables: &BTreeMap<TableName, RestoredTable>, slot: &Slot| {
            tables[&slot.name].logs[&slot.pane][slot.at].filed.place
        };
        slots.sort_by_key(|slot| {
            let place = place(tables, slot);
            (place.segment, place.offset)
        });
        let mut reading = Reading::default();
        let read = slots.iter().try_for_each(|slot| {
            let bytes = reading.bytes(disk, files, place(tables, slot))?;
            let table = tables.get_mut(&slot.name).expect("invariant: it was planned");
            let align = table.value_align;
            let log = table.logs.get_mut(&slot.pane).expect("invariant: it was planned");
            log[slot.at].fill(bytes, align)
        });
        reading.close(disk);
        read
    }
}

/// A chunk that is to be read, or mapped.
struct Slot {
    name: TableName,
    pane: i64,
    at: usize,
    is_parked: bool,
}

impl RestoredChunk {
    /// The number behind it.
    fn end(&self) -> u32 {
        let numbers = self.used.div_ceil(CHUNK_BYTES).max(1);
        self.number + u32::try_from(numbers).expect("invariant: an address has 52 bits")
    }

    /// Takes the bytes, and makes sure that they are entries.
    fn fill(&mut self, bytes: &[u8], value_align: usize) -> Result<(), Obstacle> {
        let mut region = Region::zeroed(restored_bytes(bytes.len()));
        region[..bytes.len()].copy_from_slice(bytes);
        let by = self.filed.shift;
        let mut offset = 0;
        self.filed.dead.sort_unstable();
        let mut dead = self.filed.dead.iter().copied().peekable();
        let mut seen = Seen::default();
        while offset < bytes.len() {
            let flaw = || Flaw::Inconsistent { offset: self.filed.place.offset + offset as u64 };
            let entry = &mut region[offset..bytes.len()];
            if entry.len() < entry::HEADER_BYTES {
                return Err(flaw().into());
            }
            let header = Header::read(entry);
            let size = size_class::bytes(header.class());
            let value = entry::value_offset(header.key_len(), value_align);
            let needed = match header.kind() {
                Kind::Single => value + header.value_len(),
                Kind::List => value + header.value_len().max(16),
                Kind::Block => entry::HEADER_BYTES + header.value_len(),
                Kind::Dead => entry::HEADER_BYTES,
            };
            if size < needed || size > entry.len() {
                return Err(flaw().into());
            }
            seen.has_lists |= matches!(header.kind(), Kind::List | Kind::Block);
            if matches!(header.kind(), Kind::Single | Kind::List) {
                let unit = Address::of(0, offset).unit();
                while dead.next_if(|dead| *dead < unit).is_some() {}
                let hash = entry::second_word(entry);
                let is_wanted = self.groups.is_none_or(|groups| groups.hold(hash));
                if is_wanted && dead.peek() != Some(&unit) {
                    (seen.entries, seen.bytes) = (seen.entries + 1, seen.bytes + size);
                } else {
                    seen.dead.push(unit);
                }
            }
            if by > 0 {
                shift(&mut entry[..size], header, value_align, by);
            }
            offset += size;
        }
        (self.content, self.seen) = (Held::Read(Arc::new(region)), seen);
        Ok(())
    }
}

impl RestoredTable {
    pub(crate) fn give_to_table(self, table: &mut Table) {
        self.give(table, false);
    }

    fn give(self, table: &mut Table, is_awake: bool) {
        table.account().journal().segments.extend(self.segments);
        for (pane, chunks) in self.logs {
            adopt(table, pane, chunks, is_awake);
        }
    }

    pub(crate) fn give_to_panes(self, panes: &mut Panes) {
        panes.account().journal().segments.extend(self.segments);
        for (pane, chunks) in self.logs {
            adopt(panes.pane(pane), pane, chunks, false);
            if panes.get(pane).is_some_and(Table::is_empty) {
                panes.drop_pane(pane);
            }
        }
    }

    pub(crate) fn give_to_timed(self, timed: &mut TimedTable) {
        // The wheel is made of all entries.
        self.give(timed.table_mut(), true);
        timed.file_all();
    }
}

/// Entries whose buckets are asked for together.
const GROUP: usize = 32;

/// Chunks of one roster that is made of what was read.
const MADE_CHUNKS: u32 = 64;

/// Has a table take over chunks. What is live in them gets into the index when it is asked for; at once if there are lists, or if `is_awake`.
fn adopt(table: &mut Table, pane: i64, chunks: Vec<RestoredChunk>, is_awake: bool) {
    table.log.begin_adoption();
    let is_awake = is_awake || chunks.iter().any(|chunk| chunk.seen.has_lists);
    let mut sleeping = Sleeping::default();
    let mut awake = Vec::new();
    let mut keys = 0;
    for chunk in chunks {
        match chunk.content {
            Held::Parked(..) => sleeping.park(table, pane, chunk),
            Held::Read(_) if is_awake => {
                let RestoredChunk { number, content, used, filed, seen, .. } = chunk;
                let Held::Read(memory) = content else { continue };
                table.log.adopt(number, memory, used, pane, filed);
                keys += seen.entries;
                awake.push((number, used, seen.dead));
            }
            Held::Read(_) => sleeping.list(table, pane, chunk),
            Held::Unread => unreachable!("invariant: what is not parked was read"),
        }
    }
    let dormant = sleeping.finish();
    table.index.make_room(dormant.keys() + keys);
    if dormant.keys() > 0 {
        table.account().add_keys(dormant.keys());
        table.dormant = Some(Box::new(dormant));
    }
    index_all(table, awake);
    table.log.settle();
}

/// What is not indexed at once.
#[derive(Default)]
struct Sleeping {
    dormant: Dormant,
    /// Rosters that are known, by where they lie.
    rosters: BTreeMap<(SegmentId, u64), usize>,
    lister: Lister,
    /// Chunks of the roster that is being made.
    listed: Vec<(u32, usize, Seen)>,
}

impl Sleeping {
    /// Takes a chunk that stays on disk.
    fn park(&mut self, table: &mut Table, pane: i64, chunk: RestoredChunk) {
        let RestoredChunk { number, content, used, mut filed, .. } = chunk;
        let (Held::Parked(parked, segment), Some(listing)) = (content, filed.listing) else {
            unreachable!("invariant: what is parked is listed")
        };
        filed.dead.sort_unstable();
        filed.dead.dedup();
        let FiledListing { roster: place, member, entries, dead_bytes } = listing;
        let dormant = &mut self.dormant;
        let roster = self.rosters.entry((place.segment, place.offset)).or_insert_with(|| {
            let roster = dormant::Roster::new(segment, place);
            dormant.add(roster.expect("invariant: it was looked at"))
        });
        let entries = (entries as usize).saturating_sub(filed.dead.len());
        self.dormant.add_chunk((*roster, member), (number, used), entries, &filed.dead);
        let dead = usize::try_from(dead_bytes).expect("invariant: a chunk is short");
        table.log.adopt_parked(number, parked, dead, pane, filed);
    }

    /// Takes a chunk that was read, and lists what is live in it.
    fn list(&mut self, table: &mut Table, pane: i64, chunk: RestoredChunk) {
        let RestoredChunk { number, content, used, filed, seen, .. } = chunk;
        let Held::Read(memory) = content else { return };
        table.log.adopt(number, memory, used, pane, filed);
        table.log.revive_some(number, seen.bytes);
        for_each_live(table, (number, used), &seen.dead, |_, hash, offset| {
            self.lister.push(hash, offset);
        });
        self.listed.push((number, used, seen));
        if self.lister.end_chunk() + 1 == MADE_CHUNKS {
            self.end_roster();
        }
    }

    fn end_roster(&mut self) {
        if self.listed.is_empty() {
            return;
        }
        let roster = self.dormant.add(dormant::Roster::made(self.lister.take()));
        for (member, (number, used, seen)) in (0..).zip(self.listed.drain(..)) {
            self.dormant.add_chunk((roster, member), (number, used), seen.entries, &seen.dead);
        }
    }

    fn finish(mut self) -> Dormant {
        self.end_roster();
        self.dormant
    }
}

/// Gets what is live in chunks into the index.
fn index_all(table: &mut Table, chunks: Vec<(u32, usize, Vec<u32>)>) {
    let (mut live, mut lists) = (Vec::new(), Vec::new());
    for (number, used, dead) in chunks {
        for_each_live(table, (number, used), &dead, |kind, hash, offset| {
            let address = Address::of(number as usize, offset);
            live.push((hash, address));
            if kind == Kind::List {
                lists.push(address);
            }
        });
        for group in live.chunks(GROUP) {
            group.iter().for_each(|(hash, _)| table.index.prefetch(*hash));
            for (hash, address) in group {
                table.index.insert(*hash, *address, &table.log);
                table.log.revive(*address);
            }
        }
        live.clear();
    }
    lists.into_iter().for_each(|anchor| table.revive_blocks(anchor));
}

/// Calls `each` with kind, hash and place of every entry of a chunk that has a key and is not among those at the units `dead`, which are in order.
fn for_each_live(
    table: &Table,
    (number, used): (u32, usize),
    dead: &[u32],
    mut each: impl FnMut(Kind, u64, usize),
) {
    let (mut offset, mut dead) = (0, dead.iter().copied().peekable());
    while offset < used {
        let address = Address::of(number as usize, offset);
        let bytes = table.log.at(address);
        let header = Header::read(bytes);
        if matches!(header.kind(), Kind::Single | Kind::List)
            && dead.next_if_eq(&address.unit()).is_none()
        {
            each(header.kind(), entry::second_word(bytes), offset);
        }
        offset += size_class::bytes(header.class());
    }
}

/// An error that does not know its checkpoint yet.
enum Obstacle {
    Segment(SegmentError),
    Flaw(Flaw),
}

impl From<SegmentError> for Obstacle {
    fn from(error: SegmentError) -> Self {
        Self::Segment(error)
    }
}

impl From<Flaw> for Obstacle {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}
