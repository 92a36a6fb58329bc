//! Freezing: what a checkpoint takes from the tables of a core, and how it leaves the core.
//!
//! A [`Freezer`] lives on the worker from the first to the last table that is frozen in an epoch; each table is frozen when its operator is aligned. What it has
//! gathered is [`Frozen`], which may go to another thread, where [`crate::Archive`] writes it.
//!
//! Nothing is copied but what is used of small chunks ([`crate::StoreConfig::copied_bytes`]): the memory of all others is shared, and the table goes on in new
//! chunks. So freezing costs about 0.1 us for each chunk that was written since the last freeze, whatever the size of the state.
//!
//! # Invariants
//!
//! 1. What was frozen and not finished belongs to the next epoch: nothing is lost with a [`Freezer`] that is dropped.
//! 2. Every [`Frozen`] of a store reaches its archive, in order: to be written, or to be [absorbed](crate::Archive::absorb) if its checkpoint is given up.

mod journal;

pub(crate) use journal::{Captured, Content, Filed, FiledListing, Journal, Place};

use crate::memory::Memory;
use crate::supply::Supply;
use crate::{Panes, Store, Table, TableName, TimedTable};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Table,
    Panes,
    Timed,
}

/// What was frozen and not finished yet, by number.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    tables: BTreeMap<u32, FrozenTable>,
    /// How many were finished.
    finished: u64,
}

/// Gathers the tables of one epoch; made by [`Store::freezer`].
#[derive(Debug)]
pub struct Freezer {
    epoch: u64,
    frozen: BTreeSet<u32>,
    pending: Rc<RefCell<Pending>>,
}

/// The state of one core at one epoch, on its way to disk: what changed since the one before.
#[derive(Debug)]
#[must_use = "what was frozen is to be written, or absorbed if the checkpoint is given up"]
pub struct Frozen {
    pub(crate) epoch: u64,
    /// Which one of its store it is, from 1.
    pub(crate) serial: u64,
    pub(crate) tables: Vec<FrozenTable>,
    /// What its worker is handed in return.
    pub(crate) supply: Arc<Supply>,
}

/// One name's share of a checkpoint.
#[derive(Debug)]
pub(crate) struct FrozenTable {
    pub(crate) number: u32,
    pub(crate) name: Arc<TableName>,
    pub(crate) shape: Shape,
    pub(crate) is_copied: bool,
    pub(crate) value_align: usize,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) journal: Journal,
}

/// What a checkpoint takes from one name, for statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrozenUsage {
    /// The name.
    pub name: Arc<TableName>,
    /// Keys; of panes, each key once for each pane.
    pub entries: u64,
    /// Bytes of all entries.
    pub bytes: u64,
    /// Bytes that are new since the last freeze.
    pub new_bytes: u64,
}

impl Freezer {
    pub(crate) fn new(epoch: u64, pending: &Rc<RefCell<Pending>>) -> Self {
        Self { epoch, frozen: BTreeSet::new(), pending: Rc::clone(pending) }
    }

    /// The epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Freezes a table. It goes on at once; what is written to it from now on belongs to the next epoch.
    ///
    /// Cost: about 0.1 us for each chunk that was written since the last freeze; if there is none, some nanoseconds.
    pub fn table(&mut self, table: &mut Table) {
        table.log.freeze(0);
        self.take(table.account(), Shape::Table, table.value_align, table.len());
    }

    /// Freezes all panes of a name. Cost: as [`Freezer::table`], for each pane.
    pub fn panes(&mut self, panes: &mut Panes) {
        let entries = panes.freeze();
        self.take(panes.account(), Shape::Panes, panes.config().value_align, entries);
    }

    /// Freezes a table with deadlines. Cost: as [`Freezer::table`].
    pub fn timed(&mut self, timed: &mut TimedTable) {
        timed.freeze();
        let table = timed.table();
        self.take(table.account(), Shape::Timed, table.value_align, timed.len());
    }

    /// Ends the gathering. Cost: O(names).
    ///
    /// # Panics
    ///
    /// If a table of the store was not frozen.
    pub fn finish(mut self, store: &Store) -> Frozen {
        for claim in store.claims() {
            let (account, number) = (&claim.account, claim.account.number());
            if self.frozen.contains(&number) {
                continue;
            }
            // Only the store knows the account: the table is gone, and its state with it.
            assert!(
                Rc::strong_count(account) == 1,
                "invariant: table \"{}\" is frozen before the checkpoint is complete",
                account.name()
            );
            self.take(account, claim.shape, claim.value_align, 0);
        }
        let mut pending = self.pending.borrow_mut();
        pending.finished += 1;
        let tables: Vec<_> = std::mem::take(&mut pending.tables).into_values().collect();
        let shared = tables.iter().map(|table| table.journal.shared_chunks()).sum();
        store.account().want_chunks(shared);
        let supply = Arc::clone(store.account().supply());
        Frozen { epoch: self.epoch, serial: pending.finished, tables, supply }
    }

    fn take(&mut self, account: &Memory, shape: Shape, value_align: usize, entries: usize) {
        let number = account.number();
        let journal = std::mem::take(&mut *account.journal());
        let mut pending = self.pending.borrow_mut();
        let table = pending.tables.entry(number).or_insert_with(|| FrozenTable {
            number,
            name: Arc::clone(account.name()),
            shape,
            is_copied: account.is_copied(),
            value_align,
            entries: 0,
            bytes: 0,
            journal: Journal::default(),
        });
        (table.entries, table.bytes) = (entries as u64, account.live() as u64);
        table.journal.append(journal);
        self.frozen.insert(number);
    }
}

impl Frozen {
    /// The epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Bytes of state that are new since the last freeze.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.journal.bytes()).sum()
    }

    /// What it takes from each name.
    pub fn usage(&self) -> impl Iterator<Item = FrozenUsage> {
        self.tables.iter().map(|table| FrozenUsage {
            name: Arc::clone(&table.name),
            entries: table.entries,
            bytes: table.bytes,
            new_bytes: table.journal.bytes(),
        })
    }
}

const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Frozen>();
};
