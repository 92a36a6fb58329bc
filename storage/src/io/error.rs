//! What a disk can answer instead of doing what it was asked to.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verb {
    /// Making a file of full length.
    Create,
    /// Opening a file.
    Open,
    /// Writing a file.
    Write,
    /// Reading a file.
    Read,
    /// Closing a file.
    Close,
    /// Having a file's data, and what is needed to read it, on the medium.
    Sync,
    /// Having a directory's names on the medium.
    SyncDirectory,
    /// Giving a file another name.
    Rename,
    /// Removing a file.
    Remove,
    /// Listing a directory.
    List,
    /// Asking for a file's length.
    Length,
    /// Mapping a file into memory.
    Map,
    /// Locking a state directory.
    Lock,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Open => "open",
            Self::Write => "write",
            Self::Read => "read",
            Self::Close => "close",
            Self::Sync => "sync",
            Self::SyncDirectory => "sync directory",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::List => "list directory",
            Self::Length => "ask for the length of",
            Self::Map => "map",
            Self::Lock => "lock",
        })
    }
}

/// Why an operation on a disk failed; each variant is something else to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// There is no such file. What named it is older or newer than the directory.
    #[error("cannot {verb} \"{}\": there is no such file", path.display())]
    Missing {
        /// What was being done.
        verb: Verb,
        /// To which file.
        path: PathBuf,
        /// The system's own error.
        source: io::Error,
    },
    /// The file system is full, or a quota is. Make room; nothing that was durable is lost, and a new attempt with a new file
    /// may succeed.
    #[error("cannot {verb} \"{}\"{}: the disk is full; make room", path.display(), At(*offset))]
    Full {
        /// What was being done.
        verb: Verb,
        /// To which file.
        path: PathBuf,
        /// Where in it, bytes.
        offset: Option<u64>,
        /// The system's own error.
        source: io::Error,
    },
    /// The system refused or the device failed. After a failed write or sync the file is given up: see [`DiskError::GivenUp`].
    #[error("cannot {verb} \"{}\"{}", path.display(), At(*offset))]
    Failed {
        /// What was being done.
        verb: Verb,
        /// To which file.
        path: PathBuf,
        /// Where in it, bytes.
        offset: Option<u64>,
        /// The system's own error.
        source: io::Error,
    },
    /// An earlier write or sync of this file failed, and the file is not touched any more: a second sync would succeed although
    /// the data is gone. Write a new file; for a directory, restart from the last checkpoint.
    #[error(
        "will not {verb} \"{}\": an earlier write or sync of it failed, so its contents are not known; start over in a new file",
        path.display()
    )]
    GivenUp {
        /// What was asked for.
        verb: Verb,
        /// Of which file.
        path: PathBuf,
    },
}

/// ` at byte 8192`, where an operation has a place.
struct At(Option<u64>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |offset| write!(f, " at byte {offset}"))
    }
}

impl DiskError {
    pub(crate) fn new(verb: Verb, path: PathBuf, offset: Option<u64>, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { verb, path, source },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full { verb, path, offset, source }
            }
            _ => Self::Failed { verb, path, offset, source },
        }
    }

    /// The file or directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Missing { path, .. }
            | Self::Full { path, .. }
            | Self::Failed { path, .. }
            | Self::GivenUp { path, .. } => path,
        }
    }

    /// What was being done.
    #[must_use]
    pub fn verb(&self) -> Verb {
        match self {
            Self::Missing { verb, .. }
            | Self::Full { verb, .. }
            | Self::Failed { verb, .. }
            | Self::GivenUp { verb, .. } => *verb,
        }
    }

    /// Whether there is no such file.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// Whether more room would help.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn a_message_names_the_operation_the_file_and_the_place() {
        let error = |kind: io::ErrorKind, offset| {
            DiskError::new(Verb::Write, "state/00000007.seg".into(), offset, kind.into())
        };
        let full = error(io::ErrorKind::StorageFull, Some(8192));
        assert_eq!(
            full.to_string(),
            "cannot write \"state/00000007.seg\" at byte 8192: the disk is full; make room"
        );
        assert!(full.is_full() && full.source().is_some());
        let failed = error(io::ErrorKind::Other, None);
        assert_eq!(failed.to_string(), "cannot write \"state/00000007.seg\"");
        let missing = error(io::ErrorKind::NotFound, None);
        assert_eq!(
            missing.to_string(),
            "cannot write \"state/00000007.seg\": there is no such file"
        );
        let given_up = DiskError::GivenUp { verb: Verb::Sync, path: "a".into() };
        assert_eq!(
            given_up.to_string(),
            "will not sync \"a\": an earlier write or sync of it failed, so its contents are not known; start over in a new file"
        );
        assert_eq!((given_up.path(), given_up.verb()), (Path::new("a"), Verb::Sync));
    }
}
