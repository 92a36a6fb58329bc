//! Folders on a real disk, which are there before anything is submitted to it.

use std::io;
use std::path::Path;

/// Whether nothing is in a folder.
pub(crate) fn is_empty(folder: &Path) -> io::Result<bool> {
    Ok(std::fs::read_dir(folder)?.next().is_none())
}
