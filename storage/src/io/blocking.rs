//! The disk by plain system calls, for systems that do not permit io_uring: on a helper thread, so that the caller does not wait, or at once.
//!
//! Every operation does what it does over io_uring, with the same flags; the tests run one script over both.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use super::engine::{Engine, Executor, Job, Outcome};
use super::{Access, Mapped, PAGE_BYTES, Scope, Ticket};
use crate::raw::Map;

/// A disk by plain system calls.
pub type Blocking = Engine<Helper>;

impl Blocking {
    /// Operations are carried out by a thread of their own, one after the other. If the system gives no thread, they are carried out at once.
    #[must_use]
    pub fn on_a_thread() -> Self {
        Self::over(Helper::started().unwrap_or_else(|error| {
            tracing::warn!(%error, "no thread for files; they are read and written in place");
            Helper::AtOnce(Vec::new())
        }))
    }

    /// Operations are carried out when they are submitted: for tools, and where nobody minds to wait.
    #[must_use]
    pub fn at_once() -> Self {
        Self::over(Helper::AtOnce(Vec::new()))
    }
}

/// Who carries jobs out.
#[derive(Debug)]
pub enum Helper {
    /// The caller; what has ended waits to be reaped.
    AtOnce(Vec<(Ticket, io::Result<Outcome<Handle>>)>),
    /// A thread, until it is dropped.
    Thread(Thread),
}

/// A thread that carries jobs out in the order in which they come.
#[derive(Debug)]
pub struct Thread {
    jobs: Option<Sender<(Ticket, Job<Handle>)>>,
    ended: Receiver<(Ticket, io::Result<Outcome<Handle>>)>,
    thread: Option<JoinHandle<()>>,
}

impl Helper {
    fn started() -> io::Result<Self> {
        let (jobs, inbox) = mpsc::channel::<(Ticket, Job<Handle>)>();
        let (outbox, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("thalweg-disk".to_owned()).spawn(move || {
            for (ticket, job) in inbox {
                if outbox.send((ticket, perform(job))).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self::Thread(Thread { jobs: Some(jobs), ended, thread: Some(thread) }))
    }
}

impl Executor for Helper {
    type Handle = Handle;

    fn start(&mut self, ticket: Ticket, job: Job<Handle>) {
        match self {
            Self::AtOnce(ended) => ended.push((ticket, perform(job))),
            Self::Thread(thread) => {
                let jobs = thread.jobs.as_ref().expect("invariant: taken on drop alone");
                jobs.send((ticket, job)).expect("invariant: the thread lives as long as this");
            }
        }
    }

    fn reap(&mut self, wait: bool, end: &mut dyn FnMut(Ticket, io::Result<Outcome<Handle>>)) {
        match self {
            Self::AtOnce(ended) => {
                for (ticket, result) in ended.drain(..) {
                    end(ticket, result);
                }
            }
            Self::Thread(thread) => {
                if wait {
                    let (ticket, result) =
                        thread.ended.recv().expect("invariant: a job is under way");
                    end(ticket, result);
                }
                for (ticket, result) in thread.ended.try_iter() {
                    end(ticket, result);
                }
            }
        }
    }

    fn map(&mut self, path: &Path, bytes: u64) -> io::Result<Mapped> {
        map(path, bytes)
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // It ends with the last job; a panic in it has been reported already.
            let _ = thread.join();
        }
    }
}

/// An open file.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) file: Arc<File>,
    pub(super) direct: bool,
}

impl Handle {
    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    pub(super) fn into_opened(self, length: u64) -> Outcome<Self> {
        let direct = self.direct;
        Outcome::Opened { file: self, length, direct }
    }

    /// Where the file system cannot allocate, the file gets its length alone; room is then refused when it is written.
    pub(super) fn extend(&self, bytes: u64, refused: io::Error) -> io::Result<()> {
        match refused.raw_os_error() {
            Some(libc::EOPNOTSUPP) => self.file.set_len(bytes),
            _ => Err(refused),
        }
    }
}

/// Carries out one job.
pub(super) fn perform(job: Job<Handle>) -> io::Result<Outcome<Handle>> {
    match job {
        Job::Create { path, bytes } => create(&path, bytes),
        Job::Open { path, access } => {
            let file = open(&path, access, false)?;
            let length = file.length()?;
            Ok(file.into_opened(length))
        }
        Job::Write { file, offset, bytes } => {
            file.file.write_all_at(&bytes, offset)?;
            Ok(Outcome::Written { bytes })
        }
        Job::Read { file, offset, mut buffer, bytes } => {
            let bytes = loop {
                match file.file.read_at(&mut buffer[..bytes], offset) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => break other?,
                }
            };
            Ok(Outcome::Read { buffer, bytes })
        }
        Job::Sync { file, scope: Scope::Data } => file.file.sync_data().map(|()| Outcome::Done),
        Job::Sync { file, scope: Scope::All } => file.file.sync_all().map(|()| Outcome::Done),
        // Nothing is learned from an error here: what had to be durable was synced.
        Job::Close { file } => {
            drop(file);
            Ok(Outcome::Done)
        }
        Job::SyncDirectory { path } => open_directory(&path)?.sync_all().map(|()| Outcome::Done),
        Job::Rename { from, to } => std::fs::rename(from, to).map(|()| Outcome::Done),
        Job::Remove { path } => std::fs::remove_file(path).map(|()| Outcome::Done),
        Job::List { path } => list(&path),
        Job::Length { path } => Ok(Outcome::Length(std::fs::metadata(path)?.len())),
    }
}

fn create(path: &Path, bytes: u64) -> io::Result<Outcome<Handle>> {
    let file = open(path, Access::Write, true)?;
    match allocate(&file.file, bytes).or_else(|error| file.extend(bytes, error)) {
        Ok(()) => Ok(file.into_opened(bytes)),
        Err(error) => {
            // A refused allocation leaves what it could get behind.
            let _ = std::fs::remove_file(path);
            Err(error)
        }
    }
}

#[cfg(target_os = "linux")]
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    Ok(rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes)?)
}

#[cfg(not(target_os = "linux"))]
fn allocate(_file: &File, _bytes: u64) -> io::Result<()> {
    Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP))
}

fn open(path: &Path, access: Access, create: bool) -> io::Result<Handle> {
    let direct = cfg!(target_os = "linux");
    match open_as(path, access, create, direct) {
        Ok(file) if !direct || can_be_direct(&file) => Ok(Handle { file: Arc::new(file), direct }),
        Ok(_) => {
            let file = open_as(path, access, create, false)?;
            Ok(Handle { file: Arc::new(file), direct: false })
        }
        Err(error) if direct && error.raw_os_error() == Some(libc::EINVAL) => {
            let file = open_as(path, access, create, false)?;
            Ok(Handle { file: Arc::new(file), direct: false })
        }
        Err(error) => Err(error),
    }
}

fn open_as(path: &Path, access: Access, create: bool, direct: bool) -> io::Result<File> {
    // The access mode is set apart from the other flags.
    let flags = flags(access, create, direct) & !libc::O_ACCMODE;
    OpenOptions::new()
        .read(true)
        .write(access == Access::Write)
        .mode(0o600)
        .custom_flags(flags)
        .open(path)
}

/// As of `open(2)`. A file that is made must not be there, unless this is the second attempt: a file system that does not go past the page cache
/// may say so after it has made the file.
pub(super) fn flags(access: Access, create: bool, direct: bool) -> i32 {
    let mut flags = libc::O_CLOEXEC;
    flags |= match access {
        Access::Read => libc::O_RDONLY,
        Access::Write => libc::O_RDWR,
    };
    if create {
        flags |= libc::O_CREAT;
    }
    #[cfg(target_os = "linux")]
    if direct {
        flags |= libc::O_DIRECT;
    }
    if create && (direct || !cfg!(target_os = "linux")) {
        flags |= libc::O_EXCL;
    }
    flags
}

/// Whether pages are grain enough for this file's device. Kernels before 6.1 do not say, and then it is assumed: no device wants more.
#[cfg(target_os = "linux")]
pub(super) fn can_be_direct(file: &File) -> bool {
    use rustix::fs::{AtFlags, StatxFlags, statx};
    let Ok(status) = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN) else {
        return true;
    };
    let grain = u64::from(status.stx_dio_offset_align.max(status.stx_dio_mem_align));
    let known = status.stx_mask & StatxFlags::DIOALIGN.bits() != 0;
    !known || (grain > 0 && PAGE_BYTES.is_multiple_of(grain))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn can_be_direct(_file: &File) -> bool {
    false
}

pub(super) fn open_directory(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY | libc::O_CLOEXEC).open(path)
}

fn list(path: &Path) -> io::Result<Outcome<Handle>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        names.extend(entry?.file_name().into_string());
    }
    Ok(Outcome::Names(names))
}

/// Maps the front of a file.
pub(super) fn map(path: &Path, bytes: u64) -> io::Result<Mapped> {
    let file = OpenOptions::new().read(true).open(path)?;
    Ok(Mapped::file(Map::front_of(&file, bytes)?))
}
