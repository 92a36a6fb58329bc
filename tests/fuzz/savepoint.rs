//! Savepoints: one that is whole, with bytes of its files changed and the manifest's checksums made right or not; what is accepted is looked into to its end.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use thalweg_storage::TableName;
use thalweg_storage::format::checksum::crc32c;
use thalweg_storage::io::Memory;
use thalweg_storage::savepoint::{Bootstrap, Contents, Entry, FILE, Kind};

/// The files of a savepoint with a table, lists, panes and deadlines.
static FILES: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(|| {
    let mut bootstrap = Bootstrap::new(64);
    for number in 0u64..200 {
        let hash = (number % 50).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (key, at) = ((number % 50).to_le_bytes(), Some(-(number as i64)));
        let entry = |item| Entry { hash, key: &key, pane: at, deadline: at, item, value: &key };
        let mut add = |state: &str, kind, item| {
            bootstrap.add(&TableName::new("fuzzed", state), kind, entry(item)).unwrap();
        };
        add("values", Kind::Table, None);
        add("lists", Kind::Table, Some(0));
        add("panes", Kind::Panes, None);
        add("timers", Kind::Timed, None);
    }
    let mut disk = Memory::new();
    bootstrap.write(&mut disk, Path::new("saved")).unwrap();
    disk.paths().into_iter().map(|path| (path.clone(), disk.peek(&path).unwrap())).collect()
});

fuzz_target!(|input: (bool, Vec<(bool, u16, u8)>)| {
    let (make_right, changes) = input;
    let mut disk = Memory::new();
    for (path, bytes) in FILES.iter() {
        let (mut bytes, is_manifest) = (bytes.clone(), path.ends_with(FILE));
        for (of_manifest, place, byte) in &changes {
            if *of_manifest == is_manifest {
                let place = usize::from(*place) % bytes.len();
                bytes[place] = *byte;
            }
        }
        if is_manifest && make_right {
            let checksum = crc32c(&bytes[64..]);
            bytes[32..36].copy_from_slice(&checksum.to_le_bytes());
            let checksum = crc32c(&bytes[..60]);
            bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        }
        disk.plant(path, bytes);
    }
    if let Ok(contents) = Contents::open(&mut disk, Path::new("saved")) {
        for state in contents.states() {
            assert!(contents.for_each(&state.name, |_| {}));
        }
    }
});
