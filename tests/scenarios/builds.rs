//! What is refused before anything runs, in the very words.

use thalweg::error::{JobError, OperatorFault};
use thalweg::io::Files;
use thalweg::prelude::*;
use thalweg::source::{Emitter, OpenContext, Polled, Source, SplitReader};
use thalweg_tests::records::{Event, Reading};

/// What the engine says to a job.
fn refusal(job: impl Fn(&mut Topology) -> Result<()> + 'static) -> String {
    Engine::builder().build().plan(job).expect_err("the job is refused").to_string()
}

fn numbers() -> impl Source<Out = u64> {
    Items::of(vec![1, 2, 3])
}

fn readings(t: &mut Topology) -> Stream<Reading> {
    t.source("readings", Items::of(Vec::<Reading>::new())).watermarks(Monotonic)
}

#[test]
fn two_operators_of_one_name_are_refused() {
    let said = refusal(|t| {
        t.source("numbers", numbers()).without_event_time().sink("numbers", Blackhole);
        Ok(())
    });
    assert_eq!(
        said,
        "the job cannot be built\n  two operators are named \"numbers\"; names address state, so each must differ"
    );
}

#[test]
fn two_windows_of_one_name_are_refused() {
    let said = refusal(|t| {
        let stream = readings(t);
        for _ in 0..2 {
            let windowed = stream
                .clone()
                .key_by(|r| r.sensor())
                .window("hourly", Tumbling::of(1.hours()))
                .aggregate(|n: &mut u64, _| *n += 1);
            windowed.on_time.drop_counted();
            windowed.late.drop_counted();
        }
        Ok(())
    });
    assert_eq!(
        said,
        "the job cannot be built\n  two operators are named \"hourly\"; names address state, so each must differ"
    );
}

#[test]
fn empty_names_are_refused() {
    let said = refusal(|t| {
        t.source("", numbers()).without_event_time().sink("", Blackhole);
        Ok(())
    });
    assert_eq!(
        said,
        "the job cannot be built\n  a source has an empty name; give it one\n  a sink has an empty name; give it one"
    );
}

#[test]
fn output_that_nobody_reads_is_refused() {
    let said = refusal(|t| {
        let windowed = readings(t)
            .key_by(|r| r.sensor())
            .window("hourly", Tumbling::of(1.hours()))
            .aggregate(|n: &mut u64, _| *n += 1);
        windowed.on_time.sink("out", Blackhole);
        drop(windowed.late);
        Ok(())
    });
    assert_eq!(
        said,
        "the job cannot be built\n  output `late` of operator \"hourly\" is not used; send it to a sink or call drop_counted()"
    );
}

#[test]
fn source_that_nobody_reads_is_refused() {
    let said = refusal(|t| {
        drop(readings(t));
        Ok(())
    });
    assert_eq!(
        said,
        "the job cannot be built\n  output `stream` of operator \"readings\" is not used; send it to a sink or call drop_counted()"
    );
}

#[test]
fn job_without_a_source_is_refused() {
    assert_eq!(
        refusal(|_| Ok(())),
        "the job cannot be built\n  the job has no source; call Topology::source"
    );
}

#[test]
fn records_without_event_time_have_no_watermarks() {
    let said = refusal(|t| {
        t.source("numbers", numbers()).watermarks(Monotonic).sink("out", Blackhole);
        Ok(())
    });
    assert_eq!(
        said,
        "the job cannot be built\n  setting of \"numbers\": records of type u64 have no field marked #[event_time]; mark one or call without_event_time()"
    );
}

#[test]
fn windows_gaps_and_joins_of_zero_are_refused() {
    let said = refusal(|t| {
        let stream = readings(t);
        let windowed = stream
            .clone()
            .key_by(|r| r.sensor())
            .window("hourly", Tumbling::of(0.hours()))
            .aggregate(|n: &mut u64, _| *n += 1);
        windowed.on_time.drop_counted();
        windowed.late.drop_counted();
        let sessions = stream
            .clone()
            .key_by(|r| r.sensor())
            .session("visits", Session::gap(0.hours()))
            .aggregate(|n: &mut u64, _| *n += 1, |n, later| *n += later);
        sessions.on_time.drop_counted();
        sessions.late.drop_counted();
        let joined = stream
            .clone()
            .key_by(|r| r.sensor())
            .join("pairs", stream.key_by(|r| r.sensor()), Tumbling::of(0.hours()))
            .apply(|left, right| (left.value(), right.value()));
        joined.on_time.drop_counted();
        joined.late_left.drop_counted();
        joined.late_right.drop_counted();
        Ok(())
    });
    assert_eq!(
        said,
        "the job cannot be built\
         \n  setting of \"hourly\": a window is longer than zero\
         \n  setting of \"visits\": a session's gap is longer than zero\
         \n  setting of \"pairs\": a window is longer than zero"
    );
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let job = |t: &mut Topology| {
        t.source("numbers", numbers()).without_event_time().sink("out", Blackhole);
        Ok(())
    };
    let said = |engine: thalweg::control::EngineBuilder| {
        engine.driver(Driver::Plain).build().run("refused", job).unwrap_err().to_string()
    };
    let workers = "the job cannot be built\n  setting of \"workers\": a job has 1 to 256 workers";
    assert_eq!(said(Engine::builder().workers(0)), workers);
    assert_eq!(said(Engine::builder().workers(257)), workers);
    let batch = "the job cannot be built\n  setting of \"batch\": a batch has at least one record";
    assert_eq!(said(Engine::builder().batch_records(0)), batch);
    assert_eq!(said(Engine::builder().slice_records(0)), batch);
    assert_eq!(
        said(Engine::builder().ring_pages(0)),
        "the job cannot be built\n  setting of \"ring_pages\": a ring has at least one page"
    );
    for bytes in [0, 192, 300] {
        assert_eq!(
            said(Engine::builder().page_bytes(bytes)),
            "the job cannot be built\n  setting of \"page_bytes\": a page has a multiple of 64 bytes, at least 256"
        );
    }
}

/// A source whose splits cannot be listed.
struct Unlistable;

#[derive(Debug)]
struct Outer(std::io::Error);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cannot ask the broker")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

struct NoReader;

impl SplitReader<Event> for NoReader {
    fn poll(&mut self, _: &mut Emitter<'_, Event>) -> Result<Polled, OperatorFault> {
        Ok(Polled::End)
    }
}

impl Source for Unlistable {
    type Out = Event;
    type Split = ();
    type Reader = NoReader;

    fn splits(&self, _: &dyn Files) -> Result<Vec<()>, OperatorFault> {
        Err(Outer(std::io::Error::other("no route")).into())
    }

    fn open(&self, (): &(), _: &OpenContext) -> Result<NoReader, OperatorFault> {
        Ok(NoReader)
    }
}

#[test]
fn source_that_cannot_list_its_splits_is_refused_with_all_causes() {
    let said = refusal(|t| {
        t.source("topic", Unlistable).watermarks(Monotonic).sink("out", Blackhole);
        Ok(())
    });
    assert_eq!(
        said,
        "the job cannot be built\n  source \"topic\" cannot list its splits: cannot ask the broker: no route"
    );
}

#[test]
fn error_of_the_jobs_function_comes_back() {
    let error = Engine::builder()
        .build()
        .plan(|_| Err(JobError::Program("no such table".into())))
        .unwrap_err();
    assert_eq!(error.to_string(), "the job's function failed");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no such table");
}

#[test]
fn stream_that_outlives_its_job_is_refused() {
    let kept = std::cell::RefCell::new(None);
    let error = Engine::builder()
        .build()
        .plan(move |t| {
            let stream = readings(t);
            stream.clone().sink("out", Blackhole);
            *kept.borrow_mut() = Some(stream);
            Ok(())
        })
        .unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(
        source.to_string(),
        "a stream was kept after the job was built; use streams within the job's function alone"
    );
}
