//! Source, exchange and keyed count, as a job.

use std::sync::Arc;

use thalweg::prelude::*;
use thalweg::rt::now_ns;

use super::bids::{Bids, Start};
use crate::reference::bare_path::Load;

/// What an entry of the count takes in the log, bytes.
const ENTRY_BYTES: u64 = 32;

/// Runs the job; records a second over all workers, from the first record to the end of the job.
///
/// With `sized` the job says how many keys there will be, so its state is made and populated before the first record, as the bare path's
/// table always is; without, state grows beside the records.
///
/// # Errors
///
/// As of any job.
///
/// # Panics
///
/// If a record was lost.
pub fn run(load: &Load, driver: Driver, sized: bool) -> Result<f64> {
    run_measuring(load, driver, sized, true)
}

/// As [`run`], with or without the engine's measuring.
///
/// # Errors
///
/// As of any job.
///
/// # Panics
///
/// If a record was lost.
pub fn run_measuring(load: &Load, driver: Driver, sized: bool, measure: bool) -> Result<f64> {
    let Load { records, keys, workers, pin } = *load;
    let engine = Engine::builder().driver(driver).measure(measure);
    let engine = if pin { engine.cores(0..workers) } else { engine.workers(workers) };
    let bytes = |count: u64| usize::try_from(count).expect("there are at most 2^32 keys");
    let engine = match sized {
        true => engine
            .expected_keys("count", bytes(keys))
            .state_reserve_bytes(bytes((keys + keys / 32) * ENTRY_BYTES)),
        false => engine,
    };
    let start = Start::of(workers);
    let started = Arc::clone(&start);
    let report = engine.build().run("keyed count", move |t| {
        t.source("bids", Bids { start: Arc::clone(&start), records, keys, splits: workers })
            .without_event_time()
            .key_by(|bid| &bid.auction)
            .filter_map_with_state("count", |count: &mut u64, _| {
                *count += 1;
                None::<u64>
            })
            .sink("none", Blackhole);
        Ok(())
    })?;
    let elapsed_ns = now_ns() - started.began_ns();
    let count = report.operator("count").expect("the job has this operator");
    assert_eq!(count.totals.records_in, records, "every record is counted once");
    #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
    let (records, elapsed_ns) = (records as f64, elapsed_ns as f64);
    Ok(records / elapsed_ns * 1e9)
}
