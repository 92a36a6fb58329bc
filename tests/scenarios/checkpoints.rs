//! Jobs that take checkpoints, fail, stop, and go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use thalweg::prelude::*;
use thalweg_tests::run::checkpoints;

const MS: Duration = Duration::from_millis(1);

/// How many numbers there are, and how many keys.
const NUMBERS: u64 = 3_000;
const KEYS: u64 = 7;

/// Counts numbers by key; every number leaves with the count of its key. `look` sees each number before it is counted.
fn counting(
    rate: Option<u64>,
    found: &Collected<(u64, u64)>,
    look: impl Fn(u64) + Clone + Send + Sync + 'static,
) -> impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static {
    let found = found.clone();
    move |t: &mut Topology| {
        let mut numbers = Generator::of(0..NUMBERS, |i| i).splits(3);
        if let Some(rate) = rate {
            numbers = numbers.records_per_s(rate);
        }
        let look = look.clone();
        t.source("numbers", numbers)
            .without_event_time()
            .inspect(move |n, _| look(n.to_native()))
            .key_by_value(|n| n.to_native() % KEYS)
            .filter_map_with_state("counts", |count: &mut u64, n| {
                *count += 1;
                Some((n.to_native() % KEYS, *count))
            })
            .sink("found", found.sink());
        Ok(())
    }
}

/// Each key was counted up to its number of numbers, and every count came out once.
fn assert_complete(found: &Collected<(u64, u64)>) {
    let mut found = found.take();
    found.sort_unstable();
    let count = |key: u64| (NUMBERS - key).div_ceil(KEYS);
    let expected: Vec<_> =
        (0..KEYS).flat_map(|key| (1..=count(key)).map(move |count| (key, count))).collect();
    assert_eq!(found.len(), expected.len());
    assert!(found == expected);
}

#[test]
fn a_job_that_panics_goes_on_from_its_last_checkpoint() {
    for (driver, workers) in [(Driver::Plain, 1), (Driver::Plain, 2), (Driver::Auto, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let found = Collected::new();
        let fuse = Arc::new(AtomicUsize::new(0));
        let look = move |n: u64| {
            // Twice, at different places.
            let place = [NUMBERS / 2, NUMBERS * 3 / 4, u64::MAX][fuse.load(Ordering::SeqCst)];
            if n >= place {
                fuse.fetch_add(1, Ordering::SeqCst);
                panic!("out of luck");
            }
        };
        let engine = Engine::builder()
            .workers(workers)
            .driver(driver)
            .checkpoints(checkpoints(folder.path()))
            .restart(Restart::fixed_delay(2, MS))
            .build();
        let report = engine.run("counting", counting(Some(20_000), &found, look)).unwrap();
        assert_complete(&found);
        assert_eq!(report.checkpoints.restarts, 2);
        assert!(report.checkpoints.completed > 3, "{:?}", report.checkpoints);
        assert!(report.checkpoints.restored.is_some());
        let last = report.checkpoints.last.unwrap();
        assert!(last.stalls.iter().any(|stall| stall.operator == "counts"));
    }
}

#[test]
fn a_job_that_was_stopped_goes_on_with_any_number_of_workers() {
    let folder = tempfile::tempdir().unwrap();
    let found = Collected::new();
    for workers in [1, 2, 3, 2] {
        let engine =
            Engine::builder().workers(workers).checkpoints(checkpoints(folder.path())).build();
        let job = engine.deploy("counting", counting(Some(15_000), &found, |_| {})).unwrap();
        std::thread::sleep(40 * MS);
        job.stop();
        let report = job.join().unwrap();
        assert!(report.checkpoints.completed > 0);
    }
    let engine = Engine::builder().workers(1).checkpoints(checkpoints(folder.path())).build();
    engine.run("counting", counting(None, &found, |_| {})).unwrap();
    assert_complete(&found);
}

#[test]
fn a_job_that_has_ended_has_nothing_left_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let found = Collected::new();
    let engine = Engine::builder().workers(2).checkpoints(checkpoints(folder.path())).build();
    engine.run("counting", counting(None, &found, |_| {})).unwrap();
    assert_complete(&found);
    let report = engine.run("counting", counting(None, &found, |_| {})).unwrap();
    assert_eq!(report.operator("numbers").unwrap().totals.records_in, 0);
    assert_eq!(found.take(), []);
}

#[test]
fn an_inline_engine_takes_checkpoints_too() {
    let folder = tempfile::tempdir().unwrap();
    let found = Collected::new();
    let builder = Engine::builder().checkpoints(checkpoints(folder.path()));
    let mut engine = builder.build_inline().unwrap();
    let job = engine.deploy("counting", counting(Some(30_000), &found, |_| {})).unwrap();
    let report = engine.join(job).unwrap();
    assert!(report.checkpoints.completed > 1);
    assert_complete(&found);
}

#[test]
fn a_second_engine_on_the_same_folder_is_refused_and_told_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = || Engine::builder().checkpoints(checkpoints(folder.path())).build();
    let (first, second) = (engine(), engine());
    let found = Collected::new();
    let job = first.deploy("counting", counting(Some(1_000), &found, |_| {})).unwrap();
    let error = second.deploy("counting", counting(None, &found, |_| {})).unwrap_err();
    let owner = format!("is in use by process {} on host", std::process::id());
    assert!(error.to_string().contains(&owner), "{error}");
    job.cancel();
    assert!(matches!(job.join(), Err(JobError::Cancelled)));
    second.run("counting", counting(None, &found, |_| {})).unwrap();
}

#[test]
fn attempts_run_out_and_the_last_error_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let starts = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&starts);
    let engine = Engine::builder()
        .checkpoints(checkpoints(folder.path()))
        .restart(Restart::fixed_delay(3, MS))
        .build();
    let look = move |n: u64| {
        if n == 5 {
            panic!("attempt {}", count.fetch_add(1, Ordering::SeqCst));
        }
    };
    let error = engine.run("counting", counting(None, &Collected::new(), look)).unwrap_err();
    assert_eq!(error.to_string(), "operator \"numbers\" panicked: attempt 3");
    assert_eq!(starts.load(Ordering::SeqCst), 4);
}

#[test]
fn without_checkpoints_a_restart_begins_anew() {
    let has_failed = AtomicBool::new(false);
    let has_failed = Arc::new(has_failed);
    let engine = Engine::builder().restart(Restart::fixed_delay(1, MS)).build();
    let sum = Arc::new(AtomicU64::new(0));
    let total = Arc::clone(&sum);
    let look = move |n: u64| {
        total.fetch_add(1, Ordering::SeqCst);
        if n == 2_000 && !has_failed.swap(true, Ordering::SeqCst) {
            panic!("once");
        }
    };
    let report = engine.run("counting", counting(None, &Collected::new(), look)).unwrap();
    assert_eq!(report.checkpoints.restarts, 1);
    assert!(sum.load(Ordering::SeqCst) > NUMBERS + 2_000 / 3);
}

/// One operator of a name, with state of a type.
fn with_state<V: thalweg::record::Record + Default>(
    name: &'static str,
) -> impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static {
    move |t: &mut Topology| {
        t.source("numbers", Generator::of(0..100, |i| i))
            .without_event_time()
            .key_by_value(|n| n.to_native() % KEYS)
            .filter_map_with_state(name, |_: &mut V, n| Some(n.to_native()))
            .sink("nowhere", Blackhole);
        Ok(())
    }
}

#[test]
fn state_that_nobody_asks_for_is_refused_by_name_unless_it_is_retired() {
    let folder = tempfile::tempdir().unwrap();
    let engine = || Engine::builder().checkpoints(checkpoints(folder.path()));
    engine().build().run("job", with_state::<u64>("counts")).unwrap();
    let error = engine().build().run("job", with_state::<u64>("totals")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the job cannot be built\n  the checkpoint has state \"value\" of operator \"counts\", which the job does not ask for; give the operator its name back, or retire(\"counts\", \"value\")"
    );
    let retiring = engine().retire("counts", "value").build();
    retiring.run("job", with_state::<u64>("totals")).unwrap();
    engine().build().run("job", with_state::<u64>("totals")).unwrap();
}

#[test]
fn state_of_another_type_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let engine = || Engine::builder().checkpoints(checkpoints(folder.path()));
    engine().build().run("job", with_state::<u64>("counts")).unwrap();
    let error = engine().build().run("job", with_state::<u32>("counts")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the job cannot be built\n  state \"value\" of operator \"counts\" cannot be read from the checkpoint: its values were `u64` and are `u32` now; go back to what it was, say how it is upgraded, or use another name and retire(\"counts\", \"value\")"
    );
    let retiring = engine().retire("counts", "value").build();
    retiring.run("job", with_state::<u32>("counts")).unwrap();
    engine().build().run("job", with_state::<u32>("counts")).unwrap();
}

#[test]
fn a_job_begins_with_the_checkpoint_of_another_folder() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let found = Collected::new();
    let engine = Engine::builder().checkpoints(checkpoints(first.path())).build();
    let job = engine.deploy("counting", counting(Some(15_000), &found, |_| {})).unwrap();
    std::thread::sleep(60 * MS);
    job.stop();
    job.join().unwrap();
    let engine = Engine::builder()
        .workers(2)
        .checkpoints(checkpoints(second.path()))
        .restore_from(first.path().join("counting"))
        .build();
    let report = engine.run("counting", counting(None, &found, |_| {})).unwrap();
    assert!(report.checkpoints.restored.is_some());
    assert_complete(&found);
}

#[test]
fn a_checkpoint_elsewhere_needs_a_place_for_ones_own() {
    let engine = Engine::builder().restore_from("somewhere").build();
    let error = engine.run("job", with_state::<u64>("counts")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the job cannot be built\n  setting of \"restore_from\": say where the job's own checkpoints go, with checkpoints()"
    );
}
