//! One table: keys and values as bytes, found by hash.
//!
//! A [`Table`] joins a [log](crate::log), which holds the entries, and an [index](crate::index),
//! which leads from a hash to an entry. Every method takes the full 64-bit hash of the key beside
//! the key: it was computed once, when the record was partitioned. It has to be well mixed in its low 40
//! bits; its top bits may be the same for all keys of the table.
//!
//! # Invariants
//!
//! 1. A key has one entry, which holds either one value or a list of values.
//! 2. Equal sequences of operations make equal logs, so scans meet entries in the same order in
//!    every run; where memory lies decides nothing.
//! 3. Whatever writes to an entry goes through [`Table::writable`], which moves an entry that is
//!    not mutable to the tail first. So no reference to a value outlives the next call.
//!
//! # Cost
//!
//! Two cache misses for a key that is there: bucket and entry. [`crate::look_ahead`] overlaps those of a batch, and [`Table::upsert_at`] saves the
//! second look into the bucket (4 ns of 19 with keys that are cached). No operation but [`Table::clear`] takes time in
//! proportion to the table.
//!
//! With more keys than the cache holds, the two lines are the cost: three quarters of the rate of a table that has key and count in one line.

use crate::TableConfig;
use crate::dormant::Dormant;
use crate::index::{Index, Place};
use crate::log::entry::{self, Header, Kind};
use crate::log::{Address, Log, size_class};
use crate::memory::Memory;
use std::ops::Range;
use std::rc::Rc;

/// Keyed state of one operator on one core; see the file's header. Made by [`crate::Store::table`].
#[derive(Debug)]
pub struct Table {
    pub(crate) log: Log,
    pub(crate) index: Index,
    pub(crate) value_align: usize,
    /// Birth of the chunk that is being compacted, and how far.
    pub(crate) compacting: (u64, usize),
    /// Newest blocks of removed lists, whose space is still to be released; see [`crate::list`].
    pub(crate) doomed: Vec<Address>,
    /// What a restore has not brought into the index yet.
    pub(crate) dormant: Option<Box<Dormant>>,
}

/// Where an entry was when its prefetch was asked for; see [`Table::prefetch_entry`].
#[derive(Clone, Copy, Debug)]
pub struct Hint {
    address: Address,
    generation: u64,
}

impl Default for Hint {
    /// A hint that leads nowhere.
    fn default() -> Self {
        Self::NOWHERE
    }
}

impl Hint {
    /// A hint that leads nowhere; no table has generation 0.
    pub const NOWHERE: Self = Self { address: Address::NONE, generation: 0 };

    /// Whether it leads to an entry, be it the right one or not.
    #[inline(always)]
    #[must_use]
    pub fn leads_somewhere(self) -> bool {
        self.address != Address::NONE
    }
}

impl Table {
    pub(crate) fn new(memory: Rc<Memory>, config: TableConfig) -> Self {
        Self {
            index: Index::new(Rc::clone(&memory), config.expected_keys),
            log: Log::new(memory),
            value_align: config.value_align,
            compacting: (0, 0),
            doomed: Vec::new(),
            dormant: None,
        }
    }

    /// What accounts for it.
    pub(crate) fn account(&self) -> &Rc<Memory> {
        self.log.account()
    }

    /// Number of keys. Cost: O(1).
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len() + self.dormant.as_ref().map_or(0, |dormant| dormant.keys())
    }

    /// Whether there is no key. Cost: O(1).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory held, bytes: log and index, with what is free in them. Cost: O(1).
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.log.bytes() + self.index.bytes()
    }

    /// First phase for a batch: asks for the bucket of `hash`. Cost: about 1 ns; never waits.
    #[inline(always)]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.index.prefetch(hash);
    }

    /// Second phase: reads the bucket, which the first phase should have brought, and asks for the
    /// entry that it leads to. Cost: about 2 ns if the bucket is there.
    ///
    /// The result may be passed to [`Table::upsert_at`] or [`Table::get_mut_at`], which then need
    /// not look into the bucket again, or be ignored.
    #[inline(always)]
    pub fn prefetch_entry(&self, hash: u64) -> Hint {
        let address = self.index.guess(hash);
        self.log.prefetch(address);
        Hint { address, generation: self.log.generation() }
    }

    /// Third phase, for a hash whose hint leads nowhere: looks into the buckets behind the first, of which the second phase has asked for the next,
    /// and asks for the entry.
    #[inline(never)]
    #[must_use]
    pub fn prefetch_again(&self, hash: u64) -> Hint {
        let address = self.index.find(hash, |_| true).map_or(Address::NONE, |(_, address)| address);
        self.log.prefetch(address);
        Hint { address, generation: self.log.generation() }
    }

    /// The value of `key`. Cost: O(1), two cache misses.
    ///
    /// # Panics
    ///
    /// If the key holds a list; see [`Table::for_each_value`].
    #[inline]
    #[must_use]
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<&[u8]> {
        let address = self.look_up(hash, key)?;
        let bytes = self.log.at(address);
        let header = Header::read(bytes);
        expect_kind(header, Kind::Single);
        let start = entry::value_offset(header.key_len(), self.value_align);
        Some(&bytes[start..start + header.value_len()])
    }

    /// The value of `key`, to be changed in place; its length stays. Cost: as [`Table::get`]; the
    /// first change of an entry since a freeze copies it.
    ///
    /// # Panics
    ///
    /// If the key holds a list.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut [u8]> {
        let (place, address) = self.find_awake(hash, key)?;
        let address = self.writable(place, address);
        Some(self.value_mut(address, Kind::Single))
    }

    /// The value of `key`, to be changed in place; if there is none, a new one of `value_len`
    /// bytes that are zero and then passed to `init`. `true` if it is new.
    ///
    /// A value that is there already keeps its length, whatever `value_len` says.
    /// Cost: as [`Table::get_mut`]; a new key may also obtain 2 MiB of memory and moves some buckets
    /// of a growing index.
    ///
    /// # Panics
    ///
    /// If the key holds a list, or is 4 MiB or longer, or `value_len` is 4 GiB or more.
    #[inline]
    pub fn upsert(
        &mut self,
        hash: u64,
        key: &[u8],
        value_len: usize,
        init: impl FnOnce(&mut [u8]),
    ) -> (&mut [u8], bool) {
        if let Some((place, address)) = self.find_awake(hash, key) {
            let address = self.writable(place, address);
            return (self.value_mut(address, Kind::Single), false);
        }
        let address = self.insert(Kind::Single, hash, key, value_len);
        let value = self.value_mut(address, Kind::Single);
        value.fill(0);
        init(value);
        (value, true)
    }

    /// [`Table::get`], faster if `hint` came from [`Table::prefetch_entry`] for this hash.
    #[inline(always)]
    #[must_use]
    pub fn get_at(&self, hint: Hint, hash: u64, key: &[u8]) -> Option<&[u8]> {
        let followed = self.follow(hint, key).and_then(|value| {
            let (chunk, _) = self.log.open_chunk_of(hint.address)?;
            chunk.get(value)
        });
        followed.or_else(|| self.get(hash, key))
    }

    /// [`Table::get_mut`], faster if `hint` came from [`Table::prefetch_entry`] for this hash.
    #[inline(always)]
    #[must_use]
    pub fn get_mut_at(&mut self, hint: Hint, hash: u64, key: &[u8]) -> Option<&mut [u8]> {
        match self.follow(hint, key) {
            Some(value) => Some(self.value_at(hint, value)),
            None => self.get_mut(hash, key),
        }
    }

    /// [`Table::upsert`], faster if `hint` came from [`Table::prefetch_entry`] for this hash.
    ///
    /// Any hint is good: one that misleads, because the table changed since or because it is of
    /// another hash or table, costs only the time to find that out.
    #[inline(always)]
    pub fn upsert_at(
        &mut self,
        hint: Hint,
        hash: u64,
        key: &[u8],
        value_len: usize,
        init: impl FnOnce(&mut [u8]),
    ) -> (&mut [u8], bool) {
        match self.follow(hint, key) {
            Some(value) => (self.value_at(hint, value), false),
            None => self.upsert(hash, key, value_len, init),
        }
    }

    /// Sets the value of `key`, of any length. `true` if the key is new.
    ///
    /// A value that fits into its entry is replaced in place; a longer one gets a new entry, at the
    /// tail or where an entry of that size died.
    ///
    /// # Panics
    ///
    /// As [`Table::upsert`].
    pub fn put(&mut self, hash: u64, key: &[u8], value: &[u8]) -> bool {
        let Some((place, address)) = self.find_awake(hash, key) else {
            let address = self.insert(Kind::Single, hash, key, value.len());
            self.value_mut(address, Kind::Single).copy_from_slice(value);
            return true;
        };
        let header = self.log.header(address);
        expect_kind(header, Kind::Single);
        let needed = entry::value_offset(key.len(), self.value_align) + value.len();
        let fits = needed <= size_class::bytes(header.class());
        let address = if fits && self.log.make_mutable(address) {
            header.with_value_len(value.len()).write(self.log.at_mut(address));
            address
        } else {
            let fresh = self.write_entry(Kind::Single, hash, key, value.len());
            self.index.redirect(place, fresh);
            self.log.release(address);
            self.compact_owed();
            fresh
        };
        self.value_mut(address, Kind::Single).copy_from_slice(value);
        false
    }

    /// As [`Table::put`] of a key that is known not to be there, which it does not look for again.
    ///
    /// # Panics
    ///
    /// As [`Table::upsert`]. A key that is there after all is there twice then, and which of its values is found is anybody's guess; debug builds panic.
    #[inline]
    pub fn put_new(&mut self, hash: u64, key: &[u8], value: &[u8]) {
        if self.dormant.is_some() {
            self.wake(hash);
        }
        debug_assert!(self.find(hash, key).is_none(), "invariant 1: a key has one entry");
        let address = self.insert(Kind::Single, hash, key, value.len());
        self.value_mut(address, Kind::Single).copy_from_slice(value);
    }

    /// Removes `key` with its value or its list. `true` if it was there.
    ///
    /// Cost: O(1); the space of a long list is released piece by piece by later operations.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> bool {
        self.release_some_blocks();
        let Some((place, address)) = self.find_awake(hash, key) else { return false };
        if self.log.header(address).kind() == Kind::List {
            self.doom_blocks(address);
        }
        self.remove_at(place, hash, address);
        true
    }

    /// Removes the entry that was found.
    pub(crate) fn remove_at(&mut self, place: Place, hash: u64, address: Address) {
        self.index.remove(place, hash);
        self.log.release(address);
        self.compact_owed();
    }

    /// Removes everything and keeps the memory: the index at its size, the log's 2 MiB chunks in
    /// the core's pool. Cursors start anew.
    ///
    /// Cost: zeroing the index, 9 to 24 bytes a key: about 2 ms for a million keys.
    /// [`crate::Panes::drop_pane`] does the same in bounded pieces.
    pub fn clear(&mut self) {
        self.begin_clear();
        self.index.clear();
    }

    /// Where in its chunk the hinted entry's value lies, if it is `key`'s and may be changed in place.
    ///
    /// Entries of one generation begin where they once began, and a dead one in an open chunk is marked: so what has
    /// the key here is the key's one entry (invariant 1).
    #[inline(always)]
    fn follow(&self, hint: Hint, key: &[u8]) -> Option<Range<usize>> {
        if hint.generation != self.log.generation() {
            return None;
        }
        let (chunk, at) = self.log.open_chunk_of(hint.address)?;
        let header = entry::single_with_key(chunk, at, key)?;
        let start = at + entry::value_offset(key.len(), self.value_align);
        Some(start..start + header.value_len())
    }

    /// Where [`Table::follow`] has led.
    #[inline(always)]
    fn value_at(&mut self, hint: Hint, value: Range<usize>) -> &mut [u8] {
        let (chunk, _) = self
            .log
            .open_chunk_of_mut(hint.address)
            .expect("invariant: the hint was followed there");
        &mut chunk[value]
    }

    /// The bounded part of clearing; [`Index::scrub`] is the rest.
    pub(crate) fn begin_clear(&mut self) {
        self.log.clear();
        self.doomed.clear();
        self.forget_dormant();
        self.index.begin_clear();
    }

    #[inline(always)]
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<(Place, Address)> {
        self.index.find(hash, |address| {
            let bytes = self.log.at(address);
            entry::has_key(bytes, Header::read(bytes), key)
        })
    }

    /// Where the entry may be written: where it is, or, if it is frozen, its copy at the tail.
    #[inline(always)]
    pub(crate) fn writable(&mut self, place: Place, address: Address) -> Address {
        if self.log.is_mutable(address) { address } else { self.copy_to_tail(place, address) }
    }

    #[inline(never)]
    fn copy_to_tail(&mut self, place: Place, address: Address) -> Address {
        if self.log.make_mutable(address) {
            return address;
        }
        let copy = self.log.allocate(self.log.header(address).class());
        self.log.copy(address, copy);
        self.index.redirect(place, copy);
        self.log.release(address);
        self.compact_owed();
        copy
    }

    /// The value part of an entry that is mutable.
    #[inline(always)]
    pub(crate) fn value_mut(&mut self, address: Address, kind: Kind) -> &mut [u8] {
        let align = self.value_align;
        let bytes = self.log.at_mut(address);
        let header = Header::read(bytes);
        expect_kind(header, kind);
        let start = entry::value_offset(header.key_len(), align);
        &mut bytes[start..start + header.value_len()]
    }

    /// A new entry for a key that is not there; the caller writes the whole value.
    #[inline(never)]
    pub(crate) fn insert(
        &mut self,
        kind: Kind,
        hash: u64,
        key: &[u8],
        value_len: usize,
    ) -> Address {
        self.release_some_blocks();
        self.compact_owed();
        let address = self.write_entry(kind, hash, key, value_len);
        self.index.insert(hash, address, &self.log);
        address
    }

    fn write_entry(&mut self, kind: Kind, hash: u64, key: &[u8], value_len: usize) -> Address {
        let start = entry::value_offset(key.len(), self.value_align);
        let class = size_class::of(start + value_len);
        let header = Header::new(kind, class, key.len(), value_len);
        let address = self.log.allocate(class);
        let bytes = self.log.at_mut(address);
        header.write(bytes);
        entry::set_second_word(bytes, hash);
        bytes[entry::HEADER_BYTES..entry::HEADER_BYTES + key.len()].copy_from_slice(key);
        // The gap before the value: what goes to disk one day depends on operations alone.
        bytes[entry::HEADER_BYTES + key.len()..start].fill(0);
        address
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.forget_dormant();
    }
}

#[inline(always)]
pub(crate) fn expect_kind(header: Header, kind: Kind) {
    assert!(
        header.kind() == kind,
        "invariant 1: a key holds either one value or a list, and is used accordingly"
    );
}
