//! As many records as one handle takes: the host's thread sends, a worker on the other core counts them and throws them away.

use std::thread;
use std::time::Duration;

use thalweg::prelude::*;

use super::round_trip::Ping;
use crate::load::affinity::{self, PinError};
use crate::load::clock::Clock;

/// How the host sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// Each record is published at once.
    Each,
    /// Published when a page is full or the worker has nothing to read.
    Pushed,
}

/// The time in which `records` records went into a job, until it had counted the last.
///
/// # Errors
///
/// A thread could not be pinned.
///
/// # Panics
///
/// If the job fails, which would be a bug.
pub fn into_a_job(sending: Sending, records: u64) -> Result<Duration, PinError> {
    let cores = affinity::available();
    let worker = cores.get(1).map(|core| core.id);
    let host = move || {
        affinity::pin_to_one_of(&cores, 0)?;
        let worker = worker.ok_or(PinError::NoSuchCore { nth: 1, available: 1 })?;
        let engine = Engine::builder().cores([worker]).spin().driver(Driver::Plain).build();
        let job = engine.deploy("count", |t| {
            t.input::<Ping>("pings").watermarks(Monotonic).sink("nowhere", Blackhole);
            Ok(())
        });
        let job = job.expect("the job can be built");
        let mut pings = job.input::<Ping>("pings").expect("the job has it");
        // The worker has built its tasks when it has read this one.
        pings.send(&ping(0)).expect("the job runs");
        let read = || job.snapshot().operators[1].records_in;
        while read() == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        let clock = Clock::start();
        for number in 1..=records {
            match sending {
                Sending::Each => pings.send(&ping(number)),
                Sending::Pushed => pings.push(&ping(number)),
            }
            .expect("the job runs");
        }
        pings.close();
        let report = job.join().expect("the job ends well");
        let elapsed = clock.elapsed();
        let counted = report.operator("nowhere").map(|sink| sink.totals.records_in);
        assert_eq!(counted, Some(records + 1), "every record was counted");
        Ok(elapsed)
    };
    thread::scope(|scope| scope.spawn(host).join().expect("the host does not panic"))
}

fn ping(number: u64) -> Ping {
    let at = EventTime::from_nanos(i64::try_from(number).unwrap_or(i64::MAX));
    Ping { at, number, key: number, price: number }
}
