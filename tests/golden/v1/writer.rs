//! Writes the files of format version 1 that lie beside it: `00000007.seg`, `00000008.seg`, `manifest-0000000000000003`.
//!
//! The first segment was sealed in its second life, so that there is a remainder of the first one behind it; the second one is the front of a segment
//! that is still being written. The manifest names both.

use std::path::{Path, PathBuf};

use thalweg_storage::checkpoint::{Blob, Manifest, Part, Position, TableRecord};
use thalweg_storage::format::extent::{self, Tag};
use thalweg_storage::format::header::Header;
use thalweg_storage::format::{Generation, Identity, SegmentId};
use thalweg_storage::io::{Buffer, Disk, Memory, Publish, drive};
use thalweg_storage::segment::{Image, Life, Prepare, SegmentWriter};

/// The files' names.
pub(crate) const FILES: [&str; 3] = ["00000007.seg", "00000008.seg", "manifest-0000000000000003"];

const CAPACITY: u64 = 24 << 10;
const LAYOUT: u64 = 0x0102_0304_0506_0708;

/// Writes them to a disk in memory, and gives what each holds.
pub(crate) fn write() -> Vec<(PathBuf, Vec<u8>)> {
    let mut disk = Memory::new();
    let mut first = writer(&mut disk, 7, 1, Life::New);
    append(&mut disk, &mut first, 0, &[0xee; 10_000]);
    first.seal(&mut disk);
    drive(&mut disk, &mut first);
    let mut second = writer(&mut disk, 7, 2, Life::Recycled);
    append(&mut disk, &mut second, 0, b"What is written once");
    append(&mut disk, &mut second, 1, &[7; 5000]);
    second.seal(&mut disk);
    drive(&mut disk, &mut second);
    let mut front = writer(&mut disk, 8, 1, Life::New);
    append(&mut disk, &mut front, 2, &payload());
    front.sync(&mut disk);
    drive(&mut disk, &mut front);
    let manifest = manifest(&[&second, &front]);
    let path = Path::new(FILES[2]).to_path_buf();
    Publish::now(&mut disk, path, manifest.encode()).expect("memory does not fail");
    let read = |name: &str| disk.peek(Path::new(name)).expect("it was just written");
    FILES.into_iter().map(|name| (name.into(), read(name))).collect()
}

/// What the extent of the third file holds.
pub(crate) fn payload() -> Vec<u8> {
    (0u32..1500).flat_map(|number| (number * number).to_le_bytes()).collect()
}

fn writer(disk: &mut dyn Disk, id: u64, generation: u64, life: Life) -> SegmentWriter {
    let identity = Identity { id: SegmentId(id), generation: Generation(generation) };
    let header = Header { identity, layout: LAYOUT, capacity: CAPACITY };
    let path = identity.id.file_name().into();
    Prepare::now(disk, path, header, life).expect("memory does not fail")
}

fn append(disk: &mut dyn Disk, writer: &mut SegmentWriter, chunk: u64, payload: &[u8]) {
    let header = extent::header_bytes(payload.len() + 128);
    let used = header + payload.len();
    let mut image = Buffer::zeroed(used);
    image[header..used].copy_from_slice(payload);
    let header_bytes = u32::try_from(header).expect("it is 128");
    let tag = Tag { table: 1, chunk, layout: 99 };
    writer.append(disk, image, Image { tag, header_bytes, used }).expect("it has room");
}

fn manifest(segments: &[&SegmentWriter]) -> Manifest {
    let part = Part {
        worker: 1,
        segments: segments.iter().map(|writer| writer.durable()).collect(),
        tables: vec![TableRecord {
            operator: "count by user".to_owned(),
            state: "total".to_owned(),
            number: 1,
            layout: 99,
            first_key_group: 0,
            last_key_group: 127,
            value_align: 8,
            entries: 3,
            bytes: 11_020,
        }],
        positions: vec![Position {
            source: "clicks".to_owned(),
            split: "0".to_owned(),
            position: 12_345u64.to_le_bytes().to_vec(),
        }],
        blobs: vec![Blob {
            operator: "flüsse".to_owned(),
            name: "timers".to_owned(),
            data: vec![1, 2, 3],
        }],
    };
    let time_ns = 1_800_000_000_000_000_000;
    Manifest { epoch: 3, parent: Some(2), time_ns, key_groups: 128, parts: vec![part] }
}
