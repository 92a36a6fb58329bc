//! Segments: any bytes as a file, which must be refused or read without a panic; with its checksums made right, so that what is behind them is reached.
#![no_main]

use std::path::Path;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use thalweg_storage::format::checksum::crc32c;
use thalweg_storage::format::{Generation, Identity, SegmentId};
use thalweg_storage::io::Memory;
use thalweg_storage::segment::{MappedSegment, SegmentReader, SegmentRef, Verification};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Which checksums are made right.
    header: bool,
    footer: bool,
    extents: bool,
    /// What a manifest would say.
    end_pages: u8,
    count: u32,
    digest: u32,
    sealed: bool,
    file: &'a [u8],
}

const PAGE: usize = 4096;

fn set(file: &mut [u8], at: usize, value: u32) {
    file[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn u64_at(file: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(file[at..at + 8].try_into().expect("eight bytes"))
}

fn make_right(input: &Input<'_>, file: &mut Vec<u8>) {
    file.resize(file.len().next_multiple_of(PAGE).clamp(2 * PAGE, 64 * PAGE), 0);
    let length = file.len();
    if input.header {
        file[..8].copy_from_slice(b"thalwseg");
        file[8..16].copy_from_slice(&[1, 0, 0, 0, 0, 0, 1, 0]);
        file[40..48].copy_from_slice(&(length as u64).to_le_bytes());
        let checksum = crc32c(&file[..PAGE - 4]);
        set(file, PAGE - 4, checksum);
    }
    let identity: [u8; 16] = file[16..32].try_into().expect("sixteen bytes");
    if input.footer {
        let at = length - 64;
        file[at..at + 4].copy_from_slice(b"end1");
        file[at + 8..at + 24].copy_from_slice(&identity);
        let bytes = usize::try_from(u64_at(file, at + 32)).unwrap_or(PAGE).clamp(PAGE, length);
        let checksum = crc32c(&file[length - bytes..at]);
        set(file, at + 56, checksum);
        let checksum = crc32c(&file[at..at + 60]);
        set(file, at + 60, checksum);
    }
    if input.extents {
        for at in (PAGE..length).step_by(PAGE) {
            if &file[at..at + 4] == b"ext1" {
                file[at + 8..at + 24].copy_from_slice(&identity);
                file[at + 24..at + 32].copy_from_slice(&(at as u64).to_le_bytes());
                let bytes = u32::from_le_bytes(file[at + 4..at + 8].try_into().expect("four"));
                let end = (at + (bytes as usize).max(64)).min(length);
                let mut covered = file[at..at + 60].to_vec();
                covered.extend_from_slice(&file[at + 64..end]);
                set(file, at + 60, crc32c(&covered));
            }
        }
    }
}

fuzz_target!(|input: Input<'_>| {
    let mut file = input.file.to_vec();
    make_right(&input, &mut file);
    let length = file.len() as u64;
    let mut disk = Memory::new();
    let path = Path::new("00000001.seg");
    let expected = SegmentRef {
        identity: Identity {
            id: SegmentId(u64_at(&file, 16)),
            generation: Generation(u64_at(&file, 24)),
        },
        layout: u64_at(&file, 32),
        capacity: length,
        end: u64::from(input.end_pages) * PAGE as u64,
        extents: input.count,
        digest: input.digest,
        sealed: input.sealed,
    };
    disk.plant(path, file);
    if let Ok(reader) = SegmentReader::open(&mut disk, path) {
        let whole = reader.verify(&mut disk).is_ok();
        let last = reader.entries().last().copied();
        let count = reader.entries().len();
        reader.close(&mut disk);
        // What was verified by reads is the same seen through a map.
        if let (true, Some(last)) = (whole, last) {
            let digest = |digest, number: usize| {
                let reader = SegmentReader::open(&mut disk, path).expect("as before");
                let checksum = reader.entries()[number].checksum;
                reader.close(&mut disk);
                thalweg_storage::format::footer::digest(digest, checksum)
            };
            let digest = (0..count).fold(0, digest);
            let extents = u32::try_from(count).expect("few");
            let expected =
                SegmentRef { end: last.end(), extents, digest, sealed: true, ..expected };
            let map = MappedSegment::open(&mut disk, path, &expected, Verification::OnTouch)
                .expect("what was read can be mapped");
            for number in 0..count {
                map.extent(number).expect("what was read is whole");
            }
        }
    }
    if let Ok(map) = MappedSegment::open(&mut disk, path, &expected, Verification::OnTouch) {
        let count = map.entries().len();
        for number in 0..count {
            let _ = map.extent(number);
        }
    }
});
