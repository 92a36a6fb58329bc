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
}
