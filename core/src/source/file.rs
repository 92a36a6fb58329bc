//! Files of records: a source that reads them, and (with [`crate::sink`]) a sink that writes them.
//!
//! A plain file is cut into splits by byte ranges; a compressed one, or CSV with line breaks in its cells, is one split. Splits are
//! ordered by file and offset, dealt to the workers in turn, and each worker reads its own one after the other. Files never run
//! dry: how fast a disk answers shows in no watermark, so what is late depends on the input alone.
//!
//! # Invariants
//!
//! 1. Every line of every file is read by exactly one split.
//! 2. A poll reads at most a few chunks; nothing is allocated for a record but what the record itself allocates.
//! 3. Whatever goes wrong names the file, and in it the line and the column where they are known.
//!
//! # Not here
//!
//! The files are listed once, before the job starts. Growing files are followed by [`super::Tail`], and new ones found by
//! [`super::WatchedFiles`]; both read them with the reader that is here.

mod bad_line;
mod error;
mod input;
mod listing;
mod reader;

pub use bad_line::{OnError, RejectedLine};
pub use error::FileSourceError;
pub use listing::FileSplit;
pub use reader::FileReader;

use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::{OpenContext, Position, Source};
use crate::error::OperatorFault;
use crate::format::Position as FilePosition;
use crate::format::csv::CsvOptions;
use crate::format::text::TextLine;
use crate::io;
use crate::record::Record;

/// Where files of records start: `Files::csv(path)` is a source and a sink, whichever it is given as.
///
/// ```no_run
/// use thalweg::prelude::*;
///
/// #[record]
/// struct Visit {
///     #[event_time]
///     at: EventTime,
///     page: Str,
/// }
///
/// fn only_home(t: &mut Topology) -> Result<()> {
///     t.source("visits", Files::csv::<Visit>("visits/*.csv.gz").on_error(OnError::Skip))
///         .watermarks(Monotonic)
///         .filter(|visit| visit.page() == "/")
///         .sink("home", Files::ndjson("home.ndjson"));
///     Ok(())
/// }
/// # Engine::builder().build().run("home", only_home).unwrap();
/// ```
#[derive(Debug)]
pub enum Files {}

impl Files {
    /// CSV files with a header; to read, `path` may be a pattern such as `data/*.csv.gz`.
    pub fn csv<T: Record>(path: impl AsRef<Path>) -> FileRecords<T> {
        Self::csv_with(path, CsvOptions::default())
    }

    /// As [`Self::csv`], in another dialect.
    pub fn csv_with<T: Record>(path: impl AsRef<Path>, options: CsvOptions) -> FileRecords<T> {
        FileRecords::new(path.as_ref(), FileFormat::Csv(options))
    }

    /// Files of one JSON object a line; to read, `path` may be a pattern.
    pub fn ndjson<T: Record>(path: impl AsRef<Path>) -> FileRecords<T> {
        FileRecords::new(path.as_ref(), FileFormat::Ndjson)
    }

    /// Files of plain text, each line a record with its place; to read, `path` may be a pattern.
    ///
    /// Call `Files::text::<Str>(path)` for the text alone.
    pub fn text<T: Record>(path: impl AsRef<Path>) -> FileRecords<T> {
        FileRecords::new(path.as_ref(), FileFormat::Text)
    }

    /// As [`Self::text`], for [`TextLine`]s.
    pub fn lines(path: impl AsRef<Path>) -> FileRecords<TextLine> {
        Self::text(path)
    }
}

/// How records lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileFormat {
    /// Comma-separated values, or another dialect of them.
    Csv(CsvOptions),
    /// One JSON object a line.
    Ndjson,
    /// Lines of text, as they are.
    Text,
}

impl FileFormat {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Ndjson => "ndjson",
            Self::Text => "lines",
        }
    }
}

/// Records in files; made by [`Files`], given to `Topology::source` to be read or to `Stream::sink` to be written.
///
/// # To read
///
/// The path is a file or a pattern; compressed files are known by their first bytes, whatever their name. A pattern that matches
/// nothing, and a CSV header without a column that the record needs, are refused before the job starts.
///
/// # To follow
///
/// [`FileRecords::tail`] reads files as they grow, [`FileRecords::watch`] reads files as they appear.
///
/// # To write
///
/// One writer, on worker 0, writes the records of all workers into one file, which is created, with its folder, even if no record comes; CSV then
/// still has its header, from the names of the record's fields. A name that ends in `.gz` is compressed.
pub struct FileRecords<T> {
    pub(crate) path: PathBuf,
    pub(crate) format: FileFormat,
    marker: PhantomData<fn() -> T>,
}

crate::operator::opaque_debug!(FileRecords<T>);

impl<T> Clone for FileRecords<T> {
    fn clone(&self) -> Self {
        Self { path: self.path.clone(), format: self.format, marker: PhantomData }
    }
}

impl<T: Record> FileRecords<T> {
    fn new(path: &Path, format: FileFormat) -> Self {
        Self { path: path.to_owned(), format, marker: PhantomData }
    }

    /// For plans.
    pub(crate) fn describe(&self) -> String {
        format!("{} {:?}", self.format.name(), self.path)
    }

    fn source(&self) -> FileSource<T> {
        FileSource {
            records: self.clone(),
            on_error: OnError::Fail,
            split_bytes: SPLIT_BYTES,
            side_by_side: 1,
        }
    }

    /// As [`FileSource::on_error`].
    pub fn on_error(self, on_error: OnError) -> FileSource<T> {
        self.source().on_error(on_error)
    }

    /// As [`FileSource::split_bytes`].
    pub fn split_bytes(self, bytes: NonZeroU64) -> FileSource<T> {
        self.source().split_bytes(bytes)
    }

    /// As [`FileSource::side_by_side`].
    pub fn side_by_side(self, splits: usize) -> FileSource<T> {
        self.source().side_by_side(splits)
    }
}

/// Large enough that opening and finding the first line cost nothing, small enough to spread one file of a gigabyte over 16 cores.
const SPLIT_BYTES: NonZeroU64 = NonZeroU64::new(64 << 20).expect("invariant: 64 MiB is not zero");

/// Reads records from files, with settings; made by [`FileRecords::on_error`] and its like.
pub struct FileSource<T> {
    records: FileRecords<T>,
    on_error: OnError,
    split_bytes: NonZeroU64,
    side_by_side: usize,
}

crate::operator::opaque_debug!(FileSource<T>);

impl<T> Clone for FileSource<T> {
    fn clone(&self) -> Self {
        let Self { records, on_error, split_bytes, side_by_side } = self;
        Self {
            records: records.clone(),
            on_error: on_error.clone(),
            split_bytes: *split_bytes,
            side_by_side: *side_by_side,
        }
    }
}

impl<T: Record> FileSource<T> {
    pub(super) fn path(&self) -> &Path {
        &self.records.path
    }

    /// What becomes of a line that is no record. Default: [`OnError::Fail`].
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// The size of a split of a plain file. Default: 64 MiB.
    #[must_use]
    pub fn split_bytes(mut self, bytes: NonZeroU64) -> Self {
        self.split_bytes = bytes;
        self
    }

    /// How many splits a worker reads side by side, 1 or more. Default: 1, so that files are read in their order. More, for files that
    /// cover the same time: event time then advances with the slowest of those that are open.
    #[must_use]
    pub fn side_by_side(mut self, splits: usize) -> Self {
        self.side_by_side = splits.max(1);
        self
    }
}

impl<T: Record + DeserializeOwned> FileSource<T> {
    /// The splits of one file.
    pub(super) fn splits_of(
        &self,
        files: &dyn io::Files,
        path: &Path,
        split_bytes: NonZeroU64,
    ) -> Result<Vec<FileSplit>, FileSourceError> {
        let mut splits = Vec::new();
        listing::file_splits::<T>(files, path, self.records.format, split_bytes, &mut splits)?;
        Ok(splits)
    }
}

impl<T: Record + DeserializeOwned> Source for FileSource<T> {
    type Out = T;
    type Split = FileSplit;
    type Reader = FileReader<T>;

    fn splits(&self, files: &dyn io::Files) -> Result<Vec<FileSplit>, OperatorFault> {
        let FileRecords { path, format, .. } = &self.records;
        Ok(listing::splits::<T>(files, path, *format, self.split_bytes)?)
    }

    fn open(
        &self,
        split: &FileSplit,
        context: &OpenContext,
    ) -> Result<FileReader<T>, OperatorFault> {
        Ok(FileReader::open(split, None, self.records.format, &self.on_error, context)?)
    }

    fn resume(
        &self,
        split: &FileSplit,
        position: &Position,
        context: &OpenContext,
    ) -> Result<FileReader<T>, OperatorFault> {
        let at = position.read::<FilePosition>()?;
        Ok(FileReader::open(split, Some(at), self.records.format, &self.on_error, context)?)
    }

    fn side_by_side(&self) -> usize {
        self.side_by_side
    }

    fn split_name(&self, split: &FileSplit) -> String {
        split.name()
    }

    fn describe(&self) -> String {
        self.records.describe()
    }
}

impl<T: Record + DeserializeOwned> Source for FileRecords<T> {
    type Out = T;
    type Split = FileSplit;
    type Reader = FileReader<T>;

    fn splits(&self, files: &dyn io::Files) -> Result<Vec<FileSplit>, OperatorFault> {
        self.source().splits(files)
    }

    fn open(
        &self,
        split: &FileSplit,
        context: &OpenContext,
    ) -> Result<FileReader<T>, OperatorFault> {
        self.source().open(split, context)
    }

    fn resume(
        &self,
        split: &FileSplit,
        position: &Position,
        context: &OpenContext,
    ) -> Result<FileReader<T>, OperatorFault> {
        self.source().resume(split, position, context)
    }

    fn side_by_side(&self) -> usize {
        1
    }

    fn split_name(&self, split: &FileSplit) -> String {
        split.name()
    }

    fn describe(&self) -> String {
        self.describe()
    }
}

#[cfg(test)]
mod tests;
