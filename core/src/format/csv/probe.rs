//! What a record type asks for, found out by offering it to serde's derive.
//!
//! A derive tells its field names only to a deserializer, and whether a field is an `Option` only
//! when it is given a value. So both questions are asked with deserializers that answer nothing.

use std::cell::Cell;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::error::CellError;
use crate::format::decode::DecodeError;

/// The field names that the type's `Deserialize` asks for.
pub(super) fn fields_of<T: DeserializeOwned>() -> Result<&'static [&'static str], DecodeError> {
    let found = Cell::new(None);
    // The probe answers every request with an error, after it has noted the names.
    let _ = T::deserialize(FieldsProbe { found: &found });
    found.get().ok_or(DecodeError::NotAStruct { type_name: std::any::type_name::<T>() })
}

/// Whether the type reads `field` as an `Option`.
pub(super) fn is_optional<T: DeserializeOwned>(field: &'static str) -> bool {
    let optional = Cell::new(false);
    // The probe offers a map of this field alone; whether the rest is missing does not matter.
    let _ = T::deserialize(FieldProbe { field, optional: &optional });
    optional.get()
}

struct FieldsProbe<'a> {
    found: &'a Cell<Option<&'static [&'static str]>>,
}

impl<'de> Deserializer<'de> for FieldsProbe<'_> {
    type Error = CellError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, CellError> {
        self.found.set(Some(fields));
        Err(CellError::new("a probe"))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, CellError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, CellError> {
        Err(CellError::new("a probe"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct FieldProbe<'a> {
    field: &'static str,
    optional: &'a Cell<bool>,
}

impl<'de> Deserializer<'de> for FieldProbe<'_> {
    type Error = CellError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CellError> {
        visitor.visit_map(OneField { field: Some(self.field), optional: self.optional })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, CellError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, CellError> {
        Err(CellError::new("a probe"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct OneField<'a> {
    field: Option<&'static str>,
    optional: &'a Cell<bool>,
}

impl<'de> MapAccess<'de> for OneField<'_> {
    type Error = CellError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, CellError> {
        let Some(field) = self.field.take() else { return Ok(None) };
        seed.deserialize(StrDeserializer::new(field)).map(Some)
    }

    fn next_value_seed<S: de::DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, CellError> {
        seed.deserialize(Absent { asked: Some(self.optional) })
    }
}

/// A cell that is not there: fills an `Option` with `None`, and nothing else.
pub(super) struct Absent<'a> {
    asked: Option<&'a Cell<bool>>,
}

impl Absent<'_> {
    pub(super) fn new() -> Self {
        Self { asked: None }
    }
}

impl<'de> Deserializer<'de> for Absent<'_> {
    type Error = CellError;

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CellError> {
        if let Some(asked) = self.asked {
            asked.set(true);
        }
        visitor.visit_none()
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, CellError> {
        Err(CellError::new("the file has no such column"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}
