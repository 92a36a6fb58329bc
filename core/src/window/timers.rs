//! When to look at a key's window again: an agenda of (time, hash, key), least first.
//!
//! Nothing is ever cancelled or moved: a window notes in its state for which instant it is on the agenda (`armed`), and an entry of any
//! other instant is passed over when its time has come. So the records of a session never touch the agenda while the session grows.
//!
//! The agenda is no state: each of its entries that counts is written in the window's own state, in the store, and on restore it is made from
//! there. It is ordered by time, then by hash and key, so that firing order does not depend on how it came about.

use std::cmp::Ordering;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::record::KeyHash;
use crate::time::EventTime;

/// Bytes of a key that an entry holds without allocating.
const INLINE_BYTES: usize = 39;

/// The bytes of a key, in place if they are few.
#[derive(Debug, Clone)]
enum KeyBytes {
    Inline(u8, [u8; INLINE_BYTES]),
    Boxed(Box<[u8]>),
}

impl KeyBytes {
    fn of(bytes: &[u8]) -> Self {
        let mut inline = [0; INLINE_BYTES];
        match (inline.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(room), Ok(len)) => {
                room.copy_from_slice(bytes);
                Self::Inline(len, inline)
            }
            _ => Self::Boxed(bytes.into()),
        }
    }

    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Inline(len, bytes) => &bytes[..usize::from(*len)],
            Self::Boxed(bytes) => bytes,
        }
    }
}

/// An entry of the agenda.
#[derive(Debug, Clone)]
pub(crate) struct Timer {
    pub(crate) at: EventTime,
    pub(crate) hash: KeyHash,
    key: KeyBytes,
}

impl Timer {
    /// Of which key.
    pub(crate) fn key(&self) -> &[u8] {
        self.key.as_slice()
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = (self.at, self.hash).cmp(&(other.at, other.hash));
        order.then_with(|| self.key().cmp(other.key()))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Timer {}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Timer>>,
}

impl Timers {
    /// Notes to look at `key` when the watermark reaches `at`.
    ///
    /// Cost: O(1) on average; allocates for keys of more than 39 bytes, and when there were never so many.
    pub(crate) fn set(&mut self, at: EventTime, hash: KeyHash, key: &[u8]) {
        self.heap.push(Reverse(Timer { at, hash, key: KeyBytes::of(key) }));
    }

    /// The next entry whose time has come at watermark `at`. Cost: O(log entries).
    pub(crate) fn pop_due(&mut self, at: EventTime) -> Option<Timer> {
        self.heap.peek().filter(|timer| timer.0.at <= at)?;
        self.heap.pop().map(|timer| timer.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_by_time_then_by_key_whatever_the_order_of_setting() {
        let long = [7; 100];
        let mut entries = vec![
            (5, 1, &b"a"[..]),
            (3, 2, &b"b"[..]),
            (3, 2, &b"a"[..]),
            (3, 1, &long[..]),
            (9, 0, &b""[..]),
        ];
        for _ in 0..entries.len() {
            entries.rotate_left(1);
            let mut timers = Timers::default();
            for (at, hash, key) in &entries {
                timers.set(EventTime::from_nanos(*at), KeyHash(*hash), key);
            }
            let mut seen = Vec::new();
            while let Some(timer) = timers.pop_due(EventTime::from_nanos(5)) {
                seen.push((timer.at.as_nanos(), timer.hash.0, timer.key().to_vec()));
            }
            let expected = [
                (3, 1, long.to_vec()),
                (3, 2, b"a".to_vec()),
                (3, 2, b"b".to_vec()),
                (5, 1, b"a".to_vec()),
            ];
            assert_eq!(seen, expected);
        }
    }
}
