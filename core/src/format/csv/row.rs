//! One row as serde sees it: a struct whose fields come as a sequence, in the order of the plan.

use std::str;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::cells::{self, Cells, Content};
use super::error::CellError;
use super::header::Plan;
use super::number;
use super::options::CsvOptions;
use super::probe::Absent;

/// A row whose cells are found.
pub(super) struct Row<'r> {
    pub(super) line: &'r [u8],
    /// The line as text, checked once for all its cells; `None` if it is not UTF-8 as a whole.
    pub(super) text: Option<&'r str>,
    pub(super) cells: &'r Cells,
    pub(super) plan: &'r Plan,
    pub(super) options: &'r CsvOptions,
    pub(super) scratch: &'r mut Vec<u8>,
    /// Index of the next field.
    pub(super) next: usize,
    /// The field that could not be read; `None` if all could, and the record as a whole is wrong.
    pub(super) failed: Option<usize>,
}

impl<'de> Deserializer<'de> for &mut Row<'_> {
    type Error = CellError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CellError> {
        visitor.visit_seq(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, CellError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, CellError> {
        Err(CellError::new("the record is not a struct with named fields"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de> SeqAccess<'de> for &mut Row<'_> {
    type Error = CellError;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, CellError> {
        let Some(&column) = self.plan.columns.get(self.next) else { return Ok(None) };
        let field = self.next;
        self.next += 1;
        let Some(column) = column else { return seed.deserialize(Absent::new()).map(Some) };
        // Only a flexible row can be too short; see invariant 1 of the module.
        let content = match self.cells.content(column, self.line, self.options) {
            None => CellDeserializer { cell: &[], text: Some("") },
            Some(Content::InLine(range)) => CellDeserializer {
                cell: &self.line[range.clone()],
                text: self.text.and_then(|text| text.get(range)),
            },
            Some(Content::Doubled(inner, quote)) => {
                let cell = cells::undouble(&self.line[inner], quote, self.scratch);
                CellDeserializer { cell, text: None }
            }
        };
        seed.deserialize(content).map(Some).inspect_err(|_| self.failed = Some(field))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.plan.columns.len() - self.next)
    }
}

/// The content of one cell.
struct CellDeserializer<'c> {
    cell: &'c [u8],
    /// The same as text, if that is known already.
    text: Option<&'c str>,
}

impl CellDeserializer<'_> {
    #[inline]
    fn text(&self) -> Result<&str, CellError> {
        match self.text {
            Some(text) => Ok(text),
            None => str::from_utf8(self.cell).map_err(|error| CellError::new(error.to_string())),
        }
    }
}

/// Reads an integer on the fast path, or as `std` does.
macro_rules! integers {
    ($($deserialize:ident $visit:ident $int:ty: $fast:path;)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CellError> {
            let fast = $fast(self.cell).and_then(|value| <$int>::try_from(value).ok());
            match fast {
                Some(value) => visitor.$visit(value),
                None => visitor.$visit(parse::<$int>(self.cell)?),
            }
        }
    )*};
}

#[cold]
fn parse<N: str::FromStr<Err: std::fmt::Display>>(cell: &[u8]) -> Result<N, CellError> {
    number::parse(cell).map_err(CellError::new)
}

impl<'de> Deserializer<'de> for CellDeserializer<'_> {
    type Error = CellError;

    integers! {
        deserialize_u8 visit_u8 u8: number::unsigned;
        deserialize_u16 visit_u16 u16: number::unsigned;
        deserialize_u32 visit_u32 u32: number::unsigned;
        deserialize_u64 visit_u64 u64: number::unsigned;
        deserialize_u128 visit_u128 u128: number::unsigned;
        deserialize_i8 visit_i8 i8: number::signed;
        deserialize_i16 visit_i16 i16: number::signed;
        deserialize_i32 visit_i32 i32: number::signed;
        deserialize_i64 visit_i64 i64: number::signed;
        deserialize_i128 visit_i128 i128: number::signed;
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CellError> {
        visitor.visit_f32(number::parse(self.cell).map_err(CellError::new)?)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CellError> {
        visitor.visit_f64(number::parse(self.cell).map_err(CellError::new)?)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CellError> {
        match self.cell {
            b"true" => visitor.visit_bool(true),
            b"false" => visitor.visit_bool(false),
            _ => Err(CellError::new("neither \"true\" nor \"false\"")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CellError> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CellError> {
        visitor.visit_bytes(self.cell)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CellError> {
        if self.cell.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CellError> {
        if self.cell.is_empty() {
            visitor.visit_unit()
        } else {
            Err(CellError::new("expected an empty cell"))
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, CellError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CellError> {
        let variant: StrDeserializer<'_, CellError> = self.text()?.into_deserializer();
        visitor.visit_enum(variant)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, CellError> {
        Err(CellError::custom(
            "a CSV cell holds one value, not a nested one; flatten it or use NDJSON",
        ))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, CellError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, CellError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CellError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CellError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CellError> {
        self.deserialize_str(visitor)
    }

    forward_to_deserialize_any! { char string byte_buf unit_struct identifier ignored_any }
}
