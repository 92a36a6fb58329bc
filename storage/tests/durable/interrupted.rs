//! The tables of a small job, interrupted: power cut at every operation, an error at every call, a bit turned over in every block. What was acknowledged is there, what is read is right, and
//! anything else is an error with a name.

use std::path::Path;

use thalweg_storage::checkpoint::newest;
use thalweg_storage::io::{Fault, Faulty, Rates, What};
use thalweg_storage::segment::Verification;
use thalweg_storage::{KeyGroups, RestoredParts};

use crate::oracle::{Job, Settings, Step};

const SETTINGS: Settings = Settings { copied_bytes: 300, segment_bytes: 16 << 10, align: 8 };

/// Updates, deletes, panes that come and go, lists that grow, timers that fire; enough for chunks to be compacted and files to be written again.
fn script() -> Vec<Step> {
    let mut steps = Vec::new();
    for round in 0..7u64 {
        let fill = round as u8;
        steps.push(Step::Burst(100 + 20 * round, 60));
        steps.push(Step::Put(round, 700, fill));
        steps.push(Step::Thin(100 + 20 * round, 40));
        steps.extend((0..10).map(|key| Step::Touch(key, fill)));
        steps.extend((0..6).map(|key| Step::Append(key, 50, fill)));
        steps.extend((0..8).map(|key| Step::PutInPane(round as i64 % 3, key, fill)));
        steps.extend((0..9).map(|key| Step::PutTimed(key, 1000 * key as i64, 8)));
        steps.push(Step::RemoveList(round));
        steps.push(Step::DropPane(round as i64 % 2));
        steps.push(Step::Pop(3000));
        steps.push(Step::Checkpoint);
        steps.push(Step::Put(round, 20, fill));
    }
    steps
}

/// Runs the script, with errors of the disk met as they come; stops where power is gone.
fn run(job: &mut Job) {
    for (serial, step) in script().into_iter().enumerate() {
        match step {
            Step::Checkpoint => {
                // Odd and even rounds: go on as if nothing had happened, or start again.
                let failed = job.checkpoint().is_err();
                if !job.disk.has_power() {
                    return;
                }
                if failed && serial % 2 == 0 {
                    job.disk.kill();
                    job.restore(1).unwrap();
                }
            }
            step => job.step(serial, step),
        }
    }
}

fn operations(workers: u32) -> u64 {
    let mut job = Job::start(Faulty::new(0), SETTINGS, workers).unwrap();
    run(&mut job);
    job.check();
    job.disk.operations()
}

#[test]
fn power_cut_at_every_operation_gives_back_the_state_of_a_checkpoint_that_was_begun() {
    for workers in [1, 2] {
        for at in 0..operations(workers) {
            for seed in 0..6 {
                let mut disk = Faulty::new(seed);
                if seed % 2 == 1 {
                    disk.chance(Rates { slow: 200, ..Rates::default() });
                }
                disk.plan(Fault { at, lasting: false, what: What::Cut });
                let Ok(mut job) = Job::start(disk, SETTINGS, workers) else { continue };
                run(&mut job);
                job.disk.cut();
                // Rescaled every other time; the state is compared with what it was at that epoch.
                job.restore(1 + (at % 3) as u32).unwrap();
                run(&mut job);
                job.check();
                job.restore(1).unwrap();
            }
        }
    }
}

#[test]
fn an_error_at_every_call_costs_a_checkpoint_at_most() {
    for at in 0..operations(1) {
        for (number, lasting) in [(5, false), (28, false), (28, true)] {
            let mut disk = Faulty::new(at);
            disk.plan(Fault { at, lasting, what: What::Error(number) });
            let Ok(mut job) = Job::start(disk, SETTINGS, 1) else { continue };
            if lasting {
                // A disk that stays full: no checkpoint succeeds any more, and the job goes on.
                for (serial, step) in script().into_iter().enumerate() {
                    match step {
                        Step::Checkpoint => drop(job.checkpoint()),
                        step => job.step(serial, step),
                    }
                }
                job.check();
                continue;
            }
            run(&mut job);
            job.disk.kill();
            job.restore(2).unwrap();
            run(&mut job);
            job.check();
        }
    }
}

#[test]
fn a_bit_turned_over_anywhere_is_an_error_with_a_name_or_does_not_matter() {
    let mut job = Job::start(Faulty::new(0), SETTINGS, 1).unwrap();
    run(&mut job);
    let directory = Path::new("state");
    let mut found = 0;
    let files: Vec<_> =
        job.disk.paths().into_iter().filter(|path| path.extension().is_some()).collect();
    for path in files {
        let length = job.disk.peek(&path).unwrap().len();
        for byte in (0..length).step_by(509) {
            job.disk.flip(&path, byte, (byte % 8) as u32);
            let restored = newest(&mut job.disk, directory, Verification::OnTouch);
            // Whatever the quick look let pass is found when it is read; from then on the quick look reads that file too.
            found += restored.as_ref().map_or(1, |restored| restored.passed.len());
            let opened = restored.ok().and_then(|restored| restored.manifest).map(|manifest| {
                RestoredParts::open(&mut job.disk, directory, &manifest, KeyGroups::all(32))
            });
            if let Some(Err(error)) = opened {
                let name = path.file_name().unwrap().to_str().unwrap();
                assert!(error.to_string().contains(name), "{error}");
                found += 1;
            }
            job.disk.flip(&path, byte, (byte % 8) as u32);
        }
    }
    assert!(found > 20, "{found} were found");
    job.restore(3).unwrap();
}
