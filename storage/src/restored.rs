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
//! | file | what it does |
//! | --- | --- |
//! | [`files`] | the files of a part, read or mapped |
//! | [`lists`] | lists lead where they should |
//! | [`adoption`] | chunks become those of a table |
//!
//! # Invariants
//!
//! 1. Files that are whole may say anything, as what wrote them may have had a bug: what a chunk that was read says of itself, and where its lists lead, is looked at before a table takes it over.
//!    Of a chunk that stays on disk, each entry is looked at when it is touched.
//! 2. What is read into memory is not more than the files could hold, and places for chunks that are gone are not made beyond [`MOST_VACANT`].

mod adoption;
mod files;
mod lists;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::TableName;
use crate::archive::{self, DirectoryTable, Listing};
use crate::checkpoint::{Manifest, Part, TableRecord};
use crate::dormant;
use crate::format::Flaw;
use crate::freeze::{Filed, FiledListing, Place, Shape};
use crate::io::Disk;
use crate::key_groups::KeyGroups;
use crate::log::entry::{self, Header, Kind};
use crate::log::{Address, CHUNK_BYTES, Parked, restored_bytes, shift, size_class};
use crate::raw::Region;
use crate::segment::{MappedSegment, SegmentError, SegmentRef, Suspects};
use crate::timers;
use files::{Files, Reading};
use lists::Links;

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
    /// Whether a file is damaged, so that [`crate::checkpoint::newest_noting`], asked again with the same notes, passes over this checkpoint.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Segment(SegmentError::Unfit { .. }))
    }
}

/// Numbers that chunks of all tables and panes together once had, and none has now, at most: where 8 TiB were live at once. Each costs some 100 bytes.
const MOST_VACANT: u64 = 1 << 22;

/// State that was opened; becomes tables in [`crate::Store::restore`]. May go to another thread.
#[derive(Debug, Default)]
pub struct RestoredParts {
    pub(crate) tables: BTreeMap<TableName, RestoredTable>,
    /// Numbers between those of their chunks that no chunk has.
    vacant: u64,
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
    /// What is to be looked at when all chunks are there.
    links: Links,
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
    /// What is mapped is checked when it is first touched. If it is damaged then, that is a panic with the name of the file on the worker that touched it.
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
        Self::open_noting(disk, directory, manifest, wanted, &Suspects::default())
    }

    /// As [`RestoredParts::open`]; a file that is seen to be damaged, now or when it is touched, is noted in `suspects`. [`crate::checkpoint::newest_noting`], given them, reads all of that file
    /// before it believes it: so the restart falls back to a checkpoint without it.
    ///
    /// # Errors
    ///
    /// See [`PartsError`].
    pub fn open_noting(
        disk: &mut dyn Disk,
        directory: &Path,
        manifest: &Manifest,
        wanted: KeyGroups,
        suspects: &Suspects,
    ) -> Result<Self, PartsError> {
        Self::open_with(disk, directory, manifest, wanted, (true, suspects))
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
        Self::open_with(disk, directory, manifest, wanted, (false, &Suspects::default()))
    }

    fn open_with(
        disk: &mut dyn Disk,
        directory: &Path,
        manifest: &Manifest,
        wanted: KeyGroups,
        (may_park, suspects): (bool, &Suspects),
    ) -> Result<Self, PartsError> {
        let mut restored = Self::default();
        for part in &manifest.parts {
            let files = Files { directory, segments: &part.segments, may_park, suspects };
            restored.add(disk, &files, part, wanted).map_err(|obstacle| match obstacle {
                Obstacle::Segment(error) => {
                    suspects.note(error.path());
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
        self.check_numbers(&slots)?;
        self.check_bytes(&slots, files, wanted)?;
        files.check_rosters(&found.rosters)?;
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
        if !matches!(value_align, 8 | 16) {
            return Err(flaw());
        }
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
            if chunk.pane != 0 && shape != Shape::Panes {
                return Err(flaw());
            }
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
            // Two numbers below 2^30, unless the directory has one table many times.
            let shifted = |number: u32| number.checked_add(by).filter(|sum| sum >> 31 == 0);
            let number = shifted(chunk.number).ok_or_else(flaw)?;
            let shift = shifted(chunk.shift).ok_or_else(flaw)?;
            let listing = chunk.listing.map(|listing| {
                let Listing { roster, member, entries, dead_bytes } = listing;
                FiledListing { roster: rosters[roster], member, entries, dead_bytes }
            });
            let is_whole = groups.is_none() && shape != Shape::Timed;
            let is_parked = files.may_park && is_whole && listing.is_some();
            let filed = Filed {
                listing,
                place: chunk.place,
                shift,
                groups: groups.map(|groups| (groups.first, groups.last)),
                dead: dead.remove(&(table.number, chunk.sequence)).unwrap_or_default(),
            };
            log.push(RestoredChunk {
                number,
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

    /// Makes sure that the chunks of a part have numbers of their own, and not too high ones. Those of the parts before are below them.
    fn check_numbers(&mut self, slots: &[Slot]) -> Result<(), Obstacle> {
        let mut firsts = BTreeMap::new();
        for slot in slots {
            let first = firsts.entry((&slot.name, slot.pane)).or_insert(slot.at);
            *first = slot.at.min(*first);
        }
        for ((name, pane), first) in firsts {
            let (before, own) = self.tables[name].logs[&pane].split_at(first);
            let mut chunks: Vec<&RestoredChunk> = own.iter().collect();
            chunks.sort_unstable_by_key(|chunk| chunk.number);
            let flaw =
                |chunk: &RestoredChunk| Flaw::Inconsistent { offset: chunk.filed.place.offset };
            if let Some(pair) = chunks.windows(2).find(|pair| pair[0].end() > pair[1].number) {
                return Err(flaw(pair[1]).into());
            }
            let last = chunks.last().expect("invariant: there is a slot for it");
            let before = before.iter().map(RestoredChunk::end).max().unwrap_or(1);
            let given: u32 = chunks.iter().map(|chunk| chunk.end() - chunk.number).sum();
            self.vacant += u64::from(last.end() - before - given);
            if self.vacant > MOST_VACANT {
                return Err(flaw(last).into());
            }
        }
        Ok(())
    }

    /// Makes sure that no more is to be read than what the files of a part can hold. A chunk may be there once for each key group, since it may have been dealt out and
    /// gathered again; a batch of deaths once.
    fn check_bytes(
        &self,
        slots: &[Slot],
        files: &Files<'_>,
        wanted: KeyGroups,
    ) -> Result<(), Obstacle> {
        let place = |slot: &Slot| self.tables[&slot.name].logs[&slot.pane][slot.at].filed.place;
        let total = slots.iter().fold(0u64, |sum, slot| sum.saturating_add(place(slot).bytes));
        if total > files.bytes().saturating_mul(u64::from(wanted.count.max(1))) {
            return Err(Flaw::Inconsistent { offset: 0 }.into());
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
            let segment = files.map(disk, &mut maps, chunk.filed.place)?;
            let parked = Parked::restored(segment, chunk.filed.place, table.value_align)?;
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
            let how = (table.shape, table.value_align);
            let log = table.logs.get_mut(&slot.pane).expect("invariant: it was planned");
            log[slot.at].fill(bytes, how)
        });
        reading.close(disk);
        read?;
        self.check_lists(&slots)
    }

    /// Looks at the lists in chunks of one part that were read.
    fn check_lists(&mut self, slots: &[Slot]) -> Result<(), Obstacle> {
        let mut of_part = BTreeMap::<_, BTreeSet<usize>>::new();
        for slot in slots {
            of_part.entry((&slot.name, slot.pane)).or_default().insert(slot.at);
        }
        for ((name, pane), of_part) in of_part {
            let table = self.tables.get_mut(name).expect("invariant: it was planned");
            let log = table.logs.get_mut(&pane).expect("invariant: it was planned");
            let chunks = log.iter_mut().enumerate();
            let chunks = chunks.filter(|(at, chunk)| chunk.seen.has_lists && of_part.contains(at));
            let mut chunks: Vec<_> = chunks.map(|(_, chunk)| chunk).collect();
            lists::check(&mut chunks, table.value_align)?;
        }
        Ok(())
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
    fn fill(&mut self, bytes: &[u8], (shape, value_align): (Shape, usize)) -> Result<(), Obstacle> {
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
            let size = size_class::bytes_of_any(header.class()).ok_or_else(flaw)?;
            let needed = entry::needed_bytes(header, value_align);
            // Only what is longer than a chunk reaches into the next number.
            if size < needed || size > entry.len() || offset >= CHUNK_BYTES {
                return Err(flaw().into());
            }
            let is_of_list = matches!(header.kind(), Kind::List | Kind::Block);
            let is_deadline = header.kind() == Kind::Single && shape == Shape::Timed;
            if is_of_list && shape == Shape::Timed
                || is_deadline && header.value_len() < timers::PREFIX_BYTES
            {
                return Err(flaw().into());
            }
            seen.has_lists |= is_of_list;
            if header.kind() == Kind::Block {
                if !lists::are_items(&entry[entry::HEADER_BYTES..needed], value_align) {
                    return Err(flaw().into());
                }
                seen.links.add_block(offset);
            }
            if matches!(header.kind(), Kind::Single | Kind::List) {
                let unit = Address::of(0, offset).unit();
                while dead.next_if(|dead| *dead < unit).is_some() {}
                let hash = entry::second_word(entry);
                let is_wanted = self.groups.is_none_or(|groups| groups.hold(hash));
                if is_wanted && dead.peek() != Some(&unit) {
                    (seen.entries, seen.bytes) = (seen.entries + 1, seen.bytes + size);
                    if header.kind() == Kind::List {
                        seen.links.add_anchor(offset);
                    }
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
