//! Writes records into one file, as CSV or NDJSON; the sink side of [`crate::source::Files`].
//!
//! Records are taken out of their archives and encoded a run at a time, into a buffer that is kept. The file is created when the
//! first record comes, or at the end if none does, and holds everything when the job has ended well.
//!
//! # Not here
//!
//! No rolling to a new file and no atomic rename: until the job has ended, a reader sees a file that grows.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use serde::Serialize;

use super::{Sink, SinkWriter, Writers};
use crate::error::{FileError, OperatorFault};
use crate::exchange::Records;
use crate::format::csv::CsvEncoder;
use crate::format::gzip::Compression;
use crate::format::json::JsonEncoder;
use crate::format::{EncodeError, Encoder as _};
use crate::io::WriteFile;
use crate::record::Record;
use crate::source::{FileFormat, FileRecords, OpenContext};

impl<T: Record + Serialize> Sink<T> for FileRecords<T> {
    type Writer = FileWriter<T>;

    fn writers(&self) -> Writers {
        Writers::One
    }

    fn open(&self, context: &OpenContext) -> Result<FileWriter<T>, OperatorFault> {
        let Self { path, format, .. } = self;
        let file = context.files.create(path).map_err(|source| FileError {
            action: "create",
            path: path.clone(),
            source,
        })?;
        let encoder = match *format {
            FileFormat::Csv(options) => AnyEncoder::Csv(CsvEncoder::new(options)),
            FileFormat::Ndjson => AnyEncoder::Json(JsonEncoder::new()),
        };
        let header_is_due = matches!(format, FileFormat::Csv(options) if options.names_columns());
        Ok(FileWriter {
            path: path.clone(),
            file,
            gzip: is_compressed(path).then(|| GzEncoder::new(Vec::new(), Level::default())),
            encoder,
            text: Vec::new(),
            header_is_due,
            is_closing: false,
        })
    }

    fn describe(&self) -> String {
        self.describe()
    }
}

fn is_compressed(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| Compression::of_name(&name.to_string_lossy()) == Compression::Gzip)
}

/// A record that has no form in its file's format.
#[derive(Debug, thiserror::Error)]
#[error("a record cannot be written to {path:?}")]
pub struct FileSinkError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: EncodeError,
}

/// Writes one file.
pub struct FileWriter<T> {
    path: PathBuf,
    file: Box<dyn WriteFile>,
    gzip: Option<GzEncoder<Vec<u8>>>,
    encoder: AnyEncoder<T>,
    /// Encoded and not yet handed to the file; empty between calls.
    text: Vec<u8>,
    /// No record has come, and the format has a header.
    header_is_due: bool,
    is_closing: bool,
}

crate::operator::opaque_debug!(FileWriter<T>);

impl<T: Record + Serialize> FileWriter<T> {
    /// Hands `text` to the file, and with `last` also what the compressor still holds.
    fn put(&mut self, last: bool) -> Result<(), FileError> {
        let written = match &mut self.gzip {
            None => self.file.write(&self.text),
            Some(gzip) => compress(gzip, &self.text, last).and_then(|()| {
                let written = self.file.write(gzip.get_ref());
                gzip.get_mut().clear();
                written
            }),
        };
        self.text.clear();
        written.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> FileError {
        FileError { action: "write", path: self.path.clone(), source }
    }

    /// The header of a file without records: by the names of the fields, since no record tells serde's.
    fn write_header(&mut self) {
        let names: Vec<&str> = T::schema().fields.iter().map(|field| &*field.name).collect();
        if let AnyEncoder::Csv(encoder) = &mut self.encoder {
            encoder.write_header(&names, &mut self.text);
        }
    }
}

fn compress(gzip: &mut GzEncoder<Vec<u8>>, text: &[u8], last: bool) -> io::Result<()> {
    gzip.write_all(text)?;
    if last { gzip.try_finish() } else { Ok(()) }
}

impl<T: Record + Serialize> SinkWriter<T> for FileWriter<T> {
    fn write(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        for (record, _) in run.iter() {
            let encoded = self.encoder.encode(&record.to_value(), &mut self.text);
            encoded.map_err(|source| FileSinkError { path: self.path.clone(), source })?;
            self.header_is_due = false;
        }
        Ok(self.put(false)?)
    }

    fn poll_close(&mut self) -> Result<bool, OperatorFault> {
        if !self.is_closing {
            self.is_closing = true;
            if self.header_is_due {
                self.write_header();
            }
            self.put(true)?;
        }
        Ok(self.file.poll_close().map_err(|source| self.failed(source))?)
    }
}

/// The encoder of the file's format.
#[expect(clippy::large_enum_variant, reason = "one for each file, and never moved")]
enum AnyEncoder<T> {
    Csv(CsvEncoder<T>),
    Json(JsonEncoder<T>),
}

impl<T: Serialize> AnyEncoder<T> {
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            Self::Csv(encoder) => encoder.encode(record, out),
            Self::Json(encoder) => encoder.encode(record, out),
        }
    }
}
