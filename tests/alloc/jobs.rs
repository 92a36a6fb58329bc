//! Jobs come and go in one engine, and leave no memory behind.
//!
//! # Not here
//!
//! Anything else: the counter is the process's, so this is the only test of its program.

use std::alloc::System;
use std::time::Duration;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use thalweg::prelude::*;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Jobs before the first look: names, schemas and the allocator's own caches have come to rest by then.
const WARM_UP: usize = 50;
/// `THALWEG_JOBS=10000` for the long run; each job takes about a millisecond.
const JOBS: usize = 400;
/// What may be left after all of them: less than the rings of one job.
const ALLOWED_BYTES: usize = 32 << 10;

/// Bytes that are allocated now.
fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

fn counting(t: &mut Topology, endless: bool) -> Result<()> {
    let count = if endless { u64::MAX } else { 100 };
    t.source("numbers", Items::per_split(2, move |_| 0..count))
        .without_event_time()
        .filter(|n| n.to_native() % 2 == 0)
        .key_by_value(|n| n.to_native() % 10)
        .filter_map_with_state("count", |count: &mut u64, _| {
            *count += 1;
            Some(*count)
        })
        .sink("nowhere", Blackhole);
    Ok(())
}

/// One job of each fate.
fn one(engine: &Engine, n: usize) {
    match n % 3 {
        0 => drop(engine.run("ends", |t| counting(t, false)).expect("the job runs")),
        1 => {
            let job = engine.deploy("cancelled", |t| counting(t, true)).expect("the job starts");
            std::thread::sleep(Duration::from_micros(100));
            job.cancel();
            job.join().expect_err("it was cancelled");
        }
        _ => {
            let failing = engine.run("failing", |t| {
                t.source("numbers", Items::per_split(2, |_| 0..100u64))
                    .without_event_time()
                    .try_map(|n| if n.to_native() < 50 { Ok(1u64) } else { Err("enough".into()) })
                    .sink("nowhere", Blackhole);
                Ok(())
            });
            failing.expect_err("it failed");
        }
    }
}

#[test]
fn jobs_that_have_gone_leave_no_memory_behind() {
    let jobs = std::env::var("THALWEG_JOBS").ok().and_then(|jobs| jobs.parse().ok());
    let engine = Engine::builder().workers(2).driver(Driver::Plain).build();
    (0..WARM_UP).for_each(|n| one(&engine, n));
    let before = held();
    (0..jobs.unwrap_or(JOBS)).for_each(|n| one(&engine, n));
    let after = held();
    assert!(before > 0, "the counter counts");
    assert!(
        after <= before + ALLOWED_BYTES,
        "{} bytes are left of the jobs",
        after.saturating_sub(before)
    );
}
