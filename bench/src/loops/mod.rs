//! The hops of a record, each as a loop of its own: what criterion times and what the guard counts instructions of.
//!
//! A [`Hop`] is made ready once and then run for as many records as are asked for. Those of the first file need no job; where a hop is reached through a job alone,
//! the loop is the least job that has it, turned by the thread that asks.
//!
//! * [`hops`]: decode, batch write, chain, ring, partition, state update, encode.
//! * [`jobs`]: the whole path, slice add, window fire.
//! * [`guard`]: instructions a record, and their baseline.

pub mod guard;
mod hops;
mod jobs;

/// Runs a loop for so many records.
pub type Run = Box<dyn FnMut(u64)>;

/// One hop.
#[derive(Debug, Clone, Copy)]
pub struct Hop {
    /// One word, or several with dashes.
    pub name: &'static str,
    /// What a record goes through in it.
    pub title: &'static str,
    /// Makes it ready.
    pub make: fn() -> Run,
    /// For how many records it is run to be measured.
    pub records: u64,
}

/// All hops, in the order in which a record meets them.
pub const ALL: &[Hop] = &[
    hop("decode-json", "a bid of 91 bytes of NDJSON", hops::decode_json),
    hop("decode-csv", "a departure of eleven columns", hops::decode_csv),
    hop("batch-write", "a bid serialised into a page", hops::batch_write),
    hop("chain", "filter and map over a page", hops::chain),
    hop("ring", "a bid written into a ring and read from it", hops::ring),
    hop("partition", "a bid dealt by key to one of four workers", hops::partition),
    hop("state-update", "a count of 1,000 keys", hops::state_update),
    hop("path", "source, exchange, keyed count: a job", jobs::path),
    hop("slice-add", "a tick into a sliding window that stays open: a job", jobs::slice_add),
    hop("window-fire", "a tick alone in its window, which fires: a job", jobs::window_fire),
    hop("encode-json", "a bid as a line of NDJSON", hops::encode_json),
    hop("encode-csv", "a bid as a line of CSV", hops::encode_csv),
];

/// Many times as many as are made beforehand.
const RECORDS: u64 = 1 << 14;

const fn hop(name: &'static str, title: &'static str, make: fn() -> Run) -> Hop {
    Hop { name, title, make, records: RECORDS }
}

/// The hop of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Hop> {
    ALL.iter().find(|hop| hop.name == name)
}
