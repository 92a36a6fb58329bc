//! Finds a savepoint, or says what is there instead.

use std::path::Path;

use super::error::is_temporary;
use super::{FILE, SavepointError, names_in};
use crate::checkpoint::{Manifest, check_segments, read_file};
use crate::format::SegmentId;
use crate::io::{Disk, DiskError};
use crate::segment::Verification;

/// Whether there is a savepoint in `folder`; whole or not is not looked at. Waits for the disk.
///
/// # Errors
///
/// The folder cannot be listed; one that is missing has none.
pub fn is_there(disk: &mut dyn Disk, folder: &Path) -> Result<bool, DiskError> {
    match names_in(disk, folder) {
        Err(error) if error.is_missing() => Ok(false),
        names => Ok(names?.iter().any(|name| name == FILE)),
    }
}

/// The manifest of the savepoint in `folder`, whose files are all there and are those that are meant. Waits for the disk.
///
/// Cost: a few reads a file, and one for each of its extents, whatever its size.
///
/// # Errors
///
/// [`SavepointError::Nothing`], [`SavepointError::Torn`], [`SavepointError::Manifest`], [`SavepointError::Segment`], [`SavepointError::Unreadable`].
pub fn read(disk: &mut dyn Disk, folder: &Path) -> Result<Manifest, SavepointError> {
    let owned = || folder.to_path_buf();
    let names = match names_in(disk, folder) {
        Err(error) if error.is_missing() => Vec::new(),
        names => names.map_err(|source| SavepointError::Unreadable { folder: owned(), source })?,
    };
    if !names.iter().any(|name| name == FILE) {
        let is_part = |name: &String| SegmentId::of_file_name(name).is_some() || is_temporary(name);
        return Err(match names.iter().any(is_part) {
            true => SavepointError::Torn { folder: owned() },
            false => SavepointError::Nothing { folder: owned() },
        });
    }
    let manifest = read_file(disk, &folder.join(FILE))
        .map_err(|source| SavepointError::Manifest { folder: owned(), source: Box::new(source) })?;
    check_segments(disk, folder, &manifest, Verification::OnTouch)
        .map_err(|source| SavepointError::Segment { folder: owned(), source: Box::new(source) })?;
    Ok(manifest)
}
