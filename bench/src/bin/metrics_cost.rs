//! What measuring costs: the spine path with and without it, in turn, in one run.

use std::error::Error;
use std::io::{Write, stdout};

use clap::Parser;
use thalweg::rt::Driver;
use thalweg_bench::reference::bare_path::Load;
use thalweg_bench::spine::path;

/// Runs the engine with and without measuring in turn; prints medians and their ratio
#[derive(Debug, Parser)]
struct Options {
    /// Records of a run
    #[arg(long, default_value_t = 50_000_000)]
    records: u64,
    /// Keys
    #[arg(long, default_value_t = 100_000)]
    keys: u64,
    /// Workers
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
    workers: Vec<usize>,
    /// Rounds, each once with and once without; which is first changes from round to round
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Leave the threads to the scheduler
    #[arg(long)]
    no_pin: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Options { records, keys, workers, rounds, no_pin } = Options::parse();
    for workers in workers {
        let load = Load { records, keys, workers, pin: !no_pin };
        compare(&load, rounds)?;
    }
    Ok(())
}

fn compare(load: &Load, rounds: usize) -> Result<(), Box<dyn Error>> {
    let (mut with, mut without, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let mut rates = [0.0; 2];
        for turn in [round % 2, (round + 1) % 2] {
            rates[turn] = path::run_measuring(load, Driver::Plain, true, turn == 0)? / 1e6;
        }
        with.push(rates[0]);
        without.push(rates[1]);
        // Of neighbours in time: what else happens on the machine changes slowly.
        ratios.push(rates[1] / rates[0] - 1.0);
    }
    writeln!(
        stdout(),
        "path: {} keys, {} worker(s): measured {:.1} M/s, unmeasured {:.1} M/s; cost {:.1} % (median of {rounds} pairs)",
        load.keys,
        load.workers,
        median(with),
        median(without),
        100.0 * median(ratios)
    )?;
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
