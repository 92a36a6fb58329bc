//! Nexmark's queries over a file of events, and what they cost.
//!
//! ```text
//! nexmark list
//! nexmark run --query q5 --events events.jsonl.gz --output q5.csv [--workers 2]
//! nexmark run --query q13 --events events.jsonl.gz --side-input side_input.txt --output q13.csv
//! nexmark run --query all --events events.jsonl.gz --side-input side_input.txt --output FOLDER
//! ```
#![expect(clippy::print_stdout, reason = "a list and what was done are printed")]

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
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
}

fn main() -> Result<(), Box<dyn Error>> {
    match Options::parse().what {
        What::List => {
            queries::ALL.iter().for_each(|query| println!("{:<4} {}", query.name, query.title));
            Ok(())
        }
        What::Run(options) => run_all(&options),
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
    let (lines, _) = run::over_file(*query, &options.events, &side_input, options.workers)?;
    std::fs::write(output, &lines)?;
    println!("{:<4} {} lines into {}", query.name, lines.lines().count(), output.display());
    Ok(())
}
