//! What a disk is asked for, and what it answers.

use std::path::{Path, PathBuf};

use super::{Bytes, DiskError, publish::Permit};
use crate::raw::Buffer;

/// The grain of offsets and lengths, bytes: [`Buffer::ALIGNMENT`].
pub const PAGE_BYTES: u64 = Buffer::ALIGNMENT as u64;

/// Names an operation of one disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u64);

/// Names an open file of one disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub(super) u64);

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To be read.
    Read,
    /// To be read and written.
    Write,
}

/// What is made durable by a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The data, and of the metadata what reading it needs (`fdatasync`).
    Data,
    /// All metadata too (`fsync`).
    All,
}

/// What a disk can do.
///
/// Paths are as the process sees them. Offsets and lengths of reads and writes are multiples of [`PAGE_BYTES`], as is where their memory
/// starts.
#[derive(Debug)]
pub enum Operation {
    /// Makes a file that was not there, allocates `bytes` bytes for it, which is its length from then on and reads as zeros, and opens it for
    /// writing. If there is no room for all of it, there is no file. Answered by [`Answer::Opened`].
    Create {
        /// Its name.
        path: PathBuf,
        /// Its length, bytes.
        bytes: u64,
    },
    /// Opens a file that is there. Answered by [`Answer::Opened`].
    Open {
        /// Its name.
        path: PathBuf,
        /// What for.
        access: Access,
    },
    /// Writes all of `bytes`. Answered by [`Answer::Written`].
    Write {
        /// Where to.
        file: FileId,
        /// Where in it, bytes.
        offset: u64,
        /// What.
        bytes: Bytes,
    },
    /// Reads up to `bytes` bytes to the front of `buffer`. Answered by [`Answer::Read`], which may have fewer: none at the
    /// end of the file, and anywhere else as many as the device was pleased to give; [`read_exactly`](super::read_exactly) asks again.
    Read {
        /// Where from.
        file: FileId,
        /// Where in it, bytes.
        offset: u64,
        /// Where to.
        buffer: Buffer,
        /// How many bytes at most.
        bytes: usize,
    },
    /// Makes the writes that were *completed before this was submitted* durable, and the file's length. Answered by [`Answer::Done`].
    Sync {
        /// Which file.
        file: FileId,
        /// How much of its metadata.
        scope: Scope,
    },
    /// Closes a file. Syncs nothing. Answered by [`Answer::Done`].
    Close {
        /// Which file.
        file: FileId,
    },
    /// Makes the names in a directory durable: what was created, renamed and removed before this was submitted. Answered by [`Answer::Done`].
    SyncDirectory {
        /// Which directory.
        path: PathBuf,
    },
    /// Gives a file another name, in place of what had it. Answered by [`Answer::Done`].
    Rename {
        /// The old name.
        from: PathBuf,
        /// The new one.
        to: PathBuf,
        /// Only [`publish`](super::Publish) renames.
        permit: Permit,
    },
    /// Removes a file. Answered by [`Answer::Done`].
    Remove {
        /// Which.
        path: PathBuf,
    },
    /// Names what is in a directory. Answered by [`Answer::Names`].
    List {
        /// Which.
        path: PathBuf,
    },
    /// Asks for a file's length. Answered by [`Answer::Length`].
    Length {
        /// Which file.
        path: PathBuf,
    },
}

/// What an operation that succeeded gives.
#[derive(Debug)]
pub enum Answer {
    /// The file is open.
    Opened {
        /// Its name from now on.
        file: FileId,
        /// Its length, bytes.
        length: u64,
        /// Whether reads and writes go past the page cache. Where the file system refuses that they do not; all that changes is the cost.
        direct: bool,
    },
    /// Everything was written; whether it is durable is what [`Operation::Sync`] says.
    Written {
        /// The memory, which may be used again.
        bytes: Bytes,
    },
    /// Something was read.
    Read {
        /// Where it is.
        buffer: Buffer,
        /// How many bytes of it were read.
        bytes: usize,
    },
    /// Names of files and directories, without their path, sorted. A name that is not UTF-8 is not ours and left out.
    Names(Vec<String>),
    /// Length of a file, bytes.
    Length(u64),
    /// It is done; there is nothing more to say.
    Done,
}

/// The end of an operation.
#[derive(Debug)]
pub struct Completion {
    /// Which one.
    pub ticket: Ticket,
    /// How it ended.
    pub result: Result<Answer, DiskError>,
}

/// The directory a file's name is in; of a bare name, the current one.
pub(crate) fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
