//! Visiting all keys because of a broadcast record.
//!
//! The keys are copied first, then each is visited: user code changes what is walked over, and an entry of the table that outgrows its place moves. While a
//! visit is under way the operator reads nothing, so the keys are those that had the state when the record came.
//!
//! # Invariants
//!
//! 1. Each key is visited once, if it still has the state then; in the order of the table, which is a function of what was done to it.
//! 2. Nothing of a visit is left between two elements that are read, and so nothing that a checkpoint would have to hold.

use std::collections::VecDeque;
use std::fmt;

use thalweg_storage::Cursor;

use crate::raw::page::PageBuf;
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::state::Keys;
use crate::time::EventTime;

/// Which keys are visited because of a broadcast record; see [`KeyedBroadcastProcess::visits`](super::traits::KeyedBroadcastProcess::visits).
pub struct Visit<S> {
    state: Option<KeysOf<S>>,
}

/// Which of the fields of a state says which keys there are.
type KeysOf<S> = fn(&S) -> &dyn Keys;

impl<S> fmt::Debug for Visit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("is_some", &self.state.is_some()).finish()
    }
}

impl<S> Visit<S> {
    /// No key.
    pub fn none() -> Self {
        Self { state: None }
    }

    /// Every key that has some of this state: `Visit::all_keys(|card| &card.spent)`.
    ///
    /// Cost: while it lasts, the memory of all keys, 12 bytes more for each; of each key a look-up and what is done with it.
    pub fn all_keys(state: fn(&S) -> &dyn Keys) -> Self {
        Self { state: Some(state) }
    }
}

/// A visit that is under way.
pub(super) struct Visiting<T: Record, S> {
    state: KeysOf<S>,
    /// The record, and nothing else.
    record: PageBuf<T>,
    pub(super) at: EventTime,
    cursor: Cursor,
    /// All keys are copied.
    is_copied: bool,
    keys: KeyList,
}

/// Places of a table that are looked at in the time of one visit.
const PLACES_A_VISIT: usize = 16;

impl<T: Record, S> Visiting<T, S> {
    /// Nothing if no key is to be visited.
    pub(super) fn new(visit: &Visit<S>, record: &Rec<T>, at: EventTime) -> Option<Self> {
        let state = visit.state?;
        let mut own = PageBuf::for_archive(record.archive().len());
        let is_in = own.push_archived(record, at, KeyHash(0));
        assert!(is_in, "invariant: a page made for a record holds it");
        let (cursor, keys) = (Cursor::default(), KeyList::default());
        Some(Self { state, record: own, at, cursor, is_copied: false, keys })
    }

    /// Copies keys, in the time of `limit` visits; true when all are copied.
    pub(super) fn copy(&mut self, state: &S, limit: usize) -> bool {
        let Self { state: keys_of, cursor, is_copied, keys, .. } = self;
        if !*is_copied {
            let limit = limit.saturating_mul(PLACES_A_VISIT);
            *is_copied = !keys_of(state).next_keys(cursor, limit, &mut |hash, key| {
                keys.push(hash, key);
            });
        }
        *is_copied
    }

    /// Whether the key at hand has some of the state still.
    pub(super) fn is_there(&self, state: &S) -> bool {
        (self.state)(state).is_there()
    }

    /// The record because of which the keys are visited, and the keys that are left.
    pub(super) fn parts(&mut self) -> (&Rec<T>, &mut KeyList) {
        (self.record.view().record(0), &mut self.keys)
    }
}

/// Keys, one after the other: `hash (8) | length (4) | key`.
#[derive(Debug, Default)]
pub(super) struct KeyList {
    blocks: VecDeque<Vec<u8>>,
    /// Bytes of the first block that were read.
    read: usize,
}

/// Bytes of a block; a key that is larger has one of its own.
const BLOCK_BYTES: usize = 64 << 10;

const HEAD_BYTES: usize = 12;

impl KeyList {
    fn push(&mut self, hash: KeyHash, key: &[u8]) {
        let bytes = HEAD_BYTES + key.len();
        let has_room = |block: &Vec<u8>| block.capacity() - block.len() >= bytes;
        if !self.blocks.back().is_some_and(has_room) {
            self.blocks.push_back(Vec::with_capacity(bytes.max(BLOCK_BYTES)));
        }
        let block = self.blocks.back_mut().expect("invariant: a block has room");
        let length = u32::try_from(key.len()).expect("invariant: keys are shorter than 4 MiB");
        block.extend_from_slice(&hash.0.to_le_bytes());
        block.extend_from_slice(&length.to_le_bytes());
        block.extend_from_slice(key);
    }

    /// The hashes of some of the keys that come next, up to `most`.
    pub(super) fn hashes(&self, most: usize) -> impl Iterator<Item = KeyHash> {
        let mut rest = self.blocks.front().map_or(&[][..], |block| &block[self.read..]);
        std::iter::from_fn(move || {
            let (hash, _, behind) = split(rest)?;
            rest = behind;
            Some(hash)
        })
        .take(most)
    }

    /// Shows the next key to `each`; `None` if there is none.
    pub(super) fn next<R>(&mut self, each: impl FnOnce(KeyHash, &[u8]) -> R) -> Option<R> {
        let block = self.blocks.front()?;
        let (hash, key, behind) = split(&block[self.read..])?;
        let result = each(hash, key);
        self.read = block.len() - behind.len();
        if behind.is_empty() {
            self.blocks.pop_front();
            self.read = 0;
        }
        Some(result)
    }
}

/// The first key, and what is behind it.
fn split(bytes: &[u8]) -> Option<(KeyHash, &[u8], &[u8])> {
    let (hash, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (key, behind) = rest.split_at(length);
    Some((KeyHash(u64::from_le_bytes(*hash)), key, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_in_order_however_long_they_are() {
        let mut list = KeyList::default();
        let keys: Vec<_> = (0..9_000usize).map(|n| vec![b'k'; n % 97]).collect();
        let (long, empty) = (vec![b'l'; 2 * BLOCK_BYTES], Vec::new());
        let keys: Vec<_> = keys.iter().chain([&long, &empty]).collect();
        keys.iter().for_each(|key| list.push(KeyHash::of_bytes(key), key));
        for key in keys {
            assert_eq!(list.hashes(3).next(), Some(KeyHash::of_bytes(key)));
            assert!(list.hashes(3).count() <= 3);
            let next = list.next(|hash, key| (hash, key.to_vec()));
            assert_eq!(next, Some((KeyHash::of_bytes(key), key.clone())));
        }
        assert_eq!(list.next(|_, _| ()), None);
        assert!(list.blocks.is_empty());
    }
}
