//! [`Schema`]: what a record type looks like, and a fingerprint of its layout.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use rkyv::Archive;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{Field, Record};

/// The description of a record type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// The name of the type, without its module.
    pub name: String,
    /// The fields, in the order of the source. A record that is no struct has one field, `value`; a tuple
    /// has one for each part, `0`, `1` and so on.
    pub fields: Vec<FieldSchema>,
    /// A fingerprint of the archive's layout: field ids, types and sizes, recursively.
    ///
    /// It is the same in every run, on every machine and with every compiler. Names of types and
    /// fields do not count, so renaming with `#[field(renamed_from = "...")]` keeps it. Bytes written under one
    /// hash may be read under the same hash only.
    pub layout_hash: u64,
    /// The layout hashes of the older versions that it is an upgrade of; not stored.
    #[serde(skip)]
    pub(super) older: Vec<u64>,
}

/// A field of a record, or of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSchema {
    /// What identifies the field when it is renamed or moved: the FNV-1a hash of the name, unless
    /// `#[field(id = ...)]` says otherwise.
    pub id: u32,
    /// The name in the source.
    pub name: String,
    /// The type.
    pub ty: FieldType,
    /// Whether there is a value for it where an older version has none; not stored.
    #[serde(skip)]
    pub has_default: bool,
}

/// A variant of an enum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantSchema {
    /// As [`FieldSchema::id`].
    pub id: u32,
    /// The name in the source.
    pub name: String,
    /// The number that stands for the variant in an archive.
    pub tag: u8,
    /// The fields; those without a name are called `0`, `1` and so on.
    pub fields: Vec<FieldSchema>,
}

/// The type of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FieldType {
    /// A number, a truth value or a character.
    Primitive(Primitive),
    /// A string.
    Str,
    /// A time, nanoseconds since the Unix epoch.
    EventTime,
    /// A value that may be absent.
    Option(Box<FieldType>),
    /// Any number of values.
    List(Box<FieldType>),
    /// A fixed number of values.
    Array(Box<FieldType>, usize),
    /// Values without names.
    Tuple(Vec<FieldType>),
    /// A record.
    Struct {
        /// The name of the type.
        name: String,
        /// The size of the archive's fixed part, in bytes.
        archived_bytes: usize,
        /// The fields, in the order of the source.
        fields: Vec<FieldSchema>,
        /// The older version that it is an upgrade of; not stored.
        #[serde(skip)]
        upgrade: Option<Box<FieldType>>,
    },
    /// One of several.
    Enum {
        /// The name of the type.
        name: String,
        /// The size of the archive's fixed part, in bytes.
        archived_bytes: usize,
        /// The variants, in the order of the source.
        variants: Vec<VariantSchema>,
        /// The older version that it is an upgrade of; not stored.
        #[serde(skip)]
        upgrade: Option<Box<FieldType>>,
    },
}

/// A type without parts.
#[expect(missing_docs, reason = "each is called as the Rust type it is")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[repr(u8)]
pub enum Primitive {
    Bool = 1,
    Char,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

/// The schema of `T`, kept in a table of the process: a `static` in a generic function would be
/// one for all of its instances.
pub(super) fn of<T: Record>() -> &'static Schema {
    static SCHEMAS: LazyLock<Mutex<HashMap<TypeId, &'static Schema>>> =
        LazyLock::new(Mutex::default);
    // Nothing that can panic runs under the lock but the allocator; a poisoned map is whole.
    let kept = || SCHEMAS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(schema) = kept().get(&TypeId::of::<T>()) {
        return schema;
    }
    // Made without the lock; if two threads make it, one of the two is kept and one is dropped.
    let made = Schema::new(T::NAME, T::field_type());
    kept().entry(TypeId::of::<T>()).or_insert_with(|| Box::leak(Box::new(made)))
}

impl Schema {
    /// The schema of a record called `name` of type `ty`.
    #[must_use]
    pub fn new(name: &str, ty: FieldType) -> Self {
        let (layout_hash, older) = (ty.layout_hash(), ty.older());
        let fields = match ty {
            FieldType::Struct { fields, .. } => fields,
            FieldType::Tuple(parts) => (0..)
                .zip(parts)
                .map(|(id, ty)| FieldSchema { id, name: id.to_string(), ty, has_default: false })
                .collect(),
            ty => vec![FieldSchema { id: 0, name: "value".to_owned(), ty, has_default: false }],
        };
        Self { name: name.to_owned(), fields, layout_hash, older }
    }
}

impl FieldSchema {
    /// The field `name` of type `T`.
    #[must_use]
    pub fn new<T: Field>(id: u32, name: &str) -> Self {
        Self { id, name: name.to_owned(), ty: T::field_type(), has_default: false }
    }

    /// The same, with a value where an older version has none.
    #[must_use]
    pub fn with_default(self) -> Self {
        Self { has_default: true, ..self }
    }
}

impl VariantSchema {
    /// The variant `name`.
    #[must_use]
    pub fn new(id: u32, name: &str, tag: u8, fields: Vec<FieldSchema>) -> Self {
        Self { id, name: name.to_owned(), tag, fields }
    }
}

impl FieldType {
    /// The struct `T`.
    #[must_use]
    pub fn new_struct<T: Archive>(name: &str, fields: Vec<FieldSchema>) -> Self {
        let (name, archived_bytes) = (name.to_owned(), size_of::<T::Archived>());
        Self::Struct { name, archived_bytes, fields, upgrade: None }
    }

    /// The enum `T`.
    #[must_use]
    pub fn new_enum<T: Archive>(name: &str, variants: Vec<VariantSchema>) -> Self {
        let (name, archived_bytes) = (name.to_owned(), size_of::<T::Archived>());
        Self::Enum { name, archived_bytes, variants, upgrade: None }
    }

    /// The same record, as an upgrade of `T`.
    #[must_use]
    pub fn upgrading<T: Field>(mut self) -> Self {
        if let Self::Struct { upgrade, .. } | Self::Enum { upgrade, .. } = &mut self {
            *upgrade = Some(Box::new(T::field_type()));
        }
        self
    }

    /// The fingerprint of the layout; see [`Schema::layout_hash`].
    #[must_use]
    pub fn layout_hash(&self) -> u64 {
        let mut bytes = vec![LAYOUT_VERSION];
        self.encode(&mut bytes);
        xxh3_64(&bytes)
    }

    /// Appends the canonical form: a tag, then counts, ids and sizes in little-endian. It is
    /// prefix-free, so no two types share an encoding.
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Primitive(primitive) => out.push(*primitive as u8),
            Self::Str => out.push(32),
            Self::EventTime => out.push(33),
            Self::Option(inner) => {
                out.push(34);
                inner.encode(out);
            }
            Self::List(inner) => {
                out.push(35);
                inner.encode(out);
            }
            Self::Array(inner, count) => {
                out.push(36);
                encode_count(*count, out);
                inner.encode(out);
            }
            Self::Tuple(parts) => {
                out.push(37);
                encode_count(parts.len(), out);
                parts.iter().for_each(|part| part.encode(out));
            }
            Self::Struct { archived_bytes, fields, .. } => {
                out.push(38);
                encode_count(*archived_bytes, out);
                encode_fields(fields, out);
            }
            Self::Enum { archived_bytes, variants, .. } => {
                out.push(39);
                encode_count(*archived_bytes, out);
                encode_count(variants.len(), out);
                for variant in variants {
                    out.extend(variant.id.to_le_bytes());
                    out.push(variant.tag);
                    encode_fields(&variant.fields, out);
                }
            }
        }
    }
}

/// Raised when the same types come to lie differently in an archive, as with another version of
/// rkyv's format; then no hash of before is met again.
const LAYOUT_VERSION: u8 = 1;

fn encode_fields(fields: &[FieldSchema], out: &mut Vec<u8>) {
    encode_count(fields.len(), out);
    for field in fields {
        out.extend(field.id.to_le_bytes());
        field.ty.encode(out);
    }
}

fn encode_count(count: usize, out: &mut Vec<u8>) {
    out.extend((count as u64).to_le_bytes());
}
