//! Segments that were seen to be damaged, by this process.
//!
//! A map is checked block by block, when somebody needs one; that a block is damaged then ends the job, and what starts it again has to know, or it would begin from the same checkpoint. So the
//! file is remembered, and [`crate::checkpoint::check_segments`] reads all of a file that is remembered, whatever else it was told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

static SUSPECTS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Remembers a file.
pub(crate) fn note(path: &Path) {
    SUSPECTS.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_path_buf());
}

/// Whether something was wrong with a file, in this life of it or another.
pub(crate) fn is_noted(path: &Path) -> bool {
    SUSPECTS.lock().unwrap_or_else(PoisonError::into_inner).contains(path)
}
