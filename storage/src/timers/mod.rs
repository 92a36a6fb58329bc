//! Entries with a deadline: timers, and state that expires.
//!
//! | file | what it does |
//! | --- | --- |
//! | [`table`](TimedTable) | a table whose entries have a deadline each: the truth |
//! | `wheel` | which entries to look at when: a hierarchical timing wheel of references, derived from the table |
//! | `chunks` | the wheel's memory: references in chunks, in lists |
//! | `due` | what is due in the wheel's present tick, in order |

mod chunks;
mod due;
mod table;
#[cfg(test)]
mod tests;
mod wheel;

pub(crate) use table::PREFIX_BYTES;
pub use table::{Popped, Taken, TimedTable};

/// "Look at the entry with this hash and this last byte of its key when `at` has come."
///
/// It says nothing of where the entry is, so entries may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reference {
    /// The time, with its sign bit turned: unsigned order is the order of time.
    at: u64,
    /// The key's last byte, then 56 bits of its hash. The index uses fewer.
    key: u64,
}

const HASH_BITS: u32 = 56;

impl Reference {
    fn new(at: i64, hash: u64, last: u8) -> Self {
        Self { at: unsigned(at), key: Self::key(hash, last) }
    }

    /// The key's last byte.
    fn last(self) -> u8 {
        self.key.to_le_bytes()[7]
    }

    fn key(hash: u64, last: u8) -> u64 {
        hash & ((1 << HASH_BITS) - 1) | u64::from(last) << HASH_BITS
    }
}

/// Signed times in the order of unsigned numbers.
fn unsigned(at: i64) -> u64 {
    at.cast_unsigned() ^ (1 << 63)
}

/// The reverse of [`unsigned`].
fn signed(at: u64) -> i64 {
    (at ^ (1 << 63)).cast_signed()
}
