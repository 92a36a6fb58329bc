//! Jobs that fail while they run: the error names the operator, and all workers stop.
//!
//! Every job here has a source that never ends, on all workers, so that a job that comes back has been stopped.

use thalweg::error::{JobError, OperatorFault};
use thalweg::exchange::Records;
use thalweg::io::Files;
use thalweg::prelude::*;
use thalweg::sink::{Sink, SinkWriter, Writers};
use thalweg::source::{Emitter, OpenContext, Polled, Source, SplitReader};
use thalweg_tests::records::Totals;
use thalweg_tests::run::watched;

/// Numbers without end, in as many splits as any test has workers.
fn endless() -> impl Source<Out = (u64, u64)> {
    Items::per_split(4, |split| (0..).map(move |n| (split as u64, n)))
}

/// The record at which things go wrong, on one of the workers only.
fn is_bad(record: &Rec<(u64, u64)>) -> bool {
    record.to_value() == (1, 1_000)
}

/// How the job ends, on two to four threads.
fn errors(
    job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + Clone + 'static,
) -> Vec<JobError> {
    let run = |workers| {
        let engine = Engine::builder().driver(Driver::Plain).workers(workers).build();
        let job = job.clone();
        watched(move || engine.run("failing", job)).expect_err("the job fails")
    };
    (2..=4).map(run).collect()
}

fn assert_panic(errors: &[JobError], name: &str, text: &str) {
    for error in errors {
        let JobError::Panic { operator, message } = error else { panic!("{error:?}") };
        assert_eq!((operator.as_str(), message.as_str()), (name, text));
    }
}

fn assert_fault(errors: &[JobError], name: &str, text: &str) {
    for error in errors {
        let JobError::Operator { operator, source } = error else { panic!("{error:?}") };
        assert_eq!((operator.as_str(), source.to_string().as_str()), (name, text));
    }
}

/// A fused closure runs in the task of the operator before it, which has the name.
#[test]
fn panic_in_map_stops_all_workers() {
    let errors = errors(|t| {
        t.source("numbers", endless())
            .without_event_time()
            .map(|r| {
                assert!(!is_bad(r), "cannot map this");
                r.to_value()
            })
            .sink("out", Blackhole);
        Ok(())
    });
    assert_panic(&errors, "numbers", "cannot map this");
    assert_eq!(errors[0].to_string(), "operator \"numbers\" panicked: cannot map this");
}

#[test]
fn panic_in_a_key_selector_stops_all_workers() {
    let errors = errors(|t| {
        t.source("numbers", endless())
            .without_event_time()
            .key_by_value(|r: &Rec<(u64, u64)>| {
                assert!(!is_bad(r), "no key");
                r.to_value().1
            })
            .filter_map_with_state("seen", |n: &mut u64, _| {
                *n += 1;
                Some(*n)
            })
            .sink("out", Blackhole);
        Ok(())
    });
    assert_panic(&errors, "numbers", "no key");
}

#[test]
fn panic_in_an_aggregate_stops_all_workers() {
    let errors = errors(|t| {
        let windowed = t
            .source("numbers", endless())
            .without_event_time()
            .key_by_value(|r: &Rec<(u64, u64)>| r.to_value().1 % 100)
            .window("hourly", Tumbling::of(1.hours()))
            .aggregate(|totals: &mut Totals, r| {
                let (_, n) = r.to_value();
                totals.add(n, 1);
                assert!(!is_bad(r), "cannot add {n}");
            });
        windowed.on_time.sink("out", Blackhole);
        windowed.late.drop_counted();
        Ok(())
    });
    assert_panic(&errors, "hourly", "cannot add 1000");
}

#[test]
fn error_of_try_map_stops_all_workers() {
    let errors = errors(|t| {
        t.source("numbers", endless())
            .without_event_time()
            .boxed()
            .filter(|_| true)
            .try_map(|r| if is_bad(r) { Err("not a number".into()) } else { Ok(r.to_value()) })
            .sink("out", Blackhole);
        Ok(())
    });
    assert_fault(&errors, "boxed", "not a number");
    assert_eq!(errors[0].to_string(), "operator \"boxed\" failed");
}

/// Numbers whose second split breaks after a thousand, when it is read or when it is opened.
struct Breaking {
    opens: bool,
}

struct BreakingReader {
    split: u64,
    next: u64,
}

impl SplitReader<(u64, u64)> for BreakingReader {
    fn poll(&mut self, out: &mut Emitter<'_, (u64, u64)>) -> Result<Polled, OperatorFault> {
        while out.wanted() > 0 {
            if self.split == 1 && self.next == 1_000 {
                return Err("the line is cut".into());
            }
            out.emit(&(self.split, self.next));
            self.next += 1;
        }
        Ok(Polled::More)
    }
}

impl Source for Breaking {
    type Out = (u64, u64);
    type Split = u64;
    type Reader = BreakingReader;

    fn splits(&self, _: &dyn Files) -> Result<Vec<u64>, OperatorFault> {
        Ok(vec![0, 1, 2, 3])
    }

    fn open(&self, split: &u64, _: &OpenContext) -> Result<BreakingReader, OperatorFault> {
        if !self.opens && *split == 1 {
            return Err("no such file".into());
        }
        Ok(BreakingReader { split: *split, next: 0 })
    }
}

#[test]
fn error_of_a_source_stops_all_workers() {
    for (opens, text) in [(true, "the line is cut"), (false, "no such file")] {
        let errors = errors(move |t| {
            t.source("numbers", Breaking { opens }).without_event_time().sink("out", Blackhole);
            Ok(())
        });
        assert_fault(&errors, "numbers", text);
    }
}

/// A sink that fails at the bad record, or cannot be opened.
#[derive(Clone, Copy)]
struct Full {
    opens: bool,
    writers: Writers,
}

impl Sink<(u64, u64)> for Full {
    type Writer = Self;

    fn writers(&self) -> Writers {
        self.writers
    }

    fn open(&self, _: &OpenContext) -> Result<Self, OperatorFault> {
        if self.opens { Ok(*self) } else { Err("permission denied".into()) }
    }
}

impl SinkWriter<(u64, u64)> for Full {
    fn write(&mut self, run: Records<'_, (u64, u64)>) -> Result<(), OperatorFault> {
        if run.iter().any(|(record, _)| is_bad(record)) {
            return Err("the disk is full".into());
        }
        Ok(())
    }
}

#[test]
fn error_of_a_sink_stops_all_workers() {
    for writers in [Writers::PerWorker, Writers::One] {
        for (opens, text) in [(true, "the disk is full"), (false, "permission denied")] {
            let errors = errors(move |t| {
                let sink = Full { opens, writers };
                t.source("numbers", endless()).without_event_time().sink("out", sink);
                Ok(())
            });
            assert_fault(&errors, "out", text);
        }
    }
}

#[test]
fn cancelled_job_says_so() {
    for workers in 1..=3 {
        let error = watched(move || {
            let engine = Engine::builder().driver(Driver::Plain).workers(workers).build();
            let job = engine.start("endless", |t| {
                t.source("numbers", endless()).without_event_time().sink("out", Blackhole);
                Ok(())
            })?;
            assert!(!job.is_ended(), "an endless job has ended");
            job.cancel();
            job.join()
        });
        assert!(matches!(error, Err(JobError::Cancelled)), "{error:?}");
    }
}

/// The other side of the same coin: a sink with one writer gets the records of all workers, and the job ends.
#[test]
fn gathering_sink_gets_the_records_of_all_workers() {
    for workers in 1..=4 {
        let report = watched(move || {
            let engine = Engine::builder().driver(Driver::Plain).workers(workers).build();
            engine.run("gather", |t| {
                let numbers = Items::per_split(4, |split| (0..500).map(move |n| (split as u64, n)));
                let sink = Full { opens: true, writers: Writers::One };
                t.source("numbers", numbers).without_event_time().sink("out", sink);
                Ok(())
            })
        });
        assert_eq!(report.unwrap().operator("out").unwrap().totals.records_in, 2_000);
    }
}
