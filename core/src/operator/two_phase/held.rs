//! The table of the first phase: one accumulator a place, and a key has one place.
//!
//! A key that finds its place taken takes it, and what was there is sent: keys that come often find theirs again, and a table larger than the cache would cost more than it
//! saves.

use crate::record::{Key, KeyHash, KeyRef, KeyScratch, Record};
use crate::time::EventTime;

use super::pieces::Piece;

/// What some records of a key come to.
#[derive(Debug)]
pub(super) struct Held<K, V> {
    pub(super) hash: KeyHash,
    pub(super) key: K,
    pub(super) piece: Piece,
    pub(super) value: V,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    /// A power of two of them; none before the first record.
    places: Vec<Option<Held<K, V>>>,
    /// The places that are taken, in the order in which they were.
    taken: Vec<u32>,
    /// No piece that is held is due before.
    earliest: EventTime,
}

/// What the places of a table take at most, without what keys and values have elsewhere: a quarter of a core's L2.
const ROOM_BYTES: usize = 256 << 10;

/// Keys that a table holds at most.
const MOST_PLACES: usize = 4_096;

impl<K: Key, V: Record> Table<K, V> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), taken: Vec::new(), earliest: EventTime::MAX }
    }

    /// How many places a table has.
    fn room() -> usize {
        let most = (ROOM_BYTES / size_of::<Option<Held<K, V>>>()).clamp(16, MOST_PLACES);
        1 << most.ilog2()
    }

    /// What is held of a key, if its place is its own.
    #[inline(always)]
    pub(super) fn find(&mut self, hash: KeyHash, key: &[u8]) -> Option<&mut Held<K, V>> {
        let place = self.place(hash);
        let held = self.places.get_mut(place)?.as_mut()?;
        (held.hash == hash && is_key(&held.key, key)).then_some(held)
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
    fn place(&self, hash: KeyHash) -> usize {
        // Groups, and so owners, are of the upper bits.
        hash.0 as usize & self.places.len().wrapping_sub(1)
    }

    /// Puts something in its place, and returns what was there.
    pub(super) fn put(&mut self, next: Held<K, V>) -> Option<Held<K, V>> {
        if self.places.is_empty() {
            self.places.resize_with(Self::room(), || None);
            self.taken.reserve_exact(Self::room());
        }
        self.earliest = self.earliest.min(next.piece.due);
        let place = self.place(next.hash);
        let before = self.places[place].replace(next);
        if before.is_none() {
            self.taken.push(u32::try_from(place).expect("invariant: few places"));
        }
        before
    }

    /// Takes out what is held of a key, if its place is its own.
    pub(super) fn take(&mut self, hash: KeyHash, key: &[u8]) -> Option<Held<K, V>> {
        self.find(hash, key)?;
        let place = self.place(hash);
        self.taken.retain(|taken| *taken as usize != place);
        self.places[place].take()
    }

    /// Whether a piece may be due at `at` or before.
    #[inline]
    pub(super) fn is_due(&self, at: EventTime) -> bool {
        !self.taken.is_empty() && self.earliest <= at
    }

    /// A piece of those that are held has grown.
    #[inline(always)]
    pub(super) fn note_due(&mut self, at: EventTime) {
        self.earliest = self.earliest.min(at);
    }

    /// Takes out what is due at `until` or before, in the order in which the places were taken.
    pub(super) fn drain(&mut self, until: EventTime, mut each: impl FnMut(Held<K, V>)) {
        let Self { places, taken, earliest } = self;
        *earliest = EventTime::MAX;
        taken.retain(|place| {
            let place = &mut places[*place as usize];
            let due = place.as_ref().map(|held| held.piece.due);
            if let Some(due) = due.filter(|due| *due > until) {
                *earliest = due.min(*earliest);
                return true;
            }
            place.take().into_iter().for_each(&mut each);
            false
        });
    }
}

/// Whether `bytes` are those of `key`.
#[inline(always)]
fn is_key<K: Key>(key: &K, bytes: &[u8]) -> bool {
    if K::WIDTH.is_some() {
        return K::from_key_bytes(bytes) == *key;
    }
    let mut scratch = KeyScratch::new();
    KeyRef::bytes(key, &mut scratch) == bytes
}
