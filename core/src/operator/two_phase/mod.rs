//! Aggregation in two phases: records become accumulators where they are, and only those travel to the worker that owns the key.
//!
//! A worker keeps, for each edge, a small [table](held) of accumulators, each of one key and one [piece](pieces) of event time. A record is added to that of its key and
//! piece, and does not travel; what travels is an accumulator that has to make room, or must not wait any longer. So of a key that half of all records
//! have, the worker that owns it gets a handful of accumulators instead of half of all records.
//!
//! * Arrives from: the operator before the exchange, as pages, through its fused chain.
//! * Leaves to: [`crate::exchange::lane`], as [`Early`], and so to the operator that merges them.
//!
//! # Invariants
//!
//! 1. Nothing is held when a barrier is passed on: the table is no state.
//! 2. An accumulator is sent before a watermark is passed on with which something would close that it belongs to: its slice, or a session that begins before it. So an operator
//!    that closes windows by the watermark never gets one for a window that has closed, and its results are those of one phase.
//! 3. A record that may be late is sent whole, for only the operator knows whether it is: one whose piece ended before the watermark of this sender, and, for an operator whose
//!    records can be late, all that come after this sender was idle, when event time has gone on without it.
//! 4. Accumulators of one key and piece are sent in the order of their records, and a record that is sent whole comes after all that is held of its key.
//! 5. What is sent is a function of the elements of the pages, not of how they were cut into pages.
//!
//! # Source
//!
//! Larson, "Data reduction by partial preaggregation", ICDE 2002; in SQL on Apache Flink, "local-global aggregation".

mod held;
mod outlet;
mod pieces;
#[cfg(test)]
mod tests;

pub(crate) use outlet::{Combiner, CombiningOutlet, EarlyOf};
pub(crate) use pieces::{Piece, Pieces, Steps};

use crate::record::{Key, Record};
use crate::time::EventTime;

/// What travels between the two phases.
#[thalweg::record]
pub(crate) enum Early<T: Record, K: Key, V: Record> {
    /// What some records of a key come to.
    Part(Part<K, V>),
    /// A record as it is (invariant 3).
    Whole(T),
}

/// What some records of a key come to, all of one piece; its event time is that of the piece.
#[thalweg::record]
pub(crate) struct Part<K: Key, V: Record> {
    pub(crate) key: K,
    /// The first instant after the piece.
    pub(crate) end: EventTime,
    pub(crate) value: V,
}
