//! Which files there are, what they are, and how they are cut into splits.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::FileFormat;
use super::error::FileSourceError;
use super::input::{Input, failed};
use crate::format::DecodeError;
use crate::format::csv::{CsvDecoder, CsvOptions, Header};
use crate::format::decode::Position;
use crate::format::gzip::Compression;
use crate::format::split::{ByteRange, Extent, plan_splits};
use crate::io::{Files, ReadPoll};

/// A part of a file that one reader reads.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct FileSplit {
    pub(super) path: Arc<Path>,
    pub(super) compression: Compression,
    pub(super) range: ByteRange,
    /// The header of a CSV file, for the splits that do not begin with it.
    pub(super) header: Option<Arc<Header>>,
    /// Its number among all splits of the source, and their number.
    pub(super) number: (usize, usize),
}

impl FileSplit {
    /// A stream of bytes that is no file: it has a name, for errors, and one split.
    pub(in crate::source) fn stream(name: &str) -> Self {
        Self {
            path: Path::new(name).into(),
            compression: Compression::Plain,
            range: ByteRange::WHOLE,
            header: None,
            number: (0, 1),
        }
    }

    /// A file that grows, to be read from `at` on.
    pub(in crate::source) fn growing<T: DeserializeOwned>(
        path: &Path,
        at: Position,
        format: FileFormat,
        files: &dyn Files,
    ) -> Result<Self, FileSourceError> {
        let header = match format {
            FileFormat::Csv(options) if at.byte > 0 => {
                header_of::<T>(files, path, Compression::Plain, options)?
            }
            _ => None,
        };
        let (compression, range) = (Compression::Plain, ByteRange::WHOLE);
        Ok(Self { path: path.into(), compression, range, header, number: (0, 1) })
    }

    /// The same split with another number, of many.
    pub(in crate::source) fn numbered(self, number: usize) -> Self {
        Self { number: (number, usize::MAX), ..self }
    }

    /// The file, and where in it the split begins if it is not the first of the file.
    pub(super) fn name(&self) -> String {
        match self.range.start {
            0 => self.path.display().to_string(),
            start => format!("{} from byte {start}", self.path.display()),
        }
    }
}

/// All splits, by file and offset.
pub(super) fn splits<T: DeserializeOwned>(
    files: &dyn Files,
    pattern: &Path,
    format: FileFormat,
    split_bytes: NonZeroU64,
) -> Result<Vec<FileSplit>, FileSourceError> {
    let name =
        pattern.to_str().ok_or_else(|| FileSourceError::NotUtf8 { path: pattern.to_owned() })?;
    let paths = files.list(name).map_err(|error| failed("list", pattern, error))?;
    if paths.is_empty() {
        return Err(FileSourceError::NoMatch { pattern: name.to_owned() });
    }
    let mut splits = Vec::new();
    for path in paths {
        file_splits::<T>(files, &path, format, split_bytes, &mut splits)?;
    }
    let count = splits.len();
    for (index, split) in splits.iter_mut().enumerate() {
        split.number = (index, count);
    }
    Ok(splits)
}

/// The splits of one file; none if it is empty.
pub(super) fn file_splits<T: DeserializeOwned>(
    files: &dyn Files,
    path: &Path,
    format: FileFormat,
    split_bytes: NonZeroU64,
    into: &mut Vec<FileSplit>,
) -> Result<(), FileSourceError> {
    let bytes = files.len(path).map_err(|error| failed("open", path, error))?;
    if bytes == 0 {
        return Ok(());
    }
    let compression = compression_of(files, path)?;
    let header = match format {
        FileFormat::Csv(options) => header_of::<T>(files, path, compression, options)?,
        FileFormat::Ndjson | FileFormat::Text => None,
    };
    let can_split = match format {
        FileFormat::Csv(options) => options.can_split(),
        FileFormat::Ndjson | FileFormat::Text => true,
    };
    let ranges = match compression {
        // One that is not to be cut has no end either: it may have grown when it is read.
        Compression::Plain if split_bytes.get() == u64::MAX => vec![ByteRange::WHOLE],
        Compression::Plain if can_split => plan_splits(bytes, split_bytes),
        _ => vec![ByteRange::WHOLE],
    };
    let path: Arc<Path> = path.into();
    into.extend(ranges.into_iter().map(|range| FileSplit {
        path: Arc::clone(&path),
        compression,
        range,
        header: header.clone(),
        number: (0, 1),
    }));
    Ok(())
}

/// What the first bytes say; they are right where the name is not.
fn compression_of(files: &dyn Files, path: &Path) -> Result<Compression, FileSourceError> {
    let mut input = Input::open(files, path, Compression::Plain, 0)?;
    let mut first = Vec::new();
    while first.len() < 2 && input.read(path, &mut first)? != ReadPoll::End {}
    Ok(Compression::of_content(&first))
}

/// The file's header, checked against the record; `None` if the dialect has none, or the file ends within it.
fn header_of<T: DeserializeOwned>(
    files: &dyn Files,
    path: &Path,
    compression: Compression,
    options: CsvOptions,
) -> Result<Option<Arc<Header>>, FileSourceError> {
    let form = |source: DecodeError| FileSourceError::Form { path: path.to_owned(), source };
    // Anywhere behind the start; with it, a decoder checks the header that it is given.
    let behind = Extent::resume(ByteRange::WHOLE, Position { byte: 1, line: None });
    if !options.names_columns() {
        CsvDecoder::<T>::open(options, &behind, None).map_err(form)?;
        return Ok(None);
    }
    let mut input = Input::open(files, path, compression, 0)?;
    let mut first = Vec::new();
    loop {
        let all = input.read(path, &mut first)? == ReadPoll::End;
        let header = Header::read(&first, all, &options).map_err(form)?;
        if let Some(header) = header {
            CsvDecoder::<T>::open(options, &behind, Some(header.clone())).map_err(form)?;
            return Ok(Some(Arc::new(header)));
        }
        if all {
            return Ok(None);
        }
    }
}
