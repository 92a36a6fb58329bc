//! Every bit and every length: a damaged file is refused by name, or what is damaged is nothing that is read.

use std::path::Path;

use thalweg_storage::checkpoint::{Manifest, Part, Position};
use thalweg_storage::format::Flaw;
use thalweg_storage::io::Memory;
use thalweg_storage::segment::{MappedSegment, SegmentReader, SegmentRef, Verification};

use crate::support::{at, new_segment, payload, read_all, sealed};

/// A header, two extents of a page, a page that is not used, and a footer.
const CAPACITY: u64 = 5 * 4096;

fn segment() -> (Memory, SegmentRef, Vec<Vec<u8>>) {
    let mut disk = Memory::new();
    let payloads = vec![payload(1, 3000), payload(2, 77)];
    let found = sealed(&mut disk, &at("1"), CAPACITY, &payloads);
    (disk, found, payloads)
}

/// What a lookup would see.
fn mapped(disk: &mut Memory, expected: &SegmentRef) -> Result<Vec<Vec<u8>>, String> {
    let told = |error: thalweg_storage::segment::SegmentError| error.to_string();
    let segment =
        MappedSegment::open(disk, &at("1"), expected, Verification::OnTouch).map_err(told)?;
    let lengths: Vec<_> = segment.entries().map(|entry| entry.length).collect();
    let extent = |number: usize| Ok(segment.extent(number).map_err(told)?[128..].to_vec());
    (0..lengths.len()).map(extent).collect()
}

#[test]
fn every_bit_of_a_sealed_segment_is_missed_if_it_is_read_at_all() {
    let (mut disk, expected, payloads) = segment();
    let unused = 3 * 4096..4 * 4096;
    let mut harmless = 0;
    for bit in 0..CAPACITY as usize * 8 {
        disk.flip(&at("1"), bit / 8, (bit % 8) as u32);
        match read_all(&mut disk, &at("1"), &expected) {
            Ok(read) => {
                assert!(unused.contains(&(bit / 8)), "bit {bit} was not missed");
                assert_eq!(read, payloads);
                harmless += 1;
            }
            Err(error) => {
                assert!(!unused.contains(&(bit / 8)), "bit {bit} is not read: {error}");
                assert!(error.starts_with("segment \"state/1\" cannot be used: "), "{error}");
            }
        }
        // A lookup reads the same bytes another way; every eleventh bit is every place in a byte.
        if bit % 11 == 0 {
            let is_unused = unused.contains(&(bit / 8));
            assert_eq!(mapped(&mut disk, &expected).is_ok(), is_unused, "bit {bit}");
        }
        disk.flip(&at("1"), bit / 8, (bit % 8) as u32);
    }
    assert_eq!(harmless, 4096 * 8);
}

#[test]
fn a_segment_cut_anywhere_is_refused() {
    let (mut disk, expected, _) = segment();
    let whole = disk.peek(&at("1")).unwrap();
    for length in 0..whole.len() {
        disk.plant(&at("1"), whole[..length].to_vec());
        let error = read_all(&mut disk, &at("1"), &expected).unwrap_err();
        assert!(
            error.starts_with(&format!(
                "segment \"state/1\" cannot be used: it is {length} bytes long"
            )),
            "{error}"
        );
        assert!(SegmentReader::open(&mut disk, &at("1")).is_err(), "{length}");
    }
    let mut longer = whole;
    longer.push(0);
    disk.plant(&at("1"), longer);
    read_all(&mut disk, &at("1"), &expected).unwrap_err();
}

#[test]
fn zeros_in_place_of_any_page_are_missed() {
    let (mut disk, expected, _) = segment();
    let whole = disk.peek(&at("1")).unwrap();
    for page in [0, 1, 2, 4] {
        let mut torn = whole.clone();
        torn[page * 4096..][..4096].fill(0);
        disk.plant(&at("1"), torn);
        read_all(&mut disk, &at("1"), &expected).unwrap_err();
    }
}

#[test]
fn what_a_manifest_does_not_mean_is_refused_with_the_reason() {
    let (mut disk, expected, _) = segment();
    let mut refuse = |wrong: SegmentRef| read_all(&mut disk, &at("1"), &wrong).unwrap_err();
    let mut wrong = expected;
    wrong.identity.generation.0 = 2;
    assert_eq!(
        refuse(wrong),
        "segment \"state/1\" cannot be used: at byte 0 there is segment 1 generation 1 instead of segment 1 generation 2"
    );
    let wrong = SegmentRef { layout: 0xabc, ..expected };
    assert_eq!(
        refuse(wrong),
        "segment \"state/1\" cannot be used: its records have the layout 000000000000004d, and those of this program 0000000000000abc"
    );
    for wrong in [
        SegmentRef { extents: 1, ..expected },
        SegmentRef { end: 4096 * 2, ..expected },
        SegmentRef { end: 1 << 60, ..expected },
        SegmentRef { end: 0, ..expected },
        SegmentRef { capacity: 1 << 60, ..expected },
        SegmentRef { digest: expected.digest ^ 1, ..expected },
        SegmentRef { sealed: false, end: 4096 * 4, ..expected },
    ] {
        refuse(wrong);
    }
}

#[test]
fn a_segment_that_was_not_finished_is_read_only_as_far_as_a_manifest_says() {
    let mut disk = Memory::new();
    let mut writer = new_segment(&mut disk, &at("1"), 1, CAPACITY);
    crate::support::append(&mut disk, &mut writer, b"front", 0).unwrap();
    writer.sync(&mut disk);
    thalweg_storage::io::drive(&mut disk, &mut writer);
    let front = writer.durable();
    crate::support::append(&mut disk, &mut writer, b"more", 1).unwrap();
    let error = SegmentReader::open(&mut disk, &at("1")).unwrap_err();
    assert_eq!(error.flaw(), Some(&Flaw::NotSealed));
    assert_eq!(read_all(&mut disk, &at("1"), &front), Ok(vec![b"front".to_vec()]));
    writer.seal(&mut disk);
    thalweg_storage::io::drive(&mut disk, &mut writer);
    assert_eq!(read_all(&mut disk, &at("1"), &front), Ok(vec![b"front".to_vec()]));
    let both = vec![b"front".to_vec(), b"more".to_vec()];
    assert_eq!(read_all(&mut disk, &at("1"), &writer.durable()), Ok(both));
}

fn manifest() -> Manifest {
    let (_, segment, _) = segment();
    let position = Position { source: "s".into(), split: "0".into(), position: vec![1, 2, 3] };
    let part = Part { segments: vec![segment], positions: vec![position], ..Part::default() };
    Manifest {
        epoch: 7,
        parent: Some(6),
        time_ns: 5,
        key_groups: 16,
        schemas: Vec::new(),
        parts: vec![part],
    }
}

#[test]
fn every_bit_and_every_byte_of_a_manifest_counts() {
    let mut file = manifest().encode().to_vec();
    for bit in 0..file.len() * 8 {
        file[bit / 8] ^= 1 << (bit % 8);
        assert!(Manifest::decode(&file).is_err(), "bit {bit}");
        file[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(Manifest::decode(&file), Ok(manifest()));
    for length in 0..file.len() {
        assert!(Manifest::decode(&file[..length]).is_err(), "{length} bytes");
    }
    file.push(0);
    assert!(Manifest::decode(&file).is_err());
}

#[test]
fn a_manifest_under_another_name_is_refused() {
    let mut disk = Memory::new();
    disk.plant(&at(&Manifest::file_name(8)), manifest().encode().to_vec());
    let error = thalweg_storage::checkpoint::read(&mut disk, Path::new("state"), 8).unwrap_err();
    assert_eq!(
        error.to_string(),
        "manifest \"state/manifest-0000000000000008\" cannot be used: what is said at byte 16 contradicts the rest"
    );
}
