//! A file made ready to be written: allocated, with a durable header of its new life.
//!
//! That takes a sync or two, so it is done ahead of need, never when the writer is wanted.

use std::path::PathBuf;

use super::SegmentWriter;
use crate::format::header::Header;
use crate::io::{
    Access, Answer, Completion, Disk, DiskError, FileId, Operation, Scope, Ticket, Work,
    directory_of, drive,
};

/// Where a segment's file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// There is none yet.
    New,
    /// It has had a life before, and everything in it is written over. That is 1.8 times as fast as into a new file, whose blocks the file system still has to
    /// mark as written: 6.6 instead of 3.8 GB/s (`bench/README.md`).
    Recycled,
}

/// A segment being made ready, as [`Work`].
#[derive(Debug)]
pub struct Prepare {
    path: PathBuf,
    header: Header,
    life: Life,
    file: Option<FileId>,
    step: Step,
    error: Option<DiskError>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Open,
    Write,
    Sync,
    SyncDirectory,
    /// After an error: close, then remove what is neither the old nor the new life for sure.
    Abandon,
    Undo,
}

#[derive(Debug)]
enum State {
    Awaits(Ticket),
    Ended(Box<Result<SegmentWriter, DiskError>>),
    Told,
}

impl Prepare {
    /// Starts to make the file `path` ready for the segment of `header`.
    pub fn start(disk: &mut dyn Disk, path: PathBuf, header: Header, life: Life) -> Self {
        let operation = match life {
            Life::New => Operation::Create { path: path.clone(), bytes: header.capacity },
            Life::Recycled => Operation::Open { path: path.clone(), access: Access::Write },
        };
        let state = State::Awaits(disk.submit(operation));
        Self { path, header, life, file: None, step: Step::Open, error: None, state }
    }

    /// The writer, or why there is none; `None` before it has ended, and when it was told already.
    ///
    /// After an error there is no such file any more, or one that nothing refers to.
    pub fn result(&mut self) -> Option<Result<SegmentWriter, DiskError>> {
        match std::mem::replace(&mut self.state, State::Told) {
            State::Ended(result) => Some(*result),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Makes it ready and waits for the end. For callers off the record path.
    ///
    /// # Errors
    ///
    /// The disk's own.
    pub fn now(
        disk: &mut dyn Disk,
        path: PathBuf,
        header: Header,
        life: Life,
    ) -> Result<SegmentWriter, DiskError> {
        let mut prepare = Self::start(disk, path, header, life);
        drive(disk, &mut prepare);
        prepare.result().expect("invariant: what was driven has ended")
    }

    fn go(&mut self, disk: &mut dyn Disk, step: Step) {
        let file = |file: Option<FileId>| file.expect("invariant: the file is open at this step");
        let operation = match step {
            Step::Open => unreachable!("invariant: it starts with this"),
            Step::Write => {
                let bytes = self.header.encode().into();
                Operation::Write { file: file(self.file), offset: 0, bytes }
            }
            Step::Sync => Operation::Sync { file: file(self.file), scope: Scope::All },
            Step::SyncDirectory => Operation::SyncDirectory { path: directory_of(&self.path) },
            Step::Abandon => Operation::Close { file: file(self.file.take()) },
            Step::Undo => Operation::Remove { path: self.path.clone() },
        };
        self.step = step;
        self.state = State::Awaits(disk.submit(operation));
    }

    fn next(&mut self, disk: &mut dyn Disk, answer: Answer) {
        match self.step {
            Step::Open => {
                let Answer::Opened { file, length, .. } = answer else {
                    panic!("invariant: opening is answered by an open file")
                };
                self.file = Some(file);
                if length == self.header.capacity {
                    self.go(disk, Step::Write);
                } else {
                    let reason = format!("it is {length} bytes long");
                    let verb = crate::io::Verb::Open;
                    let error = std::io::Error::new(std::io::ErrorKind::InvalidData, reason);
                    self.fail(disk, DiskError::new(verb, self.path.clone(), None, error));
                }
            }
            Step::Write => self.go(disk, Step::Sync),
            Step::Sync if self.life == Life::New => self.go(disk, Step::SyncDirectory),
            Step::Sync | Step::SyncDirectory => {
                let file = self.file.take().expect("invariant: the file is open");
                let path = self.path.clone();
                let writer = SegmentWriter::over(file, path, self.header);
                self.state = State::Ended(Box::new(Ok(writer)));
            }
            Step::Abandon => self.go(disk, Step::Undo),
            Step::Undo => self.give_up(),
        }
    }

    fn fail(&mut self, disk: &mut dyn Disk, error: DiskError) {
        match self.step {
            Step::Undo => self.give_up(),
            step => {
                self.error.get_or_insert(error);
                if self.file.is_some() {
                    self.go(disk, Step::Abandon);
                } else if step == Step::Abandon {
                    self.go(disk, Step::Undo);
                } else {
                    // Nothing was changed: what is there, if anything, is not ours.
                    self.give_up();
                }
            }
        }
    }

    fn give_up(&mut self) {
        let error = self.error.take().expect("invariant: only an error leads here");
        self.state = State::Ended(Box::new(Err(error)));
    }
}

impl Work for Prepare {
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
