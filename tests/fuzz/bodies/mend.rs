//! Makes checksums right, so that what is behind them is tried and not they. Says again what the format says, from `thalweg_storage::format`, as it has to work on files that are wrong.

use thalweg_storage::checkpoint::Manifest;
use thalweg_storage::format::checksum::crc32c;
use thalweg_storage::format::extent::{self, Extent};
use thalweg_storage::format::{BLOCK_BYTES, Generation, Identity, PAGE_BYTES, SegmentId, footer};

/// Where the body of a manifest begins.
pub const MANIFEST_BODY: usize = 64;

/// The four bytes at `at`.
pub fn u32_at(file: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(file[at..at + 4].try_into().expect("these are four bytes"))
}

/// The eight bytes at `at`.
pub fn u64_at(file: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(file[at..at + 8].try_into().expect("these are eight bytes"))
}

/// Writes bytes at `at`.
pub fn set(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

fn set_u32(file: &mut [u8], at: usize, value: u32) {
    set(file, at, &value.to_le_bytes());
}

/// The checksums of a manifest.
pub fn manifest(file: &mut [u8]) {
    if file.len() >= MANIFEST_BODY {
        let checksum = crc32c(&file[MANIFEST_BODY..]);
        set_u32(file, 32, checksum);
        let checksum = crc32c(&file[..60]);
        set_u32(file, 60, checksum);
    }
}

/// What a segment's header says it is; the file has a page at least.
pub fn identity(file: &[u8]) -> Identity {
    Identity { id: SegmentId(u64_at(file, 16)), generation: Generation(u64_at(file, 24)) }
}

/// The checksum of a segment's header.
pub fn header(file: &mut [u8]) {
    let checksum = crc32c(&file[..PAGE_BYTES - 4]);
    set_u32(file, PAGE_BYTES - 4, checksum);
}

/// Makes whatever begins as an extent one of this file, at its place, with its checksums right as far as it lies in the file.
pub fn extents(file: &mut [u8]) {
    let identity = identity(file);
    for at in (PAGE_BYTES..file.len()).step_by(PAGE_BYTES) {
        if !file[at..].starts_with(b"ext1") {
            continue;
        }
        set(file, at + 8, &identity.id.0.to_le_bytes());
        set(file, at + 16, &identity.generation.0.to_le_bytes());
        set(file, at + 24, &(at as u64).to_le_bytes());
        let room = file.len() - at;
        let header = (u32_at(file, at + 4) as usize).clamp(64, room);
        let used = usize::try_from(u64_at(file, at + 32)).unwrap_or(room).min(room);
        let end = used.next_multiple_of(PAGE_BYTES).min(room);
        for block in 0..used.div_ceil(BLOCK_BYTES) {
            let place = at + 64 + 4 * block;
            if place + 4 > at + header {
                break;
            }
            let to = ((block + 1) * BLOCK_BYTES).min(end);
            let from = (block * BLOCK_BYTES).max(header).min(to);
            let checksum = crc32c(&file[at + from..at + to]);
            set_u32(file, place, checksum);
        }
        let checksum = crc32c(&[&file[at..at + 60], &file[at + 64..at + header]].concat());
        set_u32(file, at + 60, checksum);
    }
}

/// The checksums of a segment's footer, and those of extents that it says again.
pub fn footer(file: &mut [u8]) {
    let (length, identity) = (file.len(), identity(file));
    let at = length - 64;
    set(file, at, b"end1");
    set(file, at + 8, &identity.id.0.to_le_bytes());
    set(file, at + 16, &identity.generation.0.to_le_bytes());
    let bytes = usize::try_from(u64_at(file, at + 32)).unwrap_or(PAGE_BYTES).clamp(64, length);
    let start = length - bytes;
    let room = (bytes - 64) / 40;
    let mut digest = 0;
    for number in 0..room.min(u32_at(file, at + 4) as usize) {
        let place = start + 40 * number;
        let offset = usize::try_from(u64_at(file, place)).unwrap_or(length);
        if offset.is_multiple_of(PAGE_BYTES) && offset < length {
            let checksum = u32_at(file, offset + 60);
            set_u32(file, place + 36, checksum);
        }
        digest = footer::digest(digest, u32_at(file, place + 36));
    }
    set_u32(file, at + 40, digest);
    let checksum = crc32c(&file[start..at]);
    set_u32(file, at + 56, checksum);
    let checksum = crc32c(&file[at..at + 60]);
    set_u32(file, at + 60, checksum);
}

/// Whether a segment ends with what looks like a footer.
pub fn is_sealed(file: &[u8]) -> bool {
    file.len() >= 2 * PAGE_BYTES && file[file.len() - 64..].starts_with(b"end1")
}

/// The extents of a segment that follow each other from the first one on, up to `end`, as far as their headers are right.
pub fn walk(file: &[u8], end: u64) -> Vec<Extent> {
    let mut found = Vec::new();
    let mut offset = PAGE_BYTES;
    while (offset as u64) < end.min(file.len() as u64) {
        let room = (file.len() - offset) as u64;
        let decoded = extent::decode(&file[offset..], identity(file), offset as u64, room);
        let Ok(extent) = decoded else { break };
        found.push(extent);
        offset = usize::try_from(extent.end()).expect("it lies in the file");
    }
    found
}

/// Has a manifest say of its segments what is in them, where they are there at all.
pub fn references<'a>(manifest: &mut Manifest, file_of: impl Fn(SegmentId) -> Option<&'a [u8]>) {
    for segment in manifest.parts.iter_mut().flat_map(|part| &mut part.segments) {
        let Some(file) = file_of(segment.identity.id) else { continue };
        if file.len() < PAGE_BYTES {
            continue;
        }
        let found = walk(file, segment.end);
        (segment.identity, segment.layout) = (identity(file), u64_at(file, 32));
        segment.end = found.last().map_or(PAGE_BYTES as u64, Extent::end);
        segment.extents = u32::try_from(found.len()).expect("a file has few pages");
        segment.digest = found.iter().fold(0, |all, found| footer::digest(all, found.checksum));
    }
}
