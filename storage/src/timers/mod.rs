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

pub use table::{Popped, Taken, TimedTable};

use crate::log::Address;

/// "Look at the entry at `address` when `at` has come."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reference {
    /// The time, with its sign bit turned: unsigned order is the order of time.
    at: u64,
    address: Address,
}

/// Signed times in the order of unsigned numbers.
fn unsigned(at: i64) -> u64 {
    at.cast_unsigned() ^ (1 << 63)
}

/// The reverse of [`unsigned`].
fn signed(at: u64) -> i64 {
    (at ^ (1 << 63)).cast_signed()
}
