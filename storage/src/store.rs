//! The store of one core: where its tables come from, and how much memory they hold.

use crate::freeze::{Freezer, Pending, Shape};
use crate::memory::Memory;
use crate::restored::{RestoredParts, RestoredTable};
use crate::{Panes, StoreConfig, StoreError, Table, TableConfig, TableName, TimedTable};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The tables of one core; see the [crate documentation](crate).
///
/// Tables are handed to the operators that own them and need no store to work: it keeps only the
/// names and the account of memory. Neither `Send` nor `Sync`: one core, one store.
#[derive(Debug)]
pub struct Store {
    names: BTreeMap<TableName, Claim>,
    memory: Rc<Memory>,
    /// What was frozen and not handed out yet.
    pending: Rc<RefCell<Pending>>,
    /// What a checkpoint gave back and nobody has asked for yet.
    restored: BTreeMap<TableName, RestoredTable>,
}

/// A name that was given.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) account: Rc<Memory>,
    pub(crate) shape: Shape,
    pub(crate) value_align: usize,
}

/// What the tables of one name hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableUsage {
    /// Memory, with what is free in it.
    pub bytes: usize,
    /// Keys; of panes, each key once for each pane.
    pub keys: usize,
}

impl Store {
    /// An empty store. Cost: populating [`StoreConfig::reserve_bytes`].
    #[must_use]
    pub fn new(config: StoreConfig) -> Self {
        let bound = if config.resident_bytes == 0 { usize::MAX } else { config.resident_bytes };
        let memory = Memory::bounded(config.copied_bytes, bound);
        memory.reserve(config.reserve_bytes);
        let (names, restored) = (BTreeMap::new(), BTreeMap::new());
        Self { names, memory, pending: Rc::default(), restored }
    }

    /// A store with the state of a checkpoint: each name that is asked for gives the table as it was then, in the key groups of this worker.
    #[must_use]
    pub fn restore(config: StoreConfig, parts: RestoredParts) -> Self {
        Self { restored: parts.tables, ..Self::new(config) }
    }

    /// Restored names that nobody has asked for. Their state would be lost with the next checkpoint: that is for the user to decide.
    #[must_use]
    pub fn unclaimed(&self) -> Vec<TableName> {
        self.restored.keys().cloned().collect()
    }

    /// A store that has nothing but what a checkpoint gave back under that name, and this store then has not: to be made something else.
    #[must_use]
    pub fn apart(&mut self, name: &TableName) -> Self {
        let restored = self.restored.remove_entry(name).into_iter().collect();
        Self { restored, ..Self::default() }
    }

    /// Forgets restored state that nobody asks for any more. `false` if there is none of that name.
    pub fn forget(&mut self, name: &TableName) -> bool {
        self.restored.remove(name).is_some()
    }

    /// Begins to freeze this core's tables for the checkpoint `epoch`. Cost: O(1).
    #[must_use]
    pub fn freezer(&mut self, epoch: u64) -> Freezer {
        Freezer::new(epoch, &self.pending)
    }

    /// What accounts for it.
    pub(crate) fn account(&self) -> &Rc<Memory> {
        &self.memory
    }

    /// The names that were claimed.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.names.values()
    }

    /// A new, empty table. An empty table with default settings holds 64 bytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::DuplicateTable`] if the name was ever given to a table of this store, even if
    /// that table is dropped: names are addresses in checkpoints.
    /// [`StoreError::Alignment`] if `value_align` is neither 8 nor 16.
    /// [`StoreError::OtherShape`] if a checkpoint has something else under that name.
    pub fn table(&mut self, name: TableName, config: TableConfig) -> Result<Table, StoreError> {
        let (account, restored) = self.claim(name, config, Shape::Table)?;
        let mut table = Table::new(account, config);
        if let Some(restored) = restored {
            restored.give_to_table(&mut table);
        }
        Ok(table)
    }

    /// Time-scoped tables under one name, one per pane, made on first touch with `config`.
    ///
    /// # Errors
    ///
    /// As [`Store::table`].
    pub fn panes(&mut self, name: TableName, config: TableConfig) -> Result<Panes, StoreError> {
        let (account, restored) = self.claim(name, config, Shape::Panes)?;
        let mut panes = Panes::new(account, config);
        if let Some(restored) = restored {
            restored.give_to_panes(&mut panes);
        }
        Ok(panes)
    }

    /// A new, empty table whose entries have deadlines: timers, or state that expires. An empty one holds about 6 KiB.
    ///
    /// # Errors
    ///
    /// As [`Store::table`].
    pub fn timed(
        &mut self,
        name: TableName,
        config: TableConfig,
    ) -> Result<TimedTable, StoreError> {
        let (account, restored) = self.claim(name, config, Shape::Timed)?;
        let mut timed = TimedTable::new(account, config);
        if let Some(restored) = restored {
            restored.give_to_timed(&mut timed);
        }
        Ok(timed)
    }

    /// Memory that the tables of this core hold, bytes, logs and indexes. Cost: O(1).
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.memory.used()
    }

    /// Memory kept ready for tables to grow into, bytes; not part of [`Store::bytes`].
    #[must_use]
    pub fn spare_bytes(&self) -> usize {
        self.memory.spare()
    }

    /// Gives ready memory beyond `keep_bytes` back to the system.
    pub fn trim(&mut self, keep_bytes: usize) {
        self.memory.trim(keep_bytes);
    }

    /// What each name holds, in order of names. Cost: O(names); nothing is read but counters.
    pub fn usage(&self) -> impl Iterator<Item = (&TableName, TableUsage)> {
        self.names.iter().map(|(name, Claim { account, .. })| {
            let (bytes, keys) = (account.used(), account.keys());
            (name, TableUsage { bytes, keys })
        })
    }

    /// Reserves a name; its account, and what a checkpoint has of it.
    fn claim(
        &mut self,
        name: TableName,
        config: TableConfig,
        shape: Shape,
    ) -> Result<(Rc<Memory>, Option<RestoredTable>), StoreError> {
        if !matches!(config.value_align, 8 | 16) {
            return Err(StoreError::Alignment { name, value_align: config.value_align });
        }
        if self.names.contains_key(&name) {
            return Err(StoreError::DuplicateTable { name });
        }
        if let Some(restored) = self.restored.get(&name)
            && (restored.shape, restored.value_align) != (shape, config.value_align)
        {
            return Err(StoreError::OtherShape { name });
        }
        let number = u32::try_from(self.names.len()).expect("invariant: fewer than 2^32 names");
        let account = Memory::account_in(&self.memory, name.clone(), number, config.is_copied);
        let restored = self.restored.remove(&name);
        let value_align = config.value_align;
        self.names.insert(name, Claim { account: Rc::clone(&account), shape, value_align });
        Ok((account, restored))
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::new(StoreConfig::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_once() {
        let mut store = Store::default();
        let name = TableName::new("counts", "total");
        let table = store.table(name.clone(), TableConfig::default()).unwrap();
        drop(table);
        let error = store.panes(name.clone(), TableConfig::default()).unwrap_err();
        assert_eq!(error, StoreError::DuplicateTable { name });
        assert_eq!(
            error.to_string(),
            "table \"counts/total\" is there already; give the operator or the state another name"
        );
        store.table(TableName::new("counts", "other"), TableConfig::default()).unwrap();
    }

    #[test]
    fn an_odd_alignment_is_refused() {
        let error =
            Store::default().table(TableName::new("a", "b"), TableConfig::default().value_align(4));
        assert!(matches!(error, Err(StoreError::Alignment { value_align: 4, .. })));
    }

    #[test]
    fn memory_is_counted_while_tables_hold_it() {
        let mut store = Store::new(StoreConfig::default().reserve_bytes(1));
        let ready = store.spare_bytes();
        assert!(ready > 0);
        let mut table = store.table(TableName::new("a", "b"), TableConfig::default()).unwrap();
        let empty = store.bytes();
        assert_eq!(empty, table.bytes());
        for key in 0u64..1000 {
            table.put(key, &key.to_le_bytes(), b"value");
        }
        assert!(store.bytes() > empty);
        assert_eq!(store.bytes(), table.bytes());
        let mut panes = store.panes(TableName::new("a", "c"), TableConfig::default()).unwrap();
        let usage = |store: &Store| -> Vec<_> { store.usage().map(|(_, usage)| usage).collect() };
        let held = TableUsage { bytes: table.bytes(), keys: 1_000 };
        assert_eq!(usage(&store), [held, TableUsage { bytes: panes.bytes(), keys: 0 }]);
        for pane in 0..10 {
            panes.pane(pane % 3).put(7, b"key", b"value");
        }
        assert_eq!(usage(&store)[1], TableUsage { bytes: panes.bytes(), keys: 3 });
        assert!(table.remove(5, &5u64.to_le_bytes()));
        assert_eq!(usage(&store)[0].keys, 999);
        drop((table, panes));
        assert!(usage(&store).iter().all(|usage| usage.keys == 0));
        assert_eq!(store.bytes(), 0);
        store.trim(0);
        assert_eq!(store.spare_bytes(), 0);
    }
}
