//! Several jobs in one engine: each has its own fate, and none disturbs another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thalweg::control::JobHandle;
use thalweg::error::JobError;
use thalweg::prelude::*;
use thalweg_tests::run::{Settings, watched};

/// Numbers without end on all workers; `passed` counts them.
fn endless(engine: &Engine, name: &str, passed: &Arc<AtomicU64>) -> JobHandle {
    let passed = Arc::clone(passed);
    let job = engine.deploy(name, move |t| {
        let passed = Arc::clone(&passed);
        t.source("numbers", Items::per_split(4, |_| 0u64..))
            .without_event_time()
            .key_by_value(|n| n.to_native() % 100)
            .filter_map_with_state("count", |count: &mut u64, _| {
                *count += 1;
                Some(*count)
            })
            .for_each("passed", move |_, _| {
                passed.fetch_add(1, Ordering::Relaxed);
            });
        Ok(())
    });
    job.unwrap()
}

/// A job of `count` numbers, and what it makes of them.
fn squares(engine: &Engine, name: &str, count: u64) -> (JobHandle, Collected<u64>) {
    let squares = Collected::new();
    let sink = squares.clone();
    let job = engine.deploy(name, move |t| {
        t.source("numbers", Items::per_split(3, move |split| (split as u64..count).step_by(3)))
            .without_event_time()
            .key_by_value(|n| n.to_native() % 7)
            .filter_map_with_state("square", |_: &mut u64, n| Some(n.to_native().pow(2)))
            .sink("squares", sink.sink());
        Ok(())
    });
    (job.unwrap(), squares)
}

fn assert_squares(squares: &Collected<u64>, count: u64) {
    let mut found = squares.take();
    found.sort_unstable();
    assert_eq!(found, (0..count).map(|n| n * n).collect::<Vec<_>>());
}

fn failing(engine: &Engine, name: &str, panics: bool) -> JobHandle {
    let job = engine.deploy(name, move |t| {
        t.source("numbers", Items::per_split(4, |_| 0u64..))
            .without_event_time()
            .try_map(move |n| match n.to_native() {
                500 if panics => panic!("no more"),
                500 => Err("no more".into()),
                n => Ok(n),
            })
            .sink("nowhere", Blackhole);
        Ok(())
    });
    job.unwrap()
}

fn wait_for(passed: &AtomicU64, more: u64) {
    let enough = passed.load(Ordering::Relaxed) + more;
    while passed.load(Ordering::Relaxed) < enough {
        std::thread::yield_now();
    }
}

fn different_fates(driver: Driver, workers: usize) {
    let engine = Settings::tight(workers).engine().driver(driver).build();
    let passed = Arc::new(AtomicU64::new(0));
    let long = endless(&engine, "long", &passed);
    let broken = failing(&engine, "broken", false);
    let panicking = failing(&engine, "panicking", true);
    let (ends, results) = squares(&engine, "ends", 1_000);
    let cancelled = endless(&engine, "cancelled", &Arc::default());

    let error = broken.join().unwrap_err();
    assert_eq!(error.to_string(), "operator \"numbers\" failed");
    let error = panicking.join().unwrap_err();
    assert_eq!(error.to_string(), "operator \"numbers\" panicked: no more");
    let report = ends.join().unwrap();
    assert_eq!(report.operator("squares").unwrap().totals.records_in, 1_000);
    assert_squares(&results, 1_000);
    cancelled.cancel();
    assert!(matches!(cancelled.join(), Err(JobError::Cancelled)));

    wait_for(&passed, 10_000);
    assert_eq!(engine.jobs(), ["long"]);
    assert!(!long.is_ended());
    engine.shutdown();
    assert!(long.is_ended());
    assert!(matches!(long.join(), Err(JobError::Cancelled)));
}

#[test]
fn jobs_of_one_engine_end_fail_and_are_cancelled_each_for_itself() {
    for workers in 1..=4 {
        watched(move || different_fates(Driver::Plain, workers));
    }
}

#[test]
fn jobs_of_one_engine_on_glommio_end_fail_and_are_cancelled_each_for_itself() {
    for workers in 1..=2 {
        watched(move || different_fates(Driver::Auto, workers));
    }
}

#[test]
fn a_name_in_use_is_refused_and_free_again_after_the_end() {
    watched(|| {
        let engine = Settings::tight(2).engine().build();
        let first = endless(&engine, "one", &Arc::default());
        let error = engine.deploy("one", squares_to_nowhere).unwrap_err();
        let expected = "a job named \"one\" runs on this engine; give this one another name, or join that one first";
        assert_eq!(error.to_string(), expected);
        first.cancel();
        first.join().unwrap_err();
        engine.run("one", squares_to_nowhere).unwrap();
        let error = engine.run("", squares_to_nowhere).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the job cannot be built\n  a job has an empty name; give it one"
        );
    });
}

fn squares_to_nowhere(t: &mut Topology) -> Result<()> {
    t.source("numbers", Items::of(vec![1u64])).without_event_time().sink("nowhere", Blackhole);
    Ok(())
}

#[test]
fn an_engine_that_was_shut_down_refuses_jobs() {
    watched(|| {
        let engine = Settings::tight(1).engine().build();
        engine.clone().shutdown();
        let error = engine.run("late", squares_to_nowhere).unwrap_err();
        assert_eq!(error.to_string(), "the engine was shut down; build another");
    });
}

#[test]
fn a_job_goes_on_without_its_handle_and_ends_with_its_engine() {
    watched(|| {
        let engine = Settings::tight(2).engine().build();
        let passed = Arc::new(AtomicU64::new(0));
        drop(endless(&engine, "long", &passed));
        wait_for(&passed, 1_000);
        drop(engine);
        assert_eq!(Arc::strong_count(&passed), 1, "everything of the job is gone, on all threads");
    });
}

/// The last owner of an engine may be one of its own jobs.
#[test]
fn an_engine_that_is_dropped_by_one_of_its_threads_stops() {
    watched(|| {
        let engine = Settings::tight(2).engine().build();
        let owned = engine.clone();
        let job = engine.deploy("owner", move |t| {
            let owned = owned.clone();
            t.source("numbers", Items::of(vec![1u64]))
                .without_event_time()
                .for_each("owner", move |_, _| assert_eq!(owned.jobs(), ["owner"]));
            Ok(())
        });
        drop(engine);
        job.unwrap().join().unwrap();
    });
}

#[test]
fn a_host_turns_its_jobs_itself() {
    watched(|| {
        let mut engine = Engine::builder().ring_pages(1).page_bytes(256).build_inline().unwrap();
        let results = Collected::new();
        let sink = results.clone();
        let sums = engine
            .deploy("sums", move |t| {
                t.source("numbers", Items::of((0..1_000u64).collect::<Vec<_>>()))
                    .without_event_time()
                    .key_by_value(|n| n.to_native() % 2)
                    .filter_map_with_state("sum", |sum: &mut u64, n| {
                        *sum += n.to_native();
                        Some(*sum)
                    })
                    .sink("sums", sink.sink());
                Ok(())
            })
            .unwrap();
        let bad = engine
            .deploy("bad", |t| {
                t.source("numbers", Items::of(vec![1u64]))
                    .without_event_time()
                    .map(|_| -> u64 { panic!("not in my loop") })
                    .sink("nowhere", Blackhole);
                Ok(())
            })
            .unwrap();
        let error = engine.join(bad).unwrap_err();
        assert_eq!(error.to_string(), "operator \"numbers\" panicked: not in my loop");
        engine.join(sums).unwrap();
        let mut found = results.take();
        found.sort_unstable();
        assert_eq!(found.len(), 1_000);
        assert_eq!(found[998..], [249_500, 250_000]);
        assert!(!engine.turn(), "nothing is left to do");
    });
}

/// A job with checkpoints is seated by a thread of its own, which may come too late.
#[test]
fn jobs_end_whose_engine_is_dropped_before_they_have_begun() {
    for _ in 0..100 {
        watched(|| {
            let folder = tempfile::tempdir().unwrap();
            let checkpoints = Checkpoints::in_directory(folder.path());
            let engine = Settings::tight(2).engine().checkpoints(checkpoints).build();
            let job = endless(&engine, "endless", &Arc::default());
            drop(engine);
            assert!(matches!(job.join(), Err(JobError::Cancelled)));
        });
    }
}
