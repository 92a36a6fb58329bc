//! The attribute that makes a type a Thalweg record, and the derives of process functions.
//!
//! * `record.rs`: what the attribute writes. `record_ref.rs`: what that of a twin does.
//! * `attributes.rs`: what it reads: its own arguments and the `#[event_time]`, `#[key]` and `#[field]` marks.
//! * `state.rs`, `timers.rs`, `side_outputs.rs`: the derives of process functions.
//! * `diagnostics.rs`: what it refuses, with the place and what to do instead.

mod attributes;
mod diagnostics;
mod record;
mod record_ref;
mod side_outputs;
mod state;
mod timers;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct with named fields, or an enum, a record.
///
/// It adds, for a type `Departure`:
///
/// * the archive: rkyv's `Archive`, `Serialize` and `Deserialize`, and with them the type
///   `ArchivedDeparture`;
/// * on `ArchivedDeparture`, if it is a struct, one method per field that reads it, as visible as the field:
///   `origin: Str` gives `origin() -> &str`, `delay: i32` gives `delay() -> i32`;
/// * `Field` and `Record`, and `Keyed` if a field is marked `#[key]`;
/// * serde's `Serialize` and `Deserialize`, `Clone`, `Debug` and `PartialEq`, unless they stand in a
///   `#[derive]` below it. `no_serde`, `no_clone`, `no_debug` and `no_partial_eq` in the parentheses leave one
///   out, for those who write it by hand: `#[record(no_serde)]`.
///
/// Write it above every `#[derive]`.
///
/// # Marks
///
/// * `#[event_time]`, at most one: the field, an `EventTime` or a record that has an event time,
///   says when the record happened. In an enum, one field of every variant, or of none.
/// * `#[key]`, at most one, in structs: the field that the record is keyed by where nothing else is said.
/// * `#[field(id = 7)]`: identifies the field, or the variant, in the schema; the default is a hash of the name.
/// * `#[field(renamed_from = "old")]`: keeps the id that it had under its old name.
#[proc_macro_attribute]
pub fn record(arguments: TokenStream, item: TokenStream) -> TokenStream {
    record::expand(arguments.into(), item.into()).into()
}

/// Makes a struct, or an enum, a twin of a record: `#[record_ref(Bid)]`. It is archived as a `Bid` is, and its texts are references, `&str`; so it is made and emitted
/// without copying them. See `thalweg::record::ArchivesAs`.
///
/// It has the record's fields, or variants, by their names and in their order.
#[proc_macro_attribute]
pub fn record_ref(arguments: TokenStream, item: TokenStream) -> TokenStream {
    record_ref::expand(arguments.into(), item.into()).into()
}

/// Declares the state of a process function: each field is a table of the store, by the operator's name and its own.
///
/// The fields are of the kinds in `thalweg::state`: `Value<T>`, `List<T>`, `Map<K, V>`, `Reducing<T>`. Options, as
/// `#[state(ttl = "1h", refresh = "read_write")]`:
///
/// * `ttl = "90s"`: how long it lives; a number and a unit, `ns`, `us`, `ms`, `s`, `m`, `h` or `d`. Without it it stays until it is removed.
/// * `expires = "event"` (the default) or `"processing"`: by which time.
/// * `refresh = "write"` (the default) or `"read_write"`: what lets it live on.
/// * `default = 7`, of a `Value`: what it is where nothing was set.
/// * `reduce = |total, more| *total += more`, of a `Reducing`, which must have it.
/// * `aggregate = Count`, of a `thalweg::process::Aggregating`, which must have it.
#[proc_macro_derive(State, attributes(state))]
pub fn state(item: TokenStream) -> TokenStream {
    state::expand(&parse_macro_input!(item as DeriveInput)).into()
}

/// Makes the variants of an enum the names of the timers of each key.
#[proc_macro_derive(Timers)]
pub fn timers(item: TokenStream) -> TokenStream {
    timers::expand(&parse_macro_input!(item as DeriveInput)).into()
}

/// Makes the fields of a struct, each a `Side<T>`, further outputs of a process function; their streams are the fields of another struct, for
/// `Sides` of `SidesStreams`.
#[proc_macro_derive(SideOutputs)]
pub fn side_outputs(item: TokenStream) -> TokenStream {
    side_outputs::expand(&parse_macro_input!(item as DeriveInput)).into()
}
