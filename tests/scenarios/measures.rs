//! What a job says of itself while it runs and when it has ended: times, bytes, queues, latencies, and what event time waits for.

use std::thread::sleep;
use std::time::Duration;

use thalweg::metrics::{HoldCause, JobReport, Snapshot, SplitState};
use thalweg::prelude::*;
use thalweg::rt::{MemoryFiles, Sim};
use thalweg_tests::records::{Event, Totals};
use thalweg_tests::run::watched;
use thalweg_tests::scripted::{Act, Scripted};

fn event(id: u64) -> Event {
    let at = EventTime::from_millis(i64::try_from(id).expect("short"));
    let (name, text) = (format!("k{}", id % 11).into(), Str::default());
    Event { at, id, name, group: 0, value: 1, text }
}

/// Two operators and a sink; the sink needs `slow` for each batch. Ends after `records` records of each of two splits.
fn job(records: u64, slow: Duration) -> impl Fn(&mut Topology) -> Result<()> + Send + Sync + Clone {
    move |t| {
        let items = Items::per_split(2, move |_| (0..records).map(event));
        let windowed = t
            .source("events", items)
            .watermarks(Monotonic)
            .key_by(|e| e.name())
            .window("windows", Tumbling::of(10.millis()))
            .aggregate(|totals: &mut Totals, e| totals.add(e.id(), e.value()));
        windowed.late.drop_counted();
        let mut count = 0_u64;
        windowed
            .on_time
            .inspect(move |_, _| {
                count += 1;
                if !slow.is_zero() && count.is_multiple_of(20) {
                    sleep(slow);
                }
            })
            .sink("out", Blackhole);
        Ok(())
    }
}

/// True if the times of every worker are those of almost all that has passed; a thread that has not run for a while has said nothing either.
fn is_up_to_date(snapshot: &Snapshot, elapsed: Duration) -> bool {
    let elapsed = elapsed.as_secs_f64();
    elapsed > 0.2 && snapshot.workers.iter().all(|w| w.elapsed.as_secs_f64() > 0.95 * elapsed)
}

fn check_times(snapshot: &Snapshot) {
    for worker in &snapshot.workers {
        assert_eq!(worker.busy + worker.idle, worker.elapsed);
    }
    for operator in &snapshot.operators {
        for (task, worker) in operator.workers.iter().zip(&snapshot.workers) {
            assert_eq!(task.busy + task.backpressured + task.idle, worker.elapsed, "{operator:?}");
        }
    }
    for (index, worker) in snapshot.workers.iter().enumerate() {
        let busy = snapshot.operators.iter().map(|operator| operator.workers[index].busy);
        let busy: Duration = busy.sum();
        assert!(busy <= worker.busy + Duration::from_millis(1), "{busy:?} of {worker:?}");
    }
}

fn run(records: u64, slow: Duration, measure: bool) -> (JobReport, Vec<(Snapshot, Duration)>) {
    watched(move || {
        let engine = Engine::builder().workers(2).driver(Driver::Plain).measure(measure).build();
        let handle = engine.start("measured", job(records, slow)).unwrap();
        let mut snapshots = Vec::new();
        while !handle.is_ended() {
            snapshots.push((handle.snapshot(), handle.elapsed()));
            sleep(Duration::from_millis(5));
        }
        (handle.join().unwrap(), snapshots)
    })
}

#[test]
fn times_add_up_and_name_the_slow_operator() {
    let (report, snapshots) = run(60_000, Duration::from_millis(2), true);
    snapshots.iter().for_each(|(snapshot, _)| check_times(snapshot));
    assert!(snapshots.iter().any(|(snapshot, elapsed)| is_up_to_date(snapshot, *elapsed)));
    let busy = |name: &str| {
        let operator = &report.operator(name).unwrap().totals;
        operator.workers.iter().map(|task| task.busy.as_secs_f64()).sum::<f64>()
    };
    // The slow closure is fused to the window's output.
    let elapsed = report.elapsed.as_secs_f64();
    assert!(busy("windows") > 0.5 * elapsed, "{} of {elapsed}", busy("windows"));
    assert!(busy("out") < 0.2 * elapsed);
}

/// Bytes as they came: compressed ones of a compressed file.
#[test]
fn a_source_says_how_many_bytes_it_has_read() {
    let text = "a line\n".repeat(9_000).into_bytes();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &text).unwrap();
    let packed = encoder.finish().unwrap();
    let (plain_bytes, packed_bytes) = (text.len() as u64, packed.len() as u64);
    let files = MemoryFiles::default().with("plain", text).with("packed.gz", packed);
    let sim = Sim::new(7, 2).files(files).input("numbers", vec![1_u64; 100]);
    let report = sim.run(|t| {
        for name in ["plain", "packed.gz"] {
            let lines = t.source(name, Files::text::<Str>(name)).without_event_time();
            lines.sink(&format!("out {name}"), Blackhole);
        }
        t.input::<u64>("numbers").without_event_time().sink("out numbers", Blackhole);
        Ok(())
    });
    let report = report.unwrap().report;
    let bytes = |name| report.operator(name).unwrap().totals.bytes_in;
    assert_eq!((bytes("plain"), bytes("packed.gz")), (plain_bytes, packed_bytes));
    // Archives and what says where they lie, in the pages that the host has filled.
    assert!(bytes("numbers") >= 100 * 16, "{}", bytes("numbers"));
}

#[test]
fn a_running_job_shows_bytes_queues_and_percentiles() {
    let (report, snapshots) = run(60_000, Duration::from_millis(2), true);
    let running = |check: &dyn Fn(&Snapshot) -> bool| snapshots.iter().any(|(s, _)| check(s));
    assert!(running(&|s| s.operator("windows").unwrap().latency.percentile(0.99).is_some()));
    assert!(running(&|s| s.edges[0].queued_pages.iter().sum::<u64>() > 0), "the window is slow");
    let backpressured = |s: &Snapshot| {
        let source = s.operator("events").unwrap();
        source.workers.iter().any(|task| task.backpressured > task.busy)
    };
    assert!(running(&backpressured), "so the source waits for room");
    let of = |name| &report.operator(name).unwrap().totals;
    assert_eq!((of("events").bytes_in, of("out").bytes_out), (0, 0));
    let (sent, read) = (of("events").bytes_out, of("windows").bytes_in);
    assert!(sent > 40 * 120_000, "an event takes more than 40 bytes");
    // Pages are filled anew on the way, so that only their headers and watermarks differ.
    assert!(read.abs_diff(sent) < sent / 4, "{read} of {sent}");
    let state = |s: &Snapshot| {
        let windows = s.operator("windows").unwrap();
        windows.state_bytes > 0 && windows.state_keys > 0
    };
    assert!(running(&state), "windows are open");
    assert_eq!((of("windows").state_keys, of("out").state_bytes), (0, 0), "and closed at the end");
    let amplification = of("windows").amplification().unwrap();
    assert!(
        (0.49..0.51).contains(&amplification),
        "two records of each key in a window: {amplification}"
    );
    assert_eq!(of("windows").latency.count(), report.operator("windows").unwrap().latency_ns.len());
}

#[test]
fn a_job_that_measures_nothing_reports_its_counts() {
    let (report, snapshots) = run(20_000, Duration::ZERO, false);
    let windows = &report.operator("windows").unwrap().totals;
    assert_eq!((windows.records_in, windows.latency.count()), (40_000, 0));
    assert_eq!(windows.workers[0].busy, Duration::ZERO);
    assert!(snapshots.iter().all(|(s, _)| s.operator("windows").is_some()));
}

#[test]
fn a_running_job_names_the_split_that_holds_event_time() {
    let hold = watched(|| {
        let engine = Engine::builder().workers(2).driver(Driver::Plain).build();
        let handle = engine.start("held", |t| {
            let speaks = |from: u64| Act::Speak((from..from + 500).map(event).collect());
            let scripts = vec![
                vec![speaks(1_000), Act::Silent(u32::MAX)],
                vec![speaks(0), Act::Silent(u32::MAX)],
                vec![speaks(9_000), Act::Silent(u32::MAX)],
            ];
            let source = Scripted::new(scripts, Duration::ZERO, None);
            let windowed = t
                .source("events", source)
                .watermarks(Monotonic.never_idle().aligned_within(2.secs()))
                .key_by(|e| e.name())
                .window("windows", Tumbling::of(10.millis()))
                .aggregate(|totals: &mut Totals, e| totals.add(e.id(), e.value()));
            windowed.late.drop_counted();
            windowed.on_time.sink("out", Blackhole);
            Ok(())
        });
        let handle = handle.unwrap();
        let at = Some(EventTime::from_millis(499));
        let is_there = |handle: &thalweg::control::JobHandle| {
            let holds = handle.explain_watermark();
            holds
                .iter()
                .all(|hold| hold.watermark() == at && hold.since > Duration::from_millis(50))
        };
        while !is_there(&handle) {
            sleep(Duration::from_millis(1));
        }
        let split = handle.snapshot().operator("events").unwrap().splits[2].clone();
        assert_eq!((&*split.name, split.worker, split.state), ("script 2", 0, SplitState::Held));
        let holds = handle.explain_watermark();
        handle.cancel();
        drop(handle.join());
        holds[2].clone()
    });
    let cause = HoldCause::Split { split: "script 1".into(), state: SplitState::Open };
    assert_eq!((hold.operator(), &hold.cause), ("out", &cause));
    let sentence = hold.to_string();
    let expected = "`out` waits at 1970-01-01T00:00:00.499Z for source `events`, split `script 1` on worker 1, for ";
    assert!(sentence.starts_with(expected), "{sentence}");
}
