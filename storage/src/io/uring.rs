//! The disk over io_uring.
//!
//! Reads and writes go past the page cache (`O_DIRECT`) where the file system lets them, which is asked when a file is opened: the data is on its way to the device
//! when a write completes, no cached copy can lie after a failed sync, and the memory stays with those who need it.
//!
//! Calls are queued by `submit` and handed to the kernel by the next `poll`, all in one system call. More calls than the ring holds wait here.
//!
//! # Not here
//!
//! Listing a directory, the length of a file and opening a directory have no call of their own, or none that is worth it; they are done at once.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blocking::{self, Handle};
use super::engine::{Engine, Executor, Job, Outcome};
use super::{Access, Mapped, PAGE_BYTES, Scope, Ticket};
use crate::raw::ring::{Call, Done, Returned, Ring};

/// Calls in flight at a time: 128 writes of a MiB keep any device busy, and the kernel's share of the memory is small.
pub(super) const DEPTH: u32 = 128;

/// A disk over io_uring.
pub type Uring = Engine<Calls>;

impl Uring {
    /// A disk with up to `depth` calls in the kernel at a time.
    ///
    /// # Errors
    ///
    /// The system has no io_uring, or does not permit it to this process.
    pub fn new(depth: u32) -> io::Result<Self> {
        let ring = Ring::new(depth)?;
        Ok(Self::over(Calls {
            ring,
            steps: BTreeMap::new(),
            backlog: VecDeque::new(),
            ended: Vec::new(),
        }))
    }
}

/// Carries jobs out, each as one call of the kernel after the other.
#[derive(Debug)]
pub struct Calls {
    ring: Ring,
    /// How far each job is.
    steps: BTreeMap<Ticket, Step>,
    backlog: VecDeque<(Ticket, Call)>,
    ended: Vec<(Ticket, io::Result<Outcome<Handle>>)>,
}

/// What the call of a job that is under way is for.
#[derive(Debug)]
enum Step {
    Open {
        path: PathBuf,
        access: Access,
        create: Option<u64>,
        direct: bool,
    },
    Allocate {
        path: PathBuf,
        file: Handle,
        bytes: u64,
    },
    /// A file that could not be allocated goes again; then the job ends with this error.
    Undo(io::Error),
    Write {
        direct: bool,
    },
    Read,
    Simple,
}

impl Executor for Calls {
    type Handle = Handle;

    fn start(&mut self, ticket: Ticket, job: Job<Handle>) {
        let call = match job {
            Job::Create { path, bytes } => {
                self.open(ticket, path, Access::Write, Some(bytes), true);
                return;
            }
            Job::Open { path, access } => {
                self.open(ticket, path, access, None, true);
                return;
            }
            Job::Write { file, offset, bytes } => {
                self.steps.insert(ticket, Step::Write { direct: file.direct });
                self.call(ticket, Call::Write { file: file.file, offset, bytes, from: 0 });
                return;
            }
            Job::Read { file, offset, buffer, bytes } => {
                self.steps.insert(ticket, Step::Read);
                self.call(ticket, Call::Read { file: file.file, offset, buffer, bytes });
                return;
            }
            Job::Sync { file, scope } => {
                Ok(Call::Sync { file: file.file, data_only: scope == Scope::Data })
            }
            Job::SyncDirectory { path } => blocking::open_directory(&path)
                .map(|file| Call::Sync { file: Arc::new(file), data_only: false }),
            Job::Rename { from, to } => {
                name(&from).and_then(|from| Ok(Call::Rename { from, to: name(&to)? }))
            }
            Job::Remove { path } => name(&path).map(|path| Call::Unlink { path }),
            at_once @ (Job::Close { .. } | Job::List { .. } | Job::Length { .. }) => {
                self.ended.push((ticket, blocking::perform(at_once)));
                return;
            }
        };
        match call {
            Ok(call) => {
                self.steps.insert(ticket, Step::Simple);
                self.call(ticket, call);
            }
            Err(error) => self.ended.push((ticket, Err(error))),
        }
    }

    fn reap(&mut self, wait: bool, end: &mut dyn FnMut(Ticket, io::Result<Outcome<Handle>>)) {
        loop {
            self.enter(wait && self.ended.is_empty());
            while let Some(returned) = self.ring.returned() {
                self.step(returned);
            }
            while let Some((ticket, call)) = self.backlog.pop_front() {
                if let Err(call) = self.ring.submit(ticket.0, call) {
                    self.backlog.push_front((ticket, call));
                    break;
                }
            }
            if !wait || !self.ended.is_empty() {
                break;
            }
        }
        // What became possible in this round is started in this round.
        self.enter(false);
        for (ticket, result) in self.ended.drain(..) {
            end(ticket, result);
        }
    }

    fn map(&mut self, path: &Path, bytes: u64) -> io::Result<Mapped> {
        blocking::map(path, bytes)
    }
}

impl Calls {
    fn enter(&mut self, wait: bool) {
        match self.ring.enter(wait) {
            Ok(()) => {}
            // Short of memory for a moment: what is queued stays queued.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("invariant: the kernel accepts this ring's calls: {error}"),
        }
    }

    fn call(&mut self, ticket: Ticket, call: Call) {
        if let Err(call) = self.ring.submit(ticket.0, call) {
            self.backlog.push_back((ticket, call));
        }
    }

    fn open(
        &mut self,
        ticket: Ticket,
        path: PathBuf,
        access: Access,
        create: Option<u64>,
        direct: bool,
    ) {
        let flags = blocking::flags(access, create.is_some(), direct);
        match name(&path) {
            Ok(name) => {
                self.steps.insert(ticket, Step::Open { path, access, create, direct });
                self.call(ticket, Call::Open { path: name, flags });
            }
            Err(error) => self.ended.push((ticket, Err(error))),
        }
    }

    fn step(&mut self, Returned { token, call, result }: Returned) {
        let ticket = Ticket(token);
        let again = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
        };
        if result.as_ref().is_err_and(again) {
            self.call(ticket, call);
            return;
        }
        let step = self.steps.remove(&ticket).expect("invariant: a call belongs to a job");
        match step {
            Step::Open { path, access, create, direct } => match result {
                Ok(done) => self.opened(ticket, path, access, create, direct, done),
                // Some file systems refuse to go past the page cache only when they have made the file already; `flags`
                // takes that into account.
                Err(error) if direct && error.raw_os_error() == Some(libc::EINVAL) => {
                    self.open(ticket, path, access, create, false);
                }
                Err(error) => self.ended.push((ticket, Err(error))),
            },
            Step::Allocate { path, file, bytes } => {
                let result = result.map(drop).or_else(|error| file.extend(bytes, error));
                match (result, name(&path)) {
                    (Ok(()), _) => self.end(ticket, file.into_opened(bytes)),
                    (Err(error), Ok(path)) => {
                        self.steps.insert(ticket, Step::Undo(error));
                        self.call(ticket, Call::Unlink { path });
                    }
                    (Err(error), Err(_)) => self.ended.push((ticket, Err(error))),
                }
            }
            Step::Undo(error) => self.ended.push((ticket, Err(error))),
            Step::Write { direct } => self.written(ticket, direct, call, result),
            Step::Read => {
                let Call::Read { buffer, .. } = call else {
                    panic!("invariant: a read returns as a read")
                };
                let result = result.map(|done| Outcome::Read { buffer, bytes: bytes_of(done) });
                self.ended.push((ticket, result));
            }
            Step::Simple => self.ended.push((ticket, result.map(|_| Outcome::Done))),
        }
    }

    fn opened(
        &mut self,
        ticket: Ticket,
        path: PathBuf,
        access: Access,
        create: Option<u64>,
        direct: bool,
        done: Done,
    ) {
        let Done::Opened(file) = done else { panic!("invariant: opening gives a file") };
        if direct && !blocking::can_be_direct(&file) {
            self.open(ticket, path, access, create, false);
            return;
        }
        let file = Handle { file: Arc::new(file), direct };
        match create {
            Some(bytes) => {
                let call = Call::Allocate { file: Arc::clone(&file.file), bytes };
                self.steps.insert(ticket, Step::Allocate { path, file, bytes });
                self.call(ticket, call);
            }
            None => match file.length() {
                Ok(length) => self.end(ticket, file.into_opened(length)),
                Err(error) => self.ended.push((ticket, Err(error))),
            },
        }
    }

    /// The kernel may write less than all; it is asked for the rest until there is none.
    fn written(&mut self, ticket: Ticket, direct: bool, call: Call, result: io::Result<Done>) {
        let Call::Write { file, offset, bytes, from } = call else {
            panic!("invariant: a write returns as a write")
        };
        match result.map(bytes_of) {
            Err(error) => self.ended.push((ticket, Err(error))),
            Ok(0) => {
                self.ended.push((ticket, Err(io::Error::from(io::ErrorKind::WriteZero))));
            }
            Ok(count) if from + count == bytes.len() => {
                self.end(ticket, Outcome::Written { bytes });
            }
            Ok(count) => {
                let mut from = from + count;
                if direct {
                    from -= from % usize::try_from(PAGE_BYTES).expect("invariant: a page is small");
                }
                self.steps.insert(ticket, Step::Write { direct });
                self.call(ticket, Call::Write { file, offset, bytes, from });
            }
        }
    }

    fn end(&mut self, ticket: Ticket, outcome: Outcome<Handle>) {
        self.ended.push((ticket, Ok(outcome)));
    }
}

fn bytes_of(done: Done) -> usize {
    match done {
        Done::Bytes(bytes) => bytes,
        Done::Opened(_) => panic!("invariant: only opening gives a file"),
    }
}

fn name(path: &Path) -> io::Result<CString> {
    use std::os::unix::ffi::OsStrExt as _;
    Ok(CString::new(path.as_os_str().as_bytes())?)
}
