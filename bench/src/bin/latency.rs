//! Latency at a fixed rate: queries of Nexmark and a keyed count with an exchange, beside the machine's own noise and beside timely.
//!
//! ```text
//! latency [--query count,q1,q4,q5,q7,q8] [--rate 100000,500000,1000000,2000000] [--seconds 3] [--rounds 1] [--save]
//! ```
//!
//! Each rate is one run: the engine's jobs, and between them what no engine has a part in: a loop by hand that passes records through at the same
//! rate, from one pinned core to the other, and the gaps that a spinning core has.

use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;

use clap::Parser;
use thalweg_bench::latency::run::{self, Offer};
use thalweg_bench::load::histogram::Percentiles;
use thalweg_bench::load::machine::Machine;
use thalweg_bench::load::noise;
use thalweg_bench::load::report::{Report, SaveOptions, Table};
use thalweg_bench::peers::{contest, ours};
use thalweg_bench::reference::bare_path::{self, OpenLoad};
use thalweg_bench::spine;

/// Measures latency at a fixed rate
#[derive(Debug, Parser)]
struct Options {
    /// count, and queries of Nexmark
    #[arg(long, value_delimiter = ',', default_values_t = ["count", "q1", "q4", "q5", "q7", "q8"].map(String::from))]
    query: Vec<String>,
    /// Events a second
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 500_000, 1_000_000, 2_000_000])]
    rate: Vec<u64>,
    /// Seconds of each run, of which the first tenth is not recorded
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Rounds
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Workers
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Leave the threads to the scheduler
    #[arg(long)]
    no_pin: bool,
    /// Leave timely out
    #[arg(long)]
    no_timely: bool,
    #[command(flatten)]
    save: SaveOptions,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let machine = Machine::read();
    for &rate in &options.rate {
        let mut table = Table::default();
        for round in 1..=options.rounds {
            run_rate(&options, rate, |who, latency| {
                let report = Report::new("latency", &machine)
                    .parameter("rate", rate)
                    .parameter("round", round)
                    .parameter("what", who);
                table.push(&Report { latency: Some(latency), ..report.clone() });
                let report = report
                    .parameter("workers", options.workers)
                    .parameter("seconds", options.seconds)
                    .parameter("pinned", !options.no_pin);
                options.save.keep(&Report { latency: Some(latency), ..report })?;
                Ok(())
            })?;
        }
        writeln!(stdout(), "{table}")?;
    }
    Ok(())
}

type Say<'a> = &'a mut dyn FnMut(&str, Percentiles) -> Result<(), Box<dyn Error>>;

fn run_rate(
    options: &Options,
    rate: u64,
    mut say: impl FnMut(&str, Percentiles) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let duration = Duration::try_from_secs_f64(options.seconds)?;
    let offer = Offer { rate, duration, workers: options.workers, pin: !options.no_pin };
    for query in &options.query {
        if query == ours::COUNT.name {
            count(options, rate, duration, &mut say)?;
            continue;
        }
        let found = ours::find(query).ok_or_else(|| format!("there is no query `{query}`"))?;
        say(&format!("thalweg {query}"), run::query(*found, &offer)?.percentiles())?;
    }
    Ok(())
}

/// The keyed count over bids of 48 bytes, with everything that it is compared with.
fn count(
    options: &Options,
    records_per_s: u64,
    duration: Duration,
    say: Say<'_>,
) -> Result<(), Box<dyn Error>> {
    let load = OpenLoad {
        records_per_s,
        duration,
        warm_up: duration / 10,
        keys: 100_000,
        pin: !options.no_pin,
    };
    say("gaps of a spinning core", noise::measure(Duration::from_secs(1)).gaps.percentiles())?;
    say("no engine", bare_path::open_loop(&load)?.latency.percentiles())?;
    let counted = spine::open_loop::run(&load, options.workers, thalweg::rt::Driver::Plain)?;
    say("thalweg count", counted.percentiles())?;
    if !options.no_timely {
        let mut arguments = vec![
            format!("--rate={records_per_s}"),
            format!("--seconds={}", options.seconds),
            format!("--workers={}", options.workers),
        ];
        arguments.extend(options.no_pin.then(|| "--no-pin".to_owned()));
        say("timely count", contest::timely_latency(&arguments)?)?;
    }
    say("no engine, again", bare_path::open_loop(&load)?.latency.percentiles())
}
