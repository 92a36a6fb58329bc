//! The memory of one core's tables: how much there is, of which table, and a pool of chunks for all of them.

use crate::log::CHUNK_BYTES;
use crate::raw::Region;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Accounts for the regions of all tables of a store and keeps chunks for reuse; or accounts for those of one name, out of the store's.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The store's, if this is the account of one name.
    store: Option<Rc<Memory>>,
    /// The number of that name in checkpoints.
    number: u32,
    /// Bytes that tables hold.
    used: Cell<usize>,
    /// Keys in them.
    keys: Cell<usize>,
    /// Populated chunks that no table holds.
    spare: RefCell<Vec<Region>>,
}

impl Memory {
    /// The account of one name: what it holds counts for the store as well, and its chunks come from the store's pool.
    pub(crate) fn account_in(store: &Rc<Self>, number: u32) -> Rc<Self> {
        Rc::new(Self { store: Some(Rc::clone(store)), number, ..Self::default() })
    }

    /// The number of the name in checkpoints.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    fn pool(&self) -> &RefCell<Vec<Region>> {
        self.store.as_ref().map_or(&self.spare, |store| &store.spare)
    }

    /// Fills the pool with `bytes` of populated chunks, so that tables grow without a page fault.
    pub(crate) fn reserve(&self, bytes: usize) {
        let mut spare = self.spare.borrow_mut();
        while spare.len() < bytes.div_ceil(CHUNK_BYTES) {
            spare.push(fresh(CHUNK_BYTES));
        }
    }

    /// Memory for the log: from the pool if it is a chunk. Its contents are not zero then.
    pub(crate) fn obtain(&self, bytes: usize) -> Region {
        let pooled = if bytes == CHUNK_BYTES { self.pool().borrow_mut().pop() } else { None };
        let region = pooled.unwrap_or_else(|| fresh(bytes));
        self.add(region.len());
        region
    }

    /// Takes memory back: chunks go to the pool, all else to the system.
    pub(crate) fn give_back(&self, region: Region) {
        self.subtract(region.len());
        if region.len() == CHUNK_BYTES {
            self.pool().borrow_mut().push(region);
        }
    }

    /// Counts a key.
    #[inline]
    pub(crate) fn add_key(&self) {
        self.keys.set(self.keys.get() + 1);
    }

    /// Counts keys that are gone.
    #[inline]
    pub(crate) fn remove_keys(&self, keys: usize) {
        self.keys.set(self.keys.get() - keys);
    }

    /// Keys in the tables that count here.
    pub(crate) fn keys(&self) -> usize {
        self.keys.get()
    }

    /// Counts memory that a table obtained by itself.
    pub(crate) fn add(&self, bytes: usize) {
        self.used.set(self.used.get() + bytes);
        if let Some(store) = &self.store {
            store.add(bytes);
        }
    }

    /// Counts memory that a table freed by itself.
    pub(crate) fn subtract(&self, bytes: usize) {
        self.used.set(self.used.get() - bytes);
        if let Some(store) = &self.store {
            store.subtract(bytes);
        }
    }

    /// Bytes that tables hold.
    pub(crate) fn used(&self) -> usize {
        self.used.get()
    }

    /// Bytes in the pool.
    pub(crate) fn spare(&self) -> usize {
        self.spare.borrow().len() * CHUNK_BYTES
    }

    /// Frees the pool down to `keep` bytes.
    pub(crate) fn trim(&self, keep: usize) {
        self.spare.borrow_mut().truncate(keep.div_ceil(CHUNK_BYTES));
    }
}

fn fresh(bytes: usize) -> Region {
    let mut region = Region::zeroed(bytes);
    // At once what will be written soon; a value of many chunks is touched as it is written.
    region.populate(0..bytes.min(CHUNK_BYTES));
    region
}
