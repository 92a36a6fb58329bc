//! The seam to files: what sources and sinks may ask of the world, and the driver answers.
//!
//! Nothing above [`crate::rt`] opens a file. A call never waits for a disk longer than a system call on cached data does; what takes
//! longer is answered by "not yet" and asked again at the next poll.

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

/// A file being read from front to back.
pub trait ReadFile {
    /// Appends up to `max` bytes to `buffer`.
    ///
    /// # Errors
    ///
    /// What the system said; the file is not read on after that.
    fn poll_read(&mut self, buffer: &mut Vec<u8>, max: usize) -> io::Result<ReadPoll>;
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
