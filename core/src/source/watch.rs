//! Watches a folder: each new file that matches a pattern is a split, found while the job runs.
//!
//! Every worker lists the folder itself, at an interval, and takes the files that a hash of the name gives it. A file is read once, from start to
//! end; one that grows later is not read again ([`super::Tail`] does that).
//!
//! # Invariants
//!
//! 1. A file is taken when two looks in a row found it with the same length, unless [`WatchedFiles::at_once`] says that files appear whole.
//! 2. What is remembered is the names of files that are still there, no more.
//!
//! # Not here
//!
//! No inotify: it knows nothing of files that were there before, of network file systems, nor of what its queue could not hold, so the folder
//! has to be listed anyway. A listing blocks the worker for about a microsecond a file; keep the folder below some ten thousand.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::file::{FileReader, FileRecords, FileSource, FileSourceError, FileSplit, OnError};
use super::{Discovered, OpenContext, Position, Source, SplitEnumerator};
use crate::error::{FileError, OperatorFault};
use crate::io;
use crate::record::Record;

/// Files that appear; made by [`FileRecords::watch`].
pub struct WatchedFiles<T> {
    files: FileSource<T>,
    settings: Settings,
}

crate::operator::opaque_debug!(WatchedFiles<T>);

#[derive(Debug, Clone)]
struct Settings {
    interval: Duration,
    at_once: bool,
    until: Option<PathBuf>,
}

impl<T: Record> FileRecords<T> {
    /// Reads files that match the pattern as they appear, those that are there at the start first.
    pub fn watch(self) -> WatchedFiles<T> {
        let settings = Settings { interval: Duration::from_secs(1), at_once: false, until: None };
        WatchedFiles { files: self.side_by_side(1), settings }
    }
}

impl<T: Record> WatchedFiles<T> {
    /// How often the folder is listed. Default: once a second.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.settings.interval = interval;
        self
    }

    /// Takes a file as soon as it is seen: for files that are written elsewhere and renamed into the folder. Without this, a file is taken one
    /// interval after it has stopped growing.
    #[must_use]
    pub fn at_once(mut self) -> Self {
        self.settings.at_once = true;
        self
    }

    /// Ends the source when this file exists and the files that were there before it are read. Default: it never ends by itself.
    #[must_use]
    pub fn until_exists(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.until = Some(path.into());
        self
    }

    /// What becomes of a line that is no record. Default: [`OnError::Fail`].
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.files = self.files.on_error(on_error);
        self
    }

    /// How many files a worker reads side by side, 1 or more. Default: 1.
    #[must_use]
    pub fn side_by_side(mut self, files: usize) -> Self {
        self.files = self.files.side_by_side(files);
        self
    }
}

impl<T: Record + DeserializeOwned> Source for WatchedFiles<T> {
    type Out = T;
    type Split = FileSplit;
    type Reader = FileReader<T>;

    fn splits(&self, _: &dyn io::Files) -> Result<Vec<FileSplit>, OperatorFault> {
        Ok(Vec::new())
    }

    fn open(
        &self,
        split: &FileSplit,
        context: &OpenContext,
    ) -> Result<FileReader<T>, OperatorFault> {
        self.files.open(split, context)
    }

    fn resume(
        &self,
        split: &FileSplit,
        position: &Position,
        context: &OpenContext,
    ) -> Result<FileReader<T>, OperatorFault> {
        self.files.resume(split, position, context)
    }

    fn check(&self, context: &OpenContext) -> Result<(), OperatorFault> {
        list(&*context.files, self.files.path())?;
        Ok(())
    }

    fn enumerator(&self, context: &OpenContext) -> Option<Box<dyn SplitEnumerator<FileSplit>>> {
        Some(Box::new(FolderLooks {
            files: self.files.clone(),
            settings: self.settings.clone(),
            context: context.clone(),
            taken: BTreeSet::new(),
            lengths: BTreeMap::new(),
            numbers: 0,
            resumed: 0,
            most: 0,
        }))
    }

    /// What is read later may have changed, or gone.
    fn is_replayable(&self, context: &OpenContext) -> bool {
        context.files.is_recorded()
    }

    fn side_by_side(&self) -> usize {
        Source::side_by_side(&self.files)
    }

    fn describe(&self) -> String {
        format!("new files of {}", self.files.describe())
    }
}

/// One worker's looks at the folder.
struct FolderLooks<T> {
    files: FileSource<T>,
    settings: Settings,
    context: OpenContext,
    /// Files of this worker that are there and were taken.
    taken: BTreeSet<PathBuf>,
    /// Files that were seen at the last look and not taken yet, with their lengths.
    lengths: BTreeMap<PathBuf, u64>,
    /// Files taken so far, for the names of their side files.
    numbers: usize,
    /// Positions it goes on from, and the most files that one of them had taken.
    resumed: usize,
    most: usize,
}

impl<T: Record + DeserializeOwned> SplitEnumerator<FileSplit> for FolderLooks<T> {
    fn discover(
        &mut self,
        _: u64,
        found: &mut Vec<FileSplit>,
    ) -> Result<Discovered, OperatorFault> {
        // The marker first: what was there before it is in the listing that follows.
        let marker = self.settings.until.as_ref();
        let is_last = marker.is_some_and(|marker| self.context.files.len(marker).is_ok());
        let mine = self.list_mine()?;
        self.taken.retain(|path| mine.contains(path));
        let mut lengths = BTreeMap::new();
        for path in mine {
            if self.taken.contains(&path) {
                continue;
            }
            let Ok(bytes) = self.context.files.len(&path) else { continue };
            let is_whole = self.settings.at_once || is_last;
            if is_whole || self.lengths.get(&path) == Some(&bytes) {
                self.take(path, found)?;
            } else {
                lengths.insert(path, bytes);
            }
        }
        self.lengths = lengths;
        Ok(if is_last { Discovered::All } else { Discovered::MoreLater })
    }

    fn interval(&self) -> Duration {
        self.settings.interval
    }

    fn position(&self) -> Option<Position> {
        Some(Position::of(&(self.numbers, &self.taken)))
    }

    fn resume(&mut self, position: &Position) -> Result<(), OperatorFault> {
        let (numbers, taken): (usize, BTreeSet<PathBuf>) = position.read()?;
        self.taken.extend(taken);
        // Beyond all numbers that were given, by however many workers.
        self.resumed += 1;
        self.most = self.most.max(numbers);
        self.numbers = self.resumed * (self.most + 1);
        Ok(())
    }
}

impl<T: Record + DeserializeOwned> FolderLooks<T> {
    fn list_mine(&self) -> Result<BTreeSet<PathBuf>, FileSourceError> {
        let all = list(&*self.context.files, self.files.path())?;
        let marker = self.settings.until.as_deref();
        let is_mine = |path: &PathBuf| {
            self.context.owns(path.as_os_str().as_encoded_bytes()) && Some(&**path) != marker
        };
        Ok(all.into_iter().filter(is_mine).collect())
    }

    fn take(&mut self, path: PathBuf, found: &mut Vec<FileSplit>) -> Result<(), FileSourceError> {
        let number = self.numbers * self.context.workers + self.context.worker;
        self.numbers += 1;
        let whole = NonZeroU64::MAX;
        let splits = self.files.splits_of(&*self.context.files, &path, whole)?;
        found.extend(splits.into_iter().map(|split| split.numbered(number)));
        self.taken.insert(path);
        Ok(())
    }
}

fn list(files: &dyn io::Files, pattern: &Path) -> Result<Vec<PathBuf>, FileSourceError> {
    let not_utf8 = |path: &Path| FileSourceError::NotUtf8 { path: path.to_owned() };
    let name = pattern.to_str().ok_or_else(|| not_utf8(pattern))?;
    let found = files.list(name).map_err(|source| {
        FileSourceError::File(FileError { action: "list", path: pattern.to_owned(), source })
    })?;
    // A split is written down as text where it is found.
    match found.iter().find(|path| path.to_str().is_none()) {
        Some(path) => Err(not_utf8(path)),
        None => Ok(found),
    }
}
