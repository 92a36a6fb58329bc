//! Each query takes two checkpoints on its way, reads on, and is broken off: by a panic, or cancelled and started by another engine with other workers.

use std::path::Path;
use std::time::{Duration, Instant};

use thalweg::control::{EngineBuilder, JobHandle};
use thalweg::prelude::*;
use thalweg_bench::nexmark::outlet::{Kept, Outlet};
use thalweg_bench::nexmark::queries::{self, Query};
use thalweg_bench::nexmark::run;
use thalweg_tests::nexmark::{compare, digests, side_input};

use crate::gated::Gated;

/// How far a query has come at its two checkpoints and where it is broken off. Nothing of it is at a border of windows or of batches.
const FIRST: usize = 17_011;
const SECOND: usize = 33_333;
const BROKEN: usize = 41_717;

#[expect(clippy::disallowed_methods, reason = "a test waits for what other threads do")]
pub(crate) fn wait_until(mut is_there: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_there() {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not come");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Checkpoints come when they are asked for.
fn builder(folder: &Path, workers: usize) -> EngineBuilder {
    let checkpoints = Checkpoints::in_directory(folder).every(3_600.secs());
    Engine::builder().workers(workers).checkpoints(checkpoints)
}

/// A query that is on its way.
struct Broken {
    query: Query,
    source: Gated,
    kept: Kept,
    folder: tempfile::TempDir,
}

impl Broken {
    fn new(query: Query) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        Self { query, source: Gated::default(), kept: Kept::default(), folder }
    }

    fn start(&self, engine: &Engine) -> JobHandle {
        let (query, source) = (self.query, self.source.clone());
        let (outlet, side_input) = (Outlet::Kept(self.kept.clone()), side_input());
        let job = engine.deploy(query.name, move |t| {
            run::build(query, t, source.clone(), side_input.clone(), &outlet);
            Ok(())
        });
        job.expect("the query can be built")
    }

    /// The first events, with two checkpoints in between, and some that belong to none.
    fn begin(&self, job: &JobHandle) {
        for (events, completed) in [(FIRST, 1), (SECOND, 2)] {
            self.source.open_to(events);
            job.checkpoint();
            wait_until(|| job.snapshot().checkpoints.completed >= completed);
        }
        self.source.open_to(BROKEN);
    }

    fn panics(&self, workers: usize) {
        let builder = builder(self.folder.path(), workers);
        let engine = builder.restart(Restart::fixed_delay(1, 1.millis())).build();
        let job = self.start(&engine);
        self.begin(&job);
        self.source.break_at(BROKEN);
        self.source.open();
        let report = job.join().expect("it goes on and ends");
        assert_eq!((report.checkpoints.restarts, report.checkpoints.restored), (1, Some(2)));
    }

    fn is_cancelled(&self, (before, after): (usize, usize)) {
        let engine = builder(self.folder.path(), before).build();
        let job = self.start(&engine);
        self.begin(&job);
        job.cancel();
        assert!(matches!(job.join(), Err(JobError::Cancelled)));
        self.source.open();
        let engine = builder(self.folder.path(), after).build();
        let report = self.start(&engine).join().expect("it goes on and ends");
        assert_eq!(report.checkpoints.restored, Some(2));
    }
}

/// Each query but q12, which depends on the clock.
fn each<W: Copy + std::fmt::Debug>(workers: &[W], break_off: impl Fn(&Broken, W)) {
    let digests = digests();
    for query in queries::ALL.iter().filter(|query| query.name != "q12") {
        for &workers in workers {
            let broken = Broken::new(*query);
            break_off(&broken, workers);
            if let Err(differs) = compare(query, &broken.kept.sorted(), &digests) {
                panic!("{workers:?} workers: {differs}");
            }
        }
    }
}

#[test]
fn a_query_that_panics_in_the_middle_gives_the_golden_result() {
    each(&[1, 2], Broken::panics);
}

#[test]
fn a_query_that_is_cancelled_in_the_middle_goes_on_with_other_workers_to_the_golden_result() {
    each(&[(1, 2), (2, 1), (2, 3)], Broken::is_cancelled);
}
