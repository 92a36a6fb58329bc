//! What a key remembers.
//!
//! Keyed state lives in the tables of a [`thalweg_storage::Store`], one store a worker; the values are archives. Operators look
//! up a batch at a time, so that the cache misses of its keys overlap.
//!
//! A process function declares its state as the fields of a struct with [`derive(State)`](macro@State); each field is a table of the store by the name
//! (operator, field), and each is what the key at hand remembers:
//!
//! | field | holds for each key |
//! |---|---|
//! | [`Value<T>`] | one value |
//! | [`List<T>`] | values in the order in which they came |
//! | [`Map<K, V>`] | values by a key of their own, each an entry of the store |
//! | [`Reducing<T>`] | one value, into which others are reduced |
//! | [`Marks<K>`] | different values, each with marks |
//! | [`Distinct<K>`] | how many different values there were, and how many of them met conditions |
//! | [`Random`] | how many random numbers it has drawn |
//!
//! [`Aggregating`](crate::process::Aggregating) keeps an aggregate of records. Any of them may have a time to live, see [`Ttl`].
//!
//! * Arrives from: [`crate::exchange`], on the worker that owns the key group.
//! * Leaves to: [`crate::window`] and [`crate::operator`], as values.

mod declare;
mod distinct;
mod keys;
mod list;
mod map;
mod random;
mod reducing;
mod scope;
mod slots;
#[cfg(test)]
mod tests;
mod ttl;
mod value;

pub use declare::{NoState, State, StateBuilder, StateField, Sweep};
pub use distinct::{Distinct, Marks};
pub use keys::Keys;
pub use list::List;
pub use map::Map;
pub use random::Random;
pub use reducing::Reducing;
pub use thalweg_derive::State;
pub use ttl::{Expires, Refresh, Ttl};
pub use value::Value;

pub(crate) use declare::Tables;
pub(crate) use keys::keys_of;
pub(crate) use scope::Scope;
pub(crate) use slots::SlotTable;

pub(crate) use crate::raw::archive_table::{ArchiveTable as ValueTable, Cursor, Hint, Prefetch};
pub(crate) use crate::raw::claimed::{Claimed, Stored};
pub(crate) use crate::raw::timed_lists::{TimedListPanes, TimedLists, TimedRecords};
pub(crate) use crate::raw::window_panes::{Entry, Slice, SlicePanes};
