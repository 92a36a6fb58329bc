//! What a checkpoint gives back: the state of one or several old workers, on its way to the tables of a new one.
//!
//! Each part's directory says which chunks are live, where they are and what is dead in them. They are read, every byte is checked, and a table takes them over as
//! they are: frozen, and on disk already, so that the next checkpoint does not write them again. What is left to do is the index: one pass over the entries.
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
//! # Not here
//!
//! No maps yet: state is read into memory before it is served.

mod files;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::archive::{self, DirectoryTable};
use crate::checkpoint::{Manifest, Part, TableRecord};
use crate::format::Flaw;
use crate::freeze::{Filed, Shape};
use crate::io::Disk;
use crate::key_groups::KeyGroups;
use crate::log::entry::{self, Header, Kind};
use crate::log::{Address, CHUNK_BYTES, shift, size_class};
use crate::raw::Region;
use crate::segment::{SegmentError, SegmentRef};
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

/// State that was read and checked; becomes tables in [`crate::Store::restore`]. May go to another thread.
#[derive(Debug, Default)]
pub struct RestoredParts {
    pub(crate) tables: BTreeMap<TableName, RestoredTable>,
}

#[derive(Debug)]
pub(crate) struct RestoredTable {
    pub(crate) shape: Shape,
    pub(crate) value_align: usize,
    keys: u64,
    /// By pane; 0 where there are none.
    logs: BTreeMap<i64, Vec<RestoredChunk>>,
    segments: Vec<SegmentRef>,
}

#[derive(Debug)]
struct RestoredChunk {
    number: u32,
    memory: Arc<Region>,
    used: usize,
    groups: Option<KeyGroups>,
    filed: Filed,
}

const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<RestoredParts>();
};

impl RestoredParts {
    /// Reads what the workers of `manifest` had in the key groups `wanted`, and checks every byte of it. Waits for its reads.
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
        let mut restored = Self::default();
        for part in &manifest.parts {
            let files = Files { directory, segments: &part.segments };
            restored.add(disk, &files, part, wanted).map_err(|obstacle| match obstacle {
                Obstacle::Segment(error) => PartsError::Segment(error),
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
        for table in found.tables {
            let record = part.tables.iter().find(|record| record.number == table.number);
            // A number that no table has is dead.
            let Some(record) = record else { continue };
            self.plan(&table, record, &mut dead, wanted, &part.segments, &mut slots)?;
        }
        self.read(disk, files, slots)
    }

    /// Makes a table's chunks ready to be read.
    fn plan(
        &mut self,
        table: &DirectoryTable,
        record: &TableRecord,
        dead: &mut archive::DeadUnits,
        wanted: KeyGroups,
        segments: &[SegmentRef],
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
            keys: 0,
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
        restored.keys += record.entries;
        restored.segments.extend_from_slice(segments);
        // How far each pane's numbers are shifted, so that they lie behind those of the parts before.
        let mut shifts = BTreeMap::<i64, u32>::new();
        for chunk in &table.chunks {
            let log = restored.logs.entry(chunk.pane).or_default();
            let before = || log.iter().map(RestoredChunk::end).max().unwrap_or(1) - 1;
            let by = *shifts.entry(chunk.pane).or_insert_with(before);
            let groups = match chunk.groups {
                None if own == wanted || table.is_copied => None,
                groups => Some(wanted.and(groups)),
            };
            if groups.is_some_and(|groups| groups.first > groups.last) {
                continue;
            }
            let used = usize::try_from(chunk.place.bytes).map_err(|_| flaw())?;
            let filed = Filed {
                place: chunk.place,
                shift: chunk.shift + by,
                groups: groups.map(|groups| (groups.first, groups.last)),
                dead: dead.remove(&(table.number, chunk.sequence)).unwrap_or_default(),
            };
            log.push(RestoredChunk {
                number: chunk.number + by,
                memory: Arc::new(Region::zeroed(0)),
                used,
                groups,
                filed,
            });
            slots.push(Slot { name: name.clone(), pane: chunk.pane, at: log.len() - 1 });
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

/// A chunk that is to be read.
struct Slot {
    name: TableName,
    pane: i64,
    at: usize,
}

impl RestoredChunk {
    /// The number behind it.
    fn end(&self) -> u32 {
        let numbers = self.used.div_ceil(CHUNK_BYTES).max(1);
        self.number + u32::try_from(numbers).expect("invariant: an address has 52 bits")
    }

    /// Takes the bytes, and makes sure that they are entries.
    fn fill(&mut self, bytes: &[u8], value_align: usize) -> Result<(), Obstacle> {
        let size = bytes.len().next_power_of_two().clamp(4096, CHUNK_BYTES).max(bytes.len());
        let mut region = Region::zeroed(size);
        region[..bytes.len()].copy_from_slice(bytes);
        let by = self.filed.shift;
        let mut offset = 0;
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
            if by > 0 {
                shift(&mut entry[..size], header, value_align, by);
            }
            offset += size;
        }
        self.memory = Arc::new(region);
        Ok(())
    }
}

impl RestoredTable {
    /// About how many keys there are.
    pub(crate) fn keys(&self) -> usize {
        let most = self.logs.values().flatten().map(|chunk| chunk.used / 32).sum();
        usize::try_from(self.keys).unwrap_or(usize::MAX).min(most)
    }

    pub(crate) fn give_to_table(self, table: &mut Table) {
        table.account().journal().segments.extend(self.segments);
        for (pane, chunks) in self.logs {
            adopt(table, pane, chunks);
        }
    }

    pub(crate) fn give_to_panes(self, panes: &mut Panes) {
        panes.account().journal().segments.extend(self.segments);
        for (pane, chunks) in self.logs {
            adopt(panes.pane(pane), pane, chunks);
            if panes.get(pane).is_some_and(Table::is_empty) {
                panes.drop_pane(pane);
            }
        }
    }

    pub(crate) fn give_to_timed(self, timed: &mut TimedTable) {
        self.give_to_table(timed.table_mut());
        timed.file_all();
    }
}

/// Entries whose buckets are asked for together.
const GROUP: usize = 32;

/// Has a table take over chunks: everything in them that is live gets into the index.
fn adopt(table: &mut Table, pane: i64, mut chunks: Vec<RestoredChunk>) {
    table.log.begin_adoption();
    for RestoredChunk { number, memory, used, filed, .. } in &mut chunks {
        filed.dead.sort_unstable();
        table.log.adopt(*number, Arc::clone(memory), *used, pane, filed.clone());
    }
    let (mut live, mut lists) = (Vec::new(), Vec::new());
    for RestoredChunk { number, used, filed, groups, .. } in chunks {
        live_entries(table, number, used, &filed.dead, groups, &mut live);
        for group in live.chunks(GROUP) {
            group.iter().for_each(|(hash, _)| table.index.prefetch(*hash));
            for (hash, address) in group {
                table.index.insert(*hash, *address, &table.log);
                table.log.revive(*address);
                if table.log.header(*address).kind() == Kind::List {
                    lists.push(*address);
                }
            }
        }
        live.clear();
    }
    lists.into_iter().for_each(|anchor| table.revive_blocks(anchor));
    table.log.settle();
}

fn live_entries(
    table: &Table,
    number: u32,
    used: usize,
    dead: &[u32],
    groups: Option<KeyGroups>,
    live: &mut Vec<(u64, Address)>,
) {
    let (mut offset, mut dead) = (0, dead.iter().copied().peekable());
    while offset < used {
        let address = Address::of(number as usize, offset);
        let header = table.log.header(address);
        offset += size_class::bytes(header.class());
        while dead.next_if(|unit| *unit < address.unit()).is_some() {}
        if dead.peek() == Some(&address.unit())
            || !matches!(header.kind(), Kind::Single | Kind::List)
        {
            continue;
        }
        let hash = entry::second_word(table.log.at(address));
        if groups.is_none_or(|groups| groups.hold(hash)) {
            live.push((hash, address));
        }
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
