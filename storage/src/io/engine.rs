//! What all disks have in common: tickets, open files, what is refused and what is given up.
//!
//! An [`Executor`] carries jobs out and knows nothing of tickets' owners, of files that were given up, or of messages.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{
    Access, Answer, Bytes, Completion, Disk, DiskError, FileId, Mapped, Operation, PAGE_BYTES,
    Scope, Ticket, Verb,
};
use crate::raw::Buffer;

/// Carries out what an [`Engine`] lets through. Sealed: nobody outside can name the engine's insides.
pub trait Executor: Debug {
    /// An open file; the last clone closes it.
    type Handle: Clone + Debug;

    /// Starts a job or queues it.
    fn start(&mut self, ticket: Ticket, job: Job<Self::Handle>);

    /// Hands over what has ended; waits for one end if `wait`, which is only asked while a job is under way.
    fn reap(&mut self, wait: bool, end: &mut dyn FnMut(Ticket, io::Result<Outcome<Self::Handle>>));

    /// Maps the front of a file.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn map(&mut self, path: &Path, bytes: u64) -> io::Result<Mapped>;
}

/// An [`Operation`] with its file looked up.
#[derive(Debug)]
#[expect(missing_docs, reason = "the operations say what they are")]
pub enum Job<H> {
    Create { path: PathBuf, bytes: u64 },
    Open { path: PathBuf, access: Access },
    Write { file: H, offset: u64, bytes: Bytes },
    Read { file: H, offset: u64, buffer: Buffer, bytes: usize },
    Sync { file: H, scope: Scope },
    Close { file: H },
    SyncDirectory { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
    List { path: PathBuf },
    Length { path: PathBuf },
}

/// An [`Answer`] before its file has a name.
#[derive(Debug)]
#[expect(missing_docs, reason = "the answers say what they are")]
pub enum Outcome<H> {
    Opened { file: H, length: u64, direct: bool },
    Written { bytes: Bytes },
    Read { buffer: Buffer, bytes: usize },
    Names(Vec<String>),
    Length(u64),
    Done,
}

/// A [`Disk`] over an executor.
#[derive(Debug)]
pub struct Engine<E: Executor> {
    pub(super) executor: E,
    next: u64,
    files: BTreeMap<FileId, Open<E::Handle>>,
    /// What each operation under way is about, for its error and for giving its file up.
    under_way: BTreeMap<Ticket, About>,
    /// Files and directories of which a write or a sync failed.
    given_up: BTreeSet<Arc<Path>>,
    done: VecDeque<Completion>,
}

#[derive(Debug)]
struct Open<H> {
    path: Arc<Path>,
    handle: H,
}

#[derive(Debug)]
struct About {
    verb: Verb,
    path: Arc<Path>,
    offset: Option<u64>,
}

impl<E: Executor> Engine<E> {
    pub(super) fn over(executor: E) -> Self {
        Self {
            executor,
            next: 0,
            files: BTreeMap::new(),
            under_way: BTreeMap::new(),
            given_up: BTreeSet::new(),
            done: VecDeque::new(),
        }
    }

    /// Forgets files, operations and what was given up, as the end of the process does.
    pub(super) fn forget(&mut self) {
        self.files.clear();
        self.under_way.clear();
        self.given_up.clear();
        self.done.clear();
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn open_file(&self, file: FileId) -> &Open<E::Handle> {
        self.files.get(&file).expect("invariant: the file is open on this disk")
    }

    /// What the operation is about, and the job.
    fn job(&mut self, operation: Operation) -> (About, Job<E::Handle>) {
        let about = |verb, path: &Arc<Path>, offset| About { verb, path: Arc::clone(path), offset };
        let named = |verb, path: &Path| About { verb, path: path.into(), offset: None };
        match operation {
            Operation::Create { path, bytes } => {
                assert_whole_pages(bytes);
                (named(Verb::Create, &path), Job::Create { path, bytes })
            }
            Operation::Open { path, access } => {
                (named(Verb::Open, &path), Job::Open { path, access })
            }
            Operation::Write { file, offset, bytes } => {
                assert_aligned(offset, bytes.len(), &bytes);
                let open = self.open_file(file);
                let job = Job::Write { file: open.handle.clone(), offset, bytes };
                (about(Verb::Write, &open.path, Some(offset)), job)
            }
            Operation::Read { file, offset, buffer, bytes } => {
                assert_aligned(offset, bytes, &buffer);
                assert!(bytes <= buffer.len(), "invariant: what is read fits its buffer");
                let open = self.open_file(file);
                let job = Job::Read { file: open.handle.clone(), offset, buffer, bytes };
                (about(Verb::Read, &open.path, Some(offset)), job)
            }
            Operation::Sync { file, scope } => {
                let open = self.open_file(file);
                let job = Job::Sync { file: open.handle.clone(), scope };
                (about(Verb::Sync, &open.path, None), job)
            }
            Operation::Close { file } => {
                let open =
                    self.files.remove(&file).expect("invariant: the file is open on this disk");
                (about(Verb::Close, &open.path, None), Job::Close { file: open.handle })
            }
            Operation::SyncDirectory { path } => {
                (named(Verb::SyncDirectory, &path), Job::SyncDirectory { path })
            }
            Operation::Rename { from, to, permit: _ } => {
                (named(Verb::Rename, &from), Job::Rename { from, to })
            }
            Operation::Remove { path } => (named(Verb::Remove, &path), Job::Remove { path }),
            Operation::List { path } => (named(Verb::List, &path), Job::List { path }),
            Operation::Length { path } => (named(Verb::Length, &path), Job::Length { path }),
        }
    }

    fn finish(&mut self, ticket: Ticket, result: io::Result<Outcome<E::Handle>>) {
        let Some(about) = self.under_way.remove(&ticket) else {
            panic!("invariant 5: operation {ticket:?} completes once")
        };
        let result = match result {
            Ok(outcome) => Ok(self.answer(&about, outcome)),
            Err(error) => {
                // Invariants 2 and 3.
                if matches!(about.verb, Verb::Write | Verb::Sync | Verb::SyncDirectory) {
                    self.given_up.insert(Arc::clone(&about.path));
                }
                Err(DiskError::new(about.verb, about.path.to_path_buf(), about.offset, error))
            }
        };
        self.done.push_back(Completion { ticket, result });
    }

    fn answer(&mut self, about: &About, outcome: Outcome<E::Handle>) -> Answer {
        match outcome {
            Outcome::Opened { file: handle, length, direct } => {
                let file = FileId(self.number());
                self.files.insert(file, Open { path: Arc::clone(&about.path), handle });
                Answer::Opened { file, length, direct }
            }
            Outcome::Written { bytes } => Answer::Written { bytes },
            Outcome::Read { buffer, bytes } => Answer::Read { buffer, bytes },
            Outcome::Names(mut names) => {
                names.sort_unstable();
                Answer::Names(names)
            }
            Outcome::Length(length) => Answer::Length(length),
            Outcome::Done => {
                if about.verb == Verb::Remove {
                    self.given_up.remove(&about.path);
                }
                Answer::Done
            }
        }
    }

    fn reap(&mut self, wait: bool) {
        let mut ended = Vec::new();
        self.executor.reap(wait, &mut |ticket, result| ended.push((ticket, result)));
        for (ticket, result) in ended {
            self.finish(ticket, result);
        }
    }
}

impl<E: Executor> Disk for Engine<E> {
    fn submit(&mut self, operation: Operation) -> Ticket {
        let ticket = Ticket(self.number());
        let (about, job) = self.job(operation);
        let harmless = matches!(
            job,
            Job::Close { .. } | Job::Remove { .. } | Job::List { .. } | Job::Length { .. }
        );
        if !harmless && self.given_up.contains(&about.path) {
            let error = DiskError::GivenUp { verb: about.verb, path: about.path.to_path_buf() };
            self.done.push_back(Completion { ticket, result: Err(error) });
            return ticket;
        }
        self.under_way.insert(ticket, about);
        self.executor.start(ticket, job);
        ticket
    }

    fn poll(&mut self, completions: &mut Vec<Completion>) {
        if !self.under_way.is_empty() {
            self.reap(false);
        }
        completions.extend(self.done.drain(..));
    }

    fn wait(&mut self, ticket: Ticket) -> Completion {
        loop {
            if let Some(at) = self.done.iter().position(|completion| completion.ticket == ticket) {
                return self.done.remove(at).expect("invariant: it was just found");
            }
            assert!(
                self.under_way.contains_key(&ticket),
                "invariant: {ticket:?} is in flight on this disk"
            );
            self.reap(true);
        }
    }

    fn in_flight(&self) -> usize {
        self.under_way.len() + self.done.len()
    }

    fn map(&mut self, path: &Path, bytes: u64) -> Result<Mapped, DiskError> {
        if self.given_up.contains(path) {
            return Err(DiskError::GivenUp { verb: Verb::Map, path: path.to_path_buf() });
        }
        self.executor
            .map(path, bytes)
            .map_err(|error| DiskError::new(Verb::Map, path.to_path_buf(), None, error))
    }
}

fn assert_whole_pages(bytes: u64) {
    assert!(
        bytes.is_multiple_of(PAGE_BYTES),
        "invariant: offsets and lengths are whole pages, not {bytes}"
    );
}

fn assert_aligned(offset: u64, bytes: usize, memory: &[u8]) {
    assert_whole_pages(offset);
    assert_whole_pages(bytes as u64);
    assert!(
        memory.as_ptr().addr().is_multiple_of(Buffer::ALIGNMENT),
        "invariant: what is read or written starts at a page"
    );
}
