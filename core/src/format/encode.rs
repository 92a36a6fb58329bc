//! The contract of an encoder: records in, bytes appended to the caller's buffer.

/// Turns records into bytes.
pub trait Encoder<T> {
    /// Appends `record` to `out`, behind the header if this is the first record of a file.
    ///
    /// Cost: no allocation but the growth of `out`, so keep the buffer.
    ///
    /// # Errors
    ///
    /// If the record has no form in this format. `out` is then as it was before the call.
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// Forgets what was written: the next record is the first one of a new file.
    fn start_file(&mut self);
}

/// Why a record has no form in a format.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A CSV cell holds one value, this field several. Flatten the record, or write it as NDJSON.
    #[error(
        "field \"{field}\" is {what}, and a CSV cell holds one value; flatten it or use NDJSON"
    )]
    Nested {
        /// The field.
        field: &'static str,
        /// What it holds.
        what: &'static str,
    },
    /// CSV writes structs with named fields; this is something else (or uses `#[serde(flatten)]`).
    #[error(
        "the record is {what}, not a struct with named fields, so it has no CSV columns; map it to one, or use NDJSON"
    )]
    NotAStruct {
        /// What it is.
        what: &'static str,
    },
    /// A hand-written `Serialize` gives other fields now than it did for the file's first record.
    #[error(
        "the record has {found} fields, the file's header {columns}; give every record the fields of the first"
    )]
    ColumnsChanged {
        /// Fields of this record.
        found: usize,
        /// Columns of the header.
        columns: usize,
    },
    /// A line of text is a string. Map the record to one, or give it a field `text`.
    #[error(
        "the record is neither a string nor has it a field \"text\", so it is no line of text; map it to a string, or use NDJSON"
    )]
    NoText,
    /// A line break in the text would make two lines of it.
    #[error(
        "the text has a line break in it, so it is no line of text; leave the break out, or use NDJSON"
    )]
    LineBreak,
    /// The record's own `Serialize` failed.
    #[error("the record cannot be serialized: {0}")]
    Custom(Box<str>),
    /// JSON cannot hold the record, for instance a map whose keys are no strings.
    #[error("the record cannot be written as JSON")]
    Json(#[source] sonic_rs::Error),
}

impl serde::ser::Error for EncodeError {
    fn custom<M: std::fmt::Display>(message: M) -> Self {
        Self::Custom(message.to_string().into())
    }
}
