//! Files that are whole and say what makes no sense: found by `tests/fuzz`, or by reading what it would find.

use super::*;
use crate::archive::{DIRECTORY, DirectoryChunk, PACK, encode_directory};
use crate::format::extent::{Tag, header_bytes};
use crate::format::header::Header as FileHeader;
use crate::format::{Generation, Identity, SegmentId};
use crate::io::{Buffer, Memory, drive};
use crate::savepoint::Contents;
use crate::segment::{Image, Life, Prepare, SegmentWriter};
use crate::{Store, StoreConfig, TableConfig};

const TABLE: u32 = 0;
const PANES: u32 = 1;
const TIMED: u32 = 2;

fn name() -> TableName {
    TableName::new("a", "b")
}

/// An entry of `class`, with a second word, a key and a value.
fn entry(kind: Kind, class: u8, second: u64, key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; size_class::bytes(class)];
    Header::new(kind, class, key.len(), value.len()).write(&mut bytes);
    entry::set_second_word(&mut bytes, second);
    bytes[16..16 + key.len()].copy_from_slice(key);
    let at = match kind {
        Kind::Block => 16,
        _ => entry::value_offset(key.len(), 8),
    };
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

/// The entry of a list whose newest block is at `newest`, 48 bytes long.
fn list(newest: Address) -> Vec<u8> {
    entry(Kind::List, 3, 7, b"12345678", &[newest.0.to_le_bytes(), 2u64.to_le_bytes()].concat())
}

/// A block of a value that is said to have `length` bytes, 32 bytes long.
fn block(before: Address, length: u64) -> Vec<u8> {
    entry(Kind::Block, 2, before.0, b"", &[length.to_le_bytes(), [9; 8]].concat())
}

fn append(disk: &mut Memory, writer: &mut SegmentWriter, table: u32, bytes: &[u8]) -> Place {
    let header = header_bytes(bytes.len() + 4096);
    let used = header + bytes.len();
    let mut image = Buffer::zeroed(used);
    image[header..used].copy_from_slice(bytes);
    let header_bytes = u32::try_from(header).unwrap();
    let tag = Tag { table, chunk: 0, layout: 0 };
    let extent = writer.append(disk, image, Image { tag, header_bytes, used }).unwrap();
    drive(disk, writer);
    let segment = writer.identity().id;
    Place { segment, offset: extent.offset + header as u64, bytes: bytes.len() as u64 }
}

/// A checkpoint with chunks of these numbers and bytes; `change` has its directory and its manifest before they are written.
fn checkpoint(
    shape: u32,
    chunks: &[(u32, Vec<u8>)],
    change: impl FnOnce(&mut archive::Directory, &mut TableRecord),
) -> (Memory, Manifest) {
    let mut disk = Memory::new();
    let identity = Identity { id: SegmentId(1), generation: Generation::FIRST };
    let path = Path::new("state").join(identity.id.file_name());
    let header = FileHeader { identity, layout: 1, capacity: 1 << 20 };
    let mut writer = Prepare::now(&mut disk, path, header, Life::New).unwrap();
    let chunks = (0..).zip(chunks).map(|(sequence, (number, bytes))| DirectoryChunk {
        sequence,
        pane: 0,
        number: *number,
        shift: 0,
        groups: None,
        place: append(&mut disk, &mut writer, PACK, bytes),
        listing: None,
    });
    let chunks = chunks.collect();
    let table = DirectoryTable { number: 0, shape, is_copied: false, chunks };
    let mut directory = archive::Directory { tables: vec![table], ..Default::default() };
    let mut record = TableRecord {
        operator: "a".to_owned(),
        state: "b".to_owned(),
        last_key_group: 63,
        value_align: 8,
        ..TableRecord::default()
    };
    change(&mut directory, &mut record);
    append(&mut disk, &mut writer, DIRECTORY, &encode_directory(&directory));
    writer.seal(&mut disk);
    drive(&mut disk, &mut writer);
    let segments = vec![writer.durable()];
    let part = Part { segments, tables: vec![record], ..Part::default() };
    let manifest = Manifest { epoch: 1, key_groups: 64, parts: vec![part], ..Manifest::default() };
    (disk, manifest)
}

fn restored((mut disk, manifest): (Memory, Manifest)) -> Result<Store, PartsError> {
    let groups = KeyGroups::all(64);
    let parts = RestoredParts::open(&mut disk, Path::new("state"), &manifest, groups)?;
    Ok(Store::restore(StoreConfig::default(), parts))
}

#[track_caller]
fn is_refused(checkpoint: (Memory, Manifest)) {
    let error = restored(checkpoint).expect_err("it makes no sense");
    assert!(matches!(error, PartsError::Content { epoch: 1, worker: 0, .. }), "{error}");
}

fn unchanged(_: &mut archive::Directory, _: &mut TableRecord) {}

#[test]
fn a_list_over_two_chunks_is_read() {
    let first = Address::of(2, 0);
    let chunks =
        [(1, [list(Address::of(1, 48)), block(first, 8)].concat()), (2, block(Address::NONE, 8))];
    let mut store = restored(checkpoint(TABLE, &chunks, unchanged)).unwrap();
    let table = store.table(name(), TableConfig::default()).unwrap();
    let mut values = Vec::new();
    table.for_each_value(7, b"12345678", |value| values.push(value.to_vec()));
    assert_eq!(values, [[9; 8], [9; 8]]);
}

/// A list in a circle was followed without end.
#[test]
fn a_list_that_leads_back_to_itself_is_refused() {
    let chunk =
        [list(Address::of(1, 48)), block(Address::of(1, 80), 8), block(Address::of(1, 48), 8)];
    is_refused(checkpoint(TABLE, &[(1, chunk.concat())], unchanged));
}

/// The block was said to be live twice, of bytes that were dead once.
#[test]
fn a_block_of_two_lists_is_refused() {
    let at = Address::of(1, 96);
    let chunk = [list(at), list(at), block(Address::NONE, 8)].concat();
    is_refused(checkpoint(TABLE, &[(1, chunk)], unchanged));
}

#[test]
fn a_list_that_leads_to_no_block_is_refused() {
    let elsewhere = [
        Address::of(3, 0),
        Address::of(1 << 30, 0),
        Address::of(1, 0),
        Address(u64::MAX),
        Address(Address::of(1, 48).0 + 1),
    ];
    for newest in elsewhere {
        let chunk = [list(newest), block(Address::NONE, 8)].concat();
        is_refused(checkpoint(TABLE, &[(1, chunk.clone())], unchanged));
        is_refused(checkpoint(PANES, &[(1, chunk)], unchanged));
    }
}

/// What was read of a list was cut out of its block by this length.
#[test]
fn a_value_of_a_list_that_is_longer_than_its_block_is_refused() {
    for length in [9, 1 << 32, u64::MAX - 7, u64::MAX] {
        is_refused(checkpoint(TABLE, &[(1, block(Address::NONE, length))], unchanged));
    }
}

#[test]
fn an_entry_of_no_size_class_is_refused() {
    for class in [0, 117, 200, 255] {
        let mut chunk = entry(Kind::Single, 2, 7, b"key", b"value");
        Header::new(Kind::Single, class, 3, 5).write(&mut chunk);
        is_refused(checkpoint(TABLE, &[(1, chunk)], unchanged));
    }
}

/// The deadline was read from bytes that the value has not.
#[test]
fn a_value_that_is_too_short_for_a_deadline_is_refused() {
    let short = entry(Kind::Single, 3, 7, b"key", &[0; 15]);
    is_refused(checkpoint(TIMED, &[(1, short)], unchanged));
    let chunk = [list(Address::NONE), block(Address::NONE, 8)].concat();
    is_refused(checkpoint(TIMED, &[(1, chunk)], unchanged));
}

/// As many places were made for chunks as the number says: 100 GB.
#[test]
fn a_number_beyond_all_chunks_is_refused() {
    let chunk = entry(Kind::Single, 2, 7, b"key", b"value");
    is_refused(checkpoint(TABLE, &[((1 << 30) - 1, chunk.clone())], unchanged));
    restored(checkpoint(TABLE, &[(1000, chunk)], unchanged)).unwrap();
}

#[test]
fn two_chunks_of_one_number_are_refused() {
    let chunk = entry(Kind::Single, 2, 7, b"key", b"value");
    is_refused(checkpoint(TABLE, &[(4, chunk.clone()), (4, chunk)], unchanged));
}

/// Entries behind the first 2 MiB of a chunk have addresses of another one.
#[test]
fn many_entries_in_a_chunk_that_is_longer_than_one_are_refused() {
    let entry = entry(Kind::Single, 40, 7, b"key", b"value");
    let chunk = entry.repeat(CHUNK_BYTES / entry.len() + 1);
    let mut restored = RestoredChunk {
        number: 1,
        content: Held::Unread,
        used: chunk.len(),
        groups: None,
        filed: Filed {
            listing: None,
            place: Place { segment: SegmentId(1), offset: 0, bytes: chunk.len() as u64 },
            shift: 0,
            groups: None,
            dead: Vec::new(),
        },
        seen: Seen::default(),
    };
    assert!(restored.fill(&chunk, (Shape::Table, 8)).is_err());
}

#[test]
fn one_table_many_times_runs_out_of_numbers_and_is_refused() {
    let chunk = entry(Kind::Single, 2, 7, b"key", b"value");
    let many = |directory: &mut archive::Directory, _: &mut TableRecord| {
        for _ in 0..8 {
            let chunk = &directory.tables[0].chunks[0];
            let (place, number) = (chunk.place, (1 << 30) - 1);
            let chunk = DirectoryChunk {
                number,
                sequence: 9,
                groups: None,
                listing: None,
                place,
                ..*chunk
            };
            let table =
                DirectoryTable { number: 0, shape: 0, is_copied: false, chunks: vec![chunk] };
            directory.tables.push(table);
        }
    };
    is_refused(checkpoint(TABLE, &[(1, chunk)], many));
}

/// Each of them was read into memory of its own.
#[test]
fn one_chunk_more_often_than_there_are_key_groups_is_refused() {
    let chunk = entry(Kind::Single, 40, 7, b"key", b"value");
    let many = |directory: &mut archive::Directory, _: &mut TableRecord| {
        let chunks = &mut directory.tables[0].chunks;
        let place = chunks[0].place;
        let again = |number| DirectoryChunk {
            sequence: u64::from(number),
            pane: 0,
            number,
            shift: 0,
            groups: None,
            place,
            listing: None,
        };
        chunks.extend((2..3000).map(again));
    };
    is_refused(checkpoint(TABLE, &[(1, chunk)], many));
}

#[test]
fn an_alignment_that_no_value_has_is_refused() {
    for value_align in [0, 1, 4, 32, u32::MAX] {
        let chunk = entry(Kind::Single, 2, 7, b"key", b"value");
        is_refused(checkpoint(TABLE, &[(1, chunk)], |_, record| record.value_align = value_align));
    }
}

/// They were added without a look at how large they were.
#[test]
fn a_count_of_entries_may_be_any_number() {
    let chunk = entry(Kind::Single, 2, 7, b"key", b"value");
    let (mut disk, mut manifest) =
        checkpoint(TABLE, &[(1, chunk)], |_, record| record.entries = u64::MAX);
    let part = Part { segments: Vec::new(), ..manifest.parts[0].clone() };
    manifest.parts.push(part);
    let contents = Contents::of(&mut disk, Path::new("state"), manifest).unwrap();
    assert_eq!(contents.states().next().unwrap().entries, u64::MAX);
}

/// A table took over the chunks of one pane after the other, each time instead of those before.
#[test]
fn a_pane_of_a_table_that_has_none_is_refused() {
    for (shape, value) in [(TABLE, &[7; 5][..]), (TIMED, &[0; 16])] {
        let chunk = entry(Kind::Single, 3, 7, b"key", value);
        let chunks = [(1, chunk.clone()), (2, chunk)];
        let moved = |directory: &mut archive::Directory, _: &mut TableRecord| {
            directory.tables[0].chunks[1].pane = -1;
        };
        is_refused(checkpoint(shape, &chunks, moved));
        restored(checkpoint(PANES, &chunks, moved)).unwrap();
    }
}

/// The next checkpoint counted its bytes as live in a file that was not known.
#[test]
fn a_roster_that_lies_in_no_file_is_refused() {
    let chunk = entry(Kind::Single, 2, 7, b"key", b"value");
    for (segment, bytes) in [(2, 8), (1, 1 << 20), (1, u64::MAX)] {
        let place = Place { segment: SegmentId(segment), offset: 4096, bytes };
        let listed = |directory: &mut archive::Directory, _: &mut TableRecord| {
            directory.rosters.push(place);
        };
        is_refused(checkpoint(TABLE, &[(1, chunk.clone())], listed));
    }
}

/// A chunk that stays on disk is looked at when it is touched, and then nothing but its file's name may be the end of it.
mod on_disk {
    use super::*;
    use crate::archive::roster::Lister;

    /// A table with one chunk that is listed, which was `chunk` when that was made, and is `changed`.
    fn touch(chunk: &[u8], changed: &[u8]) {
        let mut lister = Lister::default();
        lister.push(7, 0);
        lister.end_chunk();
        let roster = lister.take();
        let chunks = [(1, changed.to_vec()), (2, roster)];
        let listed = |directory: &mut archive::Directory, _: &mut TableRecord| {
            let roster = directory.tables[0].chunks.pop().unwrap();
            directory.rosters.push(roster.place);
            let listing = Listing { roster: 0, member: 0, entries: 1, dead_bytes: 0 };
            directory.tables[0].chunks[0].listing = Some(listing);
        };
        assert_eq!(chunk.len(), changed.len());
        let mut store = restored(checkpoint(TABLE, &chunks, listed)).unwrap();
        let table = store.table(name(), TableConfig::default()).unwrap();
        assert_eq!(table.get(7, b"key"), Some(&b"value"[..]));
    }

    #[test]
    fn an_entry_is_read() {
        let chunk = entry(Kind::Single, 2, 7, b"key", b"value");
        touch(&chunk, &chunk);
    }

    #[test]
    #[should_panic(expected = "00000001.seg")]
    fn a_value_that_is_longer_than_its_entry_ends_with_the_name_of_its_file() {
        let chunk = entry(Kind::Single, 2, 7, b"key", b"value");
        let mut changed = chunk.clone();
        Header::new(Kind::Single, 2, 3, 99).write(&mut changed);
        touch(&chunk, &changed);
    }

    #[test]
    #[should_panic(expected = "00000001.seg")]
    fn a_list_ends_with_the_name_of_its_file() {
        let chunk = list(Address::NONE);
        touch(&chunk, &chunk);
    }

    #[test]
    #[should_panic(expected = "00000001.seg")]
    fn an_entry_of_no_size_class_ends_with_the_name_of_its_file() {
        let chunk = entry(Kind::Single, 2, 7, b"key", b"value");
        let mut changed = chunk.clone();
        Header::new(Kind::Single, 255, 3, 5).write(&mut changed);
        touch(&chunk, &changed);
    }
}
