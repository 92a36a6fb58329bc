//! [`Value`]: what an archive holds, without its type; read by its schema ([`super::decode`]), shown, and made a value of a type again.

use std::fmt;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::Field;
use crate::time::EventTime;

/// A value of some type; serialises as JSON has it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// A character.
    Char(char),
    /// A number without a sign.
    Unsigned(u64),
    /// A number with a sign.
    Signed(i64),
    /// A number of 32 bits.
    F32(f32),
    /// A number of 64 bits.
    F64(f64),
    /// A string.
    Str(String),
    /// A time.
    EventTime(EventTime),
    /// A value that may be absent.
    Option(Option<Box<Value>>),
    /// Values of one type: of a list or an array.
    List(Vec<Value>),
    /// Values without names.
    Tuple(Vec<Value>),
    /// A record, or one of its variants, and its fields.
    Record(Arc<Shape>, Vec<Value>),
}

/// What the values of a record are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shape {
    /// The type's [`Schema::layout_hash`](super::Schema::layout_hash).
    pub layout_hash: u64,
    /// Of an enum, the id and the name of the variant.
    pub variant: Option<(u32, String)>,
    /// The id and the name of each field, in the order of the values.
    pub fields: Vec<(u32, String)>,
}

/// A value is not one of the type that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value is of another type")]
pub struct OtherType;

impl Value {
    /// The integer that it is.
    pub(super) fn int<T: TryFrom<u64> + TryFrom<i64>>(self) -> Result<T, OtherType> {
        match self {
            Self::Unsigned(number) => T::try_from(number).map_err(|_| OtherType),
            Self::Signed(number) => T::try_from(number).map_err(|_| OtherType),
            _ => Err(OtherType),
        }
    }

    /// The number that it is, if a float of 64 bits has it exactly.
    pub(super) fn f64(self) -> Result<f64, OtherType> {
        match self {
            Self::F64(number) => Ok(number),
            Self::F32(number) => Ok(number.into()),
            Self::Unsigned(number) => Ok(u32::try_from(number).or(Err(OtherType))?.into()),
            other => Ok(other.int::<i32>()?.into()),
        }
    }

    /// The number that it is, if a float of 32 bits has it exactly.
    pub(super) fn f32(self) -> Result<f32, OtherType> {
        match self {
            Self::F32(number) => Ok(number),
            Self::Unsigned(number) => Ok(u16::try_from(number).or(Err(OtherType))?.into()),
            other => Ok(other.int::<i16>()?.into()),
        }
    }

    /// The values of a list.
    pub(super) fn list(self) -> Result<Vec<Self>, OtherType> {
        match self {
            Self::List(values) => Ok(values),
            _ => Err(OtherType),
        }
    }

    /// The values of a tuple of so many.
    pub(super) fn tuple(self, count: usize) -> Result<std::vec::IntoIter<Self>, OtherType> {
        match self {
            Self::Tuple(values) if values.len() == count => Ok(values.into_iter()),
            _ => Err(OtherType),
        }
    }

    /// The fields of a record.
    ///
    /// # Errors
    ///
    /// It is no struct.
    #[doc(hidden)]
    pub fn into_fields(self) -> Result<Fields, OtherType> {
        match self {
            Self::Record(shape, values) if shape.variant.is_none() => Ok(Fields::of(shape, values)),
            _ => Err(OtherType),
        }
    }

    /// The id of a variant, and its fields.
    ///
    /// # Errors
    ///
    /// It is no enum.
    #[doc(hidden)]
    pub fn into_variant(self) -> Result<(u32, Fields), OtherType> {
        match self {
            Self::Record(shape, values) => match shape.variant {
                Some((id, _)) => Ok((id, Fields::of(shape, values))),
                None => Err(OtherType),
            },
            _ => Err(OtherType),
        }
    }
}

/// The fields of a value, on their way into a record; for what the `record` attribute writes.
#[doc(hidden)]
#[derive(Debug)]
pub struct Fields {
    shape: Arc<Shape>,
    values: Vec<Option<Value>>,
}

impl Fields {
    fn of(shape: Arc<Shape>, values: Vec<Value>) -> Self {
        Self { shape, values: values.into_iter().map(Some).collect() }
    }

    fn find(&mut self, id: u32) -> Option<Value> {
        let place = self.shape.fields.iter().position(|(of, _)| *of == id)?;
        self.values.get_mut(place)?.take()
    }

    /// The field with that id.
    ///
    /// # Errors
    ///
    /// There is none, or it is of another type.
    pub fn take<T: Field>(&mut self, id: u32) -> Result<T, OtherType> {
        T::from_value(self.find(id).ok_or(OtherType)?)
    }

    /// The field with that id, or a default.
    ///
    /// # Errors
    ///
    /// It is of another type.
    pub fn take_or<T: Field>(
        &mut self,
        id: u32,
        default: impl FnOnce() -> T,
    ) -> Result<T, OtherType> {
        self.find(id).map_or_else(|| Ok(default()), T::from_value)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Char(value) => to.serialize_char(*value),
            Self::Unsigned(value) => to.serialize_u64(*value),
            Self::Signed(value) => to.serialize_i64(*value),
            Self::F32(value) => to.serialize_f32(*value),
            Self::F64(value) => to.serialize_f64(*value),
            Self::Str(value) => to.serialize_str(value),
            Self::EventTime(value) => to.collect_str(value),
            Self::Option(None) => to.serialize_none(),
            Self::Option(Some(value)) => value.serialize(to),
            Self::List(values) | Self::Tuple(values) => sequence(values, to),
            Self::Record(shape, values) => match &shape.variant {
                None => Named(shape, values).serialize(to),
                Some((_, name)) if values.is_empty() => to.serialize_str(name),
                Some((_, name)) => {
                    let mut map = to.serialize_map(Some(1))?;
                    match shape.fields.first().is_some_and(|(_, name)| name == "0") {
                        true => map.serialize_entry(name, &Unnamed(values))?,
                        false => map.serialize_entry(name, &Named(shape, values))?,
                    }
                    map.end()
                }
            },
        }
    }
}

fn sequence<S: Serializer>(values: &[Value], to: S) -> Result<S::Ok, S::Error> {
    let mut sequence = to.serialize_seq(Some(values.len()))?;
    values.iter().try_for_each(|value| sequence.serialize_element(value))?;
    sequence.end()
}

struct Unnamed<'a>(&'a [Value]);

impl Serialize for Unnamed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        sequence(self.0, to)
    }
}

struct Named<'a>(&'a Shape, &'a [Value]);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.1.len()))?;
        for ((_, name), value) in self.0.fields.iter().zip(self.1) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// As JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sonic_rs::to_string(self).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_another_type_is_refused_in_words() {
        for refused in [
            Value::Bool(true).int::<u8>().map(drop),
            Value::Unsigned(256).int::<u8>().map(drop),
            Value::Str("1".into()).f64().map(drop),
            Value::F64(1.0).f32().map(drop),
            Value::Unsigned(1).list().map(drop),
            Value::Tuple(Vec::new()).tuple(1).map(drop),
            Value::List(Vec::new()).into_fields().map(drop),
            Value::List(Vec::new()).into_variant().map(drop),
        ] {
            assert_eq!(refused.unwrap_err().to_string(), "the value is of another type");
        }
    }
}
