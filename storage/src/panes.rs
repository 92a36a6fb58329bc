//! Time-scoped tables: one table per pane, made on first touch and dropped whole.
//!
//! A window's state is a pane (a slice of time) in which every key of that time has a value. Nothing
//! is ever looked up across panes, so each is a table of its own: it fires by a walk over it and is
//! purged by forgetting it, instead of one by one.
//!
//! Dropped tables are kept and reused with their memory. Their indexes have to be zeroed first; this
//! is done in pieces ([`SCRUB_BYTES`]) whenever a pane is made or dropped, so dropping a pane of a million keys is no pause.

use crate::memory::Memory;
use crate::{Table, TableConfig};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// Index memory zeroed by one call, bytes; about 50 us.
const SCRUB_BYTES: usize = 512 << 10;

/// The panes of one operator's state, by pane id in ascending order. Made by [`crate::Store::panes`].
///
/// What an id means (start of a slice, or its number) is the caller's choice.
#[derive(Debug)]
pub struct Panes {
    tables: Vec<Table>,
    /// Where in `tables` the table of a pane is.
    open: BTreeMap<i64, usize>,
    /// The pane used last: almost every record falls into the same one as the record before.
    last: Option<(i64, usize)>,
    /// Tables that can be used at once.
    clean: Vec<usize>,
    /// Dropped tables whose indexes are not zero yet.
    dirty: VecDeque<usize>,
    config: TableConfig,
    memory: Rc<Memory>,
}

impl Panes {
    pub(crate) fn new(memory: Rc<Memory>, config: TableConfig) -> Self {
        Self {
            tables: Vec::new(),
            open: BTreeMap::new(),
            last: None,
            clean: Vec::new(),
            dirty: VecDeque::new(),
            config,
            memory,
        }
    }

    /// What accounts for them.
    pub(crate) fn account(&self) -> &Rc<Memory> {
        &self.memory
    }

    pub(crate) fn config(&self) -> TableConfig {
        self.config
    }

    /// Gives what was written since to the journal; how many entries there are.
    pub(crate) fn freeze(&mut self) -> usize {
        let mut entries = 0;
        for (pane, at) in &self.open {
            let table = &mut self.tables[*at];
            table.log.freeze(*pane);
            entries += table.len();
        }
        entries
    }

    /// The table of `pane`, empty if it was not there.
    ///
    /// Cost: a comparison if it is the pane used last; else O(log panes). A new pane takes a dropped
    /// one's table if one is ready, else an empty table (64 bytes).
    #[inline]
    pub fn pane(&mut self, pane: i64) -> &mut Table {
        let at = match self.last {
            Some((last, at)) if last == pane => at,
            _ => self.switch_to(pane),
        };
        &mut self.tables[at]
    }

    /// The table of `pane` if it is there. Cost: as [`Panes::pane`].
    #[inline]
    #[must_use]
    pub fn get(&self, pane: i64) -> Option<&Table> {
        let at = match self.last {
            Some((last, at)) if last == pane => at,
            _ => *self.open.get(&pane)?,
        };
        Some(&self.tables[at])
    }

    /// As [`Panes::get`], to be changed.
    #[must_use]
    pub fn get_mut(&mut self, pane: i64) -> Option<&mut Table> {
        let at = *self.open.get(&pane)?;
        self.last = Some((pane, at));
        Some(&mut self.tables[at])
    }

    /// The lowest pane. Cost: O(log panes).
    #[must_use]
    pub fn first_pane(&self) -> Option<i64> {
        self.open.keys().next().copied()
    }

    /// Number of panes that are there.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there is no pane.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// All panes, lowest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i64, &Table)> {
        self.open.iter().map(|(pane, at)| (*pane, &self.tables[*at]))
    }

    /// The panes with ids in `panes`, lowest first.
    pub fn range(
        &self,
        panes: std::ops::Range<i64>,
    ) -> impl DoubleEndedIterator<Item = (i64, &Table)> {
        // `BTreeMap::range` refuses a range that runs backwards; here it is simply empty.
        let end = panes.end.max(panes.start);
        self.open.range(panes.start..end).map(|(pane, at)| (*pane, &self.tables[*at]))
    }

    /// Forgets a pane with all it holds and keeps the memory for later panes. `false` if it was not there.
    ///
    /// Cost: O(2 MiB chunks of its log); its index is zeroed in pieces, by this and later calls.
    pub fn drop_pane(&mut self, pane: i64) -> bool {
        let Some(at) = self.open.remove(&pane) else { return false };
        if self.last.is_some_and(|(last, _)| last == pane) {
            self.last = None;
        }
        self.tables[at].begin_clear();
        self.dirty.push_back(at);
        self.maintain(SCRUB_BYTES);
        true
    }

    /// Forgets the panes below `pane`. Cost: of each as of [`Panes::drop_pane`].
    pub fn drop_below(&mut self, pane: i64) {
        while let Some(first) = self.first_pane().filter(|first| *first < pane) {
            self.drop_pane(first);
        }
    }

    /// Prepares dropped tables for reuse, zeroing about `budget_bytes` at most. `true` if there is
    /// more to do. Making and dropping panes does it too; an idle operator may call this as well.
    pub fn maintain(&mut self, mut budget_bytes: usize) -> bool {
        while let Some(&at) = self.dirty.front() {
            if budget_bytes == 0 {
                return true;
            }
            let index = &mut self.tables[at].index;
            let share = budget_bytes.min(index.bytes());
            budget_bytes -= share;
            if !index.scrub(share) {
                self.dirty.pop_front();
                self.clean.push(at);
            }
        }
        false
    }

    /// Memory held by all panes and by dropped tables, bytes. Cost: O(tables).
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tables.iter().map(Table::bytes).sum()
    }

    #[cold]
    fn switch_to(&mut self, pane: i64) -> usize {
        let at = match self.open.get(&pane) {
            Some(at) => *at,
            None => {
                self.maintain(SCRUB_BYTES);
                let at = self.clean.pop().unwrap_or_else(|| {
                    self.tables.push(Table::new(Rc::clone(&self.memory), self.config));
                    self.tables.len() - 1
                });
                self.open.insert(pane, at);
                at
            }
        };
        self.last = Some((pane, at));
        at
    }
}
