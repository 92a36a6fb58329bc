//! Lines that are no records: fail, skip, set aside in a file, or send on as dead letters.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::error::FileSourceError;
use super::input::failed;
use super::listing::FileSplit;
use crate::format::json::JsonEncoder;
use crate::format::{BadLine, Encoder};
use crate::io::{Files, WriteFile};
use crate::operator::DeadLetter;
use crate::record::{Record, Str};
use crate::source::Emitter;

/// What becomes of a line that is no record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnError {
    /// The job ends, with an error that names the file, the line and the column.
    #[default]
    Fail,
    /// The line is left out, and counted as rejected.
    Skip,
    /// The line goes to a file beside the job, as a [`RejectedLine`], and is counted as rejected; see [`OnError::dead_letter_file`].
    DeadLetterFile(PathBuf),
}

impl OnError {
    /// Sets bad lines aside in `path`, as NDJSON of [`RejectedLine`] records, which [`super::Files::ndjson`] reads.
    ///
    /// A source with several splits writes a file for each that has bad lines, with the split's number behind the name (`bad.ndjson.0`): names and
    /// contents then depend on the input alone, not on how many workers read it. A file is created with its first
    /// bad line, so none says that all lines were good. One stale from an earlier run is not removed.
    ///
    /// A failed job may leave out the last ones: a file is complete when its split has ended.
    pub fn dead_letter_file(path: impl Into<PathBuf>) -> Self {
        Self::DeadLetterFile(path.into())
    }
}

/// A line that was no record.
#[thalweg::record]
pub struct RejectedLine {
    /// The file.
    pub file: Str,
    /// The line's number in it, from 1; not known in splits that do not begin at the file's start.
    pub line: Option<u64>,
    /// Where the line starts, in bytes from the start of the (inflated) file.
    pub offset: u64,
    /// The byte in the line at which the trouble was seen, from 1.
    pub column: Option<u64>,
    /// The field that could not be read.
    pub field: Option<Str>,
    /// What is wrong.
    pub message: Str,
    /// The line, cut to 4 KiB; what is not UTF-8 in it is replaced.
    pub raw: String,
}

impl RejectedLine {
    #[cold]
    fn new(path: &Path, bad: &BadLine) -> Self {
        Self {
            file: path.to_string_lossy().into(),
            line: bad.line,
            offset: bad.offset,
            column: bad.column,
            field: bad.field.as_deref().map(Str::from),
            message: Str::from(&*bad.message),
            raw: String::from_utf8_lossy(&bad.raw).into_owned(),
        }
    }
}

/// The line as a dead letter.
fn dead_letter(path: &Path, bad: &BadLine) -> DeadLetter {
    DeadLetter {
        error: bad.message.to_string(),
        raw: bad.raw.to_vec(),
        file: Some(path.to_string_lossy().into()),
        line: bad.line,
        offset: Some(bad.offset),
        column: bad.column,
        field: bad.field.as_deref().map(Str::from),
        ..DeadLetter::default()
    }
}

/// What a reader does with bad lines, and how many it has had.
pub(super) struct Rejects {
    path: std::sync::Arc<Path>,
    policy: Policy,
    count: u64,
}

enum Policy {
    Fail,
    Skip,
    SetAside(SideFile),
}

impl Rejects {
    pub(super) fn new(on_error: &OnError, split: &FileSplit, files: &Rc<dyn Files>) -> Self {
        let policy = match on_error {
            OnError::Fail => Policy::Fail,
            OnError::Skip => Policy::Skip,
            OnError::DeadLetterFile(path) => Policy::SetAside(SideFile {
                path: numbered(path, split.number),
                files: Rc::clone(files),
                file: None,
                text: Vec::new(),
            }),
        };
        Self { path: split.path.clone(), policy, count: 0 }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Deals with one bad line; an error ends the job. Where the source has a stream of dead letters, the line goes there, whatever the policy.
    #[cold]
    pub(super) fn take<T: Record>(
        &mut self,
        bad: BadLine,
        out: &mut Emitter<'_, T>,
    ) -> Result<(), FileSourceError> {
        self.count += 1;
        if out.reject(|| dead_letter(&self.path, &bad)) {
            return Ok(());
        }
        match &mut self.policy {
            Policy::Fail => Err(FileSourceError::Line { path: self.path.to_path_buf(), bad }),
            Policy::Skip => Ok(()),
            Policy::SetAside(side) => side.write(&RejectedLine::new(&self.path, &bad)),
        }
    }

    /// True when all that was set aside is in its file.
    pub(super) fn poll_close(&mut self) -> Result<bool, FileSourceError> {
        match &mut self.policy {
            Policy::SetAside(side) => side.poll_close(),
            Policy::Fail | Policy::Skip => Ok(true),
        }
    }
}

/// The file of one split's bad lines.
struct SideFile {
    path: PathBuf,
    files: Rc<dyn Files>,
    file: Option<Box<dyn WriteFile>>,
    text: Vec<u8>,
}

impl SideFile {
    fn write(&mut self, letter: &RejectedLine) -> Result<(), FileSourceError> {
        let Self { path, files, file, text } = self;
        text.clear();
        JsonEncoder::new()
            .encode(letter, text)
            .expect("invariant: a dead letter is numbers and strings, which JSON can hold");
        if file.is_none() {
            *file = Some(files.create(path).map_err(|error| failed("create", path, error))?);
        }
        let file = file.as_mut().expect("invariant: created above");
        file.write(text).map_err(|error| failed("write", path, error))
    }

    fn poll_close(&mut self) -> Result<bool, FileSourceError> {
        match &mut self.file {
            None => Ok(true),
            Some(file) => file.poll_close().map_err(|error| failed("write", &self.path, error)),
        }
    }
}

/// The name of the file of split `index` of `count`.
fn numbered(path: &Path, (index, count): (usize, usize)) -> PathBuf {
    if count == 1 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{index}"));
    name.into()
}
