//! A state directory that cannot be written to while the job runs: it is taken away, something is in the way of the manifest, the disk is full.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thalweg::prelude::*;
use thalweg_tests::run::watched;

fn job(t: &mut Topology) -> Result<()> {
    t.source("numbers", Generator::endless(|n| n).records_per_s(10_000))
        .without_event_time()
        .key_by_value(|n| n.to_native() % 100)
        .filter_map_with_state("counts", |count: &mut u64, _| {
            *count += 1;
            Some(*count)
        })
        .sink("out", Blackhole);
    Ok(())
}

/// What was said while something was in the way of a checkpoint, to who asked for a savepoint and who looked.
struct Said {
    error: String,
    alarm: String,
}

/// Asks for a savepoint of the job while something is in the way, and again when it is not: the job goes on, and nothing is said any more.
fn hindered(state: &Path, saved: &Path, put: impl FnOnce(), take_away: impl FnOnce()) -> Said {
    let checkpoints = Checkpoints::in_directory(state).on_demand();
    let engine = Engine::builder().checkpoints(checkpoints).build();
    let handle = engine.deploy("counts", job).expect("it can be built");
    put();
    let ask = || handle.savepoint(saved).expect("the job runs").wait();
    let error = ask().expect_err("something is in the way");
    let alarm = handle.snapshot().checkpoints.alarm;
    take_away();
    ask().expect("nothing is in the way any more");
    assert_eq!(handle.snapshot().checkpoints.alarm, None);
    handle.cancel();
    handle.join().expect_err("it was cancelled");
    Said { error: error.to_string(), alarm: alarm.expect("there is an alarm") }
}

impl Said {
    fn assert(&self, said: &str, saved: &Path) {
        assert_eq!(self.alarm, said);
        assert_eq!(
            self.error,
            format!(
                "checkpoint 1, which savepoint {saved:?} was to be made of, was given up: {said}"
            )
        );
    }
}

#[test]
fn a_checkpoint_that_cannot_be_written_is_an_alarm_with_the_disks_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let (state, saved) = (folder.path().join("state"), folder.path().join("saved"));
    let said = watched({
        let (state, saved) = (state.clone(), saved.clone());
        move || {
            let away = |from: &str, to: &str| {
                let (from, to) = (state.join(from), state.join(to));
                move || std::fs::rename(from, to).unwrap()
            };
            hindered(&state, &saved, away("counts", "away"), away("away", "counts"))
        }
    });
    let segment = state.join("counts/00000000.seg");
    let expected = format!(
        "the state was not written: the state of worker 0 was not written for checkpoint 1: \
         cannot create {segment:?}: there is no such file: No such file or directory (os error 2)"
    );
    said.assert(&expected, &saved);
}

#[test]
fn a_checkpoint_that_cannot_be_published_is_an_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let (state, saved) = (folder.path().join("state"), folder.path().join("saved"));
    let manifest = state.join("counts/manifest-0000000000000001");
    let said = watched({
        let (state, saved, manifest) = (state.clone(), saved.clone(), manifest.clone());
        move || {
            let temporary = manifest.with_extension("tmp");
            let put = || std::fs::create_dir(&temporary).unwrap();
            hindered(&state, &saved, put, || std::fs::remove_dir(&temporary).unwrap())
        }
    });
    let temporary = manifest.with_extension("tmp");
    let expected = format!(
        "the checkpoint was not published: {manifest:?} was not published: \
         cannot remove {temporary:?}: Is a directory (os error 21)"
    );
    said.assert(&expected, &saved);
}

/// A file system of some size, unmounted when it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// `None` where this may not be done.
    fn new(at: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "thalweg-hindered"])
            .arg(at)
            .stderr(Stdio::null())
            .status();
        mount.is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }

    fn resize(&self, size: &str) {
        let options = format!("remount,size={size}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.0).status();
        assert!(status.is_ok_and(|status| status.success()), "it could be mounted, too");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_is_full_is_an_alarm_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Mounted::new(folder.path(), "64k") else {
        eprintln!("skipped: only root may mount a file system that is soon full");
        return;
    };
    let (state, saved) = (folder.path().join("state"), folder.path().join("saved"));
    let said = watched({
        let (state, saved) = (state.clone(), saved.clone());
        move || hindered(&state, &saved, || (), || disk.resize("256m"))
    });
    let segment = state.join("counts/00000000.seg");
    let expected = format!(
        "the disk is full: the state of worker 0 was not written for checkpoint 1: \
         cannot create {segment:?}: the disk is full; make room: No space left on device (os error 28)"
    );
    said.assert(&expected, &saved);
}
