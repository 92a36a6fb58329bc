//! [`Field`]: what a record can be made of.

use std::fmt;

use rkyv::rancor::Strategy;
use rkyv::{Archive, Deserialize, Serialize};

use super::schema::FieldType;
use super::value::{OtherType, Value};
use super::{ArchiveFailure, Deserializer, Serializer};

/// A type that can be a field of a record.
///
/// Integers up to 64 bits, floats, `bool`, `char`, [`Str`](super::Str), `String`,
/// [`EventTime`](crate::time::EventTime), and of fields: `Option`, `Vec`, arrays, tuples of up to
/// six, and every type with the [`record`](macro@crate::record) attribute.
///
/// It is not for implementing by hand: unsafe code relies on `ALIGN`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a record",
    label = "not a field type",
    note = "fields are numbers up to 64 bits, `bool`, `char`, `Str`, `String`, `EventTime`, `Option`, `Vec`, arrays and tuples of these, and types with the `#[record]` attribute"
)]
pub trait Field:
    Archive<Archived: Deserialize<Self, Deserializer>> + Serialize<Serializer> + Sized + 'static
{
    /// The largest alignment, in bytes, that any part of the archive needs, out-of-line data
    /// included; at most 8.
    const ALIGN: usize;

    /// What reading the field gives: a number, a `&str`, an `Option`, a slice, or the archived
    /// form of a record.
    type View<'a>;

    /// Describes the type.
    fn field_type() -> FieldType;

    /// Reads the field.
    fn view(archived: &Self::Archived) -> Self::View<'_>;

    /// The value that an archive held, perhaps of an older version of the type; which ones it reads is said by [`FieldType::reads`].
    #[doc(hidden)]
    fn from_value(value: Value) -> Result<Self, OtherType>;

    /// Only the `record` attribute and this crate know what `ALIGN` has to be.
    #[doc(hidden)]
    fn implemented_by_the_record_attribute();
}

/// The largest of some alignments; for what the `record` attribute writes.
#[doc(hidden)]
#[must_use]
pub const fn largest(aligns: &[usize]) -> usize {
    let mut largest = 1;
    let mut at = 0;
    while at < aligns.len() {
        if aligns[at] > largest {
            largest = aligns[at];
        }
        at += 1;
    }
    largest
}

/// Prints an archived record as its native form would be printed; for what the `record` attribute
/// writes.
///
/// It deserialises first: debug output may be slow, but its code should be small.
#[doc(hidden)]
pub fn debug_archived<T: Field + fmt::Debug>(
    archived: &T::Archived,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match archived.deserialize(Strategy::<_, ArchiveFailure>::wrap(&mut ())) {
        Ok(value) => value.fmt(f),
        Err(_) => f.write_str("<cannot be deserialized>"),
    }
}
