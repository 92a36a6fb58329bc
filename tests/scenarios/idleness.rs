//! Splits that fall silent: event time goes on without them, and comes back to them.
//!
//! The splits follow a script of bursts and silences. On the simulator time is virtual; on threads nothing here depends on how long
//! anything takes, only on silences being longer than a millisecond at some time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use thalweg::error::OperatorFault;
use thalweg::io::Files;
use thalweg::prelude::*;
use thalweg::rt::{MemoryFiles, Sim};
use thalweg::source::{Emitter, OpenContext, Polled, Source, SplitReader};
use thalweg::time::AllIdle;
use thalweg_tests::oracle::{self, sorted, unordered};
use thalweg_tests::records::{Event, Summary, Totals};
use thalweg_tests::run::{Settings, watched};

/// What a split does next.
#[derive(Debug, Clone)]
enum Act {
    /// Gives records, as many as are wanted at a time.
    Speak(Vec<Event>),
    /// Finds nothing, for so many polls; with a number that is never used up, until all other splits have ended.
    Silent(u32),
    /// Finds nothing until this many results have left the job.
    Until(u64),
}

/// Splits with scripts.
#[derive(Clone)]
struct Scripted {
    scripts: Arc<Vec<Vec<Act>>>,
    /// Results so far, which silent splits may wait for.
    results: Arc<std::sync::atomic::AtomicU64>,
}

struct ScriptReader {
    script: std::vec::IntoIter<Act>,
    records: std::vec::IntoIter<Event>,
    silent: u32,
    until: u64,
    results: Arc<std::sync::atomic::AtomicU64>,
}

impl Source for Scripted {
    type Out = Event;
    type Split = usize;
    type Reader = ScriptReader;

    fn splits(&self, _: &dyn Files) -> Result<Vec<usize>, OperatorFault> {
        Ok((0..self.scripts.len()).collect())
    }

    fn open(&self, split: &usize, _: &OpenContext) -> Result<ScriptReader, OperatorFault> {
        let script = self.scripts[*split].clone().into_iter();
        let results = Arc::clone(&self.results);
        Ok(ScriptReader { script, records: Vec::new().into_iter(), silent: 0, until: 0, results })
    }
}

impl SplitReader<Event> for ScriptReader {
    fn poll(&mut self, out: &mut Emitter<'_, Event>) -> Result<Polled, OperatorFault> {
        loop {
            if self.silent > 0 {
                self.silent -= 1;
                return Ok(Polled::Dry);
            }
            if self.results.load(std::sync::atomic::Ordering::Relaxed) < self.until {
                return Ok(Polled::Dry);
            }
            while out.wanted() > 0 {
                match self.records.next() {
                    Some(record) => out.emit(&record),
                    None => break,
                }
            }
            if out.wanted() == 0 {
                return Ok(Polled::More);
            }
            match self.script.next() {
                Some(Act::Speak(records)) => self.records = records.into_iter(),
                Some(Act::Silent(polls)) => self.silent = polls,
                Some(Act::Until(results)) => self.until = results,
                None => return Ok(Polled::End),
            }
        }
    }
}

type Outputs = (Vec<Vec<(EventTime, Summary)>>, Vec<Vec<(EventTime, Event)>>);

/// A job over scripted splits: hundred-millisecond windows by name.
#[derive(Clone)]
struct Job {
    source: Scripted,
    idle_after: Option<Duration>,
    all_idle: AllIdle,
    on_time: Collected<Summary>,
    late: Collected<Event>,
}

const WIDTH: Duration = Duration::from_millis(100);

impl Job {
    fn new(scripts: Vec<Vec<Act>>, idle_after: Option<Duration>, all_idle: AllIdle) -> Self {
        let source = Scripted { scripts: Arc::new(scripts), results: Arc::default() };
        Self { source, idle_after, all_idle, on_time: Collected::new(), late: Collected::new() }
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let source = t.source("events", self.source.clone());
        let strategy = Monotonic.when_all_idle(self.all_idle);
        let events = source.watermarks(match self.idle_after {
            Some(silence) => strategy.idle_after(silence),
            None => strategy.never_idle(),
        });
        let windowed = events
            .key_by(|e| e.name())
            .window("windows", Tumbling::of(WIDTH))
            .aggregate(|totals: &mut Totals, e| totals.add(e.id(), e.value()));
        let results = Arc::clone(&self.source.results);
        windowed
            .on_time
            .map(|w| {
                let w = w.to_value();
                Summary { start: w.start, end: w.end, name: w.key, totals: w.value }
            })
            .inspect(move |_, _| {
                results.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            })
            .sink("results", self.on_time.sink());
        windowed.late.sink("late", self.late.sink());
        Ok(())
    }

    fn take(&self) -> Outputs {
        self.source.results.store(0, std::sync::atomic::Ordering::Relaxed);
        (self.on_time.take_per_worker(), self.late.take_per_worker())
    }

    fn simulate(&self, seed: u64, workers: usize) -> Outputs {
        let job = self.clone();
        Sim::new(seed, workers).run(move |t| job.build(t)).expect("the job runs");
        self.take()
    }

    fn on_threads(&self, workers: usize) -> Outputs {
        let job = self.clone();
        let engine = Settings::tight(workers).engine().build();
        watched(move || engine.run("idleness", move |t| job.build(t))).expect("the job runs");
        self.take()
    }
}

fn event(id: u64, at_ms: i64) -> Event {
    let name = if id.is_multiple_of(2) { "even" } else { "odd" };
    Event {
        at: EventTime::from_millis(at_ms),
        id,
        name: name.into(),
        group: 0,
        value: 1,
        text: Str::default(),
    }
}

/// Twenty records, ten milliseconds apart.
fn two_windows(from_ms: i64) -> Vec<Event> {
    (0..20).map(|n| event(n, from_ms + i64::try_from(n).expect("few") * 10)).collect()
}

fn results(outputs: &Outputs) -> usize {
    outputs.0.iter().map(Vec::len).sum()
}

/// A split that never has anything would hold all windows open; here it ends only after they have fired.
#[test]
fn silent_split_does_not_hold_the_others_back() {
    let scripts = vec![
        vec![Act::Speak(two_windows(0)), Act::Speak(two_windows(1_000)), Act::Until(4)],
        vec![Act::Until(4)],
    ];
    let job = Job::new(scripts, Some(Duration::from_millis(1)), AllIdle::Hold);
    for workers in 1..=3 {
        for seed in 0..20 {
            assert_eq!(results(&job.simulate(seed, workers)), 8);
        }
        assert_eq!(results(&job.on_threads(workers)), 8);
    }
}

/// The last window is closed by nothing but the clock.
#[test]
fn windows_close_with_the_clock_when_all_splits_are_silent() {
    let scripts = vec![
        vec![Act::Speak(two_windows(0)), Act::Until(4)],
        vec![Act::Speak(two_windows(0)), Act::Until(4)],
    ];
    let job = Job::new(scripts, Some(Duration::from_millis(1)), AllIdle::AdvanceWithClock);
    for workers in 1..=3 {
        for seed in 0..20 {
            assert_eq!(results(&job.simulate(seed, workers)), 4);
        }
        assert_eq!(results(&job.on_threads(workers)), 4);
    }
}

/// One split ends while the other is silent. The silent one then goes on where it was, so none of its records is late: the end of
/// one input is not the end of event time.
#[test]
fn end_of_one_split_does_not_close_the_windows_of_a_silent_one() {
    let speaks = vec![Act::Speak(two_windows(0)), Act::Silent(200)];
    let falls_silent =
        vec![Act::Speak(two_windows(0)), Act::Silent(20_000), Act::Speak(two_windows(10_000))];
    let job = Job::new(vec![speaks, falls_silent], Some(Duration::from_micros(1)), AllIdle::Hold);
    for workers in 1..=3 {
        for seed in 0..20 {
            let (on_time, late) = job.simulate(seed, workers);
            assert_eq!(late.iter().flatten().count(), 0, "seed {seed}, {workers} workers");
            assert_eq!(on_time.iter().flatten().count(), 8);
        }
    }
}

/// A script of bursts in order of event time, with silences between them.
fn script(split: usize) -> impl Strategy<Value = Vec<Act>> {
    let burst = (1..150_usize, 0..20_i64, 0..4_u32);
    vec(burst, 0..6).prop_map(move |bursts| {
        let (mut clock_ms, mut id) = (0, (split as u64) << 32);
        let acts = bursts.into_iter().flat_map(|(records, step_ms, silence)| {
            let records = (0..records).map(|_| {
                clock_ms += step_ms;
                id += 1;
                event(id, clock_ms)
            });
            [Act::Speak(records.collect()), Act::Silent(10_u32.pow(silence) - 1)]
        });
        acts.collect()
    })
}

fn scripts() -> impl Strategy<Value = Vec<Vec<Act>>> {
    (1..4_usize).prop_flat_map(|count| (0..count).map(script).collect::<Vec<_>>())
}

fn events(scripts: &[Vec<Act>]) -> Vec<Event> {
    let acts = scripts.iter().flatten();
    let records = acts.filter_map(|act| match act {
        Act::Speak(records) => Some(records.clone()),
        Act::Silent(_) | Act::Until(_) => None,
    });
    records.flatten().collect()
}

fn values<T: Clone>(outputs: &[Vec<(EventTime, T)>]) -> Vec<T> {
    outputs.iter().flatten().map(|(_, value)| value.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn silences_without_idleness_change_nothing(scripts in scripts(), seed: u64, workers in 1..=4_usize) {
        let job = Job::new(scripts.clone(), None, AllIdle::Hold);
        let (on_time, late) = job.simulate(seed, workers);
        prop_assert_eq!(values(&late), []);
        let expected = oracle::tumbling_of_all(&events(&scripts), WIDTH);
        prop_assert_eq!(unordered(&values(&on_time)), unordered(&expected));
    }

    #[test]
    fn every_record_is_in_its_window_or_late_whoever_is_idle(
        scripts in scripts(), seed: u64, workers in 1..=4_usize, idle_us in 0..500_u64, hold: bool,
    ) {
        let all_idle = if hold { AllIdle::Hold } else { AllIdle::AdvanceWithClock };
        let job = Job::new(scripts.clone(), Some(Duration::from_micros(idle_us)), all_idle);
        let (on_time, late) = job.simulate(seed, workers);
        let late: BTreeSet<u64> = values(&late).iter().map(|event| event.id).collect();
        let rest: Vec<Event> = events(&scripts).into_iter().filter(|event| !late.contains(&event.id)).collect();
        let expected = oracle::tumbling_of_all(&rest, WIDTH);
        prop_assert_eq!(unordered(&values(&on_time)), unordered(&expected));
        prop_assert_eq!(sorted(values(&on_time)).len(), expected.len());
    }

    #[test]
    fn silences_are_replayed(
        scripts in scripts(), seed: u64, workers in 1..=4_usize, idle_us in 0..500_u64, hold: bool,
    ) {
        let all_idle = if hold { AllIdle::Hold } else { AllIdle::AdvanceWithClock };
        let job = Job::new(scripts, Some(Duration::from_micros(idle_us)), all_idle);
        let running = job.clone();
        let report = Sim::new(seed, workers).run(move |t| running.build(t)).expect("the job runs");
        let outputs = job.take();
        let running = job.clone();
        let replayed = Sim::replay(&report.journal, MemoryFiles::default(), move |t| running.build(t));
        prop_assert!(replayed.is_ok(), "{replayed:?}");
        prop_assert!(job.take() == outputs, "the replay gave other outputs");
    }
}
