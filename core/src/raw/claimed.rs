//! Tables as the store gives them, on their way to a typed view: empty, or with what a checkpoint had in them.
//!
//! # Invariants
//!
//! 1. A view whose values are read without being checked takes a table that is empty, or one whose content was written by a view of the same layout: the layout is
//!    kept with the content in every checkpoint, under checksums, and compared when the table is opened again.

use thalweg_storage::{
    Cursor, Freezer, Panes, Store, StoreError, Table, TableConfig, TableName, TimedTable,
};

use super::layout::{Layout, Rewriter, Unreadable};
use crate::record::Form;

/// A table, or panes, of the store.
pub(crate) trait Bare: Sized {
    fn is_empty(&self) -> bool;
    fn claim(store: &mut Store, name: TableName, config: TableConfig) -> Result<Self, StoreError>;
    /// Fills it, which is empty, with what is in `old`, each value rewritten.
    fn fill(&mut self, old: &Self, rewriter: &mut Rewriter) -> Result<(), Unreadable>;
}

impl Bare for Table {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn claim(store: &mut Store, name: TableName, config: TableConfig) -> Result<Self, StoreError> {
        store.table(name, config)
    }

    fn fill(&mut self, old: &Self, rewriter: &mut Rewriter) -> Result<(), Unreadable> {
        let (mut cursor, mut rewritten) = (Cursor::default(), Ok(()));
        while let Some((hash, key, value)) = old.next(&mut cursor) {
            if !rewriter.form().is_list() {
                self.put(hash, key, rewriter.rewrite(value)?);
                continue;
            }
            old.for_each_value(hash, key, |value| {
                if rewritten.is_ok() {
                    rewritten = rewriter.rewrite(value).map(|value| {
                        self.append(hash, key, value);
                    });
                }
            });
        }
        rewritten
    }
}

impl Bare for Panes {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn claim(store: &mut Store, name: TableName, config: TableConfig) -> Result<Self, StoreError> {
        store.panes(name, config)
    }

    fn fill(&mut self, old: &Self, rewriter: &mut Rewriter) -> Result<(), Unreadable> {
        old.iter().try_for_each(|(pane, table)| self.pane(pane).fill(table, rewriter))
    }
}

impl Bare for TimedTable {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn claim(store: &mut Store, name: TableName, config: TableConfig) -> Result<Self, StoreError> {
        store.timed(name, config)
    }

    fn fill(&mut self, old: &Self, rewriter: &mut Rewriter) -> Result<(), Unreadable> {
        let mut cursor = Cursor::default();
        while let Some((hash, key, deadline, value)) = old.next(&mut cursor) {
            self.put(hash, key, deadline, rewriter.rewrite(value)?);
        }
        Ok(())
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

    /// A table of `store` with what a checkpoint has under its name, made what `layout` says; `old` is how it lies there.
    ///
    /// Cost: reads and writes all of it, at once.
    pub(crate) fn rewritten(
        store: &mut Store,
        name: TableName,
        config: TableConfig,
        (old, layout): (Form, &Layout),
        mut rewriter: Rewriter,
    ) -> Result<Self, Unreadable> {
        debug_assert_eq!(old, layout.form(), "invariant: forms are not rewritten");
        let expects = "invariant: a name is claimed once, and is of the kind that its form says";
        let mut apart = store.apart(&name);
        let before = T::claim(&mut apart, name.clone(), config).expect(expects);
        let mut table = T::claim(store, name, config).expect(expects);
        // Invariant 1: what is put in was written as archives of the layout.
        table.fill(&before, &mut rewriter)?;
        Ok(Self { table, layout: Some(layout.hash()) })
    }

    /// The table, for a view of layout `layout`.
    ///
    /// # Panics
    ///
    /// If something else is in it.
    pub(super) fn open(self, layout: &Layout) -> T {
        let fits = match self.layout {
            Some(found) => found == layout.hash(),
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
    fn layout() -> Layout;
    /// A view of the table.
    fn open(claimed: Claimed<Self::Table>) -> Self;
}

/// Deadlines without values.
impl Stored for TimedTable {
    type Table = Self;

    fn layout() -> Layout {
        Layout::bare(Form::Deadlines)
    }

    fn open(claimed: Claimed<Self>) -> Self {
        claimed.into_bytes()
    }
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
