//! A year of departures from New York: hourly delays, rotations of aircraft, and the weather at each flight.
//!
//! ```text
//! cargo run --release -p thalweg --example departures
//! cargo run --release -p thalweg --example departures -- --input departures.csv.gz --weather weather.csv \
//!     --output results --workers 2 --out-of-orderness 24h
//! ```
//!
//! Without arguments it reads January 2013, which comes with the project (`examples/data/`), and writes below the folder
//! for temporary files. The job itself is in [`job`]; the results are described there.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

#[path = "departures/job.rs"]
mod job;
#[path = "departures/progress.rs"]
mod progress;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use thalweg::metrics::JobReport;
use thalweg::prelude::*;

/// Hourly delays, rotations of aircraft and the weather at each departure.
#[derive(Debug, Parser)]
struct Cli {
    /// Departures as CSV, plain or gz, in the order in which they left; a pattern may name several files.
    #[arg(long, default_value_os_t = shipped("departures-2013-01.csv.gz"))]
    input: PathBuf,
    /// Hourly weather as CSV, plain or gz.
    #[arg(long, default_value_os_t = shipped("weather-2013-01.csv.gz"))]
    weather: PathBuf,
    /// The folder of the results.
    #[arg(long, default_value_os_t = std::env::temp_dir().join("thalweg-departures"))]
    output: PathBuf,
    /// Worker threads.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// How far the timetable may be out of order: 24h, 90m, 30s.
    #[arg(long, default_value = "24h", value_parser = duration)]
    out_of_orderness: Duration,
    /// Records of a batch.
    #[arg(long, default_value_t = 256)]
    batch: u32,
    /// What turns the workers.
    #[arg(long, default_value = "auto")]
    driver: DriverName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DriverName {
    Auto,
    Plain,
    Glommio,
}

impl From<DriverName> for Driver {
    fn from(name: DriverName) -> Self {
        match name {
            DriverName::Auto => Self::Auto,
            DriverName::Plain => Self::Plain,
            DriverName::Glommio => Self::Glommio,
        }
    }
}

/// A file that comes with the project.
fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data").join(name)
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "a duration is a number and a unit, as in 24h")?;
    match unit {
        "d" => Ok(number.days()),
        "h" => Ok(number.hours()),
        "m" => Ok(number.minutes()),
        "s" => Ok(number.secs()),
        "ms" => Ok(number.millis()),
        _ => Err(format!("{unit:?} is no unit; use d, h, m, s or ms")),
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(report) => {
            print_summary(&report, &cli.output);
            ExitCode::SUCCESS
        }
        Err(error) => {
            print_chain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<JobReport> {
    let args = job::Args {
        input: cli.input.clone(),
        weather: cli.weather.clone(),
        output: cli.output.clone(),
        out_of_orderness: cli.out_of_orderness,
    };
    let engine = Engine::builder()
        .workers(cli.workers)
        .driver(cli.driver.into())
        .batch_records(cli.batch)
        .build();
    let running = engine.start("departures", move |t| job::departures(t, &args))?;
    progress::show_until_ended(&running, cli.out_of_orderness);
    running.join()
}

fn print_summary(report: &JobReport, output: &Path) {
    let of = |name: &str| report.operator(name).map(|operator| &operator.totals);
    let read: u64 =
        ["departures", "weather"].iter().filter_map(|n| of(n)).map(|o| o.records_in).sum();
    let sinks = ["hourly results", "late departures", "rotation results", "weather results"];
    let written: u64 = sinks.iter().filter_map(|n| of(n)).map(|o| o.records_in).sum();
    let per_core = read as f64 / report.elapsed.as_secs_f64() / report.workers as f64;
    print!("{report}");
    println!(
        "{read} records in, {written} out, {} late, {per_core:.0} in/s per core",
        report.late()
    );
    println!("results are in {}", output.display());
}

fn print_chain(error: &dyn Error) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
}
