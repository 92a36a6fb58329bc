//! What a checkpoint says of its chunks, its dead entries and its rosters: any bytes, in a segment that is whole, so that it is they that are looked at; refused or opened, without a panic.
#![no_main]

use std::path::Path;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use thalweg_storage::checkpoint::{Manifest, Part, TableRecord};
use thalweg_storage::format::extent::{Tag, header_bytes};
use thalweg_storage::format::header::Header;
use thalweg_storage::format::{Generation, Identity, SegmentId};
use thalweg_storage::io::{Buffer, Memory, drive};
use thalweg_storage::segment::{Image, Life, Prepare, SegmentWriter};
use thalweg_storage::{KeyGroups, RestoredParts};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Extents: whose they are, and what is in them. The last one is the directory.
    extents: Vec<(u32, &'a [u8])>,
    directory: &'a [u8],
    checked: bool,
    first_key_group: u32,
    last_key_group: u32,
    entries: u64,
}

/// What the extent of a directory has in place of a table's number.
const DIRECTORY: u32 = u32::MAX;

fn append(disk: &mut Memory, writer: &mut SegmentWriter, table: u32, bytes: &[u8]) {
    let header = header_bytes(bytes.len() + 4096);
    let used = header + bytes.len();
    let mut image = Buffer::zeroed(used);
    image[header..used].copy_from_slice(bytes);
    let header_bytes = u32::try_from(header).expect("short");
    let tag = Tag { table, chunk: 0, layout: 0 };
    let _ = writer.append(disk, image, Image { tag, header_bytes, used });
    drive(disk, writer);
}

fuzz_target!(|input: Input<'_>| {
    let mut disk = Memory::new();
    let identity = Identity { id: SegmentId(1), generation: Generation::FIRST };
    let path = Path::new("state").join(identity.id.file_name());
    let header = Header { identity, layout: 1, capacity: 1 << 20 };
    let mut writer = Prepare::now(&mut disk, path, header, Life::New).expect("an empty disk");
    for (table, bytes) in input.extents.iter().take(8) {
        append(&mut disk, &mut writer, *table, bytes);
    }
    append(&mut disk, &mut writer, DIRECTORY, input.directory);
    writer.seal(&mut disk);
    drive(&mut disk, &mut writer);
    let record = |number: u32| TableRecord {
        operator: "a".to_owned(),
        state: number.to_string(),
        number,
        first_key_group: input.first_key_group,
        last_key_group: input.last_key_group,
        value_align: 8,
        entries: input.entries,
        ..TableRecord::default()
    };
    let part = Part {
        segments: vec![writer.durable()],
        tables: (0..3).map(record).collect(),
        ..Part::default()
    };
    let parts = vec![part];
    let manifest = Manifest { epoch: 1, key_groups: 64, parts, ..Manifest::default() };
    let open = if input.checked { RestoredParts::open_checked } else { RestoredParts::open };
    let _ = open(&mut disk, Path::new("state"), &manifest, KeyGroups::all(64));
});
