//! Records by key and slot: what operators keep a few of for each key.

use thalweg_storage::{Freezer, Table};

use crate::raw::claimed::{Claimed, Freezes, Stored};
use crate::raw::layout::Layout;
use crate::raw::state_cells::{Cells, ClaimedBacking, Times};
use crate::raw::view::Rec;
use crate::record::{KeyHash, KeyScratch, Record};

/// For each key, up to 256 records by a number.
#[derive(Debug)]
pub(crate) struct SlotTable<T: Record> {
    cells: Cells<T, 0>,
    address: KeyScratch,
}

const FOREVER: Times = Times { now: i64::MIN, until: i64::MAX };

impl<T: Record> Stored for SlotTable<T> {
    type Table = Table;

    fn layout() -> Layout {
        Cells::<T, 0>::layout()
    }

    fn open(claimed: Claimed<Table>) -> Self {
        Self { cells: Cells::new(ClaimedBacking::Plain(claimed)), address: KeyScratch::new() }
    }
}

impl<T: Record> Freezes for SlotTable<T> {
    fn freeze(&mut self, into: &mut Freezer) {
        self.cells.freeze(into);
    }
}

impl<T: Record> SlotTable<T> {
    /// Writes the table's key of a slot; returns its hash, which has the key group of the key.
    fn address(&mut self, (hash, key): (KeyHash, &[u8]), slot: u8) -> KeyHash {
        self.address.clear();
        self.address.push(&[slot]);
        self.address.push(key);
        super::map::mixed(hash, slot.into())
    }

    /// Keeps a copy of a record.
    pub(crate) fn put(&mut self, own: (KeyHash, &[u8]), slot: u8, record: &Rec<T>) {
        let hash = self.address(own, slot);
        self.cells.put_record(hash, self.address.as_bytes(), FOREVER, 0, record);
    }

    /// The record in a slot that one was put into.
    pub(crate) fn get(&mut self, own: (KeyHash, &[u8]), slot: u8) -> &Rec<T> {
        let hash = self.address(own, slot);
        let found = self.cells.get(hash, self.address.as_bytes(), FOREVER.now);
        found.expect("invariant: a slot is asked for after it was filled")
    }
}
