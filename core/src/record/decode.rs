//! Reads archives by their schema alone: when the type they were written with is gone, or another one has its name.
//!
//! What rkyv writes is `repr(C)`, in little-endian, with pointers of 32 bits relative to themselves; so a schema says where everything lies:
//!
//! | type | bytes | aligned to | what |
//! |---|---|---|---|
//! | numbers, truth values, characters | 1 to 8 | as many | a character is its number in 4 bytes |
//! | time | 8 | 8 | nanoseconds |
//! | string | 8 | 4 | inline up to 8 bytes, ended by `ff`; else, marked by `10` in the top bits of the first byte, length and pointer |
//! | list | 8 | 4 | pointer and number of elements |
//! | option | | as its value | 0, or 1 and the value |
//! | array, tuple, struct | | as its parts | one after the other, each aligned |
//! | enum | | as its parts | the variant's tag in a byte, then as a struct |
//!
//! The root is at the end of the archive. Every place is checked before it is read, so damaged bytes are an error and nothing worse.

use std::ops::Range;
use std::sync::Arc;

use super::schema::{FieldSchema, FieldType, Primitive, VariantSchema};
use super::value::{Shape, Value};
use crate::time::EventTime;

/// An archive is not what its schema says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no archive of the type")]
pub struct NoArchive;

/// Reads archives of one type.
#[derive(Debug, Clone)]
pub struct Decoder {
    root: Layout,
    /// How many types the type is made of, itself included.
    types: usize,
}

/// A type, and how it lies.
#[derive(Debug, Clone)]
struct Layout {
    size: usize,
    align: usize,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Primitive(Primitive),
    Str,
    EventTime,
    Option(usize, Box<Layout>),
    List(Box<Layout>),
    Array(usize, Box<Layout>),
    Tuple(Vec<(usize, Layout)>),
    Struct(Arc<Shape>, Vec<(usize, Layout)>),
    Enum(Vec<Variant>),
}

/// A variant of an enum.
#[derive(Debug, Clone)]
struct Variant {
    tag: u8,
    shape: Arc<Shape>,
    fields: Vec<(usize, Layout)>,
}

/// Places fields one after the other.
#[derive(Default)]
struct Row {
    end: usize,
    align: usize,
}

impl Row {
    fn place(&mut self, layout: Layout) -> (usize, Layout) {
        // A schema that was read may say any size; nothing is as long as the largest.
        let at = self.end.checked_next_multiple_of(layout.align).unwrap_or(usize::MAX);
        self.end = at.saturating_add(layout.size);
        self.align = self.align.max(layout.align);
        (at, layout)
    }

    fn layout(&self, kind: Kind) -> Layout {
        let align = self.align.max(1);
        let size = self.end.checked_next_multiple_of(align).unwrap_or(usize::MAX);
        Layout { size, align, kind }
    }
}

/// How long a number of this type is, in archives and in keys.
pub(crate) fn primitive_bytes(primitive: Primitive) -> usize {
    match primitive {
        Primitive::Bool | Primitive::U8 | Primitive::I8 => 1,
        Primitive::U16 | Primitive::I16 => 2,
        Primitive::Char | Primitive::U32 | Primitive::I32 | Primitive::F32 => 4,
        Primitive::U64 | Primitive::I64 | Primitive::F64 => 8,
    }
}

impl Layout {
    fn of(ty: &FieldType) -> Self {
        match ty {
            FieldType::Primitive(primitive) => {
                let size = primitive_bytes(*primitive);
                Self { size, align: size, kind: Kind::Primitive(*primitive) }
            }
            FieldType::EventTime => Self { size: 8, align: 8, kind: Kind::EventTime },
            FieldType::Str => Self { size: 8, align: 4, kind: Kind::Str },
            FieldType::List(element) => {
                let element = Box::new(Self::of(element));
                Self { size: 8, align: 4, kind: Kind::List(element) }
            }
            FieldType::Option(value) => {
                let mut row = Row { end: 1, align: 1 };
                let (at, value) = row.place(Self::of(value));
                row.layout(Kind::Option(at, Box::new(value)))
            }
            FieldType::Array(element, count) => {
                let element = Self::of(element);
                let (size, align) = (element.size.saturating_mul(*count), element.align);
                Self { size, align, kind: Kind::Array(*count, Box::new(element)) }
            }
            FieldType::Tuple(parts) => {
                let mut row = Row::default();
                let parts = parts.iter().map(|part| row.place(Self::of(part))).collect();
                row.layout(Kind::Tuple(parts))
            }
            FieldType::Struct { fields, .. } => {
                let (mut row, hash) = (Row::default(), ty.layout_hash());
                let placed = place(&mut row, fields);
                row.layout(Kind::Struct(shape(hash, None, fields), placed))
            }
            FieldType::Enum { archived_bytes, variants, .. } => {
                let hash = ty.layout_hash();
                let mut align = 1;
                let variant = |variant: &VariantSchema| {
                    let mut row = Row { end: 1, align: 1 };
                    let placed = place(&mut row, &variant.fields);
                    align = align.max(row.align);
                    let shape = shape(hash, Some(variant), &variant.fields);
                    Variant { tag: variant.tag, shape, fields: placed }
                };
                let variants = variants.iter().map(variant).collect();
                Self { size: *archived_bytes, align, kind: Kind::Enum(variants) }
            }
        }
    }

    /// How many types it is made of, itself included.
    fn types(&self) -> usize {
        let all = |parts: &[(usize, Self)]| parts.iter().map(|(_, part)| part.types()).sum();
        1 + match &self.kind {
            Kind::Primitive(_) | Kind::Str | Kind::EventTime => 0,
            Kind::Option(_, part) | Kind::List(part) | Kind::Array(_, part) => part.types(),
            Kind::Tuple(parts) | Kind::Struct(_, parts) => all(parts),
            Kind::Enum(variants) => variants.iter().map(|variant| all(&variant.fields)).sum(),
        }
    }
}

fn place(row: &mut Row, fields: &[FieldSchema]) -> Vec<(usize, Layout)> {
    fields.iter().map(|field| row.place(Layout::of(&field.ty))).collect()
}

fn shape(layout_hash: u64, variant: Option<&VariantSchema>, fields: &[FieldSchema]) -> Arc<Shape> {
    Arc::new(Shape {
        layout_hash,
        variant: variant.map(|variant| (variant.id, variant.name.clone())),
        fields: fields.iter().map(|field| (field.id, field.name.clone())).collect(),
    })
}

/// Values that an archive may have besides those that its bytes are: lists of what has no size may say any length.
const MOST_EMPTY: usize = 1 << 16;

impl Decoder {
    /// For archives of this type.
    #[must_use]
    pub fn new(ty: &FieldType) -> Self {
        let root = Layout::of(ty);
        let types = root.types();
        Self { root, types }
    }

    /// What the archive holds. Cost: allocates for every list, record and string.
    ///
    /// # Errors
    ///
    /// The bytes are none of such a value.
    pub fn read(&self, archive: &[u8]) -> Result<Value, NoArchive> {
        let root = archive.len().checked_sub(self.root.size).ok_or(NoArchive)?;
        // A byte is part of one value of each type at most; without this, pointers could lead to the same bytes again and again.
        let mut left = archive.len().saturating_mul(self.types).saturating_add(MOST_EMPTY);
        read(archive, root, &self.root, &mut left)
    }
}

/// `count` bytes at `at`.
fn bytes(archive: &[u8], at: usize, count: usize) -> Result<&[u8], NoArchive> {
    archive.get(at..at.checked_add(count).ok_or(NoArchive)?).ok_or(NoArchive)
}

fn word(archive: &[u8], at: usize) -> Result<u32, NoArchive> {
    let bytes = bytes(archive, at, 4)?.try_into().expect("invariant: these are four bytes");
    Ok(u32::from_le_bytes(bytes))
}

/// What the pointer at `at` leads to, which is relative to `from`.
fn target(archive: &[u8], from: usize, at: usize) -> Result<usize, NoArchive> {
    let offset = word(archive, at)?.cast_signed();
    isize::try_from(offset).ok().and_then(|offset| from.checked_add_signed(offset)).ok_or(NoArchive)
}

fn length(word: u32) -> usize {
    usize::try_from(word).expect("invariant: an address has 32 bits or more")
}

fn read(archive: &[u8], at: usize, layout: &Layout, left: &mut usize) -> Result<Value, NoArchive> {
    *left = left.checked_sub(1).ok_or(NoArchive)?;
    match &layout.kind {
        Kind::Primitive(primitive) => {
            primitive_value(*primitive, bytes(archive, at, primitive_bytes(*primitive))?)
        }
        Kind::EventTime => {
            let nanos = unsigned(bytes(archive, at, 8)?).cast_signed();
            Ok(Value::EventTime(EventTime::from_nanos(nanos)))
        }
        Kind::Str => {
            let text = text(archive, at)?;
            *left = left.checked_sub(text.len()).ok_or(NoArchive)?;
            Ok(Value::Str(text.to_owned()))
        }
        Kind::Option(value_at, value) => match bytes(archive, at, 1)?[0] {
            0 => Ok(Value::Option(None)),
            1 => {
                let value = read(archive, at.saturating_add(*value_at), value, left)?;
                Ok(Value::Option(Some(Box::new(value))))
            }
            _ => Err(NoArchive),
        },
        Kind::List(element) => {
            let count = length(word(archive, at + 4)?);
            let first = if count == 0 { 0 } else { target(archive, at, at)? };
            if element.size.saturating_mul(count) > archive.len() {
                return Err(NoArchive);
            }
            elements(archive, first, element, count, left).map(Value::List)
        }
        Kind::Array(count, element) => {
            bytes(archive, at, layout.size)?;
            elements(archive, at, element, *count, left).map(Value::List)
        }
        Kind::Tuple(parts) => fields(archive, at, parts, left).map(Value::Tuple),
        Kind::Struct(shape, parts) => {
            let values = fields(archive, at, parts, left)?;
            Ok(Value::Record(Arc::clone(shape), values))
        }
        Kind::Enum(variants) => {
            let tag = bytes(archive, at, 1)?[0];
            let variant = variants.iter().find(|variant| variant.tag == tag).ok_or(NoArchive)?;
            let values = fields(archive, at, &variant.fields, left)?;
            Ok(Value::Record(Arc::clone(&variant.shape), values))
        }
    }
}

fn elements(
    archive: &[u8],
    first: usize,
    element: &Layout,
    count: usize,
    left: &mut usize,
) -> Result<Vec<Value>, NoArchive> {
    let at = |index: usize| first.checked_add(element.size.checked_mul(index)?);
    (0..count).map(|index| read(archive, at(index).ok_or(NoArchive)?, element, left)).collect()
}

fn fields(
    archive: &[u8],
    at: usize,
    parts: &[(usize, Layout)],
    left: &mut usize,
) -> Result<Vec<Value>, NoArchive> {
    let part =
        |(offset, part): &(usize, Layout)| read(archive, at.saturating_add(*offset), part, left);
    parts.iter().map(part).collect()
}

/// A number of up to 8 bytes.
pub(crate) fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The same with a sign, of as many bits as there are.
fn signed(bytes: &[u8]) -> i64 {
    let unused = 64 - 8 * bytes.len();
    (unsigned(bytes) << unused).cast_signed() >> unused
}

/// The number that `bytes`, as many as it has, are.
pub(crate) fn primitive_value(primitive: Primitive, bytes: &[u8]) -> Result<Value, NoArchive> {
    let number = unsigned(bytes);
    let narrow = || u32::try_from(number).expect("invariant: these are four bytes");
    Ok(match primitive {
        Primitive::Bool if number > 1 => return Err(NoArchive),
        Primitive::Bool => Value::Bool(number == 1),
        Primitive::Char => Value::Char(char::from_u32(narrow()).ok_or(NoArchive)?),
        Primitive::U8 | Primitive::U16 | Primitive::U32 | Primitive::U64 => Value::Unsigned(number),
        Primitive::I8 | Primitive::I16 | Primitive::I32 | Primitive::I64 => {
            Value::Signed(signed(bytes))
        }
        Primitive::F32 => Value::F32(f32::from_bits(narrow())),
        Primitive::F64 => Value::F64(f64::from_bits(number)),
    })
}

fn text(archive: &[u8], at: usize) -> Result<&str, NoArchive> {
    let inline = bytes(archive, at, 8)?;
    let range: Range<usize> = if inline[0] & 0xc0 == 0x80 {
        let marked = word(archive, at)?;
        let first = target(archive, at, at + 4)?;
        let length = length((marked & 0x3f) | ((marked & !0xff) >> 2));
        first..first.checked_add(length).ok_or(NoArchive)?
    } else {
        at..at + inline.iter().position(|byte| *byte == 0xff).unwrap_or(8)
    };
    let text = archive.get(range).ok_or(NoArchive)?;
    str::from_utf8(text).map_err(|_| NoArchive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Field as _;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn elements_without_a_size_cannot_be_more_than_a_few() {
        let nothing = FieldType::List(Box::new(FieldType::Tuple(Vec::new())));
        let decoder = Decoder::new(&nothing);
        assert!(decoder.read(&words(&[0, 1000])).is_ok());
        for count in [1 << 20, 1 << 28, u32::MAX] {
            assert_eq!(decoder.read(&words(&[0, count])), Err(NoArchive));
        }
    }

    /// 70 KB made 270 MB of this.
    #[test]
    fn bytes_to_which_many_pointers_lead_are_refused() {
        let texts = Decoder::new(&FieldType::List(Box::new(FieldType::Str)));
        let length = 1 << 15;
        let archive = |count: u32| {
            let mut archive = vec![b'x'; length as usize];
            for at in 0..count {
                // A length has two bits of a mark between its sixth bit and the next.
                let marked = length & 0x3f | 0x80 | (length & !0x3f) << 2;
                archive.extend(words(&[marked, (length + 8 * at).wrapping_neg()]));
            }
            archive.extend(words(&[(8 * count).wrapping_neg(), count]));
            archive
        };
        let Ok(Value::List(read)) = texts.read(&archive(2)) else { panic!("two are fine") };
        assert_eq!(read, [(); 2].map(|()| Value::Str("x".repeat(length as usize))));
        assert_eq!(texts.read(&archive(5000)), Err(NoArchive));
    }

    #[test]
    fn sizes_beyond_all_bounds_are_those_of_nothing() {
        let byte = || Box::new(FieldType::Primitive(Primitive::U8));
        let huge = FieldType::Array(byte(), usize::MAX);
        let types = [
            FieldType::Tuple(vec![huge.clone(), FieldType::EventTime, huge.clone()]),
            FieldType::Option(Box::new(huge.clone())),
            FieldType::Array(Box::new(huge.clone()), 0),
            FieldType::List(Box::new(FieldType::Option(Box::new(huge)))),
        ];
        for ty in types {
            // Whether it is read or not, it ends well.
            let _ = Decoder::new(&ty).read(&[1; 64]);
        }
    }

    #[test]
    fn bytes_that_are_no_archive_are_refused_in_words() {
        let decoder = Decoder::new(&u64::field_type());
        assert_eq!(decoder.read(&7_u64.to_le_bytes()), Ok(Value::Unsigned(7)));
        let short = decoder.read(b"1234").unwrap_err();
        assert_eq!(short.to_string(), "the bytes are no archive of the type");
    }
}
