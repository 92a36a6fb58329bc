//! Runs the reference programs: what the hardware allows for the work that the engine does.

use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;

use clap::{Parser, Subcommand};
use thalweg_bench::load::machine::Machine;
use thalweg_bench::load::report::{Report, SaveOptions, Table};
use thalweg_bench::reference::bare_path::{self, Load, OpenLoad};
use thalweg_bench::reference::{chain_loop, ping_pong};

/// Runs the hand-written loops that the engine is measured against
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    program: Program,
    /// Repeat the run; each is a row
    #[arg(long, global = true, default_value_t = 1)]
    runs: u32,
    /// Leave the threads to the scheduler
    #[arg(long, global = true)]
    no_pin: bool,
    #[command(flatten)]
    save: SaveOptions,
}

#[derive(Debug, Subcommand)]
enum Program {
    /// Source, exchange and keyed count as fast as they go
    BarePath {
        /// Records of a run
        #[arg(long, default_value_t = 100_000_000)]
        records: u64,
        /// Keys, or several separated by commas
        #[arg(long, value_delimiter = ',', default_values_t = [100_000, 10_000_000])]
        keys: Vec<u64>,
        /// Worker threads, or several separated by commas
        #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
        workers: Vec<usize>,
    },
    /// The same at a fixed rate: latency from the scheduled instant to the count on the other core
    OpenLoop {
        /// Records a second, or several separated by commas
        #[arg(long, value_delimiter = ',', default_values_t = [500_000, 1_000_000])]
        rate: Vec<u64>,
        /// Seconds of a run, of which the first tenth is not recorded
        #[arg(long, default_value_t = 5.0)]
        seconds: f64,
        /// Keys
        #[arg(long, default_value_t = 100_000)]
        keys: u64,
    },
    /// Filter and map over pages of archives
    ChainLoop {
        /// Records in memory; 10,000 fit a core's second-level cache
        #[arg(long, default_value_t = 10_000)]
        records: usize,
        /// How often they are read
        #[arg(long, default_value_t = 5_000)]
        rounds: u64,
        /// Smallest amount that passes, of 0 to 999
        #[arg(long, default_value_t = 100)]
        least: i64,
    },
    /// One cache line between two cores, back and forth
    PingPong {
        /// Rounds
        #[arg(long, default_value_t = 5_000_000)]
        rounds: u64,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let machine = Machine::read();
    let mut table = Table::default();
    for _ in 0..options.runs {
        for report in run(&options.program, !options.no_pin, &machine)? {
            options.save.keep(&report)?;
            table.push(&report);
        }
    }
    write!(stdout().lock(), "{machine}\n\n{table}")?;
    Ok(())
}

fn run(program: &Program, pin: bool, machine: &Machine) -> Result<Vec<Report>, Box<dyn Error>> {
    let mut reports = vec![];
    match *program {
        Program::BarePath { records, ref keys, ref workers } => {
            for &keys in keys {
                for &workers in workers {
                    let outcome = bare_path::run(&Load { records, keys, workers, pin })?;
                    let report = Report::new("bare_path", machine)
                        .parameter("keys", keys)
                        .parameter("records", records)
                        .parameter("workers", workers);
                    reports.push(report.metric("records_per_s", outcome.records_per_s()));
                }
            }
        }
        Program::OpenLoop { ref rate, seconds, keys } => {
            for &records_per_s in rate {
                let duration = Duration::try_from_secs_f64(seconds)?;
                let load = OpenLoad { records_per_s, duration, warm_up: duration / 10, keys, pin };
                let outcome = bare_path::open_loop(&load)?;
                let report = Report::new("bare_path_open_loop", machine)
                    .parameter("keys", keys)
                    .parameter("offered_per_s", records_per_s);
                reports.push(
                    report
                        .metric("counted_per_s", outcome.records_per_s())
                        .latency(&outcome.latency),
                );
            }
        }
        Program::ChainLoop { records, rounds, least } => {
            for customer_bytes in [4..=8, 9..=20, 4..=20] {
                let shown = format!("{}-{}", customer_bytes.start(), customer_bytes.end());
                let pages = chain_loop::pages_of(&chain_loop::orders(records, customer_bytes));
                let cost = chain_loop::measure(&pages, least, rounds);
                let report = Report::new("chain_loop", machine)
                    .parameter("customer_bytes", shown)
                    .parameter("least", least)
                    .parameter("records", records);
                reports.push(report.metric("record_ns", cost.record_ns()));
            }
        }
        Program::PingPong { rounds } => {
            let outcome = ping_pong::ping_pong(rounds, pin)?;
            let report = Report::new("ping_pong", machine).parameter("rounds", rounds);
            reports.push(report.metric("hop_ns", outcome.hop_ns()));
        }
    }
    Ok(reports)
}
