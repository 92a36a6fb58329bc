//! The CSV encoder: a header once per file, then a row for each record.

use std::marker::PhantomData;

use serde::Serialize;

use super::options::CsvOptions;
use super::serializer::RowWriter;
use super::style::{Style, write_cell};
use crate::format::encode::{EncodeError, Encoder};

/// Encodes records of type `T` as CSV.
///
/// * The header is the struct's field names. A file without records gets one only through
///   [`CsvEncoder::write_header`].
/// * A cell is quoted if it contains the delimiter, the quote or a line break.
/// * Floats are the shortest decimal that reads back as the same number, with a digit behind the
///   point (`10.0`, `39.02`); from 1e16 on and below 1e-5 they have an exponent (`1e21`, `1.5e-7`).
///   What is no number is `NaN`, `inf`, `-inf`.
/// * `None` and `Some("")` are both an empty cell, and read back as `None`.
/// * Of [`CsvOptions`] delimiter, quote and `has_header` count; without a quote, cells are written
///   as they are.
#[derive(Debug)]
pub struct CsvEncoder<T> {
    style: Style,
    has_header: bool,
    /// Whether the file still needs its header.
    fresh: bool,
    /// Number of columns, once known.
    columns: Option<usize>,
    marker: PhantomData<fn(&T)>,
}

impl<T: Serialize> CsvEncoder<T> {
    /// An encoder at the start of a file.
    pub fn new(options: CsvOptions) -> Self {
        let (style, has_header) = (Style::new(&options), options.has_header);
        Self { style, has_header, fresh: has_header, columns: None, marker: PhantomData }
    }

    /// An encoder that appends to a file which has its header already.
    pub fn appending(options: CsvOptions) -> Self {
        Self::new(options).without_header()
    }

    /// The same encoder, in a file which has its header already.
    pub(crate) fn without_header(self) -> Self {
        Self { fresh: false, ..self }
    }

    /// Appends a header of these names now; the first record then brings none.
    pub fn write_header(&mut self, names: &[&str], out: &mut Vec<u8>) {
        for (i, name) in names.iter().enumerate() {
            if i > 0 {
                out.push(self.style.delimiter);
            }
            write_cell(name.as_bytes(), &self.style, out);
        }
        out.push(b'\n');
        self.columns = Some(names.len());
        self.fresh = false;
    }

    fn write(&mut self, record: &T, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
        if self.fresh {
            record.serialize(RowWriter::names(&self.style, out))?;
        }
        record.serialize(RowWriter::values(&self.style, out))
    }
}

impl<T: Serialize> Encoder<T> for CsvEncoder<T> {
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let before = out.len();
        let found = self.write(record, out).and_then(|found| match self.columns {
            Some(columns) if columns != found => {
                Err(EncodeError::ColumnsChanged { found, columns })
            }
            _ => Ok(found),
        });
        match found {
            Ok(found) => {
                self.columns = Some(found);
                self.fresh = false;
                Ok(())
            }
            Err(error) => {
                out.truncate(before);
                Err(error)
            }
        }
    }

    fn start_file(&mut self) {
        self.fresh = self.has_header;
        self.columns = None;
    }
}
