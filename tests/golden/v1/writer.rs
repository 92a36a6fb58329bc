//! Writes the files of format version 1 that lie beside it: `00000007.seg`, `00000008.seg`, `manifest-0000000000000003`; and the savepoint in `saved`.
//!
//! The first segment was sealed in its second life, so that there is a remainder of the first one behind it; the second one is the front of a segment
//! that is still being written. The manifest names both.

use std::path::{Path, PathBuf};

use thalweg_storage::TableName;
use thalweg_storage::checkpoint::{Blob, Manifest, Part, Position, SchemaRecord, TableRecord};
use thalweg_storage::format::extent::{self, Tag};
use thalweg_storage::format::header::Header;
use thalweg_storage::format::{Generation, Identity, SegmentId};
use thalweg_storage::io::{Buffer, Disk, Memory, Publish, drive};
use thalweg_storage::savepoint::{self, Bootstrap, Entry, Kind};
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

/// Entries of a table, a list, panes and deadlines, by the name of their state.
pub(crate) fn entries() -> Vec<(&'static str, Kind, u64, i64, Vec<u8>)> {
    let mut entries = Vec::new();
    for key in 0..4u64 {
        let time = 1000 - i64::try_from(key).expect("it is small");
        entries.push(("values", Kind::Table, key, 0, vec![7; key as usize * 9]));
        entries.push(("lists", Kind::Table, key % 2, 0, key.to_le_bytes().to_vec()));
        entries.push(("panes", Kind::Panes, key, time, b"a pane's".to_vec()));
        entries.push(("timers", Kind::Timed, key, time, Vec::new()));
    }
    entries
}

/// Writes a savepoint with these entries, and gives what each of its files holds.
pub(crate) fn write_savepoint() -> Vec<(PathBuf, Vec<u8>)> {
    let mut disk = Memory::new();
    let mut bootstrap = Bootstrap::new(128);
    for (state, kind, key, at, value) in entries() {
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (key, item) = (key.to_le_bytes(), (state == "lists").then_some(0));
        let (pane, deadline) = (Some(at), Some(at));
        let entry = Entry { hash, key: &key, pane, deadline, item, value: &value };
        bootstrap.add(&TableName::new("golden", state), kind, entry).expect("it is of one kind");
    }
    bootstrap.describe(&TableName::new("golden", "values"), 99, b"bytes".to_vec());
    bootstrap.epoch(12);
    let (draft, saved) = (Path::new("draft"), Path::new("saved"));
    bootstrap.write(&mut disk, draft).expect("memory does not fail");
    let manifest = savepoint::read(&mut disk, draft).expect("it was just written");
    savepoint::write(&mut disk, draft, &manifest, saved).expect("memory does not fail");
    let paths = disk.paths().into_iter().filter(|path| path.starts_with(saved));
    paths.map(|path| (path.clone(), disk.peek(&path).expect("it was just written"))).collect()
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
    let (operator, state) = ("count by user".into(), "total".into());
    let schema = SchemaRecord { operator, state, schema: b"u64 -> u64".to_vec() };
    Manifest {
        epoch: 3,
        parent: Some(2),
        time_ns,
        key_groups: 128,
        schemas: vec![schema],
        parts: vec![part],
    }
}
