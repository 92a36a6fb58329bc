//! The values of keyed state: archives of one type in a table, with or without a deadline.
//!
//! # Invariants
//!
//! 1. Every value of the table inside a [`Cells<V, PREFIX>`] is `PREFIX` bytes and one whole archive of `V`, every item of a list inside a
//!    [`ListCells<V>`] eight bytes and one, whenever no call is under way: the tables are private, and all writes here write archives.
//! 2. What a table gives starts at an address aligned to 8, and so does what stands behind `PREFIX` bytes, a multiple of 8 (deadlines take 16).
//!    `V::ALIGN` divides 8.

use std::cell::Cell;
use std::marker::PhantomData;

use thalweg_storage::{Cursor, Freezer, Hint, Popped, Table, Taken, TimedTable};

use super::archive_table::Place;
use super::claimed::{Claimed, Freezes};
use super::layout::Layout;
use super::scratch::Scratch;
use super::view::Rec;
use super::writer;
use crate::record::{Form, KeyHash, Record};

/// A table with or without deadlines.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each field of a state, and no access should follow a pointer more"
)]
pub(crate) enum Backing {
    /// Values stay until they are removed.
    Plain(Table),
    /// Values expire.
    Timed(TimedTable),
}

/// A [`Backing`] that nobody has looked into yet.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is made and taken apart again at once")]
pub(crate) enum ClaimedBacking {
    Plain(Claimed<Table>),
    Timed(Claimed<TimedTable>),
}

impl<V: Record, const PREFIX: usize> Freezes for Cells<V, PREFIX> {
    fn freeze(&mut self, into: &mut Freezer) {
        match &mut self.backing {
            Backing::Plain(table) => into.table(table),
            Backing::Timed(table) => into.timed(table),
        }
    }
}

impl<V: Record> Freezes for ListCells<V> {
    fn freeze(&mut self, into: &mut Freezer) {
        into.table(&mut self.table);
    }
}

/// When a value is looked at, and until when it lives if it is used now; of no account in a table without deadlines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) now: i64,
    pub(crate) until: i64,
}

/// Archives of `V`, each behind `PREFIX` bytes of the caller's: 0, or a word of 8.
#[derive(Debug)]
pub(crate) struct Cells<V: Record, const PREFIX: usize> {
    backing: Backing,
    scratch: Scratch<V>,
    buffer: Vec<u8>,
    /// What was found out when entries were asked for ahead; each is a guess that may be of another key, or of an entry that has moved.
    ahead: [Cell<(KeyHash, Hint)>; AHEAD],
}

/// As many as are on their way at a time, see [`thalweg_storage::look_ahead`].
const AHEAD: usize = 32;

impl<V: Record, const PREFIX: usize> Cells<V, PREFIX> {
    /// A typed view of a table that is empty, or comes from a checkpoint of the same layout.
    pub(crate) fn new(backing: ClaimedBacking) -> Self {
        const { assert!(PREFIX.is_multiple_of(8), "invariant 2: archives are aligned") };
        let backing = match backing {
            ClaimedBacking::Plain(table) => Backing::Plain(table.open(&Self::layout())),
            ClaimedBacking::Timed(table) => {
                Backing::Timed(table.open(&Self::layout().expiring(true)))
            }
        };
        let ahead = [const { Cell::new((KeyHash(0), Hint::NOWHERE)) }; AHEAD];
        Self { backing, scratch: Scratch::default(), buffer: Vec::new(), ahead }
    }

    /// How its values lie in the table.
    pub(crate) fn layout() -> Layout {
        Layout::of::<V>(Form::Cells { prefix: PREFIX as u64, expires: false })
    }

    pub(crate) fn prefetch_bucket(&self, hash: KeyHash) {
        match &self.backing {
            Backing::Plain(table) => table.prefetch_bucket(hash.0),
            Backing::Timed(table) => table.prefetch_bucket(hash.0),
        }
    }

    #[inline]
    pub(crate) fn prefetch_entry(&self, hash: KeyHash) -> Hint {
        let hint = match &self.backing {
            Backing::Plain(table) => table.prefetch_entry(hash.0),
            Backing::Timed(table) => table.prefetch_entry(hash.0),
        };
        self.ahead[Self::place_ahead(hash)].set((hash, hint));
        hint
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    fn place_ahead(hash: KeyHash) -> usize {
        hash.0 as usize % AHEAD
    }

    /// What is known about where the value of a key with this hash lies.
    #[inline(always)]
    fn hint(&self, hash: KeyHash) -> Hint {
        let (of, hint) = self.ahead[Self::place_ahead(hash)].get();
        if of == hash { hint } else { Hint::NOWHERE }
    }

    /// The value of `key`, if it is alive at `now`.
    #[inline]
    pub(crate) fn get(&self, hash: KeyHash, key: &[u8], now: i64) -> Option<&Rec<V>> {
        let value = match &self.backing {
            Backing::Plain(table) => table.get_at(self.hint(hash), hash.0, key)?,
            Backing::Timed(table) => match table.get(hash.0, key)? {
                (deadline, value) if deadline > now => value,
                _ => return None,
            },
        };
        // SAFETY: invariants 1 and 2.
        Some(unsafe { Rec::from_archive(&value[PREFIX..]) })
    }

    /// Lets the value of `key` live on as if it had been written.
    pub(crate) fn touch(&mut self, hash: KeyHash, key: &[u8], times: Times) {
        let _ = self.live_mut(hash.into(), key, times);
    }

    /// The word before the value of `key`, whether it is alive or expired and still there.
    pub(crate) fn word(&self, hash: KeyHash, key: &[u8]) -> Option<u64> {
        let value = match &self.backing {
            Backing::Plain(table) => table.get(hash.0, key)?,
            Backing::Timed(table) => table.get(hash.0, key)?.1,
        };
        Some(word_of(value))
    }

    /// Changes the word before the value of `key`, which is there, alive or expired.
    pub(crate) fn set_word(&mut self, hash: KeyHash, key: &[u8], word: u64) {
        let value = match &mut self.backing {
            Backing::Plain(table) => table.get_mut(hash.0, key),
            Backing::Timed(table) => {
                table.get_mut_at(Hint::default(), hash.0, key).map(|(_, value)| value)
            }
        };
        value.expect("invariant: the entry is there")[..8].copy_from_slice(&word.to_le_bytes());
    }

    /// Sets the value of `key`.
    pub(crate) fn put(&mut self, hash: KeyHash, key: &[u8], times: Times, word: u64, value: &V) {
        let Self { backing, scratch, buffer, .. } = self;
        put::<V, PREFIX>((backing, buffer), (hash, key), times, word, scratch.archive(value));
    }

    /// Sets the value of `key` to a copy of a record.
    pub(crate) fn put_record(
        &mut self,
        hash: KeyHash,
        key: &[u8],
        times: Times,
        word: u64,
        record: &Rec<V>,
    ) {
        put::<V, PREFIX>((&mut self.backing, &mut self.buffer), (hash, key), times, word, record);
    }

    /// Changes the value of `key` if it is alive, in place when its archive keeps its length; gives `change` back if it is not.
    #[inline]
    pub(crate) fn change<R, F: FnOnce(&mut V) -> R>(
        &mut self,
        place: Place,
        key: &[u8],
        times: Times,
        change: F,
    ) -> Result<R, F> {
        let Some(bytes) = self.live_mut(place, key, times) else { return Err(change) };
        let word = if PREFIX > 0 { word_of(bytes) } else { 0 };
        let bytes = &mut bytes[PREFIX..];
        // SAFETY: invariants 1 and 2.
        let mut value = unsafe { Rec::<V>::from_archive(bytes) }.to_value();
        // The table is as it was while this runs, and it may panic.
        let result = change(&mut value);
        let length = bytes.len();
        if writer::write_archive(&value, bytes, 0) != Some((0, length)) {
            // The length has changed; what the attempt left behind is replaced whole.
            self.put(place.hash(), key, times, word, &value);
        }
        Ok(result)
    }

    /// Forgets `key`; true if it was there, alive or expired.
    pub(crate) fn remove(&mut self, hash: KeyHash, key: &[u8]) -> bool {
        match &mut self.backing {
            Backing::Plain(table) => table.remove(hash.0, key),
            Backing::Timed(table) => table.remove(hash.0, key),
        }
    }

    /// Takes out the next value that has expired; its key and, in the payload, its word are in `taken`.
    pub(crate) fn pop_expired(&mut self, to: i64, budget: &mut usize, taken: &mut Taken) -> Popped {
        match &mut self.backing {
            Backing::Plain(_) => Popped::Nothing,
            Backing::Timed(table) => table.take_due(to, budget, taken),
        }
    }

    /// Shows the next keys, alive or expired, `limit` of them at most or that many places of the table. False if there are no more.
    pub(crate) fn next_keys(
        &self,
        cursor: &mut Cursor,
        limit: usize,
        each: &mut dyn FnMut(KeyHash, &[u8]),
    ) -> bool {
        match &self.backing {
            Backing::Plain(table) => {
                table.scan(cursor, limit, |hash, key, _| each(KeyHash(hash), key))
            }
            Backing::Timed(table) => (0..limit).all(|_| {
                let next = table.next(cursor);
                next.inspect(|(hash, key, ..)| each(KeyHash(*hash), key)).is_some()
            }),
        }
    }

    pub(crate) fn next_expiry(&self) -> Option<i64> {
        match &self.backing {
            Backing::Plain(_) => None,
            Backing::Timed(table) => table.next_due(),
        }
    }

    #[inline]
    fn live_mut(&mut self, place: Place, key: &[u8], times: Times) -> Option<&mut [u8]> {
        let hint =
            if place.hint().leads_somewhere() { place.hint() } else { self.hint(place.hash()) };
        let hash = place.hash().0;
        match &mut self.backing {
            Backing::Plain(table) => table.get_mut_at(hint, hash, key),
            Backing::Timed(table) => table.live_mut_at((hint, hash), key, times.now, times.until),
        }
    }
}

fn put<V: Record, const PREFIX: usize>(
    (backing, buffer): (&mut Backing, &mut Vec<u8>),
    (hash, key): (KeyHash, &[u8]),
    times: Times,
    word: u64,
    record: &Rec<V>,
) {
    let mut bytes = record.archive();
    if PREFIX > 0 {
        buffer.clear();
        buffer.extend_from_slice(&word.to_le_bytes());
        buffer.extend_from_slice(bytes);
        bytes = buffer;
    }
    match backing {
        Backing::Plain(table) => drop(table.put(hash.0, key, bytes)),
        Backing::Timed(table) => table.put(hash.0, key, times.until, bytes),
    }
}

/// The word at the start of what a table or [`Taken`] holds.
pub(crate) fn word_of(bytes: &[u8]) -> u64 {
    let (word, _) = bytes.split_first_chunk().expect("invariant 1: a word stands before the value");
    u64::from_le_bytes(*word)
}

/// Lists of archives of `V`, each item behind the time at which it expires.
#[derive(Debug)]
pub(crate) struct ListCells<V: Record> {
    table: Table,
    scratch: Scratch<V>,
    buffer: Vec<u8>,
    marker: PhantomData<fn(V) -> V>,
}

impl<V: Record> ListCells<V> {
    /// A typed view of a table that is empty, or comes from a checkpoint of the same layout.
    pub(crate) fn new(table: Claimed<Table>) -> Self {
        Self {
            table: table.open(&Self::layout()),
            scratch: Scratch::default(),
            buffer: Vec::new(),
            marker: PhantomData,
        }
    }

    /// How its values lie in the table.
    pub(crate) fn layout() -> Layout {
        Layout::of::<V>(Form::ListsOfCells)
    }

    pub(crate) fn prefetch_bucket(&self, hash: KeyHash) {
        self.table.prefetch_bucket(hash.0);
    }

    pub(crate) fn prefetch_entry(&self, hash: KeyHash) {
        self.table.prefetch_entry(hash.0);
    }

    /// Appends a value; true if the list is new.
    pub(crate) fn push(&mut self, hash: KeyHash, key: &[u8], until: i64, value: &V) -> bool {
        let Self { table, scratch, buffer, .. } = self;
        append(table, buffer, (hash, key), until, scratch.archive(value))
    }

    /// Appends a copy of a record; true if the list is new.
    pub(crate) fn push_record(
        &mut self,
        hash: KeyHash,
        key: &[u8],
        until: i64,
        record: &Rec<V>,
    ) -> bool {
        append(&mut self.table, &mut self.buffer, (hash, key), until, record)
    }

    /// Items of the list, expired ones too.
    pub(crate) fn count(&self, hash: KeyHash, key: &[u8]) -> usize {
        self.table.count_values(hash.0, key)
    }

    /// Shows the items that are alive at `now`, oldest first, and when each expires.
    pub(crate) fn for_each(
        &self,
        hash: KeyHash,
        key: &[u8],
        now: i64,
        mut each: impl FnMut(&Rec<V>, i64),
    ) {
        self.table.for_each_value(hash.0, key, |item| {
            let until = word_of(item).cast_signed();
            if until > now {
                // SAFETY: invariants 1 and 2; items are aligned as single values are.
                each(unsafe { Rec::from_archive(&item[8..]) }, until);
            }
        });
    }

    /// Shows the keys of the next lists; `limit` places of the table at most. False if there are no more.
    pub(crate) fn next_keys(
        &self,
        cursor: &mut Cursor,
        limit: usize,
        each: &mut dyn FnMut(KeyHash, &[u8]),
    ) -> bool {
        self.table.scan(cursor, limit, |hash, key, _| each(KeyHash(hash), key))
    }

    /// Forgets the list; true if there was one.
    pub(crate) fn remove(&mut self, hash: KeyHash, key: &[u8]) -> bool {
        self.table.remove(hash.0, key)
    }

    /// Writes the list anew without what has expired at `now`. Returns when half of the rest will have expired.
    ///
    /// Cost: O(items).
    pub(crate) fn compact(&mut self, hash: KeyHash, key: &[u8], now: i64) -> Option<i64> {
        let (mut kept, mut times) = (Vec::new(), Vec::new());
        self.table.for_each_value(hash.0, key, |item| {
            let until = word_of(item).cast_signed();
            if until > now {
                times.push(until);
                kept.push(item.to_vec());
            }
        });
        self.table.remove(hash.0, key);
        for item in &kept {
            self.table.append(hash.0, key, item);
        }
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }
}

fn append<V: Record>(
    table: &mut Table,
    buffer: &mut Vec<u8>,
    (hash, key): (KeyHash, &[u8]),
    until: i64,
    record: &Rec<V>,
) -> bool {
    buffer.clear();
    buffer.extend_from_slice(&until.to_le_bytes());
    buffer.extend_from_slice(record.archive());
    table.append(hash.0, key, buffer)
}

#[cfg(test)]
impl<V: Record, const PREFIX: usize> Cells<V, PREFIX> {
    /// Entries, alive or expired.
    pub(crate) fn len(&self) -> usize {
        match &self.backing {
            Backing::Plain(table) => table.len(),
            Backing::Timed(table) => table.len(),
        }
    }

    pub(crate) fn each_key(&self, mut each: impl FnMut(KeyHash, &[u8])) {
        let mut cursor = Cursor::default();
        let Backing::Plain(table) = &self.backing else { return };
        while let Some((hash, key, _)) = table.next(&mut cursor) {
            each(KeyHash(hash), key);
        }
    }
}
