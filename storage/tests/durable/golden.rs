//! Files of every version of the format that was ever written can be read, and the current one is still written byte for byte.
//!
//! `THALWEG_WRITE_GOLDEN=1 cargo test -p thalweg-storage --test durable golden` writes those of the current version; that is for a new version, into a folder of its own.

use std::path::{Path, PathBuf};

use thalweg_storage::TableName;
use thalweg_storage::checkpoint::{Manifest, check_segments};
use thalweg_storage::io::{Blocking, Disk};
use thalweg_storage::savepoint::{Contents, Kind};
use thalweg_storage::segment::Verification;

use crate::support::read_all;

#[path = "../../../tests/golden/v1/writer.rs"]
mod v1;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/v1")
}

#[test]
fn the_files_of_version_1_are_written_byte_for_byte() {
    for (name, bytes) in v1::write().into_iter().chain(v1::write_savepoint()) {
        let path = folder().join(&name);
        if std::env::var_os("THALWEG_WRITE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
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
fn the_savepoint_of_version_1_is_read() {
    let mut disk = Blocking::at_once();
    let contents = Contents::open(&mut disk, &folder().join("saved")).unwrap();
    assert_eq!(contents.manifest().epoch, 12);
    let mut expected = v1::entries();
    let mut found = Vec::new();
    for state in ["values", "lists", "panes", "timers"] {
        let name = TableName::new("golden", state);
        let info = contents.states().find(|info| info.name == name).unwrap();
        assert_eq!(info.entries, if state == "lists" { 2 } else { 4 });
        let is_there = contents.for_each(&name, |entry| {
            let key = u64::from_le_bytes(entry.key.try_into().unwrap());
            let at = entry.pane.or(entry.deadline).unwrap_or(0);
            assert_eq!(entry.item, (state == "lists").then_some(found.len() as u64 % 2));
            found.push((state, info.kind, key, at, entry.value.to_vec()));
        });
        assert!(is_there);
    }
    let order = |entries: &mut Vec<(&str, Kind, u64, i64, Vec<u8>)>| {
        entries.sort_by(|a, b| (a.0, a.2, &a.4).cmp(&(b.0, b.2, &b.4)));
    };
    order(&mut expected);
    order(&mut found);
    assert_eq!(found, expected);
    assert!(!contents.for_each(&TableName::new("golden", "none"), |_| {}));
    let schema = &contents.manifest().schemas[0];
    assert_eq!((&*schema.state, &schema.schema[..]), ("values", &b"bytes"[..]));
}

#[test]
fn a_later_version_is_refused_by_its_number() {
    let mut file = std::fs::read(folder().join(v1::FILES[2])).unwrap();
    file[8] = 2;
    let flaw = Manifest::decode(&file).unwrap_err();
    assert_eq!(flaw.to_string(), "it has format version 2, and this release reads 1");
}
