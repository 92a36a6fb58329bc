//! Source, exchange and keyed count, as a job.

use thalweg::prelude::*;

use super::bids::Bids;
use crate::reference::bare_path::Load;

/// Runs the job; records a second over all workers.
///
/// # Errors
///
/// As of any job.
///
/// # Panics
///
/// If a record was lost.
pub fn run(load: &Load, driver: Driver) -> Result<f64> {
    run_measuring(load, driver, true)
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
pub fn run_measuring(load: &Load, driver: Driver, measure: bool) -> Result<f64> {
    let Load { records, keys, workers, pin } = *load;
    let engine = Engine::builder().driver(driver).measure(measure);
    let engine = if pin { engine.cores(0..workers) } else { engine.workers(workers) };
    let report = engine.build().run("keyed count", move |t| {
        t.source("bids", Bids { records, keys, splits: workers })
            .without_event_time()
            .key_by(|bid| &bid.auction)
            .filter_map_with_state("count", |count: &mut u64, _| {
                *count += 1;
                None::<u64>
            })
            .sink("none", Blackhole);
        Ok(())
    })?;
    let count = report.operator("count").expect("the job has this operator");
    assert_eq!(count.totals.records_in, records, "every record is counted once");
    #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
    let records = records as f64;
    Ok(records / report.elapsed.as_secs_f64())
}
