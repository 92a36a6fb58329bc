//! Checkpoints: what a job needs to go on from where it was.
//!
//! The coordinator raises an epoch. Each worker decides its barrier, which travels in band from the sources on; a task that has it from all its inputs *freezes*:
//! it shows its tables to the store ([`Freezing`]), notes what it keeps besides, and goes on at once. What all tasks of a worker have shown is its
//! [`FrozenPart`], which is written elsewhere. When the parts of all workers are durable the manifest is published, and then sinks commit.
//!
//! * Arrives from: [`crate::operator`] and [`crate::source`], when they freeze.
//! * Leaves to: [`thalweg_storage`], as a part of a manifest; on a restore back, as [`Resuming`].
//!
//! # Invariants
//!
//! 1. The state of epoch E is that of a sequential run over exactly the input that E's positions say.
//! 2. An epoch is whole or nothing: nothing depends on one that was aborted, and the next one has a higher number.

mod contribution;
mod freezing;
mod prepared;
mod declared;
mod restored;
mod coordinator;
mod keeper;
mod savepoint;

pub(crate) use contribution::{Contribution, FrozenPart, Stall};
pub(crate) use coordinator::{Abort, Action, Coordinator, Event, Pace};
pub(crate) use declared::{Declared, schema_in};
pub use freezing::Freezing;
pub use keeper::OpenError;
pub(crate) use keeper::{Found, Keeper, StateShape, find, find_elsewhere, import, open_states};
pub use prepared::{Prepared, PreparedError};
pub(crate) use restored::Restored;
pub use restored::Resuming;
pub(crate) use savepoint::{Request, Requests, When};
pub use savepoint::{Savepoint, SavepointError};
