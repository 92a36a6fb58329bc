//! Freezing: what a checkpoint takes from the tables of a core, and how it leaves the core.
//!
//! A [`Freezer`] lives on the worker from the first to the last table that is frozen in an epoch; each table is frozen when its operator is aligned. What it has
//! gathered is [`Frozen`], which may go to another thread, where [`crate::Archive`] writes it.

use crate::format::code::Encoder;
use crate::memory::Memory;
use crate::{Cursor, Panes, Store, Table, TableName, TimedTable};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Table,
    Panes,
    Timed,
}

/// Gathers the tables of one epoch; made by [`Store::freezer`].
#[derive(Debug)]
pub struct Freezer {
    epoch: u64,
    tables: BTreeMap<u32, FrozenTable>,
}

/// The state of one core at one epoch, on its way to disk.
#[derive(Debug)]
#[must_use = "what was frozen is to be written, or absorbed if the checkpoint is given up"]
pub struct Frozen {
    pub(crate) epoch: u64,
    pub(crate) tables: Vec<FrozenTable>,
}

/// One name's share of a checkpoint.
#[derive(Debug)]
pub(crate) struct FrozenTable {
    pub(crate) number: u32,
    pub(crate) name: TableName,
    pub(crate) shape: Shape,
    pub(crate) value_align: usize,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) content: Vec<u8>,
}

impl Freezer {
    pub(crate) fn new(epoch: u64) -> Self {
        Self { epoch, tables: BTreeMap::new() }
    }

    /// The epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Freezes a table. It goes on at once; what is written to it from now on belongs to the next epoch.
    pub fn table(&mut self, table: &mut Table) {
        let mut content = Encoder::default();
        encode(&mut content, 0, table);
        self.take(
            &Rc::clone(table.account()),
            Shape::Table,
            table.value_align,
            table.len(),
            content,
        );
    }

    /// Freezes all panes of a name.
    pub fn panes(&mut self, panes: &mut Panes) {
        let mut content = Encoder::default();
        let mut entries = 0;
        for (pane, table) in panes.iter() {
            encode(&mut content, pane, table);
            entries += table.len();
        }
        let value_align = panes.config().value_align;
        self.take(&Rc::clone(panes.account()), Shape::Panes, value_align, entries, content);
    }

    /// Freezes a table with deadlines.
    pub fn timed(&mut self, timed: &mut TimedTable) {
        let mut content = Encoder::default();
        let mut cursor = Cursor::default();
        while let Some((hash, key, deadline, payload)) = timed.next(&mut cursor) {
            content.i64(deadline);
            content.u64(hash);
            content.bytes(key);
            content.u32(0);
            content.bytes(payload);
        }
        let (align, len) = (timed.table().value_align, timed.len());
        self.take(&Rc::clone(timed.table().account()), Shape::Timed, align, len, content);
    }

    /// Ends the gathering. Cost: O(names).
    ///
    /// # Panics
    ///
    /// If a table of the store was not frozen.
    pub fn finish(mut self, store: &Store) -> Frozen {
        let mut tables = Vec::new();
        for (name, number) in store.numbers() {
            let table = self.tables.remove(&number);
            tables.push(table.unwrap_or_else(|| {
                panic!("invariant: table \"{name}\" is frozen before the checkpoint is complete")
            }));
            tables.last_mut().expect("invariant: it was just pushed").name = name.clone();
        }
        Frozen { epoch: self.epoch, tables }
    }

    fn take(
        &mut self,
        account: &Memory,
        shape: Shape,
        value_align: usize,
        entries: usize,
        content: Encoder,
    ) {
        let content = content.into_bytes();
        let table = FrozenTable {
            number: account.number(),
            name: TableName::new("", ""),
            shape,
            value_align,
            entries: entries as u64,
            bytes: content.len() as u64,
            content,
        };
        self.tables.insert(table.number, table);
    }
}

impl Frozen {
    /// The epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Bytes of state that are new since the last checkpoint, and will be written.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.bytes).sum()
    }
}

fn encode(content: &mut Encoder, pane: i64, table: &Table) {
    let mut cursor = Cursor::default();
    while let Some((hash, key, value)) = table.next(&mut cursor) {
        content.i64(pane);
        content.u64(hash);
        content.bytes(key);
        if table.holds_list(hash, key) {
            content.u32(1);
            content.count(table.count_values(hash, key));
            table.for_each_value(hash, key, |value| content.bytes(value));
        } else {
            content.u32(0);
            content.bytes(value);
        }
    }
}
