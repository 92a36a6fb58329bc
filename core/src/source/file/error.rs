//! Why files cannot be read as records.

use std::fmt;
use std::path::PathBuf;

use crate::error::FileError;
use crate::format::gzip::GzipError;
use crate::format::{BadLine, DecodeError};

/// Why a file source cannot start or go on; each variant names the file.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileSourceError {
    /// No file has this name, or fits this pattern. Check the path, and the folder it is relative to.
    NoMatch {
        /// The path or pattern.
        pattern: String,
    },
    /// The path is not UTF-8, so it cannot be taken for a pattern. Rename the file.
    NotUtf8 {
        /// The path.
        path: PathBuf,
    },
    /// The system refused.
    File(FileError),
    /// The compressed file is damaged.
    Gzip {
        /// The file.
        path: PathBuf,
        /// How.
        source: GzipError,
    },
    /// The file has another form than the record.
    Form {
        /// The file.
        path: PathBuf,
        /// What is missing.
        source: DecodeError,
    },
    /// A line is no record. Mend it, or let the source skip such lines or set them aside (`on_error`).
    Line {
        /// The file.
        path: PathBuf,
        /// Where in it, and what is wrong.
        bad: BadLine,
    },
}

impl fmt::Display for FileSourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMatch { pattern } => {
                write!(
                    f,
                    "no file matches {pattern:?}; check the path and the folder it starts from"
                )
            }
            Self::NotUtf8 { path } => write!(f, "the path {path:?} is not UTF-8; rename the file"),
            Self::File(error) => error.fmt(f),
            Self::Gzip { path, .. } => write!(f, "{path:?} cannot be decompressed"),
            Self::Form { path, .. } => write!(f, "{path:?} does not have the record's form"),
            Self::Line { path, bad } => write!(f, "{path:?}, {bad}"),
        }
    }
}

impl std::error::Error for FileSourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => error.source(),
            Self::Gzip { source, .. } => Some(source),
            Self::Form { source, .. } => Some(source),
            Self::NoMatch { .. } | Self::NotUtf8 { .. } | Self::Line { .. } => None,
        }
    }
}
