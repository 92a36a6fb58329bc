//! The memory of one core's tables: how much there is, of which table, and a pool of chunks for all of them.

use crate::TableName;
use crate::freeze::Journal;
use crate::log::{CHUNK_BYTES, Parked};
use crate::raw::{Frame, Region};
use crate::supply::Supply;
use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// Accounts for the regions of all tables of a store and keeps chunks for reuse; or accounts for those of one name, out of the store's.
#[derive(Debug)]
pub(crate) struct Memory {
    /// The store's, if this is the account of one name.
    store: Option<Rc<Memory>>,
    /// The number of that name in checkpoints.
    number: u32,
    name: Arc<TableName>,
    /// Whether every worker has the whole of that state.
    is_copied: bool,
    /// What is copied of a chunk at a freeze rather than shared, bytes.
    copied_bytes: usize,
    /// The last sequence number of a frozen chunk.
    sequence: Cell<u64>,
    /// What happened to frozen chunks of that name.
    journal: RefCell<Journal>,
    /// Bytes of live entries.
    live: Cell<usize>,
    /// Bytes that tables hold.
    used: Cell<usize>,
    /// Keys in them.
    keys: Cell<usize>,
    /// Populated chunks that no table holds.
    spare: RefCell<Vec<Region>>,
    /// Chunks that no table holds, and a checkpoint that is being written does.
    lent: RefCell<Vec<Arc<Region>>>,
    /// What the thread that writes checkpoints gives.
    supply: Arc<Supply>,
    /// What tables may hold, bytes; beyond it what is durable is parked.
    resident_bytes: usize,
    /// Frozen chunks of that name, and where they are on disk if that is known; only if memory is bounded.
    filed: RefCell<BTreeMap<u64, Option<Parked>>>,
}

impl Memory {
    /// The account of a store.
    pub(crate) fn of_store(copied_bytes: usize) -> Rc<Self> {
        Self::bounded(copied_bytes, usize::MAX)
    }

    /// The account of a store whose tables may hold so many bytes.
    pub(crate) fn bounded(copied_bytes: usize, resident_bytes: usize) -> Rc<Self> {
        Rc::new(Self {
            store: None,
            number: 0,
            name: Arc::new(TableName::new("", "")),
            is_copied: false,
            copied_bytes,
            sequence: Cell::new(0),
            journal: RefCell::default(),
            live: Cell::new(0),
            used: Cell::new(0),
            keys: Cell::new(0),
            spare: RefCell::default(),
            lent: RefCell::default(),
            supply: Arc::new(Supply::new(resident_bytes < usize::MAX)),
            resident_bytes,
            filed: RefCell::default(),
        })
    }

    /// The account of one name: what it holds counts for the store as well, and its chunks come from the store's pool.
    pub(crate) fn account_in(
        store: &Rc<Self>,
        name: TableName,
        number: u32,
        is_copied: bool,
    ) -> Rc<Self> {
        let mut account = Self::of_store(store.copied_bytes);
        let this = Rc::get_mut(&mut account).expect("invariant: it was just made");
        (this.store, this.name, this.number) = (Some(Rc::clone(store)), Arc::new(name), number);
        this.is_copied = is_copied;
        (this.supply, this.resident_bytes) = (Arc::clone(&store.supply), store.resident_bytes);
        account
    }

    /// The name.
    pub(crate) fn name(&self) -> &Arc<TableName> {
        &self.name
    }

    /// Whether every worker has the whole of the state.
    pub(crate) fn is_copied(&self) -> bool {
        self.is_copied
    }

    /// The number of the name in checkpoints.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// What is copied of a chunk at a freeze rather than shared, bytes.
    pub(crate) fn copied_bytes(&self) -> usize {
        self.copied_bytes
    }

    /// A number for a chunk that is frozen, never given before for this name.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence.set(self.sequence.get() + 1);
        self.sequence.get()
    }

    /// What happened to frozen chunks of this name since they were last taken.
    pub(crate) fn journal(&self) -> RefMut<'_, Journal> {
        self.journal.borrow_mut()
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
        let region = if bytes == CHUNK_BYTES { self.obtain_chunk() } else { fresh(bytes) };
        self.add(region.len());
        region
    }

    fn obtain_chunk(&self) -> Region {
        if let Some(region) = self.pool().borrow_mut().pop() {
            return region;
        }
        self.call_in();
        if let Some(region) = self.pool().borrow_mut().pop() {
            return region;
        }
        self.supply.take().unwrap_or_else(|| fresh(CHUNK_BYTES))
    }

    /// What the thread that writes checkpoints gives.
    pub(crate) fn supply(&self) -> &Arc<Supply> {
        &self.supply
    }

    /// Has as many chunks made ready as an epoch took, less those that are there or will come back.
    pub(crate) fn want_chunks(&self, taken: usize) {
        let lent = self.store.as_ref().map_or(&self.lent, |store| &store.lent).borrow().len();
        self.supply.want(taken.saturating_sub(self.pool().borrow().len() + lent));
    }

    /// Whether tables may hold no more than so much.
    pub(crate) fn is_bounded(&self) -> bool {
        self.supply.is_bounded()
    }

    /// Whether the tables of the store hold more than they may.
    pub(crate) fn is_over(&self) -> bool {
        let used = self.store.as_ref().map_or(self.used(), |store| store.used());
        used > self.resident_bytes
    }

    /// Notes that a chunk was frozen.
    pub(crate) fn note_frozen(&self, sequence: u64) {
        if self.is_bounded() {
            self.filed.borrow_mut().insert(sequence, None);
        }
    }

    /// Forgets a frozen chunk.
    pub(crate) fn forget_frozen(&self, sequence: u64) {
        if self.is_bounded() {
            self.filed.borrow_mut().remove(&sequence);
        }
    }

    /// Takes in where chunks are. What is not there any more is not meant.
    pub(crate) fn take_filed(&self) {
        let mut filed = self.filed.borrow_mut();
        for (sequence, parked) in self.supply.take_filed(self.number) {
            if let Some(known) = filed.get_mut(&sequence) {
                *known = Some(parked);
            }
        }
    }

    /// Where a chunk is on disk, if that is new.
    pub(crate) fn take_parked(&self, sequence: u64) -> Option<Parked> {
        self.filed.borrow_mut().get_mut(&sequence)?.take()
    }

    /// Takes back the chunks that were written meanwhile.
    fn call_in(&self) {
        let mut lent = self.store.as_ref().map_or(&self.lent, |store| &store.lent).borrow_mut();
        let mut at = 0;
        while at < lent.len() {
            if Arc::strong_count(&lent[at]) == 1 {
                let region = Arc::into_inner(lent.swap_remove(at));
                self.pool().borrow_mut().extend(region);
            } else {
                at += 1;
            }
        }
    }

    /// Takes memory back: chunks go to the pool, all else to the system.
    pub(crate) fn give_back(&self, frame: Frame) {
        self.subtract(frame.len());
        let is_chunk = frame.len() == CHUNK_BYTES;
        match frame.into_region() {
            Ok(region) if is_chunk => self.pool().borrow_mut().push(region),
            Err(lent) if is_chunk => {
                self.store.as_ref().map_or(&self.lent, |store| &store.lent).borrow_mut().push(lent);
            }
            _ => {}
        }
    }

    /// Counts bytes of a new entry.
    #[inline]
    pub(crate) fn add_live(&self, bytes: usize) {
        self.live.set(self.live.get() + bytes);
    }

    /// Counts bytes of entries that are gone.
    #[inline]
    pub(crate) fn subtract_live(&self, bytes: usize) {
        self.live.set(self.live.get() - bytes);
    }

    /// Bytes of live entries, their size classes whole.
    pub(crate) fn live(&self) -> usize {
        self.live.get()
    }

    /// Counts a key.
    #[inline]
    pub(crate) fn add_key(&self) {
        self.keys.set(self.keys.get() + 1);
    }

    /// Counts keys that a checkpoint has.
    pub(crate) fn add_keys(&self, keys: usize) {
        self.keys.set(self.keys.get() + keys);
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
        self.pool().borrow().len() * CHUNK_BYTES + self.supply.bytes()
    }

    /// Frees the pool down to `keep` bytes.
    pub(crate) fn trim(&self, keep: usize) {
        self.spare.borrow_mut().truncate(keep.div_ceil(CHUNK_BYTES));
        self.supply.trim();
    }
}

/// Memory that is populated.
pub(crate) fn fresh(bytes: usize) -> Region {
    let mut region = Region::zeroed(bytes);
    // At once what will be written soon; a value of many chunks is touched as it is written.
    region.populate(0..bytes.min(CHUNK_BYTES));
    region
}
