//! Why there is no savepoint.

use std::path::PathBuf;

use crate::checkpoint::ManifestError;
use crate::io::{DiskError, PublishError, TEMPORARY};
use crate::segment::SegmentError;
use crate::{ArchiveError, PartsError};

/// Why a savepoint was not written, or cannot be read; says which, and so what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavepointError {
    /// Something is there. Nothing was changed: choose another folder.
    #[error("\"{}\" is not empty; a savepoint gets a folder of its own", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder cannot be made.
    #[error("folder \"{}\" for a savepoint cannot be made", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: DiskError,
    },
    /// It was not written. The checkpoint that it was to be made of is as it was; if the disk is [full](SavepointError::is_full), make room and try again.
    #[error("savepoint \"{}\" was not written", folder.display())]
    NotWritten {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: Box<CopyError>,
    },
    /// It was not copied to where the job keeps its checkpoints. It is as it was: try again.
    #[error("savepoint \"{}\" was not copied to the job's directory", folder.display())]
    NotImported {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: Box<CopyError>,
    },
    /// There is none, nor a part of one: look whether the path is right.
    #[error("there is no savepoint in \"{}\"", folder.display())]
    Nothing {
        /// The folder.
        folder: PathBuf,
    },
    /// There are files of a savepoint, and not the one that is written last: it was cut short, or not all of it was copied. Take another.
    #[error("savepoint \"{}\" is not whole: its file \"savepoint\" is missing", folder.display())]
    Torn {
        /// The folder.
        folder: PathBuf,
    },
    /// Its manifest cannot be read.
    #[error("savepoint \"{}\" cannot be read", folder.display())]
    Manifest {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: Box<ManifestError>,
    },
    /// A file that it names is missing or damaged: not all of it was copied, or the medium is at fault.
    #[error("savepoint \"{}\" is not whole", folder.display())]
    Segment {
        /// The folder.
        folder: PathBuf,
        /// Which, and why.
        source: Box<SegmentError>,
    },
    /// What is in its files cannot be read.
    #[error("the state in savepoint \"{}\" cannot be read", folder.display())]
    Content {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: Box<PartsError>,
    },
    /// The folder cannot be listed.
    #[error("folder \"{}\" cannot be read", folder.display())]
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: DiskError,
    },
}

impl SavepointError {
    /// Whether there is no room on the disk.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::NotWritten { source, .. } | Self::NotImported { source, .. } => source.is_full(),
            Self::Folder { source, .. } => source.is_full(),
            _ => false,
        }
    }
}

/// Why a checkpoint was not copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// A file of the checkpoint cannot be read, or is damaged.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The manifest was not published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// New state was not written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl CopyError {
    /// Whether there is no room on the disk.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Segment(_) => false,
            Self::Disk(source) => source.is_full(),
            Self::Publish(
                PublishError::NotPublished { source, .. } | PublishError::Uncertain { source, .. },
            ) => source.is_full(),
            Self::Archive(source) => source.is_full(),
        }
    }

    /// Whether it may be there in spite of it.
    pub(super) fn is_uncertain(&self) -> bool {
        matches!(self, Self::Publish(PublishError::Uncertain { .. }))
    }
}

/// Whether a file is one of a savepoint that is not there yet.
pub(super) fn is_temporary(name: &str) -> bool {
    name.strip_suffix(TEMPORARY).is_some_and(|name| name == super::FILE)
}
