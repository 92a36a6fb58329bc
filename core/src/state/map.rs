//! [`Map`]: for each key, values by a key of their own.
//!
//! Each entry of a map is an entry of the store, by the key and the map's key together. A directory beside it numbers the entries of a key, so that they
//! can be walked over without looking at those of others:
//!
//! ```text
//!  entries    | key, map key | → | number, value |
//!  directory  | 0, key          | → | count |
//!             | 1, number, key  | → | map key |
//! ```
//!
//! An entry that is removed gives its number to the last one. So a walk is in the order of insertion as long as nothing is removed, and in
//! any case a function of what was done to the map.

use std::marker::PhantomData;
use std::rc::Rc;

use thalweg_storage::{Cursor, Table, Taken};

use super::declare::{StateBuilder, StateField, Sweep, expiry};
use super::keys::Keys;
use super::scope::Scope;
use super::ttl::{Expires, Ttl, refreshes_on_read, times};
use crate::checkpoint::Freezing;
use crate::raw::layout::Layout;
use crate::raw::state_cells::{Cells, word_of};
use crate::record::{Form, Key, KeyHash, KeyRef, KeyScratch, Record, split_length};

/// For each key, values by a key of their own.
///
/// Cost: reading and changing an entry as of a [`super::Value`]; a new entry, and a removed one, three or four look-ups more; a walk over the entries of a key
/// two for each of them.
#[derive(Debug)]
pub struct Map<K: Key, V: Record> {
    cells: Cells<V, 8>,
    directory: Directory,
    scope: Rc<Scope>,
    ttl: Option<Ttl>,
    /// The key of an entry.
    entry: KeyScratch,
    map_key: KeyScratch,
    marker: PhantomData<fn(K) -> K>,
}

impl<K: Key, V: Record> Map<K, V> {
    /// The value of `key`, read in place; see [`super::Value::get`].
    #[inline]
    pub fn get(&mut self, key: impl KeyRef<Key = K>) -> Option<V::View<'_>> {
        let hash = self.address(&key);
        let times = times(self.ttl, &self.scope);
        if refreshes_on_read(self.ttl) {
            self.cells.touch(hash, self.entry.as_bytes(), times);
        }
        self.cells.get(hash, self.entry.as_bytes(), times.now).map(|record| V::view(record))
    }

    /// True if there is a value of `key`.
    pub fn contains(&mut self, key: impl KeyRef<Key = K>) -> bool {
        self.get(key).is_some()
    }

    /// Sets the value of `key`.
    pub fn insert(&mut self, key: impl KeyRef<Key = K>, value: V) {
        let hash = self.address(&key);
        let times = times(self.ttl, &self.scope);
        let number = self.number(hash, &key);
        self.cells.put(hash, self.entry.as_bytes(), times, number, &value);
    }

    /// Changes the value of `key`, which is `default()` if there is none.
    pub fn update_or<R>(
        &mut self,
        key: impl KeyRef<Key = K>,
        default: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> R,
    ) -> R {
        let hash = self.address(&key);
        let times = times(self.ttl, &self.scope);
        match self.cells.change(hash.into(), self.entry.as_bytes(), times, change) {
            Ok(result) => result,
            Err(change) => {
                let mut value = default();
                let result = change(&mut value);
                let number = self.number(hash, &key);
                self.cells.put(hash, self.entry.as_bytes(), times, number, &value);
                result
            }
        }
    }

    /// Removes the value of `key`; true if there was one.
    pub fn remove(&mut self, key: impl KeyRef<Key = K>) -> bool {
        let is_there = self.contains(&key);
        let hash = self.address(&key);
        if let Some(number) = self.cells.word(hash, self.entry.as_bytes()) {
            self.cells.remove(hash, self.entry.as_bytes());
            let own = (self.scope.hash(), self.scope.key());
            self.directory.remove((own.0, own.1.as_bytes()), number, &mut self.cells);
        }
        is_there
    }

    /// Removes all entries of the key at hand. Cost: O(entries).
    pub fn clear(&mut self) {
        let (hash, key) = (self.scope.hash(), self.scope.key());
        for number in (0..self.directory.count(hash, key.as_bytes())).rev() {
            let map_key = self.directory.map_key((hash, key.as_bytes()), number);
            let own = (hash, key.as_bytes());
            let entry_hash = address(&mut self.entry, own, map_key);
            self.cells.remove(entry_hash, self.entry.as_bytes());
            self.directory.remove(own, number, &mut self.cells);
        }
    }

    /// How many entries there are. Cost: O(1); with a time to live O(entries).
    pub fn len(&self) -> usize {
        if self.ttl.is_some() {
            return self.iter().count();
        }
        let count = self.directory.count(self.scope.hash(), self.scope.key().as_bytes());
        usize::try_from(count).expect("invariant: what is in memory can be counted")
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// All entries of the key at hand, in the order of insertion, but for the last one, which takes the place of one that is removed.
    ///
    /// Cost: O(entries of this key); no allocation.
    pub fn iter(&self) -> impl Iterator<Item = (K, V::View<'_>)> {
        let now = times(self.ttl, &self.scope).now;
        let (hash, key) = (self.scope.hash(), self.scope.key());
        let (mut entry, mut slot) = (KeyScratch::new(), KeyScratch::new());
        (0..self.directory.count(hash, key.as_bytes())).filter_map(move |number| {
            let own = (hash, key.as_bytes());
            let map_key = self.directory.get(&mut slot, own, number);
            let entry_hash = address(&mut entry, own, map_key);
            let value = self.cells.get(entry_hash, entry.as_bytes(), now)?;
            Some((K::from_key_bytes(map_key), V::view(value)))
        })
    }

    /// Lays the key of an entry ready; returns its hash.
    #[inline]
    fn address(&mut self, key: &impl KeyRef<Key = K>) -> KeyHash {
        let own = (self.scope.hash(), self.scope.key());
        address(&mut self.entry, (own.0, own.1.as_bytes()), key.bytes(&mut self.map_key))
    }

    /// The number of an entry: the one that it has, if it expired and is still there, or the next.
    fn number(&mut self, hash: KeyHash, key: &impl KeyRef<Key = K>) -> u64 {
        self.cells.word(hash, self.entry.as_bytes()).unwrap_or_else(|| {
            let own = (self.scope.hash(), self.scope.key());
            let map_key = key.bytes(&mut self.map_key);
            self.directory.add((own.0, own.1.as_bytes()), map_key)
        })
    }
}

/// A key with its hash.
pub(super) type Own<'a> = (KeyHash, &'a [u8]);

/// Writes the key of an entry of a map; returns its hash, which has the key group of the key.
#[inline]
pub(super) fn address(entry: &mut KeyScratch, (hash, key): Own<'_>, map_key: &[u8]) -> KeyHash {
    entry.clear();
    entry.push_length(key.len());
    entry.push(key);
    entry.push(map_key);
    mixed(hash, KeyHash::of_bytes(map_key).0)
}

/// The hash of something that belongs to a key: another in the bits that tables use, the same in those of the key group. Mixing again with the same
/// gives the key's.
#[inline]
pub(super) fn mixed(hash: KeyHash, with: u64) -> KeyHash {
    const LOW: u64 = (1 << 40) - 1;
    // Hashed once more: a map's key may well be the key itself.
    KeyHash(hash.0 ^ KeyHash::of_int(with).0 & LOW)
}

/// The numbers of the entries of each key.
#[derive(Debug)]
struct Directory {
    table: Table,
    slot: KeyScratch,
    moved: KeyScratch,
    entry: KeyScratch,
}

impl Directory {
    /// How many entries a key has.
    fn count(&self, hash: KeyHash, key: &[u8]) -> u64 {
        let mut anchor = KeyScratch::new();
        anchor_of(&mut anchor, key);
        self.table.get(hash.0, anchor.as_bytes()).map_or(0, word_of)
    }

    fn set_count(&mut self, (hash, key): Own<'_>, count: u64) {
        anchor_of(&mut self.slot, key);
        if count == 0 {
            self.table.remove(hash.0, self.slot.as_bytes());
        } else {
            self.table.put(hash.0, self.slot.as_bytes(), &count.to_le_bytes());
        }
    }

    /// The map's key of entry `number`.
    fn map_key(&mut self, own: Own<'_>, number: u64) -> &[u8] {
        let hash = slot_of(&mut self.slot, own, number);
        let found = self.table.get(hash.0, self.slot.as_bytes());
        found.expect("invariant: numbers below the count are given")
    }

    /// As [`Self::map_key`], with the caller's room for the key.
    fn get(&self, slot: &mut KeyScratch, own: Own<'_>, number: u64) -> &[u8] {
        let hash = slot_of(slot, own, number);
        let found = self.table.get(hash.0, slot.as_bytes());
        found.expect("invariant: numbers below the count are given")
    }

    /// Gives a new entry the next number.
    fn add(&mut self, own: Own<'_>, map_key: &[u8]) -> u64 {
        let number = self.count(own.0, own.1);
        self.set_count(own, number + 1);
        let hash = slot_of(&mut self.slot, own, number);
        self.table.put(hash.0, self.slot.as_bytes(), map_key);
        number
    }

    /// Takes the number of an entry back; the last one gets it.
    fn remove<V: Record>(&mut self, own: Own<'_>, number: u64, cells: &mut Cells<V, 8>) {
        let last = self.count(own.0, own.1) - 1;
        if number != last {
            self.moved.clear();
            let hash = slot_of(&mut self.slot, own, last);
            let map_key = self.table.get(hash.0, self.slot.as_bytes());
            self.moved.push(map_key.expect("invariant: numbers below the count are given"));
            let entry_hash = address(&mut self.entry, own, self.moved.as_bytes());
            cells.set_word(entry_hash, self.entry.as_bytes(), number);
            let hash = slot_of(&mut self.slot, own, number);
            self.table.put(hash.0, self.slot.as_bytes(), self.moved.as_bytes());
        }
        let hash = slot_of(&mut self.slot, own, last);
        self.table.remove(hash.0, self.slot.as_bytes());
        self.set_count(own, last);
    }
}

/// Writes the directory's key of a count, whose hash is the key's.
fn anchor_of(anchor: &mut KeyScratch, key: &[u8]) {
    anchor.clear();
    anchor.push(&[0]);
    anchor.push(key);
}

/// Writes the directory's key of entry `number`; returns its hash.
fn slot_of(slot: &mut KeyScratch, (hash, key): Own<'_>, number: u64) -> KeyHash {
    slot.clear();
    slot.push(&[1]);
    slot.push(&number.to_le_bytes());
    slot.push(key);
    mixed(hash, number)
}

/// The key and the map's key of an entry's key.
pub(super) fn parts(entry: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = split_length(entry).expect("invariant: the key is preceded by its length");
    rest.split_at(length)
}

impl<K: Key, V: Record> StateField for Map<K, V> {
    fn declare(builder: &mut StateBuilder<'_>, name: &'static str, ttl: Option<Ttl>) -> Self {
        let cells = Cells::new(builder.backing(name, ttl, Cells::<V, 8>::layout()));
        // Whose keys these are stands with them.
        let layout = Layout::of::<K>(Form::Directory);
        let table = builder.table(&format!("{name}.directory"), layout).into_bytes();
        let scratch = KeyScratch::new;
        let directory = Directory { table, slot: scratch(), moved: scratch(), entry: scratch() };
        let (entry, map_key) = (scratch(), scratch());
        let (scope, marker) = (builder.scope(), PhantomData);
        Self { cells, directory, scope, ttl, entry, map_key, marker }
    }

    // Which entry of a map will be asked for is not known ahead.
    fn prefetch_bucket(&self, _: KeyHash) {}

    fn prefetch_entry(&self, _: KeyHash) {}

    fn expire(&mut self, sweep: &mut Sweep) {
        let Self { cells, directory, ttl, .. } = self;
        sweep.run(
            *ttl,
            &mut (cells, directory),
            |(cells, _), to, budget, taken| cells.pop_expired(to, budget, taken),
            |(cells, directory), hash, Taken { key, payload }, _| {
                let (key, map_key) = parts(key);
                let own = mixed(hash, KeyHash::of_bytes(map_key).0);
                directory.remove((own, key), word_of(payload), cells);
            },
        );
    }

    fn next_expiry(&self, by: Expires) -> Option<i64> {
        expiry(self.ttl, by, self.cells.next_expiry())
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        into.state(&mut self.cells);
        into.state(&mut self.directory.table);
    }
}

impl<K: Key, V: Record> Keys for Map<K, V> {
    fn next_keys(
        &self,
        cursor: &mut Cursor,
        limit: usize,
        each: &mut dyn FnMut(KeyHash, &[u8]),
    ) -> bool {
        // The count of a key stands under its hash, behind a 0; the rest of the directory are its entries.
        self.directory.table.scan(cursor, limit, |hash, slot, _| {
            if let Some((0, key)) = slot.split_first() {
                each(KeyHash(hash), key);
            }
        })
    }

    fn is_there(&self) -> bool {
        !self.is_empty()
    }
}

#[cfg(test)]
impl<K: Key, V: Record> Map<K, V> {
    /// Entries of all keys, and of the directory.
    pub(super) fn entries(&self) -> (usize, usize) {
        (self.cells.len(), self.directory.table.len())
    }

    /// The hashes of everything that belongs to a key.
    pub(super) fn hashes(&self, key: &str) -> Vec<KeyHash> {
        let mut hashes = Vec::new();
        let mut cursor = super::Cursor::default();
        while let Some((hash, found, _)) = self.directory.table.next(&mut cursor) {
            let own = if found[0] == 0 { &found[1..] } else { &found[9..] };
            hashes.extend((own == key.as_bytes()).then_some(KeyHash(hash)));
        }
        self.cells.each_key(|hash, found| {
            hashes.extend((parts(found).0 == key.as_bytes()).then_some(hash));
        });
        hashes
    }
}
