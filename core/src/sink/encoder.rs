//! The encoder of a sink's format; chosen when it is opened.

use serde::Serialize;

use crate::format::csv::CsvEncoder;
use crate::format::json::JsonEncoder;
use crate::format::text::TextEncoder;
use crate::format::{EncodeError, Encoder as _};
use crate::source::FileFormat;

/// One of the formats.
#[expect(clippy::large_enum_variant, reason = "one for each file, and never moved")]
pub(super) enum AnyEncoder<T> {
    Csv(CsvEncoder<T>),
    Json(JsonEncoder<T>),
    Text(TextEncoder<T>),
}

impl<T: Serialize> AnyEncoder<T> {
    pub(super) fn new(format: FileFormat) -> Self {
        match format {
            FileFormat::Csv(options) => Self::Csv(CsvEncoder::new(options)),
            FileFormat::Ndjson => Self::Json(JsonEncoder::new()),
            FileFormat::Text => Self::Text(TextEncoder::new()),
        }
    }

    /// The same, for a file that has its header already.
    pub(super) fn appending(self) -> Self {
        match self {
            Self::Csv(encoder) => Self::Csv(encoder.without_header()),
            other => other,
        }
    }

    pub(super) fn encode(&mut self, record: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            Self::Csv(encoder) => encoder.encode(record, out),
            Self::Json(encoder) => encoder.encode(record, out),
            Self::Text(encoder) => encoder.encode(record, out),
        }
    }
}

/// Whether files of this format begin with a header.
pub(super) fn has_header(format: FileFormat) -> bool {
    matches!(format, FileFormat::Csv(options) if options.names_columns())
}
