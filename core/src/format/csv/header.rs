//! The header row, what a record type asks of it, and the plan that comes out.

use std::cell::Cell;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::cells::Cells;
use super::error::CellError;
use super::options::CsvOptions;
use crate::format::decode::{DecodeError, Position};
use crate::format::line::{Line, LineSplitter};
use crate::format::split::Extent;

/// The names of a file's columns.
///
/// A reader that begins at a later split, or in the middle of a file, needs the header from the
/// file's start; see [`Header::read`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    names: Vec<String>,
}

impl Header {
    /// Reads the header from the first bytes of a file; `None` if they end before it does.
    ///
    /// `all` says that `bytes` are the whole file, so its first line may lack a line break.
    ///
    /// # Errors
    ///
    /// [`DecodeError::BadHeader`] if it is not UTF-8, wrongly quoted or too long.
    pub fn read(
        bytes: &[u8],
        all: bool,
        options: &CsvOptions,
    ) -> Result<Option<Self>, DecodeError> {
        let quotes = options.line_quotes();
        let mut lines = LineSplitter::new(&Extent::whole(), options.max_line_bytes, quotes);
        let mut rest = bytes;
        let found = match lines.next_line(&mut rest) {
            Some(line) => Some(line.map_err(|bad| bad_header(bad.message))?.bytes.to_vec()),
            None if !all => None,
            None => match lines.finish() {
                Some(line) => Some(line.map_err(|bad| bad_header(bad.message))?.bytes.to_vec()),
                None => None,
            },
        };
        let parse = |bytes: Vec<u8>| {
            Self::parse(&Line { position: Position::START, bytes: &bytes }, options)
        };
        found.map(parse).transpose()
    }

    /// The names, in the order of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn parse(line: &Line<'_>, options: &CsvOptions) -> Result<Self, DecodeError> {
        if line.bytes.is_empty() {
            return Err(bad_header("the first line is empty"));
        }
        let mut cells = Cells::default();
        cells.find(line.bytes, options).map_err(|malformed| bad_header(malformed.message))?;
        let names = cells
            .all(line.bytes, options)
            .map(|name| String::from_utf8(name).map_err(|error| bad_header(error.to_string())))
            .collect::<Result<_, _>>()?;
        Ok(Self { names })
    }
}

pub(super) fn bad_header(reason: impl Into<String>) -> DecodeError {
    DecodeError::BadHeader { reason: reason.into() }
}

/// Which cell fills which field.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The record's fields, in the order of its declaration.
    pub(super) fields: &'static [&'static str],
    /// For each field its column; `None` if it is optional and the file has no such column.
    pub(super) columns: Box<[Option<usize>]>,
    /// How many cells a row has; `None` without a header, where more than needed may follow.
    pub(super) width: Option<usize>,
}

impl Plan {
    /// The first columns fill the fields.
    pub(super) fn by_position(fields: &'static [&'static str]) -> Self {
        Self { fields, columns: (0..fields.len()).map(Some).collect(), width: None }
    }

    /// The columns of the same names fill the fields.
    pub(super) fn by_name<T: DeserializeOwned>(
        fields: &'static [&'static str],
        header: &Header,
    ) -> Result<Self, DecodeError> {
        let mut missing = Vec::new();
        let mut columns = Vec::with_capacity(fields.len());
        for &field in fields {
            let mut found = (0..header.names.len()).filter(|&i| header.names[i] == field);
            let column = found.next();
            if found.next().is_some() {
                return Err(DecodeError::DuplicateColumn { name: field.to_owned() });
            }
            if column.is_none() && !is_optional::<T>(field) {
                missing.push(field.to_owned());
            }
            columns.push(column);
        }
        if !missing.is_empty() {
            return Err(DecodeError::MissingColumns { missing, header: header.names.clone() });
        }
        Ok(Self { fields, columns: columns.into(), width: Some(header.names.len()) })
    }
}

/// The field names that the type's `Deserialize` asks for.
pub(super) fn fields_of<T: DeserializeOwned>() -> Result<&'static [&'static str], DecodeError> {
    let found = Cell::new(None);
    // The probe answers every request with an error, after it has noted the names.
    let _ = T::deserialize(FieldsProbe { found: &found });
    found.get().ok_or(DecodeError::NotAStruct { type_name: std::any::type_name::<T>() })
}

/// Whether the type reads `field` as an `Option`.
fn is_optional<T: DeserializeOwned>(field: &'static str) -> bool {
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
