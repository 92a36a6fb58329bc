//! A table whose entries have a deadline each.
//!
//! The truth about an entry is in the table: its deadline, its payload. To set a deadline again is one write in place, whatever the deadline: the
//! [wheel](super::wheel) holds one reference to the entry, by its hash, at or before its deadline, and an entry that is found not yet due is filed again. So a timer
//! that is put off with every record, and state that lives on with every use, cost no more than the table does. A cancelled
//! deadline leaves its entry behind until the reference meets it; so setting and cancelling one deadline over and over leaves nothing.
//!
//! ```text
//!  value  | deadline (8) | filed (8) | payload … |
//! ```
//!
//! # Invariants
//!
//! 1. `filed` is the time of the one valid reference to the entry, and not behind its deadline. References that lead to no entry with their hash that is filed at their time are stale
//!    and dropped when they are met; when they are more than half of all they are looked for, a chunk with each operation that makes another.
//! 2. The wheel and the heap are derived: a reference to each entry at the time it is filed at makes them anew.
//! 3. Entries come out in the order of (deadline, hash, last byte of the key), whatever was done before to make them pending.
//!
//! # Memory
//!
//! A timer with an 8-byte key and one byte for its name takes 48 bytes in the log, 9 to 24 in the index and 16.5 in the wheel.

use super::due::{Due, DueHeap};
use super::wheel::Wheel;
use super::{Reference, signed, unsigned};
use crate::index::Place;
use crate::log::entry::{self, Header, Kind};
use crate::log::{Address, size_class};
use crate::memory::Memory;
use crate::table::expect_kind;
use crate::{Cursor, Hint, Table, TableConfig};
use std::rc::Rc;

/// Bytes before the payload.
pub(crate) const PREFIX_BYTES: usize = 16;

/// The deadline of an entry that was cancelled.
const CANCELLED: i64 = i64::MIN;

/// Stale references that are not worth looking for.
const STALE_MIN: usize = 1024;

/// What one turn of the wheel, up to 31 references moved, costs of a budget whose unit is an entry that comes out.
const TURN_COST: usize = 4;

/// See the file's header. Made by [`crate::Store::timed`].
#[derive(Debug)]
pub struct TimedTable {
    table: Table,
    wheel: Wheel,
    due: DueHeap,
    /// Entries that were cancelled and are still there.
    cancelled: usize,
    /// References that are known to be stale.
    stale: usize,
    near: Vec<Reference>,
    /// A value that moves.
    value: Vec<u8>,
}

/// Where [`TimedTable::take_due`] copies an entry to; to be used again.
#[derive(Debug, Default)]
pub struct Taken {
    /// The key.
    pub key: Vec<u8>,
    /// The payload.
    pub payload: Vec<u8>,
}

/// What [`TimedTable::pop_due`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Popped {
    /// The entry with this hash and deadline, which was copied; it is gone from the table.
    Due {
        /// The hash of its key.
        hash: u64,
        /// Its deadline.
        at: i64,
    },
    /// The budget is used up, and there may be more.
    Budget,
    /// Nothing is due any more.
    Nothing,
}

impl TimedTable {
    pub(crate) fn new(memory: Rc<Memory>, config: TableConfig) -> Self {
        Self {
            table: Table::new(Rc::clone(&memory), config),
            wheel: Wheel::new(memory),
            due: DueHeap::default(),
            cancelled: 0,
            stale: 0,
            near: Vec::new(),
            value: Vec::new(),
        }
    }

    /// The truth.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// As [`Self::table`], to be filled.
    pub(crate) fn table_mut(&mut self) -> &mut Table {
        &mut self.table
    }

    /// Number of entries with a deadline. Cost: O(1).
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len() - self.cancelled
    }

    /// Whether no entry has a deadline. Cost: O(1).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory held, bytes: table and wheel. Cost: O(1).
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.table.bytes() + self.wheel.bytes() + self.due.len() * size_of::<Due>()
    }

    /// See [`Table::prefetch_bucket`].
    #[inline(always)]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.table.prefetch_bucket(hash);
    }

    /// See [`Table::prefetch_entry`].
    #[inline(always)]
    pub fn prefetch_entry(&self, hash: u64) -> Hint {
        self.table.prefetch_entry(hash)
    }

    /// Deadline and payload of `key`. Cost: as [`Table::get`].
    #[inline]
    #[must_use]
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<(i64, &[u8])> {
        let value = self.table.get(hash, key)?;
        let deadline = read(value, 0);
        (deadline != CANCELLED).then(|| (deadline, &value[PREFIX_BYTES..]))
    }

    /// Deadline and payload of `key`, the latter to be changed in place. Cost: as [`Table::get_mut_at`].
    #[inline]
    #[must_use]
    pub fn get_mut_at(&mut self, hint: Hint, hash: u64, key: &[u8]) -> Option<(i64, &mut [u8])> {
        let value = self.table.get_mut_at(hint, hash, key)?;
        let deadline = read(value, 0);
        (deadline != CANCELLED).then(|| (deadline, &mut value[PREFIX_BYTES..]))
    }

    /// The payload of `key`, to be changed in place, unless its deadline is `now` or before; it lives until `until` at least from now on.
    ///
    /// Cost: as [`Table::get_mut_at`]: one write more, whatever the deadline.
    #[inline]
    #[must_use]
    pub fn live_mut_at(
        &mut self,
        (hint, hash): (Hint, u64),
        key: &[u8],
        now: i64,
        until: i64,
    ) -> Option<&mut [u8]> {
        let value = self.table.get_mut_at(hint, hash, key)?;
        let deadline = read(value, 0);
        if deadline <= now || deadline == CANCELLED {
            return None;
        }
        if until > deadline {
            write(value, 0, until);
        }
        Some(&mut value[PREFIX_BYTES..])
    }

    /// Gives `key`, if it is there, another deadline, of which [`i64::MIN`] counts as the one after it. Returns the one it had.
    ///
    /// Cost: one write in place; if the deadline is earlier than what the wheel knows, a reference in the wheel.
    pub fn set_deadline(&mut self, hint: Hint, hash: u64, key: &[u8], at: i64) -> Option<i64> {
        let value = self.table.get_mut_at(hint, hash, key)?;
        let (before, filed) = (read(value, 0), read(value, 8));
        if before == CANCELLED {
            return None;
        }
        let at = at.max(CANCELLED + 1);
        write(value, 0, at);
        if at < filed {
            write(value, 8, at);
            self.file_again(hash, key, at);
        }
        Some(before)
    }

    /// Gives `key` a deadline and no payload, or another deadline. Returns the one it had.
    ///
    /// For a table without payloads, as of timers. Cost: as [`Self::set_deadline`]; a new key as a new key of [`Table::upsert`].
    #[inline]
    pub fn set(&mut self, hint: Hint, hash: u64, key: &[u8], at: i64) -> Option<i64> {
        let at = at.max(CANCELLED + 1);
        let Some(value) = self.table.get_mut_at(hint, hash, key) else {
            self.insert(hash, key, at, &[]);
            return None;
        };
        let (before, filed) = (read(value, 0), read(value, 8));
        write(value, 0, at);
        if at < filed {
            write(value, 8, at);
            self.file_again(hash, key, at);
        }
        if before == CANCELLED {
            self.cancelled -= 1;
            return None;
        }
        Some(before)
    }

    /// Gives `key` a payload, new or instead of what it had, and the deadline `at`, or the one that it has if that is later.
    ///
    /// Cost: as [`Table::put`]; one that outgrows its entry is filed again.
    pub fn put(&mut self, hash: u64, key: &[u8], at: i64, payload: &[u8]) {
        let at = at.max(CANCELLED + 1);
        let Some((place, address)) = self.table.find(hash, key) else {
            self.insert(hash, key, at, payload);
            return;
        };
        let address = self.table.writable(place, address);
        let header = self.table.log.header(address);
        expect_kind(header, Kind::Single);
        let start = entry::value_offset(key.len(), self.table.value_align);
        let value_len = PREFIX_BYTES + payload.len();
        let fits = start + value_len <= size_class::bytes(header.class());
        let bytes = self.table.log.at_mut(address);
        // `CANCELLED` is before all others.
        let before = read(&bytes[start..], 0);
        let at = at.max(before);
        if before == CANCELLED {
            self.cancelled -= 1;
        }
        if !fits {
            self.relocate(hash, key, at, payload);
            return;
        }
        header.with_value_len(value_len).write(bytes);
        let value = &mut bytes[start..start + value_len];
        write(value, 0, at);
        value[PREFIX_BYTES..].copy_from_slice(payload);
        if at < read(value, 8) {
            write(value, 8, at);
            self.file_again(hash, key, at);
        }
    }

    /// Takes the deadline of `key` away and keeps room for the next one: for timers, which are set again. Returns the deadline it had.
    pub fn cancel(&mut self, hash: u64, key: &[u8]) -> Option<i64> {
        let value = self.table.get_mut(hash, key)?;
        let before = read(value, 0);
        if before == CANCELLED {
            return None;
        }
        write(value, 0, CANCELLED);
        self.cancelled += 1;
        Some(before)
    }

    /// Removes `key`, and its memory is free at once. `true` if it was there.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> bool {
        let Some((deadline, _)) = self.get(hash, key) else { return false };
        debug_assert_ne!(deadline, CANCELLED);
        self.table.remove(hash, key);
        self.note_stale();
        true
    }

    /// No deadline is before this; none at all: `None`. Cost: some nanoseconds.
    #[must_use]
    pub fn next_due(&self) -> Option<i64> {
        let near = self.due.first().map(|due| due.at);
        let next = match (near, self.wheel.next()) {
            (Some(near), Some(far)) => near.min(far),
            (near, far) => near.or(far)?,
        };
        Some(signed(next))
    }

    /// Takes out the first entry whose deadline is `to` or before, and copies its key to `key`.
    ///
    /// `to` must not go back. A deadline that is set meanwhile and is due already is met in its place in the order.
    ///
    /// `budget` goes down by the work done: by one for each entry that comes out or is put off, by a few for each turn of the wheel.
    pub fn pop_due(&mut self, to: i64, budget: &mut usize, key: &mut Vec<u8>) -> Popped {
        match self.find_due(to, budget) {
            Ok(found) => self.take(found, key, None),
            Err(popped) => popped,
        }
    }

    /// As [`Self::pop_due`]; copies the payload too.
    pub fn take_due(&mut self, to: i64, budget: &mut usize, taken: &mut Taken) -> Popped {
        match self.find_due(to, budget) {
            Ok(found) => self.take(found, &mut taken.key, Some(&mut taken.payload)),
            Err(popped) => popped,
        }
    }

    /// The first entry whose deadline is `to` or before.
    fn find_due(&mut self, to: i64, budget: &mut usize) -> Result<Found, Popped> {
        let to = unsigned(to);
        loop {
            let first = self.due.first().filter(|due| due.at <= to);
            if *budget == 0 {
                let is_through = first.is_none() && self.wheel.next().is_none_or(|at| at > to);
                return Err(if is_through { Popped::Nothing } else { Popped::Budget });
            }
            if let Some(due) = first.filter(|_| !self.wheel.is_emptying()) {
                *budget -= 1;
                self.due.pop();
                let reference = Reference { at: due.at, key: Reference::key(due.hash, due.last) };
                if let Some(found) = self.meet(reference) {
                    return Ok(found);
                }
            } else if self.wheel.turn(to, &mut self.near) {
                *budget = budget.saturating_sub(TURN_COST);
                self.look_at_near();
            } else {
                return Err(Popped::Nothing);
            }
        }
    }

    /// The next entry, `(hash, key, deadline, payload)`, in the order of [`Table::next`].
    pub fn next(&self, cursor: &mut Cursor) -> Option<(u64, &[u8], i64, &[u8])> {
        loop {
            let (hash, key, value) = self.table.next(cursor)?;
            let deadline = read(value, 0);
            if deadline != CANCELLED {
                return Some((hash, key, deadline, &value[PREFIX_BYTES..]));
            }
        }
    }

    /// Gives what was written since to the journal.
    pub(crate) fn freeze(&mut self) {
        self.table.log.freeze(0);
    }

    /// Makes the references of all entries of a table that was restored.
    pub(crate) fn file_all(&mut self) {
        let mut cursor = Cursor::default();
        let mut references = Vec::new();
        let mut again = true;
        while again {
            again = self.table.scan(&mut cursor, 4096, |hash, key, value| {
                self.cancelled += usize::from(read(value, 0) == CANCELLED);
                references.push((read(value, 8), hash, last_byte(key)));
            });
            for (at, hash, last) in references.drain(..) {
                self.file(at, hash, last);
            }
        }
    }

    /// References that the wheel holds, valid or stale; for tests and benchmarks.
    #[must_use]
    pub fn references(&self) -> usize {
        self.wheel.len() + self.due.len()
    }

    #[inline(never)]
    fn insert(&mut self, hash: u64, key: &[u8], at: i64, payload: &[u8]) {
        let address = self.table.insert(Kind::Single, hash, key, PREFIX_BYTES + payload.len());
        let value = self.table.value_mut(address, Kind::Single);
        write(value, 0, at);
        write(value, 8, at);
        value[PREFIX_BYTES..].copy_from_slice(payload);
        self.file(at, hash, last_byte(key));
    }

    /// Moves an entry whose payload has outgrown it.
    #[cold]
    fn relocate(&mut self, hash: u64, key: &[u8], at: i64, payload: &[u8]) {
        self.value.clear();
        self.value.extend_from_slice(&at.to_le_bytes());
        self.value.extend_from_slice(&at.to_le_bytes());
        self.value.extend_from_slice(payload);
        self.table.put(hash, key, &self.value);
        self.file_again(hash, key, at);
    }

    /// A new reference to an entry that had one, which is stale now.
    fn file_again(&mut self, hash: u64, key: &[u8], at: i64) {
        self.note_stale();
        self.file(at, hash, last_byte(key));
    }

    /// Files a reference to an entry.
    fn file(&mut self, at: i64, hash: u64, last: u8) {
        let reference = Reference::new(at, hash, last);
        if !self.wheel.file(reference) {
            self.due.push(Due { at: reference.at, hash, last });
        }
    }

    /// One more reference is stale; if most are, some are looked for.
    fn note_stale(&mut self) {
        self.stale += 1;
        if self.stale > STALE_MIN && self.stale > self.wheel.len() / 2 {
            let table = &self.table;
            let dropped = self.wheel.retain(|reference| resolve(table, *reference).is_some());
            self.stale = self.stale.saturating_sub(dropped);
        }
    }

    /// References of the present tick: the entry of each is looked at, so that few get into the heap in vain.
    fn look_at_near(&mut self) {
        let mut near = std::mem::take(&mut self.near);
        for reference in &near {
            self.table.prefetch_bucket(reference.key);
        }
        for reference in &near {
            let _ = self.table.prefetch_entry(reference.key);
        }
        for reference in near.drain(..) {
            if let Some(found) = self.meet(reference) {
                let last = reference.last();
                self.due.push(Due { at: reference.at, hash: found.hash, last });
            }
        }
        self.near = near;
    }

    /// The entry of a reference, if its deadline is that of the reference. An entry with a later deadline is filed at that; one that
    /// was cancelled is gone.
    fn meet(&mut self, reference: Reference) -> Option<Found> {
        let Some(found) = resolve(&self.table, reference) else {
            self.stale = self.stale.saturating_sub(1);
            return None;
        };
        let Found { place, address, hash } = found;
        let bytes = self.table.log.at(address);
        let header = Header::read(bytes);
        let last = last_byte(entry::key(bytes, header));
        let start = entry::value_offset(header.key_len(), self.table.value_align);
        let deadline = read(&bytes[start..], 0);
        if deadline == CANCELLED {
            self.table.remove_at(place, hash, address);
            self.cancelled -= 1;
            return None;
        }
        if unsigned(deadline) == reference.at {
            return Some(found);
        }
        let address = self.table.writable(place, address);
        write(&mut self.table.log.at_mut(address)[start..], 8, deadline);
        self.file(deadline, hash, last);
        None
    }

    fn take(
        &mut self,
        Found { place, address, hash }: Found,
        key: &mut Vec<u8>,
        payload: Option<&mut Vec<u8>>,
    ) -> Popped {
        let bytes = self.table.log.at(address);
        let header = Header::read(bytes);
        key.clear();
        key.extend_from_slice(entry::key(bytes, header));
        if let Some(payload) = payload {
            let start = entry::value_offset(header.key_len(), self.table.value_align);
            payload.clear();
            payload.extend_from_slice(&bytes[start + PREFIX_BYTES..start + header.value_len()]);
        }
        let start = entry::value_offset(header.key_len(), self.table.value_align);
        let at = read(&bytes[start..], 0);
        self.table.remove_at(place, hash, address);
        Popped::Due { hash, at }
    }
}

/// An entry, and where the index has it.
#[derive(Clone, Copy)]
struct Found {
    place: Place,
    address: Address,
    hash: u64,
}

fn last_byte(key: &[u8]) -> u8 {
    key.last().copied().unwrap_or(0)
}

/// The entry whose valid reference this is; `None` if the reference is stale.
///
/// Two entries whose references are equal, which takes 56 equal bits of hash, are found one after the other, as each is taken out or filed elsewhere.
fn resolve(table: &Table, Reference { at, key }: Reference) -> Option<Found> {
    let mut hash = 0;
    let found = table.index.find(key, |address| {
        let bytes = table.log.at(address);
        let header = Header::read(bytes);
        let start = entry::value_offset(header.key_len(), table.value_align);
        hash = entry::second_word(bytes);
        let last = last_byte(entry::key(bytes, header));
        Reference::key(hash, last) == key && unsigned(read(&bytes[start..], 8)) == at
    });
    found.map(|(place, address)| Found { place, address, hash })
}

fn read(value: &[u8], at: usize) -> i64 {
    entry::word(value, at).cast_signed()
}

fn write(value: &mut [u8], at: usize, time: i64) {
    entry::set_word(value, at, time.cast_unsigned());
}
