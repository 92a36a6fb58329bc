//! One segment, copied extent by extent to a file that ends where it does.

use std::path::{Path, PathBuf};

use super::error::CopyError;
use crate::format::PAGE_BYTES;
use crate::format::header::Header;
use crate::io::{Answer, Disk, DiskError, FileId, Operation, Scope, run};
use crate::segment::{SegmentReader, SegmentRef};

/// What a segment has at least, bytes.
const LEAST_BYTES: u64 = 2 * PAGE_BYTES as u64;

/// Copies what belongs to a segment to the new file `to`, and has it durable. What the copy is.
pub(super) fn segment(
    disk: &mut dyn Disk,
    (from, reference): (&Path, &SegmentRef),
    to: PathBuf,
) -> Result<SegmentRef, CopyError> {
    let reader = SegmentReader::open_as(disk, from, reference)?;
    let capacity = reference.end.max(LEAST_BYTES);
    let copied = create(disk, &to, capacity).map_err(CopyError::Disk).and_then(|file| {
        let header = Header { identity: reference.identity, layout: reference.layout, capacity };
        let filled = fill(disk, &reader, file, header);
        let closed = run(disk, Operation::Close { file });
        filled.and_then(|()| Ok(closed.map(drop)?))
    });
    reader.close(disk);
    copied.map(|()| SegmentRef { capacity, sealed: false, ..*reference })
}

fn create(disk: &mut dyn Disk, path: &Path, bytes: u64) -> Result<FileId, DiskError> {
    match run(disk, Operation::Create { path: path.to_path_buf(), bytes })? {
        Answer::Opened { file, .. } => Ok(file),
        other => unreachable!("invariant: a new file is open, and the answer is no {other:?}"),
    }
}

/// The header first and durable, as for any segment.
fn fill(
    disk: &mut dyn Disk,
    reader: &SegmentReader,
    file: FileId,
    header: Header,
) -> Result<(), CopyError> {
    run(disk, Operation::Write { file, offset: 0, bytes: header.encode().into() })?;
    run(disk, Operation::Sync { file, scope: Scope::All })?;
    for number in 0..reader.entries().len() {
        let (extent, image) = reader.extent(disk, number)?;
        run(disk, Operation::Write { file, offset: extent.offset, bytes: image.into() })?;
    }
    run(disk, Operation::Sync { file, scope: Scope::All })?;
    Ok(())
}
