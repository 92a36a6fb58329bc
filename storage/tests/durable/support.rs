//! Segments and payloads for all tests.

use std::path::{Path, PathBuf};

use thalweg_storage::format::extent::{self, Tag};
use thalweg_storage::format::header::Header;
use thalweg_storage::format::{Generation, Identity, SegmentId};
use thalweg_storage::io::{Buffer, Disk, drive};
use thalweg_storage::segment::{
    AppendError, Image, Life, Prepare, SegmentReader, SegmentRef, SegmentWriter,
};

pub(crate) const LAYOUT: u64 = 77;

pub(crate) fn identity(id: u64, generation: u64) -> Identity {
    Identity { id: SegmentId(id), generation: Generation(generation) }
}

pub(crate) fn header(id: u64, generation: u64, capacity: u64) -> Header {
    Header { identity: identity(id, generation), layout: LAYOUT, capacity }
}

pub(crate) fn new_segment(
    disk: &mut dyn Disk,
    path: &Path,
    id: u64,
    capacity: u64,
) -> SegmentWriter {
    Prepare::now(disk, path.into(), header(id, 1, capacity), Life::New).unwrap()
}

/// Bytes that differ for each seed.
pub(crate) fn payload(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..bytes).map(|_| next()).collect()
}

/// The image of a chunk with this payload.
pub(crate) fn image(payload: &[u8], chunk: u64) -> (Buffer, Image) {
    let header = extent::header_bytes(payload.len() + 192);
    let used = header + payload.len();
    let mut image = Buffer::zeroed(used);
    image[header..used].copy_from_slice(payload);
    let header_bytes = u32::try_from(header).unwrap();
    (image, Image { tag: Tag { table: 5, chunk, layout: 9 }, header_bytes, used })
}

pub(crate) fn append(
    disk: &mut dyn Disk,
    writer: &mut SegmentWriter,
    payload: &[u8],
    chunk: u64,
) -> Result<u64, AppendError> {
    let (image, what) = self::image(payload, chunk);
    Ok(writer.append(disk, image, what)?.offset)
}

/// A sealed segment with these payloads.
pub(crate) fn sealed(
    disk: &mut dyn Disk,
    path: &Path,
    capacity: u64,
    payloads: &[Vec<u8>],
) -> SegmentRef {
    let mut writer = new_segment(disk, path, 1, capacity);
    for (chunk, payload) in payloads.iter().enumerate() {
        append(disk, &mut writer, payload, chunk as u64).unwrap();
    }
    writer.seal(disk);
    drive(disk, &mut writer);
    assert!(writer.error().is_none(), "{:?}", writer.error());
    writer.durable()
}

/// Everything in a segment, every byte checked.
pub(crate) fn read_all(
    disk: &mut dyn Disk,
    path: &Path,
    expected: &SegmentRef,
) -> Result<Vec<Vec<u8>>, String> {
    let reader = SegmentReader::open_as(disk, path, expected).map_err(|error| error.to_string())?;
    let mut payloads = Vec::new();
    let mut result = Ok(());
    for number in 0..reader.entries().len() {
        match reader.extent(disk, number) {
            Ok((extent, image)) => payloads.push(image[extent.payload()].to_vec()),
            Err(error) => {
                result = Err(error.to_string());
                break;
            }
        }
    }
    reader.close(disk);
    result.map(|()| payloads)
}

pub(crate) fn at(name: &str) -> PathBuf {
    Path::new("state").join(name)
}
