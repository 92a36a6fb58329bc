//! Windows and interval joins beside loops by hand: same ticks, one thread, in turn, ratios.
//!
//! ```text
//! cargo run --release -p thalweg-bench --bin windows -- [--records 20000000] [--keys 100] [--per-second 10000] [--rounds 3]
//! ```
//!
//! The engine's figures hold all that a job does: making records, pages, the ring, the worker's loop. What it takes to deal records by
//! key and to count them, and no more, is printed first.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::time::Duration;

use clap::Parser;
use thalweg::prelude::*;
use thalweg::rt::now_ns;
use thalweg_bench::reference::windows::{self as hand, Ticks};
use thalweg_bench::spine::windows::{Work, run};

/// Runs each window in the engine and by hand
#[derive(Debug, Parser)]
struct Options {
    /// Ticks of a run
    #[arg(long, default_value_t = 40_000_000)]
    records: u64,
    /// Keys
    #[arg(long, default_value_t = 100)]
    keys: u64,
    /// Ticks in a second of event time
    #[arg(long, default_value_t = 10_000)]
    per_second: u64,
    /// Rounds, each of every contestant; medians are printed
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only this: tumbling, sliding, sessions, join
    #[arg(long)]
    only: Option<String>,
}

/// A loop by hand; returns its results.
type Loop = Box<dyn Fn(Ticks) -> u64>;

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).expect("short")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "figures for people to read")]
fn each(elapsed_ns: u64, records: u64) -> f64 {
    elapsed_ns as f64 / records as f64
}

fn main() -> Result<()> {
    let options = Options::parse();
    let Options { records, keys, per_second, rounds, only } = options;
    let hour = 1.hours();
    let reach = 500.millis();
    let contestants: Vec<(&str, Work, Option<Loop>)> = vec![
        ("keyed count", Work::Nothing, None),
        (
            "tumbling 1 h",
            Work::Tumbling(hour),
            Some(Box::new(move |ticks| hand::tumbling(ticks, nanos(hour)))),
        ),
        (
            "sliding 1 h by 1 s",
            Work::Sliding(hour, 1.secs()),
            Some(Box::new(move |ticks| hand::sliding(ticks, nanos(hour), hand::SECOND))),
        ),
        (
            "sessions, gap 30 ms",
            Work::Sessions(30.millis()),
            Some(Box::new(|ticks| hand::sessions(ticks, nanos(30.millis())))),
        ),
        (
            "interval join, 500 ms around",
            Work::IntervalJoin(reach),
            Some(Box::new(move |ticks| hand::interval_join(ticks, nanos(reach)))),
        ),
    ];
    println!("{records} ticks, {keys} keys, {per_second} a second of event time, {rounds} rounds");
    for (name, work, by_hand) in contestants {
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        // Each pair of a join costs as a record does.
        let records = if matches!(work, Work::IntervalJoin(_)) { records / 10 } else { records };
        let ticks = Ticks::new(1, records, keys, per_second);
        let (mut engine, mut hand) = (Vec::new(), Vec::new());
        let mut results = (0, 0);
        for _ in 0..rounds {
            if let Some(by_hand) = &by_hand {
                let start = now_ns();
                results.0 = by_hand(ticks.clone());
                hand.push(each(now_ns() - start, records));
            }
            let (found, elapsed) = run(&ticks, work)?;
            results.1 = found;
            engine.push(each(elapsed, records));
        }
        let engine = median(engine);
        match by_hand {
            None => println!("{name:<30} engine {engine:>8.1} ns a record"),
            Some(_) => {
                let hand = median(hand);
                println!(
                    "{name:<30} engine {engine:>8.1} ns a record, by hand {hand:>8.1} ns, ratio {:.2}; results {} and {}",
                    engine / hand,
                    results.1,
                    results.0
                );
            }
        }
    }
    Ok(())
}
