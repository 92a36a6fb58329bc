//! Segments as they are used: several extents in flight, syncs between, seals, maps, further lives.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use thalweg_storage::format::extent::{self, Tag};
use thalweg_storage::io::{Blocking, BufferPool, Bytes, Disk, Faulty, Memory, Rates, drive};
use thalweg_storage::raw::Region;
use thalweg_storage::segment::{
    AppendError, Image, Life, MappedSegment, Prepare, Recycler, SegmentReader, Verification,
};

use crate::support::{LAYOUT, append, at, header, image, new_segment, payload, read_all, sealed};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_was_written_is_read_by_reads_and_by_maps(
        lengths in vec(prop_oneof![0usize..300, 0usize..200_000], 0..12),
        syncs in vec(any::<bool>(), 12),
        seed in any::<u64>(),
    ) {
        let mut disk = Faulty::new(seed);
        disk.chance(Rates { slow: 500, short: 200, ..Rates::default() });
        let mut writer = new_segment(&mut disk, &at("1"), 1, 4 << 20);
        let payloads: Vec<_> =
            lengths.iter().enumerate().map(|(at, bytes)| payload(at as u64, *bytes)).collect();
        let mut offsets = Vec::new();
        for (number, bytes) in payloads.iter().enumerate() {
            offsets.push(append(&mut disk, &mut writer, bytes, number as u64).unwrap());
            if syncs[number] {
                writer.sync(&mut disk);
            }
        }
        writer.sync(&mut disk);
        drive(&mut disk, &mut writer);
        prop_assert!(writer.is_durable());
        let front = writer.durable();
        prop_assert_eq!(front.extents as usize, payloads.len());
        prop_assert_eq!(read_all(&mut disk, &at("1"), &front), Ok(payloads.clone()));
        writer.seal(&mut disk);
        drive(&mut disk, &mut writer);
        let sealed = writer.durable();
        prop_assert_eq!(read_all(&mut disk, &at("1"), &sealed), Ok(payloads.clone()));
        for (expected, verification) in
            [(&front, Verification::AtOpen), (&sealed, Verification::OnTouch)]
        {
            let map = MappedSegment::open(&mut disk, &at("1"), expected, verification).unwrap();
            map.populate(0, 10 << 20).unwrap();
            map.ask_for(0, 10 << 20);
            for (number, bytes) in payloads.iter().enumerate().rev() {
                let start = map.extent(number).unwrap().len() - bytes.len();
                prop_assert_eq!(&map.extent(number).unwrap()[start..], &bytes[..]);
                let (offset, middle) = (offsets[number] + start as u64, bytes.len() / 2);
                let half = map.bytes(offset + middle as u64, bytes.len() - middle).unwrap();
                prop_assert_eq!(half, &bytes[middle..]);
            }
        }
    }
}

/// The way a frozen chunk goes: checksums into the room left for them, then the memory itself.
#[test]
fn a_chunk_is_written_as_it_lies_and_found_by_its_offset() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("chunk");
    let mut disk = thalweg_storage::io::open();
    let disk: &mut dyn Disk = &mut *disk;
    let mut chunk = Region::zeroed(2 << 20);
    let first = extent::header_bytes(chunk.len());
    let used = chunk.len() - 1000;
    chunk[first..used].copy_from_slice(&payload(8, used - first));
    let in_memory = chunk[..used].to_vec();
    let mut writer = new_segment(disk, &path, 1, 8 << 20);
    let what = Image {
        tag: Tag { table: 1, chunk: 3, layout: 9 },
        header_bytes: u32::try_from(first).unwrap(),
        used,
    };
    let placed = writer.place(&mut chunk, what).unwrap();
    let offset = placed.extent().offset;
    let chunk = Arc::new(chunk);
    let length = chunk.len();
    writer.write(disk, placed, &Bytes::of_region(Arc::clone(&chunk), 0..length));
    writer.seal(disk);
    // Lookups go on in the frozen chunk meanwhile.
    assert_eq!(chunk[first..used], in_memory[first..]);
    drive(disk, &mut writer);
    assert!(writer.error().is_none(), "{:?}", writer.error());
    let map = MappedSegment::open(disk, &path, &writer.durable(), Verification::OnTouch).unwrap();
    for entry in [first, 65_000, 70_000, used - 300] {
        let found = map.bytes(offset + entry as u64, 300).unwrap();
        assert_eq!(found, &in_memory[entry..entry + 300]);
    }
    assert_eq!(Arc::strong_count(&chunk), 1, "the memory is the caller's again");
}

#[test]
fn damage_is_found_in_the_block_that_is_touched_and_nowhere_else() {
    let mut disk = Memory::new();
    let bytes = payload(1, 300_000);
    let expected = sealed(&mut disk, &at("1"), 1 << 20, std::slice::from_ref(&bytes));
    disk.flip(&at("1"), 4096 + 200_000, 3);
    let map = MappedSegment::open(&mut disk, &at("1"), &expected, Verification::OnTouch).unwrap();
    assert!(map.bytes(4096 + 1000, 100_000).is_ok());
    assert!(map.bytes(4096 + 270_000, 1000).is_ok());
    let error = map.bytes(4096 + 196_000, 1000).unwrap_err();
    let at_byte = 4096 + 3 * 65_536;
    assert_eq!(
        error.to_string(),
        format!(
            "segment \"state/1\" cannot be used: checksum and bytes disagree at byte {at_byte}"
        )
    );
    let error = MappedSegment::open(&mut disk, &at("1"), &expected, Verification::AtOpen);
    assert!(error.unwrap_err().flaw().is_some());
}

#[test]
fn a_full_segment_says_so_and_can_still_be_sealed() {
    let mut disk = Memory::new();
    let mut writer = new_segment(&mut disk, &at("1"), 1, 200 * 4096);
    let mut count = 0;
    let error = loop {
        match append(&mut disk, &mut writer, &payload(count, 100), count) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AppendError::Full { bytes: 4096, .. }));
    assert_eq!(
        error.to_string(),
        "segment \"state/1\" has no room for 4096 bytes more; seal it and begin another"
    );
    // The footer takes two pages for more than 100 extents.
    assert_eq!(count, 200 - 1 - 2);
    writer.seal(&mut disk);
    drive(&mut disk, &mut writer);
    let read = read_all(&mut disk, &at("1"), &writer.durable()).unwrap();
    assert!(read.iter().enumerate().all(|(at, bytes)| *bytes == payload(at as u64, 100)));
    assert_eq!(read.len() as u64, count);
}

#[test]
fn an_extent_longer_than_a_write_and_one_of_a_gibibytes_header_are_whole() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("long");
    let mut disk = Blocking::at_once();
    let long = payload(4, 5 << 20);
    let expected = sealed(&mut disk, &path, 8 << 20, std::slice::from_ref(&long));
    assert_eq!(read_all(&mut disk, &path, &expected), Ok(vec![long]));
    // Its table of checksums alone is longer than the page that is read first.
    let (image, what) = image(&[1; 100], 0);
    let mut wide = thalweg_storage::io::Buffer::zeroed(70_000);
    wide[66_048..66_148].copy_from_slice(&image[what.header_bytes as usize..what.used]);
    let mut writer = new_segment(&mut disk, &place.path().join("wide"), 1, 1 << 20);
    let what = Image { header_bytes: 66_048, used: 66_148, ..what };
    writer.append(&mut disk, wide, what).unwrap();
    writer.sync(&mut disk);
    drive(&mut disk, &mut writer);
    let front = writer.durable();
    let read = read_all(&mut disk, &place.path().join("wide"), &front);
    assert_eq!(read, Ok(vec![vec![1; 100]]));
}

#[test]
#[should_panic(expected = "invariant 3: a place is written before it is called durable")]
fn a_place_that_was_never_written_is_not_called_durable() {
    let mut disk = Memory::new();
    let mut writer = new_segment(&mut disk, &at("1"), 1, 1 << 20);
    let (mut image, what) = image(b"never written", 0);
    let _place = writer.place(&mut image, what).unwrap();
    writer.sync(&mut disk);
}

#[test]
fn buffers_come_back_when_they_are_written() {
    let mut disk = Memory::new();
    let mut writer = new_segment(&mut disk, &at("1"), 1, 8 << 20);
    let mut pool = BufferPool::new(2 << 20, 4);
    let mut places = BTreeSet::new();
    for chunk in 0..3 {
        let mut buffer = pool.take();
        places.insert(buffer.as_ptr());
        let header_bytes = u32::try_from(extent::header_bytes(buffer.len())).unwrap();
        // More than one write, of which the last gives the buffer back.
        let used = buffer.len() - 100;
        buffer[192..used].fill(7);
        let what = Image { tag: Tag { table: 1, chunk, layout: 0 }, header_bytes, used };
        writer.append(&mut disk, buffer, what).unwrap();
        drive(&mut disk, &mut writer);
        writer.reclaim().for_each(|buffer| pool.give_back(buffer));
    }
    assert_eq!(places.len(), 1);
}

/// Everything a former life left behind is there, byte for byte, and none of it passes for the new life's.
#[test]
fn what_a_former_life_left_behind_never_shows_in_the_next() {
    let mut disk = Memory::new();
    let payloads: Vec<_> = (0..3).map(|number| payload(number, 5000)).collect();
    let old = sealed(&mut disk, &at("1"), 64 << 10, &payloads);
    let before = disk.peek(&at("1")).unwrap();
    let next = header(1, 2, 64 << 10);
    let mut writer = Prepare::now(&mut disk, at("1"), next, Life::Recycled).unwrap();
    let error = read_all(&mut disk, &at("1"), &old).unwrap_err();
    assert!(
        error.contains("there is segment 1 generation 2 instead of segment 1 generation 1"),
        "{error}"
    );
    let error = SegmentReader::open(&mut disk, &at("1")).unwrap_err();
    assert_eq!(error.to_string(), "segment \"state/1\" cannot be used: it was not finished");
    // The same payload in the same place: had a write been lost, its old block would still be refused.
    append(&mut disk, &mut writer, &payloads[0], 0).unwrap();
    writer.sync(&mut disk);
    drive(&mut disk, &mut writer);
    let front = writer.durable();
    assert_eq!(read_all(&mut disk, &at("1"), &front), Ok(vec![payloads[0].clone()]));
    let mut lost = disk.peek(&at("1")).unwrap();
    lost[4096..12_288].copy_from_slice(&before[4096..12_288]);
    disk.plant(&at("1"), lost);
    let error = read_all(&mut disk, &at("1"), &front).unwrap_err();
    assert!(error.contains("at byte 4096 there is segment 1 generation 1"), "{error}");
}

#[test]
fn a_recycler_gives_files_their_next_lives_and_never_a_number_twice() {
    let mut disk = Memory::new();
    let recycler = |first| {
        let first = thalweg_storage::format::SegmentId(first);
        Recycler::new("state".into(), LAYOUT, 64 << 10, 2, first, 2)
    };
    let mut own = recycler(1);
    let mut made = Vec::new();
    for _ in 0..4 {
        let mut prepare = own.prepare(&mut disk);
        drive(&mut disk, &mut prepare);
        let mut writer = prepare.result().unwrap().unwrap();
        writer.seal(&mut disk);
        drive(&mut disk, &mut writer);
        made.push(writer);
    }
    assert_eq!(made.iter().map(|made| made.identity().id.0).collect::<Vec<_>>(), [1, 3, 5, 7]);
    for writer in &made[..3] {
        let map =
            MappedSegment::open(&mut disk, writer.path(), &writer.durable(), Verification::OnTouch);
        let _ = own.give_back(&mut disk, map.unwrap().retire());
    }
    assert_eq!(own.spare(), 2);
    assert!(disk.peek(&at("00000005.seg")).is_none(), "more than two are not kept");
    let mut prepare = own.prepare(&mut disk);
    drive(&mut disk, &mut prepare);
    let writer = prepare.result().unwrap().unwrap();
    assert_eq!((writer.identity().id.0, writer.identity().generation.0), (3, 2));
    // After a restart: 7 is in a manifest, 9 is nothing one could read, 4 and 11 with another step are others'.
    disk.plant(&at("00000009.seg"), vec![0; 64 << 10]);
    disk.plant(&at("00000004.seg"), vec![0; 64 << 10]);
    let mut next = recycler(1);
    let named = [thalweg_storage::format::SegmentId(7)].into();
    let removed = next.adopt(&mut disk, &named).unwrap();
    assert_eq!(removed, [at("00000009.seg")]);
    assert_eq!(next.spare(), 2);
    let mut lives = Vec::new();
    for _ in 0..3 {
        let mut prepare = next.prepare(&mut disk);
        drive(&mut disk, &mut prepare);
        let writer = prepare.result().unwrap().unwrap();
        lives.push((writer.identity().id.0, writer.identity().generation.0));
    }
    assert_eq!(lives, [(3, 3), (1, 2), (11, 1)]);
    assert!(disk.peek(Path::new("state/00000004.seg")).is_some());
}
