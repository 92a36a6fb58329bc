//! Which checkpoint is restored, and what is said of those that are not.

use std::error::Error as _;
use std::path::Path;

use thalweg_storage::checkpoint::{Manifest, Part, RestoreError, newest};
use thalweg_storage::io::{Disk, Fault, Faulty, Operation, Publish, What, drive, run};
use thalweg_storage::segment::Verification;

use crate::support::{append, at, new_segment, payload};

/// Checkpoints 1 to 3, each with one more extent of the same segment; the third has a second segment too.
fn three() -> Faulty {
    let mut disk = Faulty::new(5);
    let mut writer = new_segment(&mut disk, &at("00000001.seg"), 1, 64 << 10);
    for epoch in 1..=3 {
        append(&mut disk, &mut writer, &payload(epoch, 5000), epoch).unwrap();
        writer.sync(&mut disk);
        drive(&mut disk, &mut writer);
        let mut segments = vec![writer.durable()];
        if epoch == 3 {
            let mut second = new_segment(&mut disk, &at("00000002.seg"), 2, 64 << 10);
            append(&mut disk, &mut second, b"second", 0).unwrap();
            second.seal(&mut disk);
            drive(&mut disk, &mut second);
            segments.push(second.durable());
        }
        let parts = vec![Part { segments, ..Part::default() }];
        let manifest = Manifest { epoch, parts, ..Manifest::default() };
        let path = at(&Manifest::file_name(epoch));
        Publish::now(&mut disk, path, manifest.encode()).unwrap();
    }
    disk
}

fn restore(disk: &mut dyn Disk, verification: Verification) -> (u64, Vec<String>, u64) {
    let restored = newest(disk, Path::new("state"), verification).unwrap();
    let next = restored.next_epoch();
    let told = |passed: &thalweg_storage::checkpoint::Passed| {
        format!("{passed}: {}", passed.source().expect("it has a reason"))
    };
    let passed = restored.passed.iter().map(told).collect();
    (restored.manifest.map_or(0, |manifest| manifest.epoch), passed, next)
}

#[test]
fn the_newest_checkpoint_is_taken_and_an_empty_directory_has_none() {
    for verification in [Verification::OnTouch, Verification::AtOpen] {
        assert_eq!(restore(&mut three(), verification), (3, vec![], 4));
        assert_eq!(restore(&mut Faulty::new(0), verification), (0, vec![], 1));
    }
}

#[test]
fn a_damaged_manifest_is_passed_over_by_name_and_its_number_is_not_used_again() {
    let mut disk = three();
    disk.flip(&at("manifest-0000000000000003"), 100, 1);
    let reason = "checkpoint 3 is passed over: manifest \"state/manifest-0000000000000003\" cannot be used: checksum and bytes disagree at byte 64";
    assert_eq!(restore(&mut disk, Verification::OnTouch), (2, vec![reason.to_owned()], 4));
}

#[test]
fn a_segment_that_is_gone_or_damaged_takes_its_checkpoint_with_it_and_no_other() {
    let mut disk = three();
    run(&mut disk, Operation::Remove { path: at("00000002.seg") }).unwrap();
    let reason = "checkpoint 3 is passed over: segment \"state/00000002.seg\" cannot be read";
    assert_eq!(restore(&mut disk, Verification::OnTouch), (2, vec![reason.to_owned()], 4));

    // The second extent, deep inside: seen when everything is read, and later by who touches it.
    let mut disk = three();
    disk.flip(&at("00000001.seg"), 4096 + 8192 + 3000, 1);
    assert_eq!(restore(&mut disk, Verification::OnTouch), (3, vec![], 4));
    let (epoch, passed, _) = restore(&mut disk, Verification::AtOpen);
    assert_eq!((epoch, passed.len()), (1, 2), "{passed:?}");
    assert!(passed[1].ends_with(
        "segment \"state/00000001.seg\" cannot be used: checksum and bytes disagree at byte 12288"
    ));
}

#[test]
fn where_no_checkpoint_is_whole_nothing_is_started_from_nothing() {
    let mut disk = three();
    disk.flip(&at("00000001.seg"), 20, 1);
    let error = newest(&mut disk, Path::new("state"), Verification::OnTouch).unwrap_err();
    assert_eq!(
        error.to_string(),
        "none of the 3 checkpoints in \"state\" can be restored; put their files back from a copy, or give the job an empty directory; the newest: segment \"state/00000001.seg\" cannot be used: checksum and bytes disagree at byte 0"
    );
}

/// The story: one EIO while restoring made the job fall back to the checkpoint before; it then wrote again a file that only the newest one named, and the
/// acknowledged checkpoint was lost.
#[test]
fn a_disk_that_refuses_to_read_the_newest_checkpoint_is_no_reason_to_fall_back() {
    let clean = {
        let mut disk = three();
        let before = disk.operations();
        restore(&mut disk, Verification::AtOpen);
        before..disk.operations()
    };
    let mut refused = 0;
    for number in clean {
        let mut disk = three();
        disk.plan(Fault { at: number, lasting: false, what: What::Error(5) });
        match newest(&mut disk, Path::new("state"), Verification::AtOpen) {
            Ok(restored) => assert_eq!(restored.manifest.unwrap().epoch, 3),
            Err(error) => {
                refused += 1;
                assert!(matches!(
                    error,
                    RestoreError::Unreadable { epoch: 3, .. } | RestoreError::Directory { .. }
                ));
                assert!(error.to_string().contains("\"state\""), "{error}");
            }
        }
        // It was only for a moment.
        disk.kill();
        assert_eq!(restore(&mut disk, Verification::AtOpen).0, 3);
    }
    assert!(refused > 10);
}

/// A process is killed between the rename and the sync of the directory: the next one sees the checkpoint, and once it has built on it power may go.
#[test]
fn a_checkpoint_that_is_restored_is_durable() {
    for seed in 0..50 {
        let mut disk = Faulty::new(seed);
        let path = at(&Manifest::file_name(1));
        let manifest = Manifest { epoch: 1, ..Manifest::default() };
        // Clear, create, write, sync, close, rename: the seventh is the directory's sync.
        disk.plan(Fault { at: 6, lasting: true, what: What::Error(5) });
        Publish::now(&mut disk, path, manifest.encode()).unwrap_err();
        disk.kill();
        assert_eq!(restore(&mut disk, Verification::AtOpen).0, 1);
        disk.cut();
        assert_eq!(restore(&mut disk, Verification::AtOpen).0, 1, "seed {seed}");
    }
}
