//! Tables as the store gives them, on their way to a typed view: empty, or with what a checkpoint had in them.
//!
//! # Invariants
//!
//! 1. A view whose values are read without being checked takes a table that is empty, or one whose content was written by a view of the same layout: the layout is
//!    kept with the content in every checkpoint, under checksums, and compared when the table is opened again.

use thalweg_storage::{
    Freezer, Panes, Store, StoreError, Table, TableConfig, TableName, TimedTable,
};
use xxhash_rust::xxh3::xxh3_64;

use crate::record::Record;

/// A table, or panes, of the store.
pub(crate) trait Bare: Sized {
    fn is_empty(&self) -> bool;
    fn claim(store: &mut Store, name: TableName, config: TableConfig) -> Result<Self, StoreError>;
}

impl Bare for Table {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn claim(store: &mut Store, name: TableName, config: TableConfig) -> Result<Self, StoreError> {
        store.table(name, config)
    }
}

impl Bare for Panes {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn claim(store: &mut Store, name: TableName, config: TableConfig) -> Result<Self, StoreError> {
        store.panes(name, config)
    }
}

impl Bare for TimedTable {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn claim(store: &mut Store, name: TableName, config: TableConfig) -> Result<Self, StoreError> {
        store.timed(name, config)
    }
}

/// A table that nobody has looked into yet.
#[derive(Debug)]
pub(crate) struct Claimed<T> {
    table: T,
    /// Of what is in it, if it comes from a checkpoint.
    layout: Option<u64>,
}

/// For a table that is new; whoever opens it finds out if it is not empty.
impl<T> From<T> for Claimed<T> {
    fn from(table: T) -> Self {
        Self { table, layout: None }
    }
}

impl<T: Bare> Claimed<T> {
    /// A table of `store`; `layout` is what the checkpoint says of the content that comes with it, if there is one.
    pub(crate) fn of(
        store: &mut Store,
        name: TableName,
        config: TableConfig,
        layout: Option<u64>,
    ) -> Result<Self, StoreError> {
        Ok(Self { table: T::claim(store, name, config)?, layout })
    }

    /// The table, for a view of layout `layout`.
    ///
    /// # Panics
    ///
    /// If something else is in it.
    pub(super) fn open(self, layout: u64) -> T {
        let fits = match self.layout {
            Some(found) => found == layout,
            None => self.table.is_empty(),
        };
        assert!(fits, "invariant 1: nothing but values of one layout is in a table");
        self.table
    }

    /// The table, for what does not trust its content to be anything but bytes.
    pub(crate) fn into_bytes(self) -> T {
        self.table
    }
}

/// State that lives in a table.
pub(crate) trait Stored: Sized {
    type Table: Bare;
    /// How what is in the table lies there. Equal in every run; different where one could not read what the other has written.
    fn layout() -> u64;
    /// A view of the table.
    fn open(claimed: Claimed<Self::Table>) -> Self;
}

/// Deadlines without values.
impl Stored for TimedTable {
    type Table = Self;

    fn layout() -> u64 {
        layout("deadlines", &[])
    }

    fn open(claimed: Claimed<Self>) -> Self {
        claimed.into_bytes()
    }
}

/// A layout made of a kind and the layouts of its parts.
pub(crate) fn layout(kind: &str, parts: &[u64]) -> u64 {
    let mut bytes = kind.as_bytes().to_vec();
    parts.iter().for_each(|part| bytes.extend_from_slice(&part.to_le_bytes()));
    xxh3_64(&bytes)
}

/// The layout of an archive of `V`.
pub(crate) fn layout_of<V: Record>() -> u64 {
    V::schema().layout_hash
}

/// What can be frozen.
pub(crate) trait Freezes {
    fn freeze(&mut self, into: &mut Freezer);
}

impl Freezes for Table {
    fn freeze(&mut self, into: &mut Freezer) {
        into.table(self);
    }
}

impl Freezes for Panes {
    fn freeze(&mut self, into: &mut Freezer) {
        into.panes(self);
    }
}

impl Freezes for TimedTable {
    fn freeze(&mut self, into: &mut Freezer) {
        into.timed(self);
    }
}
