//! One record as serde gives it, written as a row (or, for the header, as its field names).

use serde::Serialize;
use serde::ser::{Impossible, SerializeStruct, Serializer};

use super::style::{Style, write_cell};
use crate::format::encode::EncodeError;

/// Where the cells of one row go.
struct Sheet<'o> {
    style: &'o Style,
    out: &'o mut Vec<u8>,
    /// Length of `out` at the start of the row.
    start: usize,
    cells: usize,
}

impl<'o> Sheet<'o> {
    fn new(style: &'o Style, out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Self { style, out, start, cells: 0 }
    }

    #[inline]
    fn next_cell(&mut self) {
        if self.cells > 0 {
            self.out.push(self.style.delimiter);
        }
        self.cells += 1;
    }

    /// Ends the row. A row of one empty cell would be an empty line, which readers skip.
    fn end(self) -> usize {
        if self.out.len() == self.start
            && let Some(quote) = self.style.quote
        {
            self.out.extend_from_slice(&[quote, quote]);
        }
        self.out.push(b'\n');
        self.cells
    }
}

/// What of a record is written.
#[derive(Clone, Copy)]
enum Part {
    Names,
    Values,
}

/// Writes one record as a row; gives the number of its cells.
pub(super) struct RowWriter<'o> {
    sheet: Sheet<'o>,
    part: Part,
}

impl<'o> RowWriter<'o> {
    /// Writes the record's field names.
    pub(super) fn names(style: &'o Style, out: &'o mut Vec<u8>) -> Self {
        Self { sheet: Sheet::new(style, out), part: Part::Names }
    }

    /// Writes the record's values.
    pub(super) fn values(style: &'o Style, out: &'o mut Vec<u8>) -> Self {
        Self { sheet: Sheet::new(style, out), part: Part::Values }
    }

    #[cold]
    fn refusal(&self, what: &'static str) -> EncodeError {
        EncodeError::NotAStruct { what }
    }
}

impl SerializeStruct for RowWriter<'_> {
    type Ok = usize;
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        field: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.sheet.next_cell();
        match self.part {
            Part::Values => value.serialize(CellWriter { sheet: &mut self.sheet, field }),
            Part::Names => {
                write_cell(field.as_bytes(), self.sheet.style, self.sheet.out);
                Ok(())
            }
        }
    }

    /// What `skip_serializing_if` leaves out keeps its column.
    fn skip_field(&mut self, field: &'static str) -> Result<(), EncodeError> {
        self.serialize_field(field, &())
    }

    fn end(self) -> Result<usize, EncodeError> {
        Ok(self.sheet.end())
    }
}

/// Methods that refuse what they are given.
macro_rules! refuse {
    ($($method:ident($($arg:ident: $ty:ty),*) -> $ok:ty, $what:literal;)*) => {$(
        fn $method(self, $($arg: $ty),*) -> Result<$ok, EncodeError> {
            Err(self.refusal($what))
        }
    )*};
}

impl Serializer for RowWriter<'_> {
    type Ok = usize;
    type Error = EncodeError;
    type SerializeSeq = Impossible<usize, EncodeError>;
    type SerializeTuple = Impossible<usize, EncodeError>;
    type SerializeTupleStruct = Impossible<usize, EncodeError>;
    type SerializeTupleVariant = Impossible<usize, EncodeError>;
    type SerializeMap = Impossible<usize, EncodeError>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<usize, EncodeError>;

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<usize, EncodeError> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _value: &T) -> Result<usize, EncodeError> {
        Err(self.refusal("an option"))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<usize, EncodeError> {
        Err(self.refusal("an enum"))
    }

    refuse! {
        serialize_bool(_v: bool) -> usize, "a bool";
        serialize_i8(_v: i8) -> usize, "a number";
        serialize_i16(_v: i16) -> usize, "a number";
        serialize_i32(_v: i32) -> usize, "a number";
        serialize_i64(_v: i64) -> usize, "a number";
        serialize_i128(_v: i128) -> usize, "a number";
        serialize_u8(_v: u8) -> usize, "a number";
        serialize_u16(_v: u16) -> usize, "a number";
        serialize_u32(_v: u32) -> usize, "a number";
        serialize_u64(_v: u64) -> usize, "a number";
        serialize_u128(_v: u128) -> usize, "a number";
        serialize_f32(_v: f32) -> usize, "a number";
        serialize_f64(_v: f64) -> usize, "a number";
        serialize_char(_v: char) -> usize, "a character";
        serialize_str(_v: &str) -> usize, "a string";
        serialize_bytes(_v: &[u8]) -> usize, "a byte string";
        serialize_none() -> usize, "an option";
        serialize_unit() -> usize, "a unit";
        serialize_unit_struct(_name: &'static str) -> usize, "a unit";
        serialize_unit_variant(_name: &'static str, _index: u32, _variant: &'static str)
            -> usize, "an enum";
        serialize_seq(_len: Option<usize>) -> Self::SerializeSeq, "a sequence";
        serialize_tuple(_len: usize) -> Self::SerializeTuple, "a tuple";
        serialize_tuple_struct(_name: &'static str, _len: usize)
            -> Self::SerializeTupleStruct, "a tuple";
        serialize_tuple_variant(_name: &'static str, _index: u32, _variant: &'static str, _len: usize)
            -> Self::SerializeTupleVariant, "an enum";
        serialize_map(_len: Option<usize>) -> Self::SerializeMap, "a map";
        serialize_struct_variant(_name: &'static str, _index: u32, _variant: &'static str, _len: usize)
            -> Self::SerializeStructVariant, "an enum";
    }
}

/// Writes one value as the content of a cell.
struct CellWriter<'s, 'o> {
    sheet: &'s mut Sheet<'o>,
    field: &'static str,
}

impl CellWriter<'_, '_> {
    /// Numbers come here, too: the delimiter may be any byte, even a digit.
    #[inline]
    fn text(self, text: &str) {
        write_cell(text.as_bytes(), self.sheet.style, self.sheet.out);
    }

    #[cold]
    fn refusal(&self, what: &'static str) -> EncodeError {
        EncodeError::Nested { field: self.field, what }
    }
}

/// Methods that write a number through a buffer on the stack.
macro_rules! numbers {
    ($($method:ident($ty:ty) $buffer:ty;)*) => {$(
        #[inline]
        fn $method(self, value: $ty) -> Result<(), EncodeError> {
            self.text(<$buffer>::new().format(value));
            Ok(())
        }
    )*};
}

impl Serializer for CellWriter<'_, '_> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Impossible<(), EncodeError>;
    type SerializeTuple = Impossible<(), EncodeError>;
    type SerializeTupleStruct = Impossible<(), EncodeError>;
    type SerializeTupleVariant = Impossible<(), EncodeError>;
    type SerializeMap = Impossible<(), EncodeError>;
    type SerializeStruct = Impossible<(), EncodeError>;
    type SerializeStructVariant = Impossible<(), EncodeError>;

    numbers! {
        serialize_i8(i8) itoa::Buffer;
        serialize_i16(i16) itoa::Buffer;
        serialize_i32(i32) itoa::Buffer;
        serialize_i64(i64) itoa::Buffer;
        serialize_i128(i128) itoa::Buffer;
        serialize_u8(u8) itoa::Buffer;
        serialize_u16(u16) itoa::Buffer;
        serialize_u32(u32) itoa::Buffer;
        serialize_u64(u64) itoa::Buffer;
        serialize_u128(u128) itoa::Buffer;
        serialize_f32(f32) ryu::Buffer;
        serialize_f64(f64) ryu::Buffer;
    }

    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.text(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.text(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        self.text(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        self.text(variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), EncodeError> {
        Err(self.refusal("an enum with data"))
    }

    refuse! {
        serialize_bytes(_v: &[u8]) -> (), "a byte string";
        serialize_seq(_len: Option<usize>) -> Self::SerializeSeq, "a sequence";
        serialize_tuple(_len: usize) -> Self::SerializeTuple, "a tuple";
        serialize_tuple_struct(_name: &'static str, _len: usize)
            -> Self::SerializeTupleStruct, "a tuple";
        serialize_tuple_variant(_name: &'static str, _index: u32, _variant: &'static str, _len: usize)
            -> Self::SerializeTupleVariant, "an enum with data";
        serialize_map(_len: Option<usize>) -> Self::SerializeMap, "a map";
        serialize_struct(_name: &'static str, _len: usize) -> Self::SerializeStruct, "a struct";
        serialize_struct_variant(_name: &'static str, _index: u32, _variant: &'static str, _len: usize)
            -> Self::SerializeStructVariant, "an enum with data";
    }
}
