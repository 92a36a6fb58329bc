//! The attribute that makes a type a Thalweg record.
//!
//! * `record.rs`: what the attribute writes.
//! * `attributes.rs`: what it reads: its own arguments and the `#[event_time]`, `#[key]` and `#[field]` marks.
//! * `diagnostics.rs`: what it refuses, with the place and what to do instead.

mod attributes;
mod diagnostics;
mod record;

use proc_macro::TokenStream;

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
