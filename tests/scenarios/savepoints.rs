//! Savepoints: a job stopped here goes on there, on other numbers of workers and in other shapes, as if nothing had been.

use std::fs;
use std::path::Path;
use std::time::Duration;

use thalweg::checkpoint::SavepointError;
use thalweg::metrics::Ending;
use thalweg::prelude::*;
use thalweg::process::{Cx, KeyedProcess, NoSide, Timers};
use thalweg::rt::{MemoryFiles, Sim};
use thalweg::state::{State, Value};
use thalweg_tests::records::Number;
use thalweg_tests::run::{checkpointed as engine, checkpoints};

const MS: Duration = Duration::from_millis(1);

/// How many numbers there are, one for each millisecond, and how many keys.
const NUMBERS: u64 = 3_000;
const KEYS: u64 = 7;

fn millis(ms: u64) -> EventTime {
    EventTime::from_millis(ms.cast_signed())
}

#[derive(Debug, State)]
struct Seen {
    numbers: Value<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Timers)]
enum Timer {
    Complete,
}

/// A hundred numbers in a row are a key; when all of them must have come, it says how many have.
#[derive(Debug)]
struct Hundreds;

impl KeyedProcess for Hundreds {
    type Key = u64;
    type In = Number;
    type Out = (u64, u64);
    type State = Seen;
    type Timer = Timer;
    type Side = NoSide;

    fn on_event(
        &mut self,
        cx: &mut Cx<'_, Self>,
        number: &Rec<Number>,
    ) -> Result<(), OperatorFault> {
        cx.state.numbers.update(|seen| *seen += 1);
        cx.event_timers.set(Timer::Complete, millis(number.n() / 100 * 100 + 150));
        Ok(())
    }

    fn on_timer(
        &mut self,
        cx: &mut Cx<'_, Self>,
        _: Timer,
        _: EventTime,
    ) -> Result<(), OperatorFault> {
        let seen = cx.state.numbers.take().unwrap_or(0);
        cx.out.emit(&(cx.key(), seen));
        Ok(())
    }
}

/// What comes out.
#[derive(Clone, Default)]
struct Found {
    counts: Collected<(u64, u64)>,
    windows: Collected<(EventTime, u64, u64)>,
    hundreds: Collected<(u64, u64)>,
}

impl Found {
    /// Counts by key, sums by key and window, and a timer for each hundred, of numbers that come in three splits.
    fn job(
        &self,
        rate: Option<u64>,
    ) -> impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static {
        let found = self.clone();
        move |t: &mut Topology| {
            let mut numbers = Generator::of(0..NUMBERS, Number::of).splits(3);
            if let Some(rate) = rate {
                numbers = numbers.records_per_s(rate);
            }
            let numbers =
                t.source("numbers", numbers).watermarks(BoundedOutOfOrderness::of(20 * MS));
            let by_key = numbers.clone().key_by_value(|number| number.n() % KEYS);
            by_key
                .filter_map_with_state("counts", |count: &mut u64, number| {
                    *count += 1;
                    Some((number.n() % KEYS, *count))
                })
                .sink("counted", found.counts.sink());
            let Windowed { on_time, late } = numbers
                .clone()
                .key_by_value(|number| number.n() % KEYS)
                .window("windows", Tumbling::of(100 * MS))
                .aggregate(|sum: &mut u64, number| *sum += number.n());
            late.drop_counted();
            on_time.map(|w| (w.start(), w.key(), w.value())).sink("summed", found.windows.sink());
            numbers
                .key_by_value(|number| number.n() / 100)
                .process("hundreds", || Hundreds)
                .sink("hundreds seen", found.hundreds.sink());
            Ok(())
        }
    }

    fn assert_complete(&self) {
        let sorted = |mut found: Vec<(u64, u64)>| {
            found.sort_unstable();
            found
        };
        let count = |key: u64| (NUMBERS - key).div_ceil(KEYS);
        let counts = (0..KEYS).flat_map(|key| (1..=count(key)).map(move |count| (key, count)));
        assert!(sorted(self.counts.take()) == counts.collect::<Vec<_>>());
        let sum =
            |start: u64, key: u64| (start..start + 100).filter(|n| n % KEYS == key).sum::<u64>();
        let starts = (0..NUMBERS).step_by(100);
        let windows: Vec<_> = starts
            .flat_map(|start| (0..KEYS).map(move |key| (millis(start), key, sum(start, key))))
            .collect();
        let mut found = self.windows.take();
        found.sort_unstable();
        assert_eq!(found, windows);
        let hundreds: Vec<_> = (0..NUMBERS / 100).map(|hundred| (hundred, 100)).collect();
        assert_eq!(sorted(self.hundreds.take()), hundreds);
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn a_job_stopped_with_a_savepoint_goes_on_from_it_on_any_number_of_workers() {
    let folder = tempfile::tempdir().unwrap();
    let at = |kind: &str, round: usize| folder.path().join(format!("{kind} {round}"));
    let found = Found::default();
    for (round, workers) in [1, 2, 3, 1].into_iter().enumerate() {
        let mut engine = engine(workers, &at("state", round));
        if round > 0 {
            engine = engine.restore_from(at("moved", round - 1));
        }
        let host = engine.build();
        let job = host.deploy("job", found.job(Some(15_000))).unwrap();
        std::thread::sleep(35 * MS);
        let saved = job.stop_with_savepoint(at("saved", round)).unwrap().wait().unwrap();
        assert_eq!(saved.folder, at("saved", round));
        assert!(saved.bytes > 0);
        let report = job.join().unwrap();
        assert_eq!(report.ending, Ending::Stopped);
        assert_eq!(report.checkpoints.restored.is_some(), round > 0);
        assert_eq!(report.checkpoints.last.unwrap().epoch, saved.epoch);
        // Nothing else is needed, and it may lie elsewhere.
        fs::remove_dir_all(at("state", round)).unwrap();
        fs::rename(at("saved", round), at("moved", round)).unwrap();
    }
    let engine = engine(2, &at("state", 9)).restore_from(at("moved", 3));
    engine.clone().build().run("job", found.job(None)).unwrap();
    found.assert_complete();
    // The job has checkpoints of its own by now, and has ended.
    engine.build().run("job", found.job(None)).unwrap();
    assert!(found.counts.take().is_empty());
}

#[test]
fn a_savepoint_of_a_job_that_goes_on_is_the_job_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (first, second) = (Found::default(), Found::default());
    let host = engine(2, &at("first")).build();
    let job = host.deploy("job", first.job(Some(15_000))).unwrap();
    std::thread::sleep(60 * MS);
    let (a, b) = (job.savepoint(at("a")).unwrap(), job.savepoint(at("b")).unwrap());
    let (a, b) = (a.wait().unwrap(), b.wait().unwrap());
    assert!(b.epoch >= a.epoch);
    job.join().unwrap();
    first.assert_complete();
    let engine = engine(3, &at("second")).restore_from(at("a"));
    engine.build().run("job", second.job(None)).unwrap();
    // What comes after it comes again, and all of it.
    let mut counts = second.counts.take();
    counts.sort_unstable();
    for key in 0..KEYS {
        let of_key: Vec<u64> =
            counts.iter().filter(|(of, _)| *of == key).map(|(_, count)| *count).collect();
        let last = (NUMBERS - key).div_ceil(KEYS);
        assert!(of_key.first().is_none_or(|first| *first > 1), "some were counted before");
        assert!(of_key.iter().copied().eq(of_key.first().copied().unwrap_or(last + 1)..=last));
    }
    assert!(!counts.is_empty());
    assert_eq!(second.hundreds.take().iter().filter(|(_, seen)| *seen != 100).count(), 0);
}

#[test]
fn without_checkpoints_that_come_by_themselves_there_are_those_that_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let found = Found::default();
    let checkpoints = Checkpoints::in_directory(folder.path().join("state")).on_demand();
    let mut engine = Engine::builder().checkpoints(checkpoints).build_inline().unwrap();
    let job = engine.deploy("job", found.job(None)).unwrap();
    engine.turn();
    let mut pending = job.savepoint(folder.path().join("saved")).unwrap();
    assert!(!pending.is_done());
    while !pending.is_done() {
        engine.turn();
    }
    let saved = pending.wait().unwrap();
    assert_eq!(saved.epoch, 1);
    let report = engine.join(job).unwrap();
    assert_eq!(report.checkpoints.completed, 2, "that one, and the last");
    found.assert_complete();
}

/// The counts alone, under a name, and perhaps something else.
fn counting(
    name: &'static str,
    others: bool,
) -> impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static {
    move |t: &mut Topology| {
        let numbers = Generator::of(0..NUMBERS, |n| n).records_per_s(20_000);
        let numbers = t.source("numbers", numbers).without_event_time();
        let count = |count: &mut u64, n: &Rec<u64>| {
            *count += 1;
            Some((n.to_native() % KEYS, *count))
        };
        let by_key = |n: &Rec<u64>| n.to_native() % KEYS;
        numbers
            .clone()
            .key_by_value(by_key)
            .filter_map_with_state(name, count)
            .sink("nowhere", Blackhole);
        if others {
            numbers
                .key_by_value(by_key)
                .filter_map_with_state("others", count)
                .sink("nowhere else", Blackhole);
        }
        Ok(())
    }
}

#[test]
fn operators_may_be_added_and_state_that_nobody_claims_is_refused_unless_it_is_retired() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let host = engine(1, &at("first")).build();
    let job = host.deploy("job", counting("counts", false)).unwrap();
    while job.snapshot().operator("counts").is_none_or(|counts| counts.records_in == 0) {
        std::thread::sleep(Duration::from_millis(1));
    }
    job.stop_with_savepoint(at("saved")).unwrap().wait().unwrap();
    job.join().unwrap();
    let restored = |workers| engine(workers, &at("second")).restore_from(at("saved"));
    let refused = restored(1).build().run("job", counting("totals", true)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the job cannot be built\n  the checkpoint has state \"value\" of operator \"counts\", which the job does not ask for; give the operator its name back, or retire(\"counts\", \"value\")"
    );
    assert!(
        !fs::read_dir(at("second").join("job"))
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().starts_with("manifest") }),
        "nothing was begun"
    );
    let retiring = restored(3).retire("counts", "value").build();
    let report = retiring.run("job", counting("totals", true)).unwrap();
    assert_eq!(report.checkpoints.restored, Some(1));
    engine(2, &at("third"))
        .restore_from(at("saved"))
        .build()
        .run("job", counting("counts", true))
        .unwrap();
}

#[test]
fn what_cannot_be_a_savepoint_is_told_before_the_job_is_disturbed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let found = Found::default();
    let host = engine(1, &at("state")).build();
    let job = host.deploy("job", found.job(Some(15_000))).unwrap();
    fs::create_dir(at("full")).unwrap();
    fs::write(at("full").join("letter"), "dear").unwrap();
    let error = job.stop_with_savepoint(at("full")).unwrap_err();
    let expected =
        format!("\"{}\" is not empty; a savepoint gets a folder of its own", at("full").display());
    assert_eq!(error.to_string(), expected);
    let error = job.savepoint(at("full").join("letter").join("below")).unwrap_err();
    let below = at("full").join("letter/below");
    assert_eq!(
        error.to_string(),
        format!("folder \"{}\" for a savepoint cannot be made", below.display())
    );
    let report = job.join().unwrap();
    assert_eq!(report.ending, Ending::Finished);
    found.assert_complete();

    let host = Engine::builder().build();
    let job = host.deploy("plain", found.job(None)).unwrap();
    let error = job.savepoint(at("none")).unwrap_err();
    assert!(matches!(error, SavepointError::NoCheckpoints { .. }));
    assert_eq!(
        error.to_string(),
        "job \"plain\" takes no checkpoints, and a savepoint is one; say where they go with EngineBuilder::checkpoints(), with Checkpoints::on_demand() for none but those that are asked for"
    );
    assert!(!at("none").exists());
    job.join().unwrap();
}

#[test]
fn a_job_that_has_ended_makes_no_savepoint() {
    let folder = tempfile::tempdir().unwrap();
    let found = Found::default();
    let host = engine(1, &folder.path().join("state")).build();
    let job = host.deploy("job", found.job(None)).unwrap();
    while !job.is_ended() {
        std::thread::sleep(MS);
    }
    let saved = folder.path().join("saved");
    let error = job.savepoint(&saved).unwrap().wait().unwrap_err();
    let expected = format!("the job ended before savepoint \"{}\" was complete", saved.display());
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_folder_that_is_no_savepoint_or_half_of_one_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let found = Found::default();
    let host = engine(1, &at("first")).build();
    let job = host.deploy("job", found.job(Some(15_000))).unwrap();
    job.stop_with_savepoint(at("saved")).unwrap().wait().unwrap();
    job.join().unwrap();
    let refused = |from: &Path| {
        let engine = engine(1, &at("second")).restore_from(from).build();
        chain(&engine.run("job", found.job(None)).unwrap_err())
    };
    let nowhere = at("nowhere");
    let message = format!("there is no savepoint in \"{}\"", nowhere.display());
    assert_eq!(refused(&nowhere), message);
    // Copied in part, or cut short.
    fs::rename(at("saved").join("savepoint"), at("kept")).unwrap();
    let message = format!(
        "savepoint \"{}\" is not whole: its file \"savepoint\" is missing",
        at("saved").display()
    );
    assert_eq!(refused(&at("saved")), message);
    fs::rename(at("kept"), at("saved").join("savepoint")).unwrap();
    let segment = fs::read_dir(at("saved")).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.filter(|path| path.extension().is_some()).min().unwrap();
    fs::rename(&segment, at("kept")).unwrap();
    let message = format!("savepoint \"{}\" is not whole", at("saved").display());
    assert!(refused(&at("saved")).starts_with(&message));
    fs::rename(at("kept"), &segment).unwrap();
    // A job does not write where a savepoint is.
    fs::create_dir(at("third")).unwrap();
    fs::rename(at("saved"), at("third").join("job")).unwrap();
    let engine = engine(1, &at("third")).build();
    let error = engine.run("job", found.job(None)).unwrap_err();
    let directory = at("third").join("job");
    let message = format!(
        "directory \"{}\" is a savepoint, which no job writes to; give the job another one, and restore_from() this",
        directory.display()
    );
    assert_eq!(error.to_string(), message);
    assert!(segment.file_name().is_some_and(|name| directory.join(name).exists()));
}

/// The story: a replay of such a recording began with empty state, and gave other results without a word.
#[test]
fn a_recording_that_begins_at_a_checkpoint_is_not_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let engine = || {
        let checkpoints = checkpoints(&folder.path().join("state"));
        Engine::builder().checkpoints(checkpoints).record_decisions().build()
    };
    let found = Found::default();
    let host = engine();
    let job = host.deploy("job", found.job(Some(15_000))).unwrap();
    std::thread::sleep(40 * MS);
    job.stop();
    job.join().unwrap();
    let host = engine();
    let again = host.deploy("job", found.job(None)).unwrap();
    let (report, journal) = again.join_recorded().unwrap();
    let epoch = report.checkpoints.restored.unwrap();
    assert_eq!(journal.began_at, Some(epoch));
    let error = Sim::replay(&journal, MemoryFiles::default(), found.job(None)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the job cannot be built\n  what was recorded cannot be replayed: it went on from checkpoint {epoch}, whose state is not recorded; record a run that begins anew"
        )
    );
}
