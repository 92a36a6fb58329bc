//! Publishing: a file appears under its name whole and durable, or not at all. The one place that renames.
//!
//! Write to a temporary name, sync, rename, sync the directory. A loss of power, a killed process or an error before the rename leave at
//! most a temporary file, which the next attempt removes; after it, the name leads to a file that was synced before.

use std::path::{Path, PathBuf};

use super::{
    Answer, Bytes, Completion, Disk, DiskError, FileId, Operation, Scope, Ticket, Work,
    directory_of, drive,
};

/// The right to rename, which only publishing has.
#[derive(Debug)]
pub struct Permit(());

/// Why a file was not published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Nothing has changed. What was to be published may be published later, or given up.
    #[error("\"{}\" was not published", path.display())]
    NotPublished {
        /// What was to appear.
        path: PathBuf,
        /// What went wrong.
        source: DiskError,
    },
    /// The rename or the sync of its directory failed, so after a restart the file may be there or not; if it is, it is whole.
    /// Build nothing on it, and restart from what is found then.
    #[error("it is not known whether \"{}\" was published; restart to find out", path.display())]
    Uncertain {
        /// What was to appear.
        path: PathBuf,
        /// What went wrong.
        source: DiskError,
    },
}

/// A file on its way to being published, as [`Work`].
#[derive(Debug)]
pub struct Publish {
    path: PathBuf,
    temporary: PathBuf,
    bytes: Bytes,
    file: Option<FileId>,
    step: Step,
    /// What ends it badly once the temporary file is gone.
    error: Option<DiskError>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Clear,
    Create,
    Write,
    Sync,
    Close,
    Rename,
    SyncDirectory,
    /// After an error: close, then remove the temporary file.
    Abandon,
    Undo,
}

#[derive(Debug)]
enum State {
    Awaits(Ticket),
    Ended(Result<(), PublishError>),
    Told,
}

impl Publish {
    /// Starts to publish `bytes`, which are whole pages, as the file `path`, in place of what has that name.
    pub fn start(disk: &mut dyn Disk, path: PathBuf, bytes: Bytes) -> Self {
        let temporary = temporary(&path);
        let ticket = disk.submit(Operation::Remove { path: temporary.clone() });
        let (file, error) = (None, None);
        let state = State::Awaits(ticket);
        Self { path, temporary, bytes, file, step: Step::Clear, error, state }
    }

    /// How it ended; `None` before that, and when it was told already.
    pub fn result(&mut self) -> Option<Result<(), PublishError>> {
        match std::mem::replace(&mut self.state, State::Told) {
            State::Ended(result) => Some(result),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Publishes and waits for the end. For callers off the record path.
    ///
    /// # Errors
    ///
    /// See [`PublishError`].
    pub fn now(disk: &mut dyn Disk, path: PathBuf, bytes: Bytes) -> Result<(), PublishError> {
        let mut publish = Self::start(disk, path, bytes);
        drive(disk, &mut publish);
        publish.result().expect("invariant: what was driven has ended")
    }

    fn go(&mut self, disk: &mut dyn Disk, step: Step) {
        let file = |file: Option<FileId>| file.expect("invariant: the file is open at this step");
        let operation = match step {
            Step::Clear | Step::Undo => Operation::Remove { path: self.temporary.clone() },
            Step::Create => {
                let bytes = self.bytes.len() as u64;
                Operation::Create { path: self.temporary.clone(), bytes }
            }
            Step::Write => {
                let bytes = self.bytes.clone();
                Operation::Write { file: file(self.file), offset: 0, bytes }
            }
            // All of it: the length and the blocks are new.
            Step::Sync => Operation::Sync { file: file(self.file), scope: Scope::All },
            Step::Close | Step::Abandon => Operation::Close { file: file(self.file.take()) },
            Step::Rename => {
                let (from, to) = (self.temporary.clone(), self.path.clone());
                Operation::Rename { from, to, permit: Permit(()) }
            }
            Step::SyncDirectory => Operation::SyncDirectory { path: directory_of(&self.path) },
        };
        self.step = step;
        self.state = State::Awaits(disk.submit(operation));
    }

    fn next(&mut self, disk: &mut dyn Disk, answer: Answer) {
        if let Answer::Opened { file, .. } = answer {
            self.file = Some(file);
        }
        match self.step {
            Step::Clear => self.go(disk, Step::Create),
            Step::Create => self.go(disk, Step::Write),
            Step::Write => self.go(disk, Step::Sync),
            Step::Sync => self.go(disk, Step::Close),
            Step::Close => self.go(disk, Step::Rename),
            Step::Rename => self.go(disk, Step::SyncDirectory),
            Step::SyncDirectory => self.state = State::Ended(Ok(())),
            Step::Abandon => self.go(disk, Step::Undo),
            Step::Undo => self.give_up(),
        }
    }

    fn fail(&mut self, disk: &mut dyn Disk, error: DiskError) {
        match self.step {
            Step::Clear if error.is_missing() => self.go(disk, Step::Create),
            Step::Rename | Step::SyncDirectory => {
                let path = self.path.clone();
                self.state = State::Ended(Err(PublishError::Uncertain { path, source: error }));
            }
            // That the temporary file stays does no harm, and the first error is the one to tell.
            Step::Undo => self.give_up(),
            _ => {
                self.error.get_or_insert(error);
                let step = if self.file.is_some() { Step::Abandon } else { Step::Undo };
                self.go(disk, step);
            }
        }
    }

    fn give_up(&mut self) {
        let source = self.error.take().expect("invariant: only an error leads here");
        let path = self.path.clone();
        self.state = State::Ended(Err(PublishError::NotPublished { path, source }));
    }
}

impl Work for Publish {
    fn awaits(&self) -> Option<Ticket> {
        match self.state {
            State::Awaits(ticket) => Some(ticket),
            _ => None,
        }
    }

    fn take(&mut self, disk: &mut dyn Disk, completion: Completion) -> Option<Completion> {
        if self.awaits() != Some(completion.ticket) {
            return Some(completion);
        }
        match completion.result {
            Ok(answer) => self.next(disk, answer),
            Err(error) => self.fail(disk, error),
        }
        None
    }
}

/// Where a file is until it is published.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    name.into()
}

/// What names of files end with that are not published.
pub(crate) const TEMPORARY: &str = ".tmp";
