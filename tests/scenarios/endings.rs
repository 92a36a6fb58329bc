//! Jobs that end before their input does: drained, or stopped where they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use thalweg::metrics::{Ending, HoldCause, JobReport};
use thalweg::prelude::*;
use thalweg::rt::Sim;
use thalweg_tests::oracle::{self, sorted, unordered};
use thalweg_tests::records::{Event, Summary, Totals};
use thalweg_tests::run::{Settings, watched};

const WIDTH: Duration = Duration::from_millis(100);
const BOUND: Duration = Duration::from_millis(50);

fn event(split: usize, index: u64) -> Event {
    let at_ms = i64::try_from(index * 3 + index * index % 40).expect("short");
    Event {
        at: EventTime::from_millis(at_ms),
        id: (split as u64) << 32 | index,
        name: format!("k{}", index % 7).into(),
        group: 0,
        value: 1,
        text: Str::default(),
    }
}

/// Counts by window over splits without an end; and the records themselves, to know which were read.
#[derive(Debug, Clone)]
struct Endless {
    splits: usize,
    read: Collected<Event>,
    windows: Collected<Summary>,
    late: Arc<AtomicU64>,
}

impl Endless {
    fn new(splits: usize) -> Self {
        Self { splits, read: Collected::new(), windows: Collected::new(), late: Arc::default() }
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let items =
            Items::per_split(self.splits, |split| (0..).map(move |index| event(split, index)));
        let events =
            t.source("events", items).watermarks(BoundedOutOfOrderness::of(BOUND).never_idle());
        events.clone().sink("read", self.read.sink());
        let windowed = events
            .key_by(|e| e.name())
            .window("windows", Tumbling::of(WIDTH))
            .aggregate(|totals: &mut Totals, e| totals.add(e.id(), e.value()));
        let late = Arc::clone(&self.late);
        windowed
            .late
            .inspect(move |_, _| {
                late.fetch_add(1, Ordering::Relaxed);
            })
            .sink("late", Blackhole);
        windowed
            .on_time
            .map(|w| {
                let w = w.to_value();
                Summary { start: w.start, end: w.end, name: w.key, totals: w.value }
            })
            .sink("results", self.windows.sink());
        Ok(())
    }

    /// Each split's records from its first to the last that was read, once each; returns them.
    fn check_read(&self) -> Vec<Event> {
        let read = self.read.take();
        for split in 0..self.splits {
            let of_split = read.iter().filter(|event| event.id >> 32 == split as u64);
            let ids: Vec<u64> = sorted(of_split.map(|event| event.id & 0xffff_ffff));
            let expected: Vec<u64> = (0..ids.len() as u64).collect();
            assert_eq!(ids, expected, "split {split}");
        }
        assert_eq!(self.late.load(Ordering::Relaxed), 0);
        read
    }

    /// After a drain: the windows of exactly the records that were read.
    fn check_drained(&self, report: &JobReport) {
        assert_eq!(report.ending, Ending::Drained);
        let read = self.check_read();
        assert_eq!(report.operator("events").unwrap().totals.records_in, read.len() as u64);
        let expected = oracle::tumbling_of_all(&read, WIDTH);
        assert_eq!(unordered(&self.windows.take()), unordered(&expected));
    }

    /// After a stop: windows that are whole, and those only that the slowest split was beyond.
    fn check_stopped(&self, report: &JobReport) {
        assert_eq!(report.ending, Ending::Stopped);
        let read = self.check_read();
        assert_eq!(report.operator("windows").unwrap().totals.records_in, read.len() as u64);
        let reached = |split: usize| {
            let of_split = read.iter().filter(|event| event.id >> 32 == split as u64);
            of_split.map(|event| event.at).max().unwrap_or(EventTime::MIN)
        };
        let slowest = (0..self.splits).map(reached).min().unwrap() - BOUND;
        let windows = self.windows.take();
        assert!(windows.iter().all(|window| window.end <= slowest), "none fired early");
        let expected = oracle::tumbling_of_all(&read, WIDTH);
        let fired = |window: &&Summary| windows.iter().any(|other| other.start == window.start);
        let expected: Vec<Summary> = expected.iter().filter(fired).cloned().collect();
        assert_eq!(unordered(&windows), unordered(&expected), "those that fired are whole");
        let at = report.operator("windows").unwrap().totals.watermark;
        assert!(at < Some(EventTime::MAX));
        let after = windows.iter().all(|window| Some(window.end) <= at);
        assert!(after, "the report knows how far event time was");
    }
}

#[test]
fn a_drained_job_gives_the_windows_of_exactly_what_it_read() {
    for workers in 1..=3 {
        for seed in 0..30 {
            let job = Endless::new(3);
            let running = job.clone();
            let sim = Sim::new(seed, workers).end_after(seed * 97, Ending::Drained);
            let report = sim.run(move |t| running.build(t)).unwrap().report;
            job.check_drained(&report);
        }
    }
}

#[test]
fn a_stopped_job_processes_what_it_read_and_fires_nothing_early() {
    let mut fired = 0;
    for workers in 1..=3 {
        for seed in 0..30 {
            let job = Endless::new(3);
            let running = job.clone();
            let sim = Sim::new(seed, workers).end_after(seed * 97, Ending::Stopped);
            let report = sim.run(move |t| running.build(t)).unwrap().report;
            fired += report.operator("windows").unwrap().totals.records_out;
            job.check_stopped(&report);
        }
    }
    assert!(fired > 1_000, "{fired}");
}

#[test]
fn jobs_on_threads_end_when_they_are_asked_to() {
    for workers in 1..=3 {
        for ending in [Ending::Drained, Ending::Stopped] {
            let job = Endless::new(4);
            let running = job.clone();
            let report = watched(move || {
                let engine = Settings::tight(workers).engine().build();
                let handle = engine.start("endless", move |t| running.build(t)).unwrap();
                while handle.snapshot().operator("windows").unwrap().records_in < 2_000 {
                    sleep(Duration::from_millis(1));
                }
                match ending {
                    Ending::Drained => handle.drain(),
                    _ => handle.stop(),
                }
                // The first wish holds.
                handle.drain();
                handle.join().unwrap()
            });
            match ending {
                Ending::Drained => job.check_drained(&report),
                _ => job.check_stopped(&report),
            }
        }
    }
}

#[test]
fn a_job_that_sleeps_is_woken_to_end() {
    let report = watched(|| {
        let engine = Engine::builder().driver(Driver::Plain).workers(2).build();
        let handle = engine.start("silent", |t| {
            let silent = thalweg_tests::scripted::Act::Silent(u32::MAX);
            let source = thalweg_tests::scripted::Scripted::new(vec![vec![silent]; 2], BOUND, None);
            let events = t.source("events", source).watermarks(Monotonic.never_idle());
            events.sink("out", Collected::new().sink());
            Ok(())
        });
        let handle = handle.unwrap();
        sleep(Duration::from_millis(20));
        handle.stop();
        handle.join().unwrap()
    });
    assert_eq!(report.ending, Ending::Stopped);
    assert!(
        report.to_string().contains("stopped before its end: windows that were open did not fire")
    );
    let hold = &report.explain_watermark()[1];
    assert_eq!((hold.operator(), &hold.cause), ("out", &HoldCause::Stopped));
}

#[test]
fn a_job_that_has_come_to_its_end_is_finished_whatever_was_asked() {
    let job = |t: &mut Topology| {
        t.source("events", Items::of(vec![event(0, 1)]))
            .watermarks(Monotonic)
            .sink("out", Blackhole);
        Ok(())
    };
    let sim = Sim::new(1, 1).end_after(100_000, Ending::Stopped);
    assert_eq!(sim.run(job).unwrap().report.ending, Ending::Finished);
    let engine = Engine::builder().build();
    let handle = engine.start("short", job).unwrap();
    while !handle.is_ended() {
        sleep(Duration::from_millis(1));
    }
    handle.stop();
    assert_eq!(handle.join().unwrap().ending, Ending::Finished);
}

#[test]
fn a_job_that_is_fed_by_its_host_can_be_ended_while_the_handle_is_open() {
    for ending in [Ending::Drained, Ending::Stopped] {
        let out = Collected::new();
        let sink = out.clone();
        let report = watched(move || {
            let engine = Engine::builder().driver(Driver::Plain).workers(2).build();
            let job = engine.deploy("fed", move |t| {
                t.input::<u64>("numbers").without_event_time().sink("out", sink.sink());
                Ok(())
            });
            let job = job.unwrap();
            let mut numbers = job.input::<u64>("numbers").unwrap();
            (0..100).for_each(|n| numbers.send(&n).unwrap());
            while job.snapshot().operator("out").unwrap().records_in < 100 {
                sleep(Duration::from_millis(1));
            }
            match ending {
                Ending::Drained => job.drain(),
                _ => job.stop(),
            }
            let report = job.join().unwrap();
            assert!(numbers.send(&100).is_err(), "who sends more is told");
            report
        });
        assert_eq!(report.ending, ending);
        assert_eq!(sorted(out.take()), (0..100).collect::<Vec<u64>>());
    }
}
