//! Outputs that the host does not read: checkpoints are complete all the same, and have what it was sent and has not read.

use std::path::Path;
use std::time::Duration;

use thalweg::control::JobHandle;
use thalweg::prelude::*;
use thalweg::sink::OutputHandle;
use thalweg_tests::run::{Settings, checkpoints, watched};

const SPLITS: u64 = 3;
const NUMBERS: u64 = 3_000;

/// Makes some records larger than a page.
#[record]
#[derive(Clone)]
struct Found {
    number: u64,
    filling: Str,
}

/// Numbers of three splits, an exchange by split, and the host.
fn job(per_worker: bool) -> impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static {
    move |t| {
        let counted = t
            .source("numbers", Generator::of(0..NUMBERS, |i| i).splits(3))
            .without_event_time()
            .key_by_value(|n| n.to_native() % SPLITS)
            .filter_map_with_state("counts", |count: &mut u64, n| {
                *count += 1;
                let number = n.to_native();
                let filling = "x".repeat(if number % 17 == 0 { 700 } else { 3 }).into();
                (*count == number / SPLITS + 1).then_some(Found { number, filling })
            });
        match per_worker {
            true => counted.output_per_worker("found"),
            false => counted.output("found"),
        }
        Ok(())
    }
}

/// The job of one process, as far as it came.
struct Life {
    job: JobHandle,
    handles: Vec<OutputHandle<Found>>,
    /// After the job, which ends with it.
    _engine: Engine,
}

impl Life {
    fn begin(folder: &Path, workers: usize, per_worker: bool) -> Self {
        let engine = Settings::tight(workers).engine().checkpoints(checkpoints(folder)).build();
        let job = engine.deploy("unread", job(per_worker)).unwrap();
        let handles = if per_worker { workers } else { 1 };
        let handles = (0..handles).map(|_| job.output("found").unwrap()).collect();
        Self { job, handles, _engine: engine }
    }

    /// Waits until two more checkpoints are complete: the second was begun when nobody read any more.
    fn two_more(&self) {
        let completed = || self.job.snapshot().checkpoints.completed;
        let before = completed();
        while completed() < before + 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Reads some of each handle.
    fn read(&mut self, most: usize) -> Vec<u64> {
        let mut read = Vec::new();
        for handle in &mut self.handles {
            for _ in 0..most {
                let next = handle.recv_timeout(Duration::from_millis(20));
                read.extend(next.ok().flatten().map(|found| found.number));
            }
        }
        read
    }

    /// Reads everything, each handle on a thread of its own.
    fn read_all(self) -> Vec<u64> {
        let numbers = |mut handle: OutputHandle<Found>| -> Vec<u64> {
            std::iter::from_fn(|| handle.recv().ok()).map(|found| found.number).collect()
        };
        let read = std::thread::scope(|scope| {
            let threads: Vec<_> =
                self.handles.into_iter().map(|handle| scope.spawn(|| numbers(handle))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        self.job.join().unwrap();
        read
    }

    /// Ends as a process does that is killed: what was sent to it and not read is gone.
    fn end(self) {
        self.job.cancel();
        assert!(matches!(self.job.join(), Err(JobError::Cancelled)));
        drop(self.handles);
    }
}

/// Numbers of a split come in their order.
fn assert_ordered(read: &[u64], how: &str) {
    for split in 0..SPLITS {
        let own = read.iter().filter(|&n| n % SPLITS == split);
        assert!(own.is_sorted_by(|a, b| a < b), "{how}: split {split}");
    }
}

#[test]
fn a_checkpoint_has_what_the_host_was_sent_and_has_not_read() {
    for per_worker in [false, true] {
        for (before, after) in [(1, 1), (2, 2), (3, 2), (1, 3)] {
            watched(move || {
                let folder = tempfile::tempdir().unwrap();
                let how = format!("per worker: {per_worker}, {before} to {after}");
                let mut seen = Vec::new();
                // Twice, so that what a checkpoint has goes into another; a process that reads nothing, and one that stops in the middle of a page.
                for (workers, most) in [(before, 0), (before, 50), (after, 7)] {
                    let mut life = Life::begin(folder.path(), workers, per_worker);
                    let read = life.read(most);
                    assert!(workers != before || read.len() >= most, "{how}: {}", read.len());
                    seen.extend(read);
                    life.two_more();
                    life.two_more();
                    life.end();
                }
                let rest = Life::begin(folder.path(), after, per_worker).read_all();
                // What was on its way to one worker and what comes after it may come by two, if there are others now.
                if before == after {
                    assert_ordered(&rest, &how);
                }
                let mut repeated = seen.len() + rest.len();
                seen.extend(rest);
                seen.sort_unstable();
                seen.dedup();
                assert!(seen.iter().copied().eq(0..NUMBERS), "{how}: {} of all", seen.len());
                repeated -= seen.len();
                // A page for each handle and end.
                assert!(repeated <= 2 * 3 * 20, "{how}: {repeated} came twice");
            });
        }
    }
}

/// Nobody will read what waits for a handle that was dropped.
#[test]
fn a_job_whose_handle_was_dropped_comes_to_its_end() {
    for workers in [1, 2] {
        watched(move || {
            let folder = tempfile::tempdir().unwrap();
            let mut life = Life::begin(folder.path(), workers, false);
            life.two_more();
            life.handles.clear();
            life.job.join().unwrap();
        });
    }
}
