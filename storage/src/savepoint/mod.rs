//! A savepoint: a checkpoint in a folder of its own, which nothing else ever writes to.
//!
//! ```text
//!  folder/
//!    00000001.seg …   the segments of the checkpoint, each cut to what belongs to it
//!    savepoint        the manifest, published last
//! ```
//!
//! The folder is all there is: it may be moved, copied, packed, and given another name. It is a savepoint exactly if the file `savepoint` is there, which is a manifest like any other
//! ([`crate::format`]) under a name that no checkpoint has; so a folder that was cut short is not taken for one, and a job that keeps checkpoints does not take a savepoint for one of
//! its own, and never recycles what belongs to it.
//!
//! A segment of a savepoint has the extents of the one it was copied from, at the same places, under the same number and generation. Its header says another length: that of its last
//! extent's end. So it is the front of a segment that was never sealed, and has no footer. Links would not do: a file of a checkpoint is written again in another life.
//!
//! * Arrives from: a checkpoint that is complete ([`write()`]), or from nothing ([`Bootstrap`]).
//! * Leaves to: the directory of a job ([`import`]), where it becomes a checkpoint like any other; and to whoever looks into it ([`Contents`]).
//!
//! # Invariants
//!
//! 1. Every byte of state was checked against its checksum when it was copied: a savepoint is not written of a damaged checkpoint.
//! 2. The manifest is published when everything it names is durable, and its folder too.

mod copy;
mod error;
mod read;
mod contents;
mod bootstrap;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use bootstrap::Bootstrap;
pub use contents::{Contents, Entry, Kind, StateInfo};
pub use error::{CopyError, SavepointError};
pub use read::{is_there, read};

use crate::checkpoint::{Manifest, Part};
use crate::format::SegmentId;
use crate::io::{
    Answer, Disk, DiskError, Operation, Publish, Verb, is_empty_directory, make_directory, run,
};
use crate::segment::SegmentRef;

/// The file that makes a folder a savepoint.
pub const FILE: &str = "savepoint";

/// Makes a folder for a savepoint, and those above it, on a real disk; one that is empty will do as well.
///
/// # Errors
///
/// [`SavepointError::Exists`] if something is in it, [`SavepointError::Folder`] if it cannot be made.
pub fn make_folder(folder: &Path) -> Result<(), SavepointError> {
    let refused = |source| {
        let source = DiskError::new(Verb::Create, folder.to_path_buf(), None, source);
        SavepointError::Folder { folder: folder.to_path_buf(), source }
    };
    make_directory(folder).map_err(refused)?;
    match is_empty_directory(folder).map_err(refused)? {
        true => Ok(()),
        false => Err(SavepointError::Exists { folder: folder.to_path_buf() }),
    }
}

/// Writes the checkpoint `manifest` of the directory `from` as a savepoint: into `folder`, which is there and empty. How many bytes were written. Waits for the disk.
///
/// Nothing that the manifest names may be recycled meanwhile. After an error nothing is left of it, or a folder that is not taken for a savepoint.
///
/// Cost: reads and writes what the segments hold, an extent at a time, 2 MiB mostly.
///
/// # Errors
///
/// [`SavepointError::Exists`], [`SavepointError::NotWritten`].
pub fn write(
    disk: &mut dyn Disk,
    from: &Path,
    manifest: &Manifest,
    folder: &Path,
) -> Result<u64, SavepointError> {
    let copied = write_into(disk, folder, |disk| copy(disk, (from, manifest), (folder, FILE)));
    copied.map(|(_, bytes)| bytes)
}

/// Has `write` write a savepoint into `folder`, which is there and empty.
fn write_into<T>(
    disk: &mut dyn Disk,
    folder: &Path,
    write: impl FnOnce(&mut dyn Disk) -> Result<T, CopyError>,
) -> Result<T, SavepointError> {
    let failed = |source| {
        let folder = folder.to_path_buf();
        SavepointError::NotWritten { folder, source: Box::new(source) }
    };
    if !names_in(disk, folder).map_err(|error| failed(error.into()))?.is_empty() {
        return Err(SavepointError::Exists { folder: folder.to_path_buf() });
    }
    or_nothing(disk, folder, write).map_err(failed)
}

/// Makes a checkpoint of another folder, a savepoint's or a job's, the first one of a job in `directory`, in which there is none: what segments lie there are removed. Gives its
/// manifest as it is there. Waits for the disk.
///
/// # Errors
///
/// [`SavepointError::NotImported`]; then there is still no checkpoint.
pub fn import(
    disk: &mut dyn Disk,
    from: &Path,
    manifest: &Manifest,
    directory: &Path,
) -> Result<Manifest, SavepointError> {
    let failed = |source| {
        let folder = from.to_path_buf();
        SavepointError::NotImported { folder, source: Box::new(source) }
    };
    clear(disk, directory).map_err(|error| failed(error.into()))?;
    let name = Manifest::file_name(manifest.epoch);
    let copied =
        or_nothing(disk, directory, |disk| copy(disk, (from, manifest), (directory, &name)));
    copied.map(|(manifest, _)| manifest).map_err(failed)
}

/// Has `write` make segments in a folder that has none, and a manifest; if it does not come to that, what it has made is removed.
fn or_nothing<T>(
    disk: &mut dyn Disk,
    folder: &Path,
    write: impl FnOnce(&mut dyn Disk) -> Result<T, CopyError>,
) -> Result<T, CopyError> {
    let written = write(disk);
    if written.as_ref().is_err_and(|error| !error.is_uncertain()) {
        for path in segments_in(disk, folder).unwrap_or_default() {
            // What stays is not taken for a savepoint.
            let _ = run(disk, Operation::Remove { path });
        }
    }
    written
}

/// Copies the segments, and publishes a manifest that names the copies.
fn copy(
    disk: &mut dyn Disk,
    (from, manifest): (&Path, &Manifest),
    (to, name): (&Path, &str),
) -> Result<(Manifest, u64), CopyError> {
    let mut copies = BTreeMap::new();
    let mut bytes = 0;
    for (id, reference) in longest(&manifest.parts) {
        let file = id.file_name();
        let (source, target) = (from.join(&file), to.join(&file));
        let copy = copy::segment(disk, (&source, reference), target)?;
        bytes += copy.capacity;
        copies.insert(id, copy.capacity);
    }
    run(disk, Operation::SyncDirectory { path: to.to_path_buf() })?;
    let mut copied = manifest.clone();
    for segment in copied.parts.iter_mut().flat_map(|part| &mut part.segments) {
        (segment.capacity, segment.sealed) = (copies[&segment.identity.id], false);
    }
    let manifest = copied.encode();
    bytes += manifest.len() as u64;
    Publish::now(disk, to.join(name), manifest)?;
    Ok((copied, bytes))
}

/// Each segment once, as far as any part refers to it: what two parts share is of one life.
fn longest(parts: &[Part]) -> BTreeMap<SegmentId, &SegmentRef> {
    let mut longest = BTreeMap::<SegmentId, &SegmentRef>::new();
    for reference in parts.iter().flat_map(|part| &part.segments) {
        let known = longest.entry(reference.identity.id).or_insert(reference);
        if reference.end > known.end {
            *known = reference;
        }
    }
    longest
}

/// Removes segments that no checkpoint names, since there is none.
fn clear(disk: &mut dyn Disk, directory: &Path) -> Result<(), DiskError> {
    for path in segments_in(disk, directory)? {
        run(disk, Operation::Remove { path })?;
    }
    Ok(())
}

fn segments_in(disk: &mut dyn Disk, folder: &Path) -> Result<Vec<PathBuf>, DiskError> {
    let names = names_in(disk, folder)?.into_iter();
    let segments = names.filter(|name| SegmentId::of_file_name(name).is_some());
    Ok(segments.map(|name| folder.join(name)).collect())
}

fn names_in(disk: &mut dyn Disk, folder: &Path) -> Result<Vec<String>, DiskError> {
    match run(disk, Operation::List { path: folder.to_path_buf() })? {
        Answer::Names(names) => Ok(names),
        other => unreachable!("invariant: a listing is answered by names, not by {other:?}"),
    }
}
