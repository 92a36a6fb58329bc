//! Writes records into files, as CSV, NDJSON or text; the sink side of [`crate::source::Files`].
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

use super::encoder::{AnyEncoder, has_header};
use super::{Sink, SinkWriter, Writers};
use crate::error::{FileError, OperatorFault};
use crate::exchange::Records;
use crate::format::EncodeError;
use crate::format::gzip::Compression;
use crate::io::WriteFile;
use crate::record::Record;
use crate::source::{FileRecords, OpenContext};

impl<T: Record> FileRecords<T> {
    /// To write: a file for each worker, with the worker's number in its name (`out-0.csv` for `out.csv`); records then stay on the worker where
    /// they are.
    pub fn per_worker(self) -> FileSink<T> {
        FileSink { records: self, writers: Writers::PerWorker, flushes: false }
    }

    /// To write: as [`FileSink::flush_when_idle`].
    pub fn flush_when_idle(self) -> FileSink<T> {
        FileSink { records: self, writers: Writers::One, flushes: true }
    }
}

/// Writes records into files, with settings; made by [`FileRecords::per_worker`] and its like.
pub struct FileSink<T> {
    records: FileRecords<T>,
    writers: Writers,
    flushes: bool,
}

crate::operator::opaque_debug!(FileSink<T>);

impl<T: Record> FileSink<T> {
    /// As [`FileRecords::per_worker`].
    #[must_use]
    pub fn per_worker(mut self) -> Self {
        self.writers = Writers::PerWorker;
        self
    }

    /// Writes out what is there whenever the worker has nothing else to do, so that others who follow the file see it. Default: a
    /// quarter of a megabyte at a time.
    #[must_use]
    pub fn flush_when_idle(mut self) -> Self {
        self.flushes = true;
        self
    }
}

impl<T: Record + Serialize> Sink<T> for FileSink<T> {
    type Writer = FileWriter<T>;

    fn writers(&self) -> Writers {
        self.writers
    }

    fn open(&self, context: &OpenContext) -> Result<FileWriter<T>, OperatorFault> {
        let path = match self.writers {
            Writers::One => self.records.path.clone(),
            Writers::PerWorker => numbered(&self.records.path, context.worker),
        };
        FileWriter::open(&path, &self.records, self.flushes, context)
    }

    fn describe(&self) -> String {
        match self.writers {
            Writers::One => self.records.describe(),
            Writers::PerWorker => format!("{} for each worker", self.records.describe()),
        }
    }
}

/// `out-0.csv` for `out.csv`: the number stands before all endings, which say what the file is.
fn numbered(path: &Path, worker: usize) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (stem, endings) = match name.char_indices().skip(1).find(|(_, c)| *c == '.') {
        Some((dot, _)) => name.split_at(dot),
        None => (&*name, ""),
    };
    path.with_file_name(format!("{stem}-{worker}{endings}"))
}

impl<T: Record + Serialize> Sink<T> for FileRecords<T> {
    type Writer = FileWriter<T>;

    fn writers(&self) -> Writers {
        Writers::One
    }

    fn open(&self, context: &OpenContext) -> Result<FileWriter<T>, OperatorFault> {
        FileWriter::open(&self.path, self, false, context)
    }

    fn describe(&self) -> String {
        self.describe()
    }
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

/// Lines on their way into a file, compressed if its name says so.
pub(super) struct LineFile {
    path: PathBuf,
    file: Box<dyn WriteFile>,
    gzip: Option<GzEncoder<Vec<u8>>>,
    /// Encoded and not yet handed to the file; empty between runs.
    text: Vec<u8>,
    is_closing: bool,
}

impl LineFile {
    pub(super) fn create(path: &Path, context: &OpenContext) -> Result<Self, FileError> {
        let file = context.files.create(path).map_err(|source| FileError {
            action: "create",
            path: path.to_owned(),
            source,
        })?;
        let gzip = is_compressed(path).then(|| GzEncoder::new(Vec::new(), Level::default()));
        Ok(Self { path: path.to_owned(), file, gzip, text: Vec::new(), is_closing: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where lines are appended; then call [`Self::put`].
    pub(super) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Hands the text to the file.
    pub(super) fn put(&mut self) -> Result<(), FileError> {
        self.hand_over(|_| Ok(()))
    }

    /// Hands the text to the file; `more` asks the compressor for what it still holds.
    fn hand_over(
        &mut self,
        more: impl FnOnce(&mut GzEncoder<Vec<u8>>) -> io::Result<()>,
    ) -> Result<(), FileError> {
        let Self { file, gzip, text, .. } = self;
        let written = match gzip {
            None => file.write(text),
            Some(gzip) => gzip.write_all(text).and_then(|()| more(gzip)).and_then(|()| {
                let written = file.write(gzip.get_ref());
                gzip.get_mut().clear();
                written
            }),
        };
        self.text.clear();
        written.map_err(|source| self.failed(source))
    }

    pub(super) fn poll_flush(&mut self) -> Result<bool, FileError> {
        self.hand_over(|gzip| gzip.flush())?;
        self.file.poll_flush().map_err(|source| self.failed(source))
    }

    pub(super) fn poll_close(&mut self) -> Result<bool, FileError> {
        if !self.is_closing {
            self.is_closing = true;
            self.hand_over(GzEncoder::try_finish)?;
        }
        self.file.poll_close().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> FileError {
        FileError { action: "write", path: self.path.clone(), source }
    }
}

fn is_compressed(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| Compression::of_name(&name.to_string_lossy()) == Compression::Gzip)
}

/// Writes one file.
pub struct FileWriter<T> {
    file: LineFile,
    encoder: AnyEncoder<T>,
    /// No record has come, and the format has a header.
    header_is_due: bool,
    flushes: bool,
    holds_back: bool,
}

crate::operator::opaque_debug!(FileWriter<T>);

impl<T: Record + Serialize> FileWriter<T> {
    fn open(
        path: &Path,
        records: &FileRecords<T>,
        flushes: bool,
        context: &OpenContext,
    ) -> Result<Self, OperatorFault> {
        Ok(Self {
            file: LineFile::create(path, context)?,
            encoder: AnyEncoder::new(records.format),
            header_is_due: has_header(records.format),
            flushes,
            holds_back: false,
        })
    }

    /// The header of a file without records: by the names of the fields, since no record tells serde's.
    fn write_header(&mut self) {
        let names: Vec<&str> = T::schema().fields.iter().map(|field| &*field.name).collect();
        if let AnyEncoder::Csv(encoder) = &mut self.encoder {
            encoder.write_header(&names, self.file.text());
        }
    }
}

impl<T: Record + Serialize> SinkWriter<T> for FileWriter<T> {
    fn write(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        for (record, _) in run.iter() {
            let encoded = self.encoder.encode(&record.to_value(), self.file.text());
            encoded.map_err(|source| FileSinkError { path: self.file.path.clone(), source })?;
            self.header_is_due = false;
        }
        self.holds_back = self.flushes;
        Ok(self.file.put()?)
    }

    fn holds_back(&self) -> bool {
        self.holds_back
    }

    fn poll_flush(&mut self) -> Result<bool, OperatorFault> {
        let flushed = self.file.poll_flush()?;
        self.holds_back &= !flushed;
        Ok(flushed)
    }

    fn poll_close(&mut self) -> Result<bool, OperatorFault> {
        if std::mem::take(&mut self.header_is_due) {
            self.write_header();
        }
        Ok(self.file.poll_close()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workers_number_stands_before_the_endings() {
        for (path, expected) in
            [("a/out.csv.gz", "a/out-2.csv.gz"), ("out", "out-2"), (".hidden.csv", ".hidden-2.csv")]
        {
            assert_eq!(numbered(Path::new(path), 2), Path::new(expected));
        }
    }
}
