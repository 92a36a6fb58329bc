//! A host that does not read its output.

use std::path::Path;

use thalweg::error::{JobError, RecvError};
use thalweg::prelude::*;
use thalweg_tests::run::{Settings, checkpoints, watched};

use crate::two_more;

const SPLITS: u64 = 3;
const NUMBERS: u64 = 60_000;

/// A number that has its time.
#[record]
struct Number {
    #[event_time]
    at: EventTime,
    n: u64,
}

fn number(n: u64) -> Number {
    Number { at: EventTime::from_nanos(n.cast_signed()), n }
}

/// Numbers of three splits, an exchange by split, and out. Some are too long for a page of the ring.
fn job(per_worker: bool) -> impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static {
    move |t| {
        let counted = t
            .source("numbers", Generator::of(0..NUMBERS, number).splits(3))
            .watermarks(Monotonic)
            .key_by_value(|number| number.n() % SPLITS)
            .filter_map_with_state("counts", |count: &mut u64, number| {
                *count += 1;
                let is_next = *count == number.n() / SPLITS + 1;
                let length = if number.n().is_multiple_of(101) { 1_000 } else { 3 };
                is_next.then(|| (number.n(), Str::from("x".repeat(length))))
            });
        match per_worker {
            true => counted.output_per_worker("out"),
            false => counted.output("out"),
        }
        Ok(())
    }
}

type Handles = Vec<OutputHandle<(u64, Str)>>;

fn engine(folder: &Path, workers: usize) -> Engine {
    Settings::tight(workers).engine().checkpoints(checkpoints(folder)).build()
}

fn handles(job: &thalweg::control::JobHandle, per_worker: bool, workers: usize) -> Handles {
    let count = if per_worker { workers } else { 1 };
    (0..count).map(|_| job.output("out").unwrap()).collect()
}

/// Reads to the end of the job, or of what was handed over when it was broken off. No record comes behind a watermark that is past it.
fn read(handles: Handles, is_through: bool) -> Vec<u64> {
    let threads = handles.into_iter().map(|mut handle| {
        std::thread::spawn(move || {
            let mut numbers = Vec::new();
            loop {
                match handle.recv_with(|record, at| (record.to_value().0, at)) {
                    Ok((number, at)) => {
                        assert!(at >= handle.watermark(), "{number}: {:?}", handle.watermark());
                        numbers.push(number);
                    }
                    Err(RecvError::Ended) if is_through => return numbers,
                    Err(RecvError::Failed { .. }) if !is_through => return numbers,
                    Err(other) => panic!("{other}"),
                }
            }
        })
    });
    let threads: Vec<_> = threads.collect();
    threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
}

/// Each number once, those of a split in their order.
fn assert_complete(found: &[u64], how: &str) {
    for split in 0..SPLITS {
        let own: Vec<_> = found.iter().copied().filter(|n| n % SPLITS == split).collect();
        let expected: Vec<_> = (0..NUMBERS).filter(|n| n % SPLITS == split).collect();
        assert!(own == expected, "{how}: split {split}: {} of {}", own.len(), expected.len());
    }
}

#[test]
fn a_checkpoint_is_complete_while_the_host_reads_nothing() {
    for (per_worker, workers) in [(false, 1), (false, 2), (true, 2), (false, 3)] {
        watched(move || {
            let folder = tempfile::tempdir().unwrap();
            let job_handle = engine(folder.path(), workers).deploy("out", job(per_worker)).unwrap();
            let handles = handles(&job_handle, per_worker, workers);
            two_more(&job_handle);
            two_more(&job_handle);
            let found = read(handles, true);
            job_handle.join().unwrap();
            assert_complete(&found, &format!("per worker: {per_worker}, {workers} worker(s)"));
        });
    }
}

/// What the ring has is the host's, also when the job is gone; what it has not is the checkpoint's.
#[test]
fn what_the_host_has_not_got_comes_after_a_restart() {
    for (before, after) in [(1, 1), (1, 3), (2, 2), (3, 2), (2, 1)] {
        watched(move || {
            let folder = tempfile::tempdir().unwrap();
            let mut found = Vec::new();
            // Twice, so that what a checkpoint has goes into another.
            for workers in [before, before, after] {
                let engine = engine(folder.path(), workers);
                let job = engine.deploy("out", job(false)).unwrap();
                let handles = handles(&job, false, workers);
                two_more(&job);
                job.cancel();
                assert!(matches!(job.join(), Err(JobError::Cancelled)));
                found.extend(read(handles, false));
            }
            let engine = engine(folder.path(), after);
            let job = engine.deploy("out", job(false)).unwrap();
            let handles = handles(&job, false, after);
            found.extend(read(handles, true));
            job.join().unwrap();
            assert!(found.len() as u64 >= NUMBERS);
            if before != after {
                // What lay aside on one worker and what came behind it may have gone different ways.
                found.sort_unstable();
            }
            assert_complete(&found, &format!("{before} to {after}"));
        });
    }
}

#[test]
fn a_handle_that_is_dropped_lets_the_job_go_on() {
    watched(|| {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), 2);
        let job = engine.deploy("out", job(false)).unwrap();
        let handles = handles(&job, false, 2);
        two_more(&job);
        drop(handles);
        job.join().unwrap();
    });
}
