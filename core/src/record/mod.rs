//! What flows: records, their fields and their keys.
//!
//! A record is a struct or an enum with the [`record`](macro@crate::record) attribute. The attribute gives it an
//! archive ([`rkyv`]), which is the form in which it travels and is stored, a [`Schema`], and on the archived
//! form one method per field that reads it:
//!
//! ```
//! use thalweg::record::{Record, Str};
//! use thalweg::time::EventTime;
//!
//! #[thalweg::record]
//! struct Departure {
//!     #[event_time]
//!     scheduled: EventTime,
//!     origin: Str,
//!     dep_delay: i32,
//! }
//!
//! fn describe(d: &ArchivedDeparture) -> String {
//!     format!("{} {} {:+}", d.scheduled(), d.origin(), d.dep_delay())
//! }
//!
//! assert!(Departure::HAS_EVENT_TIME);
//! assert_eq!(Departure::schema().fields[1].name, "origin");
//! ```
//!
//! Numbers, strings, times, tuples, options and lists are records as well, so that a stream of
//! `(Str, u64)` needs no struct.
//!
//! # Invariants
//!
//! 1. An archive is self-contained: copied to any position of equal alignment ([`Field::ALIGN`])
//!    it means the same.
//! 2. Equal values of one type have equal archives, byte by byte.
//!
//! # Not here
//!
//! Where archives are kept: batches and pages.

mod archives_as;
mod field;
mod field_impls;
mod key;
mod key_ref;
mod schema;
mod value;
mod decode;
mod json_depth;
mod evolve;
mod state_schema;

use crate::time::{ArchivedEventTime, EventTime};

pub use archives_as::ArchivesAs;
#[doc(hidden)]
pub use archives_as::{Text, check_order};
pub use decode::{Decoder, NoArchive};
pub(crate) use decode::{primitive_bytes, primitive_value, unsigned};
#[doc(hidden)]
pub use evolve::upgraded;
pub use evolve::{Incompatible, Upgrade};
pub use field::Field;
#[doc(hidden)]
pub use field::{debug_archived, largest};
pub(crate) use json_depth::is_deeper;
pub(crate) use key::split_length;
pub use key::{KEY_GROUPS, Key, KeyGroup, KeyHash, KeyRef, KeyScratch, Keyed, WORKERS_MAX};
pub use schema::{FieldSchema, FieldType, Primitive, Schema, VariantSchema};
pub use state_schema::{Form, StateSchema};
pub(crate) use state_schema::{TRAILER_BYTES, keyed_hash, put_record};
#[doc(hidden)]
pub use value::Fields;
pub use value::{OtherType, Shape, Value};

/// An owned string: up to 24 bytes inline, so that most keys and names need no allocation.
///
/// It is archived as [`rkyv::string::ArchivedString`], which is read as a `&str`.
pub type Str = compact_str::CompactString;

/// Errors of rkyv calls on the record path carry nothing (a full page is the only one).
pub type ArchiveFailure = rkyv::rancor::Failure;

/// What a record is serialised with.
pub type Serializer = rkyv::rancor::Strategy<crate::raw::writer::ArchiveWriter, ArchiveFailure>;

/// What an archive is deserialised with.
pub type Deserializer = rkyv::rancor::Strategy<(), ArchiveFailure>;

/// A type whose values can be the elements of a stream; see the [module](self).
///
/// Implemented by the [`record`](macro@crate::record) attribute, and here for the types that
/// fields are made of.
pub trait Record: Field {
    /// The name of the type, without its module and its parameters.
    const NAME: &'static str;

    /// Whether [`Record::event_time`] gives a time.
    const HAS_EVENT_TIME: bool;

    /// The time in the field marked `#[event_time]`, `None` if no field is.
    ///
    /// All records of a type have one or none has: `HAS_EVENT_TIME` tells which.
    fn event_time(archived: &Self::Archived) -> Option<EventTime>;

    /// The description of the type, made once per process and kept.
    ///
    /// Cost: takes a lock; not for the record path.
    fn schema() -> &'static Schema {
        schema::of::<Self>()
    }
}

/// A field that can be marked `#[event_time]`: an [`EventTime`], or a record that has one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an event time",
    label = "neither an `EventTime` nor a record with an event time",
    note = "an `#[event_time]` field is an `EventTime`, or a record that itself has an `#[event_time]` field"
)]
pub trait Timed: Field {
    /// The time that `archived` carries.
    fn time(archived: &Self::Archived) -> EventTime;
}

impl Timed for EventTime {
    #[inline]
    fn time(archived: &ArchivedEventTime) -> EventTime {
        archived.get()
    }
}
