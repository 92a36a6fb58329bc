//! Process functions: user code that sees each record with what its key remembers, and sets timers.
//!
//! | file | what it holds |
//! |---|---|
//! | [`traits`] | what a user implements |
//! | [`context`] | what user code is given |
//! | [`timers`] | the timers of the key at hand |
//! | [`side`] | further outputs |
//! | [`shared`] | what all process operators share: state, timers, outputs, and the order of firing |
//! | [`aggregating`] | aggregates as state |
//! | [`visit`] | visits of all keys |
//! | [`keyed`], [`co`], [`broadcast`], [`plain`] | the operators |
//!
//! * Arrives from: [`crate::exchange`], on the worker that owns the key group.
//! * Leaves to: [`crate::exchange`], through an output and side outputs.
//!
//! # Invariants
//!
//! 1. Everything that an operator remembers is in the store: state under its fields' names, pending timers under `timers.event` and `timers.processing`, broadcast
//!    state under `broadcast`. The wheels that find due timers are derived from their tables. A user's struct itself is made anew with each start.
//! 2. Timers fire in the order of (time, hash of the key, name). A watermark is passed on when every event-time timer at or before it has fired,
//!    also those that were set meanwhile.
//! 3. State expires behind the timers of the same watermark: a timer sees what was alive at its own time, or at the watermark before, if that is later.

pub(crate) mod aggregating;
pub(crate) mod broadcast;
pub(crate) mod co;
pub(crate) mod context;
pub(crate) mod shared;
pub(crate) mod keyed;
pub(crate) mod plain;
pub(crate) mod side;
pub(crate) mod timers;
pub(crate) mod traits;
pub(crate) mod visit;

/// Results of the first slice of a firing: a page or two.
const FIRST_SLICE: usize = 256;
