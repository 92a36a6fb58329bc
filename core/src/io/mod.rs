//! The seam to files and byte streams: what sources and sinks may ask of the world, and the driver answers.
//!
//! Nothing above [`crate::rt`] opens a file or a socket. A call never waits for a disk longer than a system call on cached data does; what takes
//! longer is answered by "not yet" and asked again at the next poll.

mod streams;

pub use streams::{Address, ByteStream, Listener, StandardOutput, Streams};

use std::io;
use std::path::{Path, PathBuf};

/// What a read gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadPoll {
    /// This many bytes were appended.
    Data(usize),
    /// Nothing yet; ask again.
    Pending,
    /// The file has no more bytes.
    End,
}

/// Which file it is, whatever its name is now, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStatus {
    /// The device, and the file's number on it; a file that is renamed keeps them.
    pub identity: (u64, u64),
    /// Its length now.
    pub bytes: u64,
}

/// A file being read from front to back.
pub trait ReadFile {
    /// Appends up to `max` bytes to `buffer`.
    ///
    /// # Errors
    ///
    /// What the system said; the file is not read on after that.
    fn poll_read(&mut self, buffer: &mut Vec<u8>, max: usize) -> io::Result<ReadPoll>;

    /// Which file this is, and how long it is by now.
    ///
    /// # Errors
    ///
    /// What the system said; or that this is not a file that can tell.
    fn status(&self) -> io::Result<FileStatus> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A file being written from front to back.
pub trait WriteFile {
    /// Takes all of `bytes`; they are in the file at the latest when [`Self::poll_close`] has returned true.
    ///
    /// # Errors
    ///
    /// What the system said, of this or an earlier write; the file is not to be written on after that.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Writes out what is left; true when all of it is in the file, false to be asked again.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    fn poll_close(&mut self) -> io::Result<bool>;

    /// Writes out what is kept back, so that readers of the file see it; true when it is there, false to be asked again.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    fn poll_flush(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    /// Makes durable what was written before it was first asked; true when it is, false to be asked again. Its name is durable when its folder is, too
    /// ([`Files::sync_folder`]).
    ///
    /// # Errors
    ///
    /// As [`Self::write`]. What was not durable before may be lost, whatever a second attempt says: the file is not to be written on.
    fn poll_sync(&mut self) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Something that others are at, and that is done some time.
pub trait Pending {
    /// True when it is done, false to be asked again. Never blocks.
    ///
    /// # Errors
    ///
    /// What the system said; it is not to be asked again after that.
    fn poll(&mut self) -> io::Result<bool>;

    /// Waits until it is done; for the time before a job, not for workers.
    ///
    /// # Errors
    ///
    /// As [`Self::poll`].
    fn wait(&mut self) -> io::Result<()>;
}

/// Files, as a driver provides them.
pub trait Files {
    /// The files that match a path or glob pattern, sorted.
    ///
    /// # Errors
    ///
    /// If the pattern is malformed or a folder cannot be read. No match is an empty list.
    fn list(&self, pattern: &str) -> io::Result<Vec<PathBuf>>;

    /// The file's length in bytes.
    ///
    /// # Errors
    ///
    /// If the file is not there.
    fn len(&self, path: &Path) -> io::Result<u64>;

    /// Which file has this name now, and how long it is.
    ///
    /// # Errors
    ///
    /// If the file is not there, or these files have no identity.
    fn status(&self, path: &Path) -> io::Result<FileStatus> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// True if files that change are read again in the same way by a replay: they are part of a recording, not of the world.
    fn is_recorded(&self) -> bool {
        false
    }

    /// Opens a file to read from `offset`.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn open(&self, path: &Path, offset: u64) -> io::Result<Box<dyn ReadFile>>;

    /// Creates a file, or empties it; its folder is created if it is not there.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>>;

    /// Opens a file that is there, to write on at its end.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn append(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Cuts off what a file has behind its first `bytes` bytes, and waits until that is durable: a power cut must not bring it back.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let _ = (path, bytes);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Gives a file another name in its folder; a file that had that name is gone. At once for who looks, and durable when the folder is.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let _ = (from, to);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn remove(&self, path: &Path) -> io::Result<()> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The names of the files in a folder, sorted; none if there is no such folder.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let _ = folder;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Makes durable which names a folder has: what was created, renamed and removed in it before.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn sync_folder(&self, folder: &Path) -> io::Result<Box<dyn Pending>> {
        let _ = folder;
        Err(io::ErrorKind::Unsupported.into())
    }
}
