//! What is in a savepoint, entry by entry, without the job that wrote it.

use std::collections::BTreeMap;
use std::path::Path;

use super::SavepointError;
use crate::checkpoint::Manifest;
use crate::format::Flaw;
use crate::freeze::Shape;
use crate::io::Disk;
use crate::{
    Cursor, KeyGroups, Panes, PartsError, RestoredParts, Store, StoreConfig, StoreError, Table,
    TableConfig, TableName, TimedTable,
};

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A value or a list for each key.
    Table,
    /// The same, in panes.
    Panes,
    /// A value with a deadline for each key.
    Timed,
}

/// One value of a state, or one item of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The hash of the key.
    pub hash: u64,
    /// The key.
    pub key: &'a [u8],
    /// The pane that it is in, if the state has panes.
    pub pane: Option<i64>,
    /// When it is due, if the state has deadlines.
    pub deadline: Option<i64>,
    /// Its place in the key's list, from 0, if the key has one.
    pub item: Option<u64>,
    /// The value.
    pub value: &'a [u8],
}

/// A state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateInfo {
    /// Its name.
    pub name: TableName,
    /// What it is.
    pub kind: Kind,
    /// How many entries it has on all workers together; a list is one, and so is each key of each pane.
    pub entries: u64,
    /// How many bytes those have.
    pub bytes: u64,
}

/// A state that is open.
#[derive(Debug)]
pub(super) enum State {
    Table(Box<Table>),
    Panes(Panes),
    Timed(Box<TimedTable>),
}

impl From<Shape> for Kind {
    fn from(shape: Shape) -> Self {
        match shape {
            Shape::Table => Self::Table,
            Shape::Panes => Self::Panes,
            Shape::Timed => Self::Timed,
        }
    }
}

impl State {
    /// The state of that name in `store`.
    pub(super) fn open(
        store: &mut Store,
        name: TableName,
        kind: Kind,
        config: TableConfig,
    ) -> Result<Self, StoreError> {
        Ok(match kind {
            Kind::Table => Self::Table(Box::new(store.table(name, config)?)),
            Kind::Panes => Self::Panes(store.panes(name, config)?),
            Kind::Timed => Self::Timed(Box::new(store.timed(name, config)?)),
        })
    }
}

/// What is in a savepoint; read as a whole when it is opened.
#[derive(Debug)]
pub struct Contents {
    manifest: Manifest,
    states: BTreeMap<TableName, (StateInfo, State)>,
}

impl Contents {
    /// Opens the savepoint in `folder`, and checks every byte of its state. Waits for the disk.
    ///
    /// # Errors
    ///
    /// As of [`read`](super::read); [`SavepointError::Content`].
    pub fn open(disk: &mut dyn Disk, folder: &Path) -> Result<Self, SavepointError> {
        let manifest = super::read(disk, folder)?;
        Self::of(disk, folder, manifest)
    }

    /// Opens a checkpoint of `folder`, in which no job runs. Waits for the disk.
    ///
    /// # Errors
    ///
    /// [`SavepointError::Content`].
    pub fn of(
        disk: &mut dyn Disk,
        folder: &Path,
        manifest: Manifest,
    ) -> Result<Self, SavepointError> {
        let groups = KeyGroups::all(manifest.key_groups);
        let parts =
            RestoredParts::open_checked(disk, folder, &manifest, groups).map_err(|source| {
                SavepointError::Content { folder: folder.to_path_buf(), source: Box::new(source) }
            })?;
        let kinds: Vec<_> = parts
            .tables
            .iter()
            .map(|(name, table)| (name.clone(), Kind::from(table.shape), table.value_align))
            .collect();
        let mut store = Store::restore(StoreConfig::default(), parts);
        let mut states = BTreeMap::new();
        for (name, kind, value_align) in kinds {
            let config = TableConfig::default().value_align(value_align);
            let opened = State::open(&mut store, name.clone(), kind, config).map_err(|_| {
                let epoch = manifest.epoch;
                let flaw = Flaw::Inconsistent { offset: 0 };
                let source = PartsError::Content { epoch, worker: 0, flaw };
                let folder = folder.to_path_buf();
                SavepointError::Content { folder, source: Box::new(source) }
            })?;
            let info = info(&manifest, name.clone(), kind);
            states.insert(name, (info, opened));
        }
        Ok(Self { manifest, states })
    }

    /// The manifest: positions, what operators keep besides, and of what types the states are.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The states, by name.
    pub fn states(&self) -> impl Iterator<Item = &StateInfo> {
        self.states.values().map(|(info, _)| info)
    }

    /// Shows the entries of a state, in an order that is the same each time; `false` if there is no state of that name.
    pub fn for_each(&self, name: &TableName, mut each: impl FnMut(Entry<'_>)) -> bool {
        let Some((_, state)) = self.states.get(name) else { return false };
        match state {
            State::Table(table) => visit(table, None, &mut each),
            State::Panes(panes) => {
                panes.iter().for_each(|(pane, table)| visit(table, Some(pane), &mut each));
            }
            State::Timed(timed) => {
                let mut cursor = Cursor::default();
                while let Some((hash, key, deadline, value)) = timed.next(&mut cursor) {
                    let deadline = Some(deadline);
                    each(Entry { hash, key, pane: None, deadline, item: None, value });
                }
            }
        }
        true
    }
}

fn info(manifest: &Manifest, name: TableName, kind: Kind) -> StateInfo {
    let own = manifest.tables_of(&name);
    let (entries, bytes) = own.fold((0u64, 0u64), |(entries, bytes), table| {
        // They are only shown, and a file may say anything.
        (entries.saturating_add(table.entries), bytes.saturating_add(table.bytes))
    });
    StateInfo { name, kind, entries, bytes }
}

fn visit(table: &Table, pane: Option<i64>, each: &mut impl FnMut(Entry<'_>)) {
    let mut cursor = Cursor::default();
    while let Some((hash, key, value)) = table.next(&mut cursor) {
        let entry = Entry { hash, key, pane, deadline: None, item: None, value };
        if !table.has_list(hash, key) {
            each(entry);
            continue;
        }
        let mut item = 0;
        table.for_each_value(hash, key, |value| {
            each(Entry { item: Some(item), value, ..entry });
            item += 1;
        });
    }
}
