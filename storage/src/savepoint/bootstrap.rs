//! A savepoint made of entries, for a job that begins with state that no job has written.

use std::collections::BTreeMap;
use std::path::Path;

use super::contents::{Entry, Kind, State};
use super::{CopyError, FILE, SavepointError, write_into};
use crate::checkpoint::{Blob, Manifest, Position, SchemaRecord};
use crate::io::{Disk, Publish};
use crate::{Archive, ArchiveConfig, KeyGroups, Store, StoreError, Table, TableConfig, TableName};

/// Segments are as long as what is in them, in steps of this, bytes.
const STEP_BYTES: u64 = 64 << 10;

/// And this at most.
const MOST_BYTES: u64 = 32 << 20;

/// A savepoint in the making; all of it is in memory until it is [written](Bootstrap::write).
///
/// ```
/// use std::path::Path;
/// use thalweg_storage::TableName;
/// use thalweg_storage::io::Memory;
/// use thalweg_storage::savepoint::{Bootstrap, Contents, Entry, Kind};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut disk = Memory::new();
/// let mut bootstrap = Bootstrap::new(64);
/// let name = TableName::new("counts", "value");
/// for key in 0u64..3 {
///     let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
///     let (key, value) = (key.to_le_bytes(), 7u64.to_le_bytes());
///     let entry = Entry { hash, key: &key, pane: None, deadline: None, item: None, value: &value };
///     bootstrap.add(&name, Kind::Table, entry)?;
/// }
/// bootstrap.write(&mut disk, Path::new("saved"))?;
///
/// let contents = Contents::open(&mut disk, Path::new("saved"))?;
/// let mut found = 0;
/// contents.for_each(&name, |entry| found += entry.value[0]);
/// assert_eq!(found, 21);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Bootstrap {
    store: Store,
    states: BTreeMap<TableName, State>,
    layouts: BTreeMap<TableName, u64>,
    manifest: Manifest,
    positions: Vec<Position>,
    blobs: Vec<Blob>,
}

impl Bootstrap {
    /// An empty savepoint of a job with so many key groups.
    #[must_use]
    pub fn new(key_groups: u32) -> Self {
        Self {
            store: Store::default(),
            states: BTreeMap::new(),
            layouts: BTreeMap::new(),
            manifest: Manifest { epoch: 1, key_groups, ..Manifest::default() },
            positions: Vec::new(),
            blobs: Vec::new(),
        }
    }

    /// The number of the checkpoint that it is, 1 unless it is said otherwise; a job that goes on from it counts on from there.
    pub fn epoch(&mut self, epoch: u64) {
        self.manifest.epoch = epoch;
    }

    /// When it was made, nanoseconds since the Unix epoch.
    pub fn time_ns(&mut self, time_ns: i64) {
        self.manifest.time_ns = time_ns;
    }

    /// Adds an entry to a state of that kind: with an [`item`](Entry::item) to the end of the key's list, else in place of what the key has.
    ///
    /// # Errors
    ///
    /// [`StoreError::OtherShape`] if the state is of another kind.
    pub fn add(
        &mut self,
        name: &TableName,
        kind: Kind,
        entry: Entry<'_>,
    ) -> Result<(), StoreError> {
        let Entry { hash, key, value, .. } = entry;
        let put = |table: &mut Table| match entry.item {
            None => drop(table.put(hash, key, value)),
            Some(_) => drop(table.append(hash, key, value)),
        };
        match (self.state(name, kind)?, kind) {
            (State::Table(table), Kind::Table) => put(table),
            (State::Panes(panes), Kind::Panes) => put(panes.pane(entry.pane.unwrap_or(0))),
            (State::Timed(timed), Kind::Timed) => {
                timed.put(hash, key, entry.deadline.unwrap_or(i64::MAX), value);
            }
            _ => return Err(StoreError::OtherShape { name: name.clone() }),
        }
        Ok(())
    }

    fn state(&mut self, name: &TableName, kind: Kind) -> Result<&mut State, StoreError> {
        if !self.states.contains_key(name) {
            let config = TableConfig::default();
            let made = State::open(&mut self.store, name.clone(), kind, config)?;
            self.states.insert(name.clone(), made);
        }
        Ok(self.states.get_mut(name).expect("invariant: it was just made"))
    }

    /// Says how a state lies in its table, and of what types it is; the job compares both with its own.
    pub fn describe(&mut self, name: &TableName, layout: u64, schema: Vec<u8>) {
        self.layouts.insert(name.clone(), layout);
        let TableName { operator, state } = name.clone();
        let is_other = |of: &SchemaRecord| (&of.operator, &of.state) != (&operator, &state);
        self.manifest.schemas.retain(is_other);
        self.manifest.schemas.push(SchemaRecord { operator, state, schema });
    }

    /// Says how far a source is in one of its splits. A split that nothing is said of is read from its beginning.
    pub fn position(&mut self, position: Position) {
        self.positions.push(position);
    }

    /// Keeps something of an operator's besides.
    pub fn blob(&mut self, blob: Blob) {
        self.blobs.push(blob);
    }

    /// Writes it as the savepoint `folder`, which is there and empty. How many bytes were written. Waits for the disk.
    ///
    /// # Errors
    ///
    /// [`SavepointError::Exists`], [`SavepointError::NotWritten`].
    pub fn write(mut self, disk: &mut dyn Disk, folder: &Path) -> Result<u64, SavepointError> {
        write_into(disk, folder, |disk| self.write_parts(disk, folder))
    }

    fn write_parts(&mut self, disk: &mut dyn Disk, folder: &Path) -> Result<u64, CopyError> {
        let mut freezer = self.store.freezer(self.manifest.epoch);
        for state in self.states.values_mut() {
            match state {
                State::Table(table) => freezer.table(table),
                State::Panes(panes) => freezer.panes(panes),
                State::Timed(timed) => freezer.timed(timed),
            }
        }
        let frozen = freezer.finish(&self.store);
        let needed = (frozen.bytes() + frozen.bytes() / 8).next_multiple_of(STEP_BYTES);
        let segment_bytes = (needed + STEP_BYTES).min(MOST_BYTES);
        let groups = KeyGroups::all(self.manifest.key_groups);
        let config = ArchiveConfig::new(groups).segment_bytes(segment_bytes).spare_segments(0);
        let mut archive = Archive::open(disk, folder, 0, config, &[])?;
        let mut part = archive.write(disk, frozen)?;
        for table in &mut part.tables {
            let name = TableName::new(&table.operator, &table.state);
            table.layout = self.layouts.get(&name).copied().unwrap_or_default();
        }
        part.positions = std::mem::take(&mut self.positions);
        part.blobs = std::mem::take(&mut self.blobs);
        let lengths: u64 = part.segments.iter().map(|segment| segment.capacity).sum();
        self.manifest.parts = vec![part];
        let manifest = self.manifest.encode();
        let bytes = lengths + manifest.len() as u64;
        Publish::now(disk, folder.join(FILE), manifest)?;
        Ok(bytes)
    }
}
