//! Finds the newest checkpoint that is whole.

use std::path::{Path, PathBuf};

use super::manifest::{Manifest, ManifestError};
use crate::format::Flaw;
use crate::io::{Access, Answer, Disk, DiskError, Operation, PAGE_BYTES, read_exactly, run};
use crate::segment::{SegmentError, SegmentReader, Suspects, Verification};

/// A longer file is no manifest: half a GiB would be ten million segments.
const MOST_BYTES: usize = 512 << 20;

/// A checkpoint to start from.
#[derive(Debug)]
pub struct Restored {
    /// The checkpoint; `None` if there was never one.
    pub manifest: Option<Manifest>,
    /// Newer ones that were passed over: for the log, and for a metric that somebody looks at.
    pub passed: Vec<Passed>,
}

/// A checkpoint that was passed over.
#[derive(Debug, thiserror::Error)]
#[error("checkpoint {epoch} is passed over")]
pub struct Passed {
    /// Its number.
    pub epoch: u64,
    /// What is wrong with it.
    #[source]
    pub reason: Reason,
}

impl Restored {
    /// The number of the next checkpoint: above all that are there, the ones that were passed over too.
    #[must_use]
    pub fn next_epoch(&self) -> u64 {
        let newest = self.manifest.as_ref().map_or(0, |manifest| manifest.epoch);
        let passed = self.passed.iter().map(|passed| passed.epoch).max().unwrap_or(0);
        newest.max(passed) + 1
    }
}

/// What is wrong with a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Its manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file it names.
    #[error(transparent)]
    Segment(#[from] SegmentError),
}

impl Reason {
    /// Whether reading again might help: the disk refused, and not for want of the file.
    fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Manifest(ManifestError::Disk { source, .. })
            | Self::Segment(SegmentError::Disk { source, .. }) => !source.is_missing(),
            Self::Manifest(ManifestError::Unfit { .. })
            | Self::Segment(SegmentError::Unfit { .. }) => false,
        }
    }
}

/// Why there is nothing to start from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The state directory cannot be listed.
    #[error("state directory \"{}\" cannot be read", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: DiskError,
    },
    /// The disk does not give the newest checkpoint, or a file it names; whether they are whole is not known. To fall back to an older one would undo what was acknowledged, and perhaps
    /// committed, for what may be gone in a moment: try again. If the medium is lost, move the manifest away, and the one before it is taken.
    #[error(
        "checkpoint {epoch} in \"{}\" cannot be read; try again, or move its manifest away to fall back to the one before",
        directory.display()
    )]
    Unreadable {
        /// The directory.
        directory: PathBuf,
        /// The checkpoint.
        epoch: u64,
        /// What the disk said of which file.
        source: Reason,
    },
    /// There are checkpoints, but none is whole. Starting from nothing would lose what they held, so that is for a person to decide: restore the files from a copy, or
    /// give the job an empty directory.
    #[error(
        "none of the {} checkpoints in \"{}\" can be restored; put their files back from a copy, or give the job an empty directory; the newest: {}",
        passed.len(),
        directory.display(),
        passed.first().map(|passed| passed.reason.to_string()).unwrap_or_default()
    )]
    NoneWhole {
        /// The directory.
        directory: PathBuf,
        /// What is wrong with each, the newest first.
        passed: Vec<Passed>,
    },
}

/// The newest checkpoint in `directory` whose manifest and files are whole. Waits for its reads.
///
/// With [`Verification::OnTouch`] a file counts as whole if its header and directory are: cost is a few reads a file, whatever its size. With [`Verification::AtOpen`]
/// all of it is read, as it is if it is written down in the directory that it was seen to be damaged before ([`Suspects::write_down`]). What is damaged, or names a file that is missing, is
/// passed over, which is logged, and told.
///
/// # Errors
///
/// There are manifests and none of them will do, or the disk refuses to give one of the newer ones.
pub fn newest(
    disk: &mut dyn Disk,
    directory: &Path,
    verification: Verification,
) -> Result<Restored, RestoreError> {
    newest_noting(disk, directory, verification, &Suspects::default())
}

/// As [`newest`]; all of a file is read, too, if it is noted in `suspects`, to which what is written down is added. The note of a file that is whole is taken back.
///
/// # Errors
///
/// As of [`newest`].
pub fn newest_noting(
    disk: &mut dyn Disk,
    directory: &Path,
    verification: Verification,
    suspects: &Suspects,
) -> Result<Restored, RestoreError> {
    let names = durable_names(disk, directory)
        .map_err(|source| RestoreError::Directory { directory: directory.to_path_buf(), source })?;
    suspects.read(directory, &names);
    let mut epochs: Vec<u64> =
        names.iter().filter_map(|name| Manifest::of_file_name(name)).collect();
    epochs.sort_unstable_by(|a, b| b.cmp(a));
    let mut passed = Vec::new();
    for epoch in epochs {
        match whole(disk, directory, epoch, (verification, suspects)) {
            Ok(manifest) => return Ok(Restored { manifest: Some(manifest), passed }),
            Err(source) if source.is_of_the_disk() => {
                let directory = directory.to_path_buf();
                return Err(RestoreError::Unreadable { directory, epoch, source });
            }
            Err(reason) => {
                tracing::error!(epoch, %reason, "a checkpoint is passed over");
                passed.push(Passed { epoch, reason });
            }
        }
    }
    if passed.is_empty() {
        return Ok(Restored { manifest: None, passed });
    }
    Err(RestoreError::NoneWhole { directory: directory.to_path_buf(), passed })
}

/// The names in a directory. A process that was killed may have left one that is seen and not durable yet: a manifest that a power cut could
/// still take away is nothing to build on, so the directory is synced first.
fn durable_names(disk: &mut dyn Disk, directory: &Path) -> Result<Vec<String>, DiskError> {
    run(disk, Operation::SyncDirectory { path: directory.to_path_buf() })?;
    match run(disk, Operation::List { path: directory.to_path_buf() })? {
        Answer::Names(names) => Ok(names),
        other => panic!("invariant: a listing is answered by names, not {other:?}"),
    }
}

fn whole(
    disk: &mut dyn Disk,
    directory: &Path,
    epoch: u64,
    how: (Verification, &Suspects),
) -> Result<Manifest, Reason> {
    let manifest = read(disk, directory, epoch)?;
    check(disk, directory, &manifest, how)?;
    Ok(manifest)
}

/// Reads one manifest. Waits for its reads.
///
/// # Errors
///
/// It is not there, damaged, or of another epoch than its name says.
pub fn read(disk: &mut dyn Disk, directory: &Path, epoch: u64) -> Result<Manifest, ManifestError> {
    let path = directory.join(Manifest::file_name(epoch));
    let manifest = read_file(disk, &path)?;
    if manifest.epoch != epoch {
        return Err(ManifestError::Unfit { path, flaw: Flaw::Inconsistent { offset: 16 } });
    }
    Ok(manifest)
}

/// Reads a manifest, whatever its name. Waits for its reads.
///
/// # Errors
///
/// It is not there, or damaged.
pub(crate) fn read_file(disk: &mut dyn Disk, path: &Path) -> Result<Manifest, ManifestError> {
    let path = path.to_path_buf();
    let disk_error = |source| ManifestError::Disk { path: path.clone(), source };
    let open = Operation::Open { path: path.clone(), access: Access::Read };
    let Answer::Opened { file, length, .. } = run(disk, open).map_err(disk_error)? else {
        panic!("invariant: opening is answered by an open file")
    };
    let unfit = |flaw| ManifestError::Unfit { path: path.clone(), flaw };
    let bytes = usize::try_from(length.next_multiple_of(PAGE_BYTES)).unwrap_or(usize::MAX);
    let read = (bytes <= MOST_BYTES).then(|| read_exactly(disk, file, 0, bytes));
    // Only read, so closing can lose nothing.
    let _ = run(disk, Operation::Close { file });
    let read = read.ok_or_else(|| unfit(Flaw::Inconsistent { offset: 24 }))?;
    let (buffer, bytes) = read.map_err(disk_error)?;
    Manifest::decode(&buffer[..bytes]).map_err(unfit)
}

/// Checks that every file the manifest names is there and is the one that is meant. Waits for its reads.
///
/// # Errors
///
/// The first that is not.
pub fn check_segments(
    disk: &mut dyn Disk,
    directory: &Path,
    manifest: &Manifest,
    verification: Verification,
) -> Result<(), SegmentError> {
    check(disk, directory, manifest, (verification, &Suspects::default()))
}

fn check(
    disk: &mut dyn Disk,
    directory: &Path,
    manifest: &Manifest,
    (verification, suspects): (Verification, &Suspects),
) -> Result<(), SegmentError> {
    for expected in manifest.parts.iter().flat_map(|part| &part.segments) {
        let path = directory.join(expected.identity.id.file_name());
        let reader = SegmentReader::open_as(disk, &path, expected)?;
        let result = match verification {
            Verification::OnTouch if !suspects.is_noted(&path) => Ok(()),
            _ => reader.verify(disk).inspect(|()| suspects.acquit(&path)),
        };
        reader.close(disk);
        result?;
    }
    Ok(())
}
