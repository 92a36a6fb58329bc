//! Follows files that are being written, as `tail -F` does.
//!
//! A file is read to its end, and on when it has grown. A line without its line break waits for the rest. A file that was renamed, as log rotation
//! does, is read to its end, its last line included, and then the file that has its name now, from the start. A file that became shorter is
//! read from its start again.
//!
//! # Invariants
//!
//! 1. A position is the file's identity, the byte and the line: it holds whatever the file's name is by then.
//! 2. Whether a file was rotated is asked after every [`LOOKS`] polls that found nothing, not after a time: a replay has no time.
//!
//! # Not here
//!
//! A file that is rotated twice while nobody looks loses what was written in between, and one that is truncated and at once filled beyond
//! what was read is taken for one that has grown: names and lengths are all there is to see.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::file::{FileFormat, FileReader, FileRecords, FileSourceError, FileSplit, OnError};
use super::{Emitter, OpenContext, Polled, Position, Source, SplitReader};
use crate::error::{FileError, OperatorFault};
use crate::format::Position as FilePosition;
use crate::format::line::MAX_LINE_BYTES;
use crate::io;
use crate::record::Record;

/// Follows growing files; made by [`FileRecords::tail`].
pub struct Tail<T> {
    records: FileRecords<T>,
    settings: Settings,
    marker: PhantomData<fn() -> T>,
}

crate::operator::opaque_debug!(Tail<T>);

impl<T> Clone for Tail<T> {
    fn clone(&self) -> Self {
        let Self { records, settings, marker } = self;
        Self { records: records.clone(), settings: settings.clone(), marker: *marker }
    }
}

#[derive(Debug, Clone)]
struct Settings {
    format: FileFormat,
    on_error: OnError,
    max_line_bytes: usize,
    until: Option<PathBuf>,
}

impl<T: Record> FileRecords<T> {
    /// Follows the file as it grows, and whatever has its name after a rotation. With a pattern: each file that matches it at the start; a
    /// file that is not there yet is waited for, a pattern that matches nothing is taken for one.
    pub fn tail(self) -> Tail<T> {
        let settings = Settings {
            format: self.format,
            on_error: OnError::Fail,
            max_line_bytes: MAX_LINE_BYTES,
            until: None,
        };
        Tail { records: self, settings, marker: PhantomData }
    }
}

impl<T: Record> Tail<T> {
    /// What becomes of a line that is no record. Default: [`OnError::Fail`].
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.settings.on_error = on_error;
        self
    }

    /// The longest line, in bytes; a longer one is a bad line. Default: 16 MiB.
    #[must_use]
    pub fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_line_bytes = bytes;
        self
    }

    /// Ends the source when this file exists and everything that was written before it is read. Default: it never ends by itself.
    #[must_use]
    pub fn until_exists(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.until = Some(path.into());
        self
    }
}

impl<T: Record + DeserializeOwned> Source for Tail<T> {
    type Out = T;
    type Split = String;
    type Reader = TailReader<T>;

    fn splits(&self, files: &dyn io::Files) -> Result<Vec<String>, OperatorFault> {
        let path = &self.records.path;
        let not_utf8 = |path: &Path| FileSourceError::NotUtf8 { path: path.to_owned() };
        let name = path.to_str().ok_or_else(|| not_utf8(path))?;
        let found = files.list(name).map_err(|error| failed("list", path, error))?;
        if found.is_empty() {
            return Ok(vec![name.to_owned()]);
        }
        let name = |path: &PathBuf| Ok(path.to_str().ok_or_else(|| not_utf8(path))?.to_owned());
        found.iter().map(name).collect()
    }

    fn open(&self, split: &String, context: &OpenContext) -> Result<TailReader<T>, OperatorFault> {
        Ok(TailReader::new(split, self.settings.clone(), context))
    }

    fn resume(
        &self,
        split: &String,
        position: &Position,
        context: &OpenContext,
    ) -> Result<TailReader<T>, OperatorFault> {
        let mut reader = TailReader::new(split, self.settings.clone(), context);
        reader.last = position.read()?;
        Ok(reader)
    }

    fn is_replayable(&self, context: &OpenContext) -> bool {
        context.files.is_recorded()
    }

    fn describe(&self) -> String {
        format!("tail of {}", self.records.describe())
    }
}

/// Polls that find nothing between two looks at the name: some tens of milliseconds for a worker that sleeps between polls.
pub(super) const LOOKS: u32 = 64;

/// Where a reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// Device and number of the file.
    file: (u64, u64),
    at: FilePosition,
}

/// Follows one file.
pub struct TailReader<T> {
    path: Arc<Path>,
    settings: Settings,
    context: OpenContext,
    file: Option<Open<T>>,
    /// Where reading goes on when a file is opened; afterwards where it stopped.
    last: Option<Place>,
    quiet: u32,
    /// Lines rejected in files that are closed, and bytes read of them.
    rejected: u64,
    bytes: u64,
    /// The marker was seen: what is there now is all.
    is_last: bool,
}

crate::operator::opaque_debug!(TailReader<T>);

struct Open<T> {
    reader: FileReader<T>,
    identity: (u64, u64),
}

impl<T: Record + DeserializeOwned> TailReader<T> {
    fn new(split: &str, settings: Settings, context: &OpenContext) -> Self {
        Self {
            path: Path::new(split).into(),
            settings,
            context: context.clone(),
            file: None,
            last: None,
            quiet: 0,
            rejected: 0,
            bytes: 0,
            is_last: false,
        }
    }

    /// Opens what has the name now, or what is left to be read of a file that had it; false if there is none.
    fn open(&mut self) -> Result<bool, FileSourceError> {
        let found = match self.context.files.status(&self.path) {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("open", &self.path, error)),
        };
        let path = Arc::clone(&self.path);
        match self.last {
            None => self.open_at(&path, found.identity, FilePosition::START)?,
            Some(Place { file, at }) if file == found.identity && at.byte <= found.bytes => {
                self.open_at(&path, file, at)?;
            }
            Some(Place { file, at }) if file != found.identity => match self.find_rotated(file)? {
                Some(rotated) => {
                    self.open_at(&rotated, file, at)?;
                    self.end_at_end();
                }
                None => {
                    let path = self.path.display();
                    tracing::warn!(%path, "the file that was read is gone; reading the new one");
                    self.open_at(&Arc::clone(&self.path), found.identity, FilePosition::START)?;
                }
            },
            Some(_) => self.open_at(&path, found.identity, FilePosition::START)?,
        }
        Ok(true)
    }

    fn open_at(
        &mut self,
        path: &Path,
        identity: (u64, u64),
        at: FilePosition,
    ) -> Result<(), FileSourceError> {
        let Settings { format, on_error, max_line_bytes, .. } = &self.settings;
        let split = FileSplit::growing::<T>(path, at, *format, &*self.context.files)?;
        // By its number on the device: each file's bad lines go to a side file of their own.
        let split = split.numbered(usize::try_from(identity.1).unwrap_or(usize::MAX));
        let reader =
            FileReader::growing(&split, at, *max_line_bytes, *format, on_error, &self.context)?;
        // The name may have passed to another file since it was looked at; what is open counts.
        let identity = reader.status().map_or(identity, |found| found.identity);
        self.file = Some(Open { reader, identity });
        self.quiet = 0;
        if self.is_last {
            self.end_at_end();
        }
        Ok(())
    }

    /// A file beside this one that has the identity: `app.log.1` for `app.log`.
    fn find_rotated(&self, file: (u64, u64)) -> Result<Option<PathBuf>, FileSourceError> {
        let pattern = format!("{}*", glob::Pattern::escape(&self.path.to_string_lossy()));
        let beside = self.context.files.list(&pattern);
        let beside = beside.map_err(|error| failed("list", &self.path, error))?;
        let is_it = |path: &PathBuf| {
            self.context.files.status(path).is_ok_and(|found| found.identity == file)
        };
        Ok(beside.into_iter().find(is_it))
    }

    fn end_at_end(&mut self) {
        if let Some(open) = &mut self.file {
            open.reader.end_at_end();
        }
    }

    fn place(&self) -> Option<Place> {
        match &self.file {
            Some(open) => Some(Place { file: open.identity, at: open.reader.place() }),
            None => self.last,
        }
    }

    fn close(&mut self) {
        self.last = self.place();
        if let Some(open) = self.file.take() {
            self.rejected += open.reader.rejected();
            self.bytes += open.reader.bytes();
        }
    }

    /// There is nothing to read; now and then asks why. True if it is worth to poll again.
    fn on_quiet(&mut self) -> Result<bool, FileSourceError> {
        self.quiet += 1;
        if self.quiet < LOOKS {
            return Ok(false);
        }
        self.quiet = 0;
        let files = &self.context.files;
        if self.settings.until.as_ref().is_some_and(|marker| files.len(marker).is_ok()) {
            self.is_last = true;
            self.end_at_end();
            return Ok(true);
        }
        let Some(open) = &self.file else { return Ok(false) };
        let Ok(named) = files.status(&self.path) else {
            // It was renamed, and nobody has made a new one yet: it may still be written to.
            return Ok(false);
        };
        if named.identity != open.identity {
            self.end_at_end();
            return Ok(true);
        }
        if named.bytes < open.reader.read_to() {
            self.close();
            self.last = None;
            return Ok(true);
        }
        Ok(false)
    }
}

impl<T: Record + DeserializeOwned> SplitReader<T> for TailReader<T> {
    fn poll(&mut self, out: &mut Emitter<'_, T>) -> Result<Polled, OperatorFault> {
        loop {
            if out.wanted() == 0 {
                return Ok(Polled::More);
            }
            if self.file.is_none() && !self.open()? && self.is_last {
                return Ok(Polled::End);
            }
            let polled = match &mut self.file {
                Some(open) => open.reader.poll(out)?,
                None => Polled::Dry,
            };
            match polled {
                Polled::End => {
                    self.close();
                    // What was read is the file that has the name, or there is a new one.
                    let named = self.context.files.status(&self.path).ok();
                    let is_named = named.map(|found| found.identity) == self.last.map(|l| l.file);
                    if self.is_last && (is_named || named.is_none()) {
                        return Ok(Polled::End);
                    }
                    self.last = self.last.filter(|_| is_named);
                }
                Polled::Dry if self.on_quiet()? => {}
                Polled::More | Polled::Dry | Polled::Pending => return Ok(polled),
            }
        }
    }

    fn position(&self) -> Option<Position> {
        Some(Position::of(&self.place()))
    }

    fn rejected(&self) -> u64 {
        self.rejected + self.file.as_ref().map_or(0, |open| open.reader.rejected())
    }

    fn bytes(&self) -> u64 {
        self.bytes + self.file.as_ref().map_or(0, |open| open.reader.bytes())
    }
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> FileSourceError {
    FileSourceError::File(FileError { action, path: path.to_owned(), source })
}
