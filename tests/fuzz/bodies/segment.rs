//! Segments: any bytes as a file, which must be refused or read without a panic; with its checksums made right, so that what is behind them is reached.

use std::path::Path;

use thalweg_storage::format::extent::Extent;
use thalweg_storage::format::{PAGE_BYTES, footer};
use thalweg_storage::io::Memory;
use thalweg_storage::segment::{MappedSegment, SegmentReader, SegmentRef, Verification};

use super::input::{Input, bits};
use super::mend::{self, u64_at};

/// See the file's header.
pub const TARGET: super::Target =
    super::Target { name: "segment", run, seeds, words: &[b"ext1", b"end1", b"thalwseg"] };

/// One byte: what is made right, and whether a manifest would say what is there. Then what it would say else: pages (1), extents (4), digest (4). Then the file.
fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let [header, footer, extents, is_sealed, is_known] = bits(input.byte());
    let (pages, count, digest) = (input.byte(), input.u32(), input.u32());
    let mut file = input.rest().to_vec();
    file.resize(file.len().next_multiple_of(PAGE_BYTES).clamp(2 * PAGE_BYTES, 64 * PAGE_BYTES), 0);
    if header {
        let length = file.len() as u64;
        mend::set(&mut file, 0, b"thalwseg");
        mend::set(&mut file, 8, &[1, 0, 0, 0, 0, 0, 1, 0]);
        mend::set(&mut file, 40, &length.to_le_bytes());
        mend::header(&mut file);
    }
    if extents {
        mend::extents(&mut file);
    }
    if footer {
        mend::footer(&mut file);
    }
    let end = u64::from(pages) * PAGE_BYTES as u64;
    let mut expected = SegmentRef {
        identity: mend::identity(&file),
        layout: u64_at(&file, 32),
        capacity: file.len() as u64,
        end,
        extents: count,
        digest,
        sealed: is_sealed,
    };
    if is_known {
        let found = mend::walk(&file, end);
        expected.end = found.last().map_or(PAGE_BYTES as u64, Extent::end);
        expected.extents = u32::try_from(found.len()).expect("a file has few pages");
        expected.digest = found.iter().fold(0, |all, found| footer::digest(all, found.checksum));
    }
    read(file, &expected);
}

fn read(file: Vec<u8>, expected: &SegmentRef) {
    let mut disk = Memory::new();
    let path = Path::new("00000001.seg");
    disk.plant(path, file);
    if let Ok(reader) = SegmentReader::open(&mut disk, path) {
        let whole = reader.verify(&mut disk).is_ok();
        let entries = reader.entries().to_vec();
        reader.close(&mut disk);
        // What was verified by reads is the same seen through a map.
        if let (true, Some(last)) = (whole, entries.last()) {
            let digest = |digest, entry: &footer::Entry| footer::digest(digest, entry.checksum);
            let digest = entries.iter().fold(0, digest);
            let extents = u32::try_from(entries.len()).expect("few");
            let (end, sealed) = (last.end(), true);
            let expected = SegmentRef { end, extents, digest, sealed, ..*expected };
            let map = MappedSegment::open(&mut disk, path, &expected, Verification::OnTouch)
                .expect("what was read can be mapped");
            for number in 0..entries.len() {
                map.extent(number).expect("what was read is whole");
            }
        }
    }
    let checked = MappedSegment::open(&mut disk, path, expected, Verification::AtOpen).is_ok();
    if let Ok(map) = MappedSegment::open(&mut disk, path, expected, Verification::OnTouch) {
        let count = map.entries().len();
        let well = (0..count).filter(|number| map.extent(*number).is_ok()).count();
        assert_eq!(checked, well == count, "both ways to check agree");
    } else {
        assert!(!checked, "what was checked is open to be touched");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let files = [
        &include_bytes!("../../golden/v1/00000007.seg")[..],
        include_bytes!("../../golden/v1/00000008.seg"),
        include_bytes!("../../golden/v1/saved/00000000.seg"),
    ];
    let of =
        |settings: u8| files.map(|file| [&[settings, 99, 0, 0, 0, 0, 0, 0, 0, 0], file].concat());
    // As they are; with what changes in them made right, sealed or not.
    [0x10, 0x18, 0x15, 0x1f].into_iter().flat_map(of).collect()
}
