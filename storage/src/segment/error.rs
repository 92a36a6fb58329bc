//! Why a segment cannot be read.

use std::path::{Path, PathBuf};

use crate::format::Flaw;
use crate::io::DiskError;

/// Why a segment, or a place in it, cannot be read; says which file, and so what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// Its bytes are not what they should be; reading again will not help. Restore an older checkpoint, or this file from a copy.
    #[error("segment \"{}\" cannot be used: {flaw}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The disk refused; the file may be whole.
    #[error("segment \"{}\" cannot be read", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: DiskError,
    },
}

impl SegmentError {
    pub(super) fn unfit(path: &Path, flaw: Flaw) -> Self {
        Self::Unfit { path: path.to_path_buf(), flaw }
    }

    pub(super) fn disk(path: &Path, source: DiskError) -> Self {
        Self::Disk { path: path.to_path_buf(), source }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Unfit { path, .. } | Self::Disk { path, .. } => path,
        }
    }

    /// What is wrong with its bytes; `None` if the disk did not give them.
    #[must_use]
    pub fn flaw(&self) -> Option<&Flaw> {
        match self {
            Self::Unfit { flaw, .. } => Some(flaw),
            Self::Disk { .. } => None,
        }
    }
}
