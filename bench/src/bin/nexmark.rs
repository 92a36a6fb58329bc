//! Nexmark's queries over a file of events, and what they cost.
//!
//! ```text
//! nexmark list
//! nexmark run --query q5 --events events.jsonl.gz --output q5.csv [--workers 2]
//! nexmark run --query q13 --events events.jsonl.gz --side-input side_input.txt --output q13.csv
//! nexmark run --query q5 --events events.jsonl.gz --output q5.csv --checkpoints FOLDER [--every 100ms]
//! nexmark run --query all --events events.jsonl.gz --side-input side_input.txt --output FOLDER
//! nexmark bench [--query q5,q7] [--workers 1,2] [--count 10000000] [--prepared] [--rounds 3] [--save]
//! ```
#![expect(clippy::print_stdout, reason = "a list and what was done are printed")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand};
use thalweg::operator::LookupTable;
use thalweg::record::Str;
use thalweg_bench::load::machine::Machine;
use thalweg_bench::load::report::{SaveOptions, Table};
use thalweg_bench::nexmark::generator::{Config, Events, Prepared};
use thalweg_bench::nexmark::measure::{Measured, measure};
use thalweg_bench::nexmark::queries::{self, Query};
use thalweg_bench::nexmark::{reader, run};

/// Runs Nexmark
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The queries
    List,
    /// A query over a file of events, its result into a CSV file
    Run(RunOptions),
    /// What queries cost over generated events, their results dropped
    Bench(BenchOptions),
}

#[derive(Debug, clap::Args)]
struct RunOptions {
    /// q0 to q22, or all
    #[arg(long)]
    query: String,
    /// NDJSON, plain or gzip
    #[arg(long)]
    events: PathBuf,
    /// Lines `key,value`, for q13
    #[arg(long)]
    side_input: Option<PathBuf>,
    /// The CSV file, sorted by bytes; the folder of them if all queries run
    #[arg(long)]
    output: PathBuf,
    /// Workers
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Takes checkpoints in this folder; the same command again, with any number of workers, goes on from the newest one
    #[arg(long, value_name = "FOLDER")]
    checkpoints: Option<PathBuf>,
    /// From one checkpoint to the next, such as 100ms or 2s
    #[arg(long, default_value = "1s", value_parser = duration)]
    every: Duration,
}

/// A whole number of milliseconds or seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, Duration::from_millis as fn(u64) -> Duration),
        None => (text.strip_suffix('s').unwrap_or(text), Duration::from_secs as _),
    };
    number.parse().map(unit).map_err(|_| "a number with ms or s behind it, such as 100ms".into())
}

#[derive(Debug, clap::Args)]
struct BenchOptions {
    /// q0 to q22; all of them if none is named
    #[arg(long, value_delimiter = ',')]
    query: Vec<String>,
    /// Workers; each number is a run
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
    workers: Vec<usize>,
    /// Events of a run
    #[arg(long, default_value_t = 10_000_000)]
    count: u64,
    /// Events in a second of event time
    #[arg(long, default_value_t = 10_000)]
    per_second: u64,
    /// Events are made before the run, instead of in it
    #[arg(long)]
    prepared: bool,
    /// Rounds; the median is printed
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    save: SaveOptions,
}

fn main() -> Result<(), Box<dyn Error>> {
    match Options::parse().what {
        What::List => {
            queries::ALL.iter().for_each(|query| println!("{:<4} {}", query.name, query.title));
            Ok(())
        }
        What::Run(options) => run_all(&options),
        What::Bench(options) => bench(&options),
    }
}

fn run_all(options: &RunOptions) -> Result<(), Box<dyn Error>> {
    if options.query != "all" {
        let query = queries::find(&options.query)
            .ok_or_else(|| format!("there is no query `{}`; `list` shows them", options.query))?;
        return run_one(query, options, &options.output);
    }
    std::fs::create_dir_all(&options.output)?;
    queries::ALL.iter().try_for_each(|query| {
        run_one(query, options, &options.output.join(format!("{}.csv", query.name)))
    })
}

fn run_one(query: &Query, options: &RunOptions, output: &Path) -> Result<(), Box<dyn Error>> {
    let side_input = match &options.side_input {
        Some(path) => reader::side_input(path)
            .map_err(|error| format!("cannot read the side input {}: {error}", path.display()))?,
        None if query.name == "q13" => {
            return Err("q13 joins a file; name it with --side-input".into());
        }
        None => run::no_side_input(),
    };
    let (events, workers, every) = (&options.events, options.workers, options.every);
    let lines = match options.checkpoints.clone() {
        None => run::over_file(*query, events, &side_input, workers)?,
        Some(folder) => {
            let survival = run::Survival { folder, every };
            run::over_file_in(&survival, *query, events, &side_input, workers)?
        }
    };
    std::fs::write(output, &lines)?;
    println!("{:<4} {} lines into {}", query.name, lines.lines().count(), output.display());
    Ok(())
}

/// As many rows as the field's side input has.
fn side_input() -> LookupTable<u64, Str> {
    LookupTable::of((0..10_000).map(|key: u64| (key, key.to_string().into())))
}

fn bench(options: &BenchOptions) -> Result<(), Box<dyn Error>> {
    let BenchOptions { query, workers, count, per_second, prepared, rounds, save } = options;
    let chosen = queries::ALL
        .iter()
        .filter(|known| query.is_empty() || query.iter().any(|name| name == known.name));
    let (machine, side_input) = (Machine::read(), side_input());
    let mut table = Table::default();
    for &workers in workers {
        let config = Config::of(*count).per_second(*per_second).splits(workers);
        let made = prepared.then(|| Prepared::of(config.clone()));
        for query in chosen.clone() {
            let run = |_| match &made {
                Some(made) => measure(*query, made.clone(), &side_input, (*count, workers)),
                None => measure(*query, Events::of(config.clone()), &side_input, (*count, workers)),
            };
            let runs: Result<Vec<Measured>, _> = (0..*rounds).map(run).collect();
            let mut runs = runs?;
            runs.sort_by_key(|run| run.elapsed_ns);
            let kind = if *prepared { "prepared" } else { "made in the run" };
            let report = runs[runs.len() / 2].report(*query, workers, kind, &machine);
            save.keep(&report)?;
            table.push(&report);
        }
    }
    println!("{table}");
    Ok(())
}
