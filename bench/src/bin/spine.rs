//! The engine beside its references: same work, one run, ratios.

use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use thalweg::rt::Driver;
use thalweg_bench::latency::rig::Rig;
use thalweg_bench::load::histogram::LatencyHistogram;
use thalweg_bench::load::noise;
use thalweg_bench::reference::bare_path::{self, Load, OpenLoad};
use thalweg_bench::reference::chain_loop;
use thalweg_bench::spine;

/// Runs the engine and the bare loops in turn
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    program: Program,
    /// Rounds, each of every contestant; medians are printed
    #[arg(long, global = true, default_value_t = 5)]
    rounds: usize,
    /// Leave the threads to the scheduler
    #[arg(long, global = true)]
    no_pin: bool,
    /// What turns the workers
    #[arg(long, global = true, value_enum, default_value_t = DriverName::Plain)]
    driver: DriverName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DriverName {
    Plain,
    Glommio,
}

#[derive(Debug, Subcommand)]
enum Program {
    /// Source, exchange, keyed count, against the bare path
    Path {
        /// Records of a run
        #[arg(long, default_value_t = 50_000_000)]
        records: u64,
        /// Keys
        #[arg(long, value_delimiter = ',', default_values_t = [100_000, 10_000_000])]
        keys: Vec<u64>,
        /// Workers
        #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
        workers: Vec<usize>,
        /// The job does not say how many keys there will be, and its state grows beside the records
        #[arg(long)]
        growing: bool,
        /// Only the engine, for a profiler
        #[arg(long)]
        alone: bool,
    },
    /// The same at a fixed rate: latency from the scheduled instant to the sink
    OpenLoop {
        /// Records a second
        #[arg(long, value_delimiter = ',', default_values_t = [500_000])]
        rate: Vec<u64>,
        /// Seconds of a run, of which the first tenth is not recorded
        #[arg(long, default_value_t = 5.0)]
        seconds: f64,
        /// Keys
        #[arg(long, default_value_t = 100_000)]
        keys: u64,
        /// Workers of the engine; the bare loop always has two threads
        #[arg(long, default_value_t = 2)]
        workers: usize,
        /// Only the engine, for a profiler
        #[arg(long)]
        alone: bool,
    },
    /// A fused filter and map, against a loop by hand over the same bytes
    Chain {
        /// Records in memory
        #[arg(long, default_value_t = 10_000)]
        records: usize,
        /// How often they are read in a round
        #[arg(long, default_value_t = 2_000)]
        repeats: u64,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let driver = match options.driver {
        DriverName::Plain => Driver::Plain,
        DriverName::Glommio => Driver::Glommio,
    };
    match &options.program {
        Program::Path { records, keys, workers, growing, alone } => {
            for &keys in keys {
                for &workers in workers {
                    let load = Load { records: *records, keys, workers, pin: !options.no_pin };
                    path(&load, options.rounds, driver, !growing, *alone)?;
                }
            }
        }
        Program::OpenLoop { rate, seconds, keys, workers, alone } => {
            for &records_per_s in rate {
                let duration = Duration::from_secs_f64(*seconds);
                let load = OpenLoad {
                    records_per_s,
                    duration,
                    warm_up: duration / 10,
                    keys: *keys,
                    pin: !options.no_pin,
                };
                open_loop(&load, options.rounds, driver, (*workers, *alone))?;
            }
        }
        Program::Chain { records, repeats } => chain(*records, *repeats, options.rounds)?,
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn path(
    load: &Load,
    rounds: usize,
    driver: Driver,
    sized: bool,
    alone: bool,
) -> Result<(), Box<dyn Error>> {
    let (mut bare, mut engine) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        if !alone {
            bare.push(bare_path::run(load)?.records_per_s() / 1e6);
        }
        engine.push(spine::path::run(load, driver, sized)? / 1e6);
    }
    let Load { keys, workers, .. } = load;
    let engine_median = median(engine);
    let state = if sized { "sized" } else { "growing" };
    let bare_median = if alone { f64::NAN } else { median(bare) };
    writeln!(
        stdout(),
        "path: {keys} keys, {workers} worker(s), {driver:?}, {state} state: engine {engine_median:.1} M/s, bare {bare_median:.1} M/s, ratio {:.2}",
        engine_median / bare_median
    )?;
    Ok(())
}

fn show(name: &str, latency: &LatencyHistogram) -> Result<(), Box<dyn Error>> {
    writeln!(stdout(), "{name:<28} {}", latency.percentiles().cells().join("  "))?;
    Ok(())
}

fn open_loop(
    load: &OpenLoad,
    rounds: usize,
    driver: Driver,
    (workers, alone): (usize, bool),
) -> Result<(), Box<dyn Error>> {
    writeln!(
        stdout(),
        "open loop at {} records/s; p50 p90 p99 p99.9 p99.99 max",
        load.records_per_s
    )?;
    for _ in 0..rounds {
        if !alone {
            show("bare path", &bare_path::open_loop(load)?.latency)?;
        }
        let name = format!("engine, {workers} workers");
        let rig = Rig { pin: load.pin, driver, ..Rig::of(workers) };
        show(&name, &spine::open_loop::run(load, &rig)?.latency)?;
        if alone {
            continue;
        }
        show("noise floor (gaps)", &noise::measure(Duration::from_secs(1)).gaps)?;
    }
    Ok(())
}

fn chain(records: usize, repeats: u64, rounds: usize) -> Result<(), Box<dyn Error>> {
    for customer_bytes in [1..=8, 9..=24] {
        let pages = spine::chain::pages_of(&chain_loop::orders(records, customer_bytes.clone()));
        let (mut engine, mut hand) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            hand.push(spine::chain::measure_reference(&pages, 100, repeats).record_ns());
            engine.push(spine::chain::measure(&pages, 100, repeats).record_ns());
        }
        let (engine, hand) = (median(engine), median(hand));
        writeln!(
            stdout(),
            "chain: customers of {customer_bytes:?} bytes: engine {engine:.2} ns, by hand {hand:.2} ns, ratio {:.2}",
            engine / hand
        )?;
    }
    Ok(())
}
