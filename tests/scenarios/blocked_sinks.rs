//! Sinks that take nothing for a while: checkpoints are complete all the same, and what was on its way is in them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thalweg::error::OperatorFault;
use thalweg::exchange::Records;
use thalweg::prelude::*;
use thalweg::sink::{Sink, SinkWriter, Writers};
use thalweg::source::OpenContext;
use thalweg_tests::run::{Settings, checkpoints, watched};

/// Takes records while it is open.
#[derive(Clone)]
struct Gate {
    writers: Writers,
    is_open: Arc<AtomicBool>,
    passed: Arc<Mutex<Vec<u64>>>,
}

impl Gate {
    fn new(writers: Writers) -> Self {
        Self { writers, is_open: Arc::default(), passed: Arc::default() }
    }

    fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }

    fn passed(&self) -> Vec<u64> {
        self.passed.lock().unwrap().clone()
    }
}

impl Sink<u64> for Gate {
    type Writer = Self;

    fn writers(&self) -> Writers {
        self.writers
    }

    fn open(&self, _: &OpenContext) -> Result<Self, OperatorFault> {
        Ok(self.clone())
    }
}

impl SinkWriter<u64> for Gate {
    fn poll_ready(&mut self) -> Result<bool, OperatorFault> {
        Ok(self.is_open.load(Ordering::SeqCst))
    }

    fn write(&mut self, run: Records<'_, u64>) -> Result<(), OperatorFault> {
        assert!(self.is_open.load(Ordering::SeqCst), "it had said no");
        self.passed.lock().unwrap().extend(run.iter().map(|(record, _)| record.to_value()));
        Ok(())
    }
}

/// More than a socket that nobody reads takes, with those before and behind it.
const LINES: u64 = 3_000_000;

const SPLITS: u64 = 3;
const NUMBERS: u64 = 6_000;

/// Numbers of three splits, an exchange by split, and the gate.
fn job(gate: &Gate) -> impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static {
    let gate = gate.clone();
    move |t| {
        t.source("numbers", Generator::of(0..NUMBERS, |i| i).splits(3))
            .without_event_time()
            .key_by_value(|n| n.to_native() % SPLITS)
            .filter_map_with_state("counts", |count: &mut u64, n| {
                *count += 1;
                (*count == n.to_native() / SPLITS + 1).then(|| n.to_native())
            })
            .sink("gate", gate.clone());
        Ok(())
    }
}

/// Each number once, those of a split in their order.
fn assert_complete(passed: &[u64], how: &str) {
    for split in 0..SPLITS {
        let own: Vec<_> = passed.iter().copied().filter(|n| n % SPLITS == split).collect();
        let expected: Vec<_> = (0..NUMBERS).filter(|n| n % SPLITS == split).collect();
        assert!(own == expected, "{how}: split {split}: {} of {}", own.len(), expected.len());
    }
}

fn engine_on(folder: &std::path::Path, workers: usize) -> Engine {
    Settings::tight(workers).engine().checkpoints(checkpoints(folder)).build()
}

/// Waits until two more checkpoints are complete: the second was begun when the gate was closed.
fn two_more(job: &thalweg::control::JobHandle) {
    let completed = || job.snapshot().checkpoints.completed;
    let before = completed();
    while completed() < before + 2 {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_checkpoint_is_complete_while_a_sink_takes_nothing() {
    for (writers, workers) in
        [(Writers::One, 1), (Writers::One, 2), (Writers::PerWorker, 2), (Writers::PerWorker, 3)]
    {
        watched(move || {
            let folder = tempfile::tempdir().unwrap();
            let gate = Gate::new(writers);
            let engine = engine_on(folder.path(), workers);
            let job = engine.deploy("gated", job(&gate)).unwrap();
            two_more(&job);
            two_more(&job);
            assert!(gate.passed().is_empty());
            gate.open();
            job.join().unwrap();
            assert_complete(&gate.passed(), &format!("{writers:?}, {workers} worker(s)"));
        });
    }
}

#[test]
fn what_was_on_its_way_to_a_sink_is_in_the_checkpoint() {
    for writers in [Writers::One, Writers::PerWorker] {
        for (before, after) in [(1, 1), (1, 3), (2, 2), (3, 2), (2, 1)] {
            watched(move || {
                let folder = tempfile::tempdir().unwrap();
                let gate = Gate::new(writers);
                // Twice, so that what a checkpoint has goes into another.
                for workers in [before, before, after] {
                    let engine = engine_on(folder.path(), workers);
                    let job = engine.deploy("gated", job(&gate)).unwrap();
                    two_more(&job);
                    job.cancel();
                    assert!(matches!(job.join(), Err(JobError::Cancelled)));
                }
                assert!(gate.passed().is_empty());
                gate.open();
                engine_on(folder.path(), after).run("gated", job(&gate)).unwrap();
                let mut passed = gate.passed();
                // What lay aside on one worker and what comes after it may have different writers then.
                if writers == Writers::PerWorker && before != after {
                    passed.sort_unstable();
                }
                assert_complete(&passed, &format!("{writers:?}, {before} to {after}"));
            });
        }
    }
}

/// Nobody reads: the lines that the socket does not take are in the checkpoint, and come to who reads then.
#[test]
fn a_socket_that_nobody_reads_holds_up_no_checkpoint() {
    use std::io::{BufRead, BufReader};
    watched(|| {
        let folder = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let run = move |t: &mut Topology| {
            let numbers = t.source("numbers", Generator::of(0..LINES, |i| i)).without_event_time();
            numbers.sink("lines", Sockets::connect(address.as_str()).ndjson());
            Ok(())
        };
        let engine = engine_on(folder.path(), 2);
        let job = engine.deploy("lines", run.clone()).unwrap();
        let (silent, _) = listener.accept().unwrap();
        // Until it is full.
        let written = || job.snapshot().operator("numbers").map_or(0, |o| o.records_out);
        let mut last = u64::MAX;
        while last != written() || last == 0 {
            last = written();
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(last < LINES, "the system took everything");
        two_more(&job);
        job.cancel();
        assert!(matches!(job.join(), Err(JobError::Cancelled)));
        drop(silent);
        let engine = engine_on(folder.path(), 1);
        let job = engine.deploy("lines", run).unwrap();
        let (reader, _) = listener.accept().unwrap();
        let lines: Vec<u64> =
            BufReader::new(reader).lines().map(|line| line.unwrap().parse().unwrap()).collect();
        job.join().unwrap();
        // What the system had taken is lost with who did not read it; everything else comes, in order, to the end.
        let first = LINES - lines.len() as u64;
        assert!(first < last, "from {first} on, though only {last} were made");
        assert!(lines.iter().copied().eq(first..LINES));
    });
}
