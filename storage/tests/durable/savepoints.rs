//! Savepoints: whole or refused by name, whatever becomes of the disk and of the checkpoint they were made of.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use thalweg_storage::checkpoint::{Manifest, newest};
use thalweg_storage::format::checksum::crc32c;
use thalweg_storage::io::{Disk, Fault, Faulty, Memory, Operation, What, run};
use thalweg_storage::savepoint::{self, FILE, SavepointError};
use thalweg_storage::segment::Verification;

use crate::store::{Contents, Worker, contents, directory, publish};

fn saved() -> &'static Path {
    Path::new("saved")
}

fn remove(disk: &mut dyn Disk, paths: impl IntoIterator<Item = PathBuf>) {
    for path in paths {
        run(disk, Operation::Remove { path }).unwrap();
    }
}

fn start(disk: &mut dyn Disk, workers: u32) -> Vec<Worker> {
    (0..workers).map(|worker| Worker::start(disk, worker, workers)).collect()
}

/// Works, and takes a checkpoint; several of them, so that segments have fronts, dead ends and shared parts.
fn checkpoint(disk: &mut dyn Disk, job: &mut [Worker], epoch: u64) -> Manifest {
    job.iter_mut().for_each(|worker| worker.work(epoch * 50, epoch * 50 + 200));
    let parts = job.iter_mut().map(|worker| worker.checkpoint(disk, epoch)).collect();
    publish(disk, epoch, parts)
}

fn some(disk: &mut dyn Disk, workers: u32) -> (Manifest, Contents) {
    let mut job = start(disk, workers);
    checkpoint(disk, &mut job, 1);
    let manifest = checkpoint(disk, &mut job, 2);
    let expected = contents(&mut job);
    (manifest, expected)
}

#[test]
fn a_savepoint_stays_when_the_checkpoints_go_and_is_restored_on_any_number_of_workers() {
    let mut disk = Memory::new();
    let mut expected = Contents::new();
    for (round, workers) in [1, 2, 3, 1, 2].into_iter().enumerate() {
        let round = round as u64;
        let mut job = start(&mut disk, workers);
        assert!(contents(&mut job) == expected, "round {round}");
        let manifest = checkpoint(&mut disk, &mut job, 10 * round + 1);
        expected = contents(&mut job);
        let folder = PathBuf::from(format!("saved {round}"));
        let bytes = savepoint::write(&mut disk, directory(), &manifest, &folder).unwrap();
        let files = disk.paths().into_iter().filter(|path| path.starts_with(&folder));
        let lengths = files.map(|path| disk.peek(&path).unwrap().len() as u64);
        assert_eq!(lengths.sum::<u64>(), bytes);
        // The job goes on, and all of it is lost.
        checkpoint(&mut disk, &mut job, 10 * round + 2);
        drop(job);
        let lost = disk.paths().into_iter().filter(|path| path.starts_with(directory()));
        remove(&mut disk, lost.collect::<Vec<_>>());
        let manifest = savepoint::read(&mut disk, &folder).unwrap();
        // What a start before this one has left behind.
        disk.plant(&directory().join("00000000.seg"), vec![1; 8192]);
        let imported = savepoint::import(&mut disk, &folder, &manifest, directory()).unwrap();
        let found = newest(&mut disk, directory(), Verification::AtOpen).unwrap();
        assert_eq!(found.manifest, Some(imported));
    }
    assert!(expected.len() > 300);
}

#[test]
fn a_folder_that_has_something_in_it_is_refused_and_left_alone() {
    let mut disk = Memory::new();
    let (manifest, _) = some(&mut disk, 1);
    disk.plant(&saved().join("letter"), vec![7]);
    let error = savepoint::write(&mut disk, directory(), &manifest, saved()).unwrap_err();
    assert_eq!(error.to_string(), "\"saved\" is not empty; a savepoint gets a folder of its own");
    assert_eq!(disk.peek(&saved().join("letter")), Some(vec![7]));
    let error = savepoint::read(&mut disk, saved()).unwrap_err();
    assert_eq!(error.to_string(), "there is no savepoint in \"saved\"");
    let error = savepoint::read(&mut disk, Path::new("nowhere")).unwrap_err();
    assert_eq!(error.to_string(), "there is no savepoint in \"nowhere\"");
}

#[test]
fn a_savepoint_of_which_a_file_is_missing_or_damaged_is_refused_by_name() {
    let mut disk = Memory::new();
    let (manifest, _) = some(&mut disk, 2);
    savepoint::write(&mut disk, directory(), &manifest, saved()).unwrap();
    let files: Vec<PathBuf> =
        disk.paths().into_iter().filter(|path| path.starts_with(saved())).collect();
    assert_eq!(files.len(), 3);
    for path in files {
        let bytes = disk.peek(&path).unwrap();
        remove(&mut disk, [path.clone()]);
        let error = savepoint::read(&mut disk, saved()).unwrap_err().to_string();
        let expected = match path.ends_with(FILE) {
            true => "savepoint \"saved\" is not whole: its file \"savepoint\" is missing",
            false => "savepoint \"saved\" is not whole",
        };
        assert_eq!(error, expected);
        for at in (0..bytes.len()).step_by(509) {
            disk.plant(&path, bytes.clone());
            disk.flip(&path, at, 3);
            let target = Path::new("target");
            let read = savepoint::read(&mut disk, saved());
            let imported =
                read.and_then(|manifest| savepoint::import(&mut disk, saved(), &manifest, target));
            assert!(imported.is_err() || is_padding(&bytes, at), "{path:?}, byte {at}");
            let left = disk.paths().into_iter().filter(|path| path.starts_with(target));
            remove(&mut disk, left.collect::<Vec<_>>());
            let _ = run(&mut disk, Operation::Remove { path: path.clone() });
        }
        disk.plant(&path, bytes);
        savepoint::read(&mut disk, saved()).unwrap();
    }
}

/// Zeros behind an extent are of no meaning.
fn is_padding(bytes: &[u8], at: usize) -> bool {
    let page = at / 4096 * 4096;
    bytes[at..page + 4096].iter().all(|byte| *byte == 0)
}

#[test]
fn a_damaged_checkpoint_makes_no_savepoint() {
    let mut disk = Memory::new();
    let (manifest, _) = some(&mut disk, 1);
    let reference = manifest.parts[0].segments[0];
    let path = directory().join(reference.identity.id.file_name());
    disk.flip(&path, 6000, 1);
    let error = savepoint::write(&mut disk, directory(), &manifest, saved()).unwrap_err();
    assert_eq!(error.to_string(), "savepoint \"saved\" was not written");
    assert!(!disk.paths().iter().any(|path| path.starts_with(saved())), "nothing is left of it");
}

/// Whether there is a savepoint, and all of it is what it should be; else it is refused by name.
fn is_whole(disk: &mut dyn Disk, expected: &Contents, place: &str) -> bool {
    match savepoint::read(disk, saved()) {
        Ok(manifest) => {
            let mut target = Memory::new();
            for path in all_files(disk, saved()) {
                target.plant(&path.0, path.1);
            }
            savepoint::import(&mut target, saved(), &manifest, directory()).unwrap();
            assert!(contents(&mut start(&mut target, 2)) == *expected, "{place}");
            true
        }
        Err(SavepointError::Torn { .. } | SavepointError::Nothing { .. }) => false,
        Err(error) => panic!("{place}: {error}"),
    }
}

fn all_files(disk: &mut dyn Disk, folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    use thalweg_storage::io::{Access, Answer, read_exactly};

    let list = run(disk, Operation::List { path: folder.into() });
    let Ok(Answer::Names(names)) = list else { panic!("it is listed: {list:?}") };
    let mut files = Vec::new();
    for name in names {
        let path = folder.join(name);
        let open = Operation::Open { path: path.clone(), access: Access::Read };
        let Ok(Answer::Opened { file, length, .. }) = run(disk, open) else { panic!("it opens") };
        let (buffer, bytes) = read_exactly(disk, file, 0, length as usize).unwrap();
        run(disk, Operation::Close { file }).unwrap();
        files.push((path, buffer[..bytes].to_vec()));
    }
    files
}

#[test]
fn whatever_operation_fails_there_is_a_whole_savepoint_or_none_and_the_checkpoint_is_as_it_was() {
    let mut clean = Faulty::new(0);
    let (manifest, expected) = some(&mut clean, 2);
    let before = clean.operations();
    savepoint::write(&mut clean, directory(), &manifest, saved()).unwrap();
    let operations = clean.operations() - before;
    assert!(is_whole(&mut clean, &expected, "clean"));
    let (mut refused, mut full) = (0, 0);
    for number in 0..operations {
        for (error, lasting) in [(5, false), (5, true), (28, false), (28, true)] {
            let place = format!("operation {number}, error {error}, lasting {lasting}");
            let mut disk = Faulty::new(number);
            let (manifest, expected) = some(&mut disk, 2);
            disk.plan(Fault { at: before + number, lasting, what: What::Error(error) });
            let written = savepoint::write(&mut disk, directory(), &manifest, saved());
            disk.kill();
            let whole = is_whole(&mut disk, &expected, &place);
            match written {
                Ok(_) => assert!(whole, "{place}"),
                Err(error) => {
                    refused += 1;
                    full += u32::from(error.is_full());
                    assert_eq!(error.to_string(), "savepoint \"saved\" was not written", "{place}");
                }
            }
            assert!(contents(&mut start(&mut disk, 3)) == expected, "{place}");
        }
    }
    assert!(refused > 50 && full > 20, "{refused} refused, {full} for want of room");
}

#[test]
fn wherever_power_goes_there_is_a_whole_savepoint_or_none() {
    let mut clean = Faulty::new(0);
    let (manifest, _) = some(&mut clean, 2);
    let before = clean.operations();
    savepoint::write(&mut clean, directory(), &manifest, saved()).unwrap();
    let operations = clean.operations() - before;
    let (mut whole, mut none) = (0, 0);
    for number in 0..=operations {
        for seed in 0..6 {
            let place = format!("operation {number}, seed {seed}");
            let mut disk = Faulty::new(seed);
            let (manifest, expected) = some(&mut disk, 2);
            disk.plan(Fault { at: before + number, lasting: false, what: What::Cut });
            let written = savepoint::write(&mut disk, directory(), &manifest, saved());
            disk.cut();
            match is_whole(&mut disk, &expected, &place) {
                true => whole += 1,
                false => {
                    assert!(written.is_err(), "{place}: what was said to be there is gone");
                    none += 1;
                }
            }
            assert!(contents(&mut start(&mut disk, 1)) == expected, "{place}");
        }
    }
    assert!(whole > 6 && none > 100, "{whole} whole, {none} none");
}

/// The files of a savepoint, with lists, panes and deadlines in them.
fn files_of_one() -> Vec<(PathBuf, Vec<u8>)> {
    let mut disk = Memory::new();
    let (manifest, _) = some(&mut disk, 1);
    savepoint::write(&mut disk, directory(), &manifest, saved()).unwrap();
    all_files(&mut disk, saved())
}

proptest! {
    #[test]
    fn whatever_a_manifest_says_looking_into_it_ends_well_or_with_an_error(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        static FILES: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(files_of_one);
        let mut disk = Memory::new();
        for (path, bytes) in FILES.iter() {
            let mut bytes = bytes.clone();
            if path.ends_with(FILE) {
                let length = u64::from_le_bytes(bytes[24..32].try_into().unwrap()) as usize;
                for (place, byte) in &changes {
                    bytes[64 + place.index(length)] = *byte;
                }
                // Made right again, so that it is what it says that is looked at.
                let checksum = crc32c(&bytes[64..]);
                bytes[32..36].copy_from_slice(&checksum.to_le_bytes());
                let checksum = crc32c(&bytes[..60]);
                bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
            }
            disk.plant(path, bytes);
        }
        if let Ok(contents) = savepoint::Contents::open(&mut disk, saved()) {
            for state in contents.states() {
                contents.for_each(&state.name, |_| {});
            }
        }
    }
}
