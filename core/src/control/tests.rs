//! What is done about jobs that fail, and about checkpoints that do not come to their end; in numbers, and in the very words.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::checkpoint::SavepointError;
use crate::error::error_chain;
use crate::exchange::Records;
use crate::metrics::JobReport;
use crate::prelude::*;
use crate::sink::{Delivery, Prepared, Sink, SinkWriter, Writers};
use crate::source::OpenContext;

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Runs a job that fails so many times; how it ended, and how often it was begun.
fn failing(times: u64, restart: Restart) -> (Result<JobReport, String>, u64) {
    let begun = Arc::new(AtomicU64::new(0));
    let attempts = Arc::clone(&begun);
    let engine = Engine::builder().driver(Driver::Plain).restart(restart).build();
    let ran = engine.run("fragile", move |t| {
        let attempts = Arc::clone(&attempts);
        let numbers = t.source("numbers", Items::of(vec![1_u64])).without_event_time();
        numbers.try_for_each("call", move |_, _| match attempts.fetch_add(1, Ordering::SeqCst) {
            attempt if attempt < times => Err(format!("attempt {attempt}").into()),
            _ => Ok(()),
        });
        Ok(())
    });
    (ran.map_err(|error| error_chain(&error)), begun.load(Ordering::SeqCst))
}

#[test]
fn each_strategy_starts_a_job_again_as_often_as_it_says_and_then_tells_the_last_error() {
    let failed = |attempt: u64| format!("operator \"call\" failed: attempt {attempt}");
    let (ran, begun) = failing(9, Restart::none());
    assert_eq!((ran.unwrap_err(), begun), (failed(0), 1));
    let (ran, begun) = failing(9, Restart::fixed_delay(2, MS));
    assert_eq!((ran.unwrap_err(), begun), (failed(2), 3));
    let (ran, begun) = failing(9, Restart::failure_rate(3, HOUR, MS));
    assert_eq!((ran.unwrap_err(), begun), (failed(3), 4));
    for restart in [
        Restart::fixed_delay(5, MS),
        Restart::failure_rate(5, HOUR, MS),
        Restart::exponential(MS, 4 * MS),
    ] {
        let (ran, begun) = failing(5, restart);
        let report = ran.unwrap();
        assert_eq!((report.checkpoints.restarts, begun), (5, 6));
        assert!(report.to_string().contains("started again 5 time(s)"), "{report}");
    }
}

/// A sink whose output is durable when it is let.
#[derive(Clone, Default)]
struct Slow(Arc<AtomicBool>);

impl Sink<u64> for Slow {
    type Writer = Self;

    fn writers(&self) -> Writers {
        Writers::One
    }

    fn open(&self, _: &OpenContext) -> Result<Self, OperatorFault> {
        Ok(self.clone())
    }

    fn delivery(&self) -> Delivery {
        Delivery::ExactlyOnce
    }
}

impl SinkWriter<u64> for Slow {
    fn write(&mut self, _: Records<'_, u64>) -> Result<(), OperatorFault> {
        Ok(())
    }

    fn poll_prepare(&mut self, _: u64) -> Result<Option<Prepared>, OperatorFault> {
        Ok(self.0.load(Ordering::SeqCst).then(Prepared::nothing))
    }
}

#[test]
fn a_checkpoint_that_takes_too_long_is_given_up_and_an_alarm_until_the_next_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let slow = Slow::default();
    let sink = slow.clone();
    let checkpoints =
        Checkpoints::in_directory(folder.path().join("state")).on_demand().timeout(50 * MS);
    let engine = Engine::builder().driver(Driver::Plain).checkpoints(checkpoints).build();
    let job = engine.deploy("slow", move |t| {
        t.source("numbers", Generator::endless(|n| n).records_per_s(1_000))
            .without_event_time()
            .sink("out", sink.clone());
        Ok(())
    });
    let job = job.unwrap();
    let saved = folder.path().join("saved");
    let error = job.savepoint(&saved).unwrap().wait().unwrap_err();
    let alarm = "checkpoint 1 took too long: a barrier waits for what is before it, or a sink for its output to be durable; \
                 see which operator is backpressured, or give it more time (Checkpoints::timeout)";
    assert_eq!(
        error.to_string(),
        format!("checkpoint 1, which savepoint {saved:?} was to be made of, was given up: {alarm}")
    );
    let seen = job.snapshot().checkpoints;
    assert_eq!((seen.completed, seen.alarm.as_deref()), (0, Some(alarm)));
    slow.0.store(true, Ordering::SeqCst);
    // On a machine that is slow itself another one may take too long.
    let saved = loop {
        match job.savepoint(&saved).unwrap().wait() {
            Err(SavepointError::GivenUp { .. }) => {}
            saved => break saved.unwrap(),
        }
    };
    let seen = job.snapshot().checkpoints;
    assert!(seen.aborted > 0 && seen.completed > 0 && saved.epoch > 1, "{seen:?}");
    assert_eq!(seen.alarm, None);
    job.cancel();
    assert_eq!(job.join().unwrap_err().to_string(), "the job was cancelled");
}
