//! Moves batches between operators and between cores.
//!
//! Every edge of a job is a set of lanes ([`lane`]), one for each pair of workers that it connects, each over a ring of its own;
//! all are made before the first record arrives ([`mesh`]). An operator's output page goes through the fused chain into the
//! lanes of each of its consumers ([`crate::operator::outlet`]); a consumer reads its lanes' pages in place ([`inbox`]).
//!
//! * Arrives from: [`crate::operator`] and [`crate::source`], as pages of records and control elements.
//! * Leaves to: [`crate::operator`], [`crate::window`] and [`crate::sink`], on the worker that owns the key group.
//!
//! # Invariants
//!
//! 1. Order: elements of one (sender, receiver) pair arrive in the order in which they were sent.
//! 2. Bound: a full ring is backpressure. What a step has emitted already waits in the lane's own pages, and the task gets nothing
//!    more to do until they are gone; so what waits is at most the output of one step, and nothing is dropped.
//! 3. Ownership: in one run a key group has exactly one owning worker.
//!
//! # Not here
//!
//! No linger timers: a page leaves when it is full, when its receiver has nothing else to read, or when the sender runs dry.

pub(crate) mod partition;
pub(crate) mod lane;
pub(crate) mod inbox;
pub(crate) mod mesh;
pub(crate) mod host;
pub(crate) mod recorded;

pub use inbox::Records;
pub use mesh::Pattern;
pub use partition::{ByRef, ByValue, KeySelector};
pub use recorded::RecordedInput;
