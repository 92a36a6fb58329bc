//! Windows and interval joins as jobs, on one worker.

use std::time::Duration;

use thalweg::control::Engine;
use thalweg::prelude::*;
use thalweg::rt::now_ns;

use crate::reference::windows::Ticks;

/// A tick as a record.
#[record]
pub struct Tick {
    /// When.
    #[event_time]
    pub at: EventTime,
    /// Whose.
    pub key: u64,
    /// Something to add up.
    pub value: u64,
}

/// What is done with the ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// They are dealt by key and discarded: what all others pay too.
    Nothing,
    /// Sums in tumbling windows.
    Tumbling(Duration),
    /// Sums in sliding windows.
    Sliding(Duration, Duration),
    /// Sums in sessions.
    Sessions(Duration),
    /// Pairs of ticks with even number and ticks with odd number.
    IntervalJoin(Duration),
}

fn ticks(t: &mut Topology, name: &str, ticks: &Ticks) -> Stream<Tick> {
    let ticks = ticks.clone();
    let items = Items::per_split(1, move |_| {
        let tick = |tick: crate::reference::windows::Tick| Tick {
            at: EventTime::from_nanos(tick.at),
            key: tick.key,
            value: tick.value,
        };
        ticks.clone().map(tick)
    });
    t.source(name, items).watermarks(Monotonic).boxed()
}

/// Runs the job on one worker; results, and nanoseconds from start to end.
///
/// # Errors
///
/// As of any job.
///
/// # Panics
///
/// If a record was late.
pub fn run(source: &Ticks, work: Work) -> Result<(u64, u64)> {
    let source = source.clone();
    let engine = Engine::builder().driver(Driver::Plain).workers(1);
    let start = now_ns();
    let report = engine.build().run("windows", move |t| {
        if let Work::IntervalJoin(reach) = work {
            let both = ticks(t, "ticks", &source);
            // As by hand, where sides take turns: by the value's own lowest bit, which is as even.
            let left = both.clone().filter(|tick| tick.value() & 1 == 0).key_by(|tick| &tick.key);
            let right = both.filter(|tick| tick.value() & 1 == 1).key_by(|tick| &tick.key);
            let joined = left
                .interval_join("work", right, Interval::around(reach, reach))
                .apply(|left, right| left.value() ^ right.value());
            joined.late_left.drop_counted();
            joined.late_right.drop_counted();
            joined.on_time.sink("results", Blackhole);
            return Ok(());
        }
        let keyed = ticks(t, "ticks", &source).key_by(|tick| &tick.key);
        match work {
            Work::Nothing => {
                keyed
                    .filter_map_with_state("work", |count: &mut u64, _| {
                        *count += 1;
                        None::<u64>
                    })
                    .sink("results", Blackhole);
            }
            Work::Tumbling(width) => {
                let sums = keyed
                    .window("work", Tumbling::of(width))
                    .aggregate(|sum: &mut u64, tick| *sum += tick.value());
                sums.late.drop_counted();
                sums.on_time.sink("results", Blackhole);
            }
            Work::Sliding(width, slide) => {
                let sums = keyed.window("work", Sliding::of(width, slide)).aggregate_with(|of| {
                    of.fold(|sum: &mut u64, tick| *sum += tick.value(), |sum, later| *sum += later)
                });
                sums.late.drop_counted();
                sums.on_time.sink("results", Blackhole);
            }
            Work::Sessions(gap) => {
                let sums = keyed.session("work", Session::gap(gap)).aggregate(
                    |sum: &mut u64, tick| *sum += tick.value(),
                    |sum, later| *sum += later,
                );
                sums.late.drop_counted();
                sums.on_time.sink("results", Blackhole);
            }
            Work::IntervalJoin(_) => {}
        }
        Ok(())
    })?;
    let elapsed = now_ns() - start;
    let results = report.operator("results").expect("the job has this operator");
    let late = report.operator("work").expect("the job has this operator").totals.late;
    assert_eq!(late, 0, "ticks are in order");
    Ok((results.totals.records_in, elapsed))
}
