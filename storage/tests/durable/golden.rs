//! Files of every version of the format that was ever written can be read, and the current one is still written byte for byte.
//!
//! `THALWEG_WRITE_GOLDEN=1 cargo test -p thalweg-storage --test durable golden` writes those of the current version; that is for a new version, into a folder of its own.

use std::path::{Path, PathBuf};

use thalweg_storage::checkpoint::{Manifest, check_segments};
use thalweg_storage::io::{Blocking, Disk};
use thalweg_storage::segment::Verification;

use crate::support::read_all;

#[path = "../../../tests/golden/v1/writer.rs"]
mod v1;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/v1")
}

#[test]
fn the_files_of_version_1_are_written_byte_for_byte() {
    for (name, bytes) in v1::write() {
        let path = folder().join(&name);
        if std::env::var_os("THALWEG_WRITE_GOLDEN").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        let golden = std::fs::read(&path).unwrap();
        let differs = golden.iter().zip(&bytes).position(|(golden, now)| golden != now);
        assert_eq!((golden.len(), differs), (bytes.len(), None), "{}", name.display());
    }
}

#[test]
fn the_files_of_version_1_are_read() {
    let mut disk = Blocking::at_once();
    let disk: &mut dyn Disk = &mut disk;
    let directory = folder();
    let manifest = thalweg_storage::checkpoint::read(disk, &directory, 3).unwrap();
    check_segments(disk, &directory, &manifest, Verification::AtOpen).unwrap();
    let part = &manifest.parts[0];
    let read = |disk: &mut dyn Disk, number: usize| {
        read_all(disk, &directory.join(v1::FILES[number]), &part.segments[number]).unwrap()
    };
    assert_eq!(read(disk, 0), [b"What is written once".to_vec(), vec![7; 5000]]);
    assert_eq!(read(disk, 1), [v1::payload()]);
    assert_eq!((manifest.epoch, manifest.parent, manifest.key_groups), (3, Some(2), 128));
    assert_eq!(part.tables[0].operator, "count by user");
    assert_eq!(part.positions[0].position, 12_345u64.to_le_bytes());
    assert_eq!(part.blobs[0].operator, "flüsse");
}

#[test]
fn a_later_version_is_refused_by_its_number() {
    let mut file = std::fs::read(folder().join(v1::FILES[2])).unwrap();
    file[8] = 2;
    let flaw = Manifest::decode(&file).unwrap_err();
    assert_eq!(flaw.to_string(), "it has format version 2, and this release reads 1");
}
