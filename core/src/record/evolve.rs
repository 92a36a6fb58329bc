//! Which changes of a type old values survive, and how.
//!
//! A value that was stored is read by the schema that was stored with it ([`super::decode`]), and made a value of today's type field by field:
//!
//! | change | |
//! |---|---|
//! | a field is added | with `#[field(default)]` or `#[field(default = ...)]` |
//! | a field is removed | what it was is dropped |
//! | a field is renamed or moved | it keeps its id: `#[field(renamed_from = "old")]` or `#[field(id = ...)]` |
//! | a number is widened | integers to integers that have all their values; `f32` to `f64`; integers to floats that have them exactly |
//! | `T` becomes `Option<T>`, an array a list | |
//! | a variant is added, renamed by id, or gets another tag | |
//! | anything else | with [`Upgrade`], or not at all |
//!
//! It holds at any depth: in records in records, in options, lists and tuples.

use std::fmt;

use super::value::{OtherType, Value};
use super::{Field, FieldSchema, FieldType, Primitive, Record, VariantSchema};

/// A record made from one of an older version of its type, where the fields alone do not say how.
///
/// The old type is kept, under another name; the new one says `#[record(upgrade)]`. Then state that was written with the old one is read with it, and each value is upgraded when
/// the job is restored. The old type may be an upgrade of a still older one.
///
/// ```
/// use thalweg::prelude::*;
/// use thalweg::record::Upgrade;
///
/// /// What a delay was until version 2.
/// #[record]
/// struct DelayV1 {
///     minutes: i32,
/// }
///
/// #[record(upgrade)]
/// struct Delay {
///     seconds: i64,
/// }
///
/// impl Upgrade for Delay {
///     type Old = DelayV1;
///
///     fn upgrade(old: DelayV1) -> Self {
///         Self { seconds: i64::from(old.minutes) * 60 }
///     }
/// }
/// ```
pub trait Upgrade: Record {
    /// The older version.
    type Old: Record;

    /// Makes a value of today's type. It is called once for each value, in no particular order, and may be called again for the same one.
    fn upgrade(old: Self::Old) -> Self;
}

/// The upgraded value, if `value` is of an older version; else `value` as it was. For what the `record` attribute writes.
///
/// # Errors
///
/// It is of the older version, and damaged.
#[doc(hidden)]
pub fn upgraded<T: Upgrade>(value: Value) -> Result<Result<T, Value>, OtherType> {
    let Value::Record(shape, _) = &value else { return Ok(Err(value)) };
    let old = T::Old::schema();
    if old.layout_hash != shape.layout_hash && !old.older.contains(&shape.layout_hash) {
        return Ok(Err(value));
    }
    T::Old::from_value(value).map(|old| Ok(T::upgrade(old)))
}

/// A change that old values do not survive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incompatible {
    /// Where, from the outside in; nothing if it is the value itself.
    path: Vec<String>,
    change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Type { old: String, new: String },
    NoDefault { ty: String },
    NoVariant { name: String },
}

impl fmt::Display for Incompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.join(".");
        match &self.change {
            Change::Type { old, new } if path.is_empty() => {
                write!(f, "its values were `{old}` and are `{new}` now")
            }
            Change::Type { old, new } => {
                write!(f, "field `{path}` was `{old}` and is `{new}` now")
            }
            Change::NoDefault { ty } => {
                write!(f, "field `{path}`, a `{ty}`, is new and has no default")
            }
            Change::NoVariant { name } if path.is_empty() => {
                write!(f, "the variant `{name}` of its values is gone")
            }
            Change::NoVariant { name } => write!(f, "the variant `{name}` of `{path}` is gone"),
        }
    }
}

impl FieldType {
    /// Whether values of the type `old` can be read as values of this one.
    ///
    /// # Errors
    ///
    /// What stands against it.
    pub fn reads(&self, old: &FieldType) -> Result<(), Incompatible> {
        reads(old, self).map_err(|mut incompatible| {
            incompatible.path.reverse();
            incompatible
        })
    }

    /// The older version that a record is an upgrade of.
    fn upgrade(&self) -> Option<&FieldType> {
        match self {
            Self::Struct { upgrade, .. } | Self::Enum { upgrade, .. } => upgrade.as_deref(),
            _ => None,
        }
    }

    /// The layout hashes of all older versions.
    pub(super) fn older(&self) -> Vec<u64> {
        let older = std::iter::successors(self.upgrade(), |ty| ty.upgrade());
        older.map(FieldType::layout_hash).collect()
    }
}

/// As [`FieldType::reads`], with the path from the inside out.
fn reads(old: &FieldType, new: &FieldType) -> Result<(), Incompatible> {
    use FieldType as T;

    match (old, new) {
        (T::Primitive(old), T::Primitive(new)) if widens(*old, *new) => Ok(()),
        (T::Str, T::Str) | (T::EventTime, T::EventTime) => Ok(()),
        (T::Option(old), T::Option(new)) | (T::List(old), T::List(new)) => reads(old, new),
        (old, T::Option(new)) => reads(old, new),
        (T::Array(old, _), T::List(new)) => reads(old, new),
        (T::Array(old, before), T::Array(new, now)) if before == now => reads(old, new),
        (T::Tuple(before), T::Tuple(now)) if before.len() == now.len() => {
            let parts = before.iter().zip(now).enumerate();
            for (index, (old, new)) in parts {
                reads(old, new).map_err(|found| found.within(index.to_string()))?;
            }
            Ok(())
        }
        (T::Struct { .. } | T::Enum { .. }, new)
            if !new.older().is_empty() && new.older().contains(&old.layout_hash()) =>
        {
            Ok(())
        }
        (T::Struct { fields: before, .. }, T::Struct { fields: now, .. }) => {
            fields_read(before, now)
        }
        (T::Enum { variants: before, .. }, T::Enum { variants: now, .. }) => {
            before.iter().try_for_each(|old| variant_reads(old, now))
        }
        (old, new) => {
            let (old, new) = (old.to_string(), new.to_string());
            Err(Incompatible { path: Vec::new(), change: Change::Type { old, new } })
        }
    }
}

impl Incompatible {
    fn within(mut self, name: String) -> Self {
        self.path.push(name);
        self
    }
}

fn fields_read(before: &[FieldSchema], now: &[FieldSchema]) -> Result<(), Incompatible> {
    for new in now {
        match before.iter().find(|old| old.id == new.id) {
            Some(old) => {
                reads(&old.ty, &new.ty).map_err(|found| found.within(new.name.clone()))?;
            }
            None if new.has_default => {}
            None => {
                let change = Change::NoDefault { ty: new.ty.to_string() };
                return Err(Incompatible { path: vec![new.name.clone()], change });
            }
        }
    }
    Ok(())
}

fn variant_reads(old: &VariantSchema, now: &[VariantSchema]) -> Result<(), Incompatible> {
    match now.iter().find(|new| new.id == old.id) {
        Some(new) => {
            fields_read(&old.fields, &new.fields).map_err(|found| found.within(new.name.clone()))
        }
        None => {
            let change = Change::NoVariant { name: old.name.clone() };
            Err(Incompatible { path: Vec::new(), change })
        }
    }
}

/// The bits of an integer, and whether it has a sign.
fn integer(primitive: Primitive) -> Option<(u32, bool)> {
    match primitive {
        Primitive::U8 => Some((8, false)),
        Primitive::U16 => Some((16, false)),
        Primitive::U32 => Some((32, false)),
        Primitive::U64 => Some((64, false)),
        Primitive::I8 => Some((8, true)),
        Primitive::I16 => Some((16, true)),
        Primitive::I32 => Some((32, true)),
        Primitive::I64 => Some((64, true)),
        _ => None,
    }
}

/// Whether `new` has every value of `old`.
fn widens(old: Primitive, new: Primitive) -> bool {
    if old == new {
        return true;
    }
    match (integer(old), integer(new), new) {
        (Some((before, false)), Some((now, true)), _) => now > before,
        (Some((before, was_signed)), Some((now, is_signed)), _) => {
            was_signed == is_signed && now > before
        }
        (Some((before, _)), None, Primitive::F64) => before <= 32,
        (Some((before, _)), None, Primitive::F32) => before <= 16,
        _ => old == Primitive::F32 && new == Primitive::F64,
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primitive(primitive) => {
                f.write_str(&format!("{primitive:?}").to_ascii_lowercase())
            }
            Self::Str => f.write_str("Str"),
            Self::EventTime => f.write_str("EventTime"),
            Self::Option(value) => write!(f, "Option<{value}>"),
            Self::List(element) => write!(f, "Vec<{element}>"),
            Self::Array(element, count) => write!(f, "[{element}; {count}]"),
            Self::Tuple(parts) => {
                f.write_str("(")?;
                for (index, part) in parts.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{part}")?;
                }
                f.write_str(if parts.len() == 1 { ",)" } else { ")" })
            }
            Self::Struct { name, .. } | Self::Enum { name, .. } => f.write_str(name),
        }
    }
}
