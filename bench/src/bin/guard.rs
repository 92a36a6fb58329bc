//! Counts the instructions that a record costs in each hop, and compares with the baseline.
//!
//! ```text
//! cargo run --release -p thalweg-bench --bin guard [-- --update | --only NAME]
//! ```
//!
//! The exit code is 1 if a hop takes over 5 % more than in `bench/baseline/instructions.txt`. It needs valgrind, and takes below a minute.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use thalweg_bench::loops::guard::{self, Counts, TOLERANCE, Verdict};
use thalweg_bench::loops::{ALL, Hop, find};

/// Counts instructions
#[derive(Debug, Parser)]
struct Options {
    /// Makes what is counted now the baseline
    #[arg(long)]
    update: bool,
    /// One hop
    #[arg(long)]
    only: Option<String>,
    /// Runs this hop, and nothing else: what is counted
    #[arg(long, hide = true)]
    hop: Option<String>,
    #[arg(long, hide = true, default_value_t = 0)]
    records: u64,
}

fn baseline() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline/instructions.txt")
}

fn named(name: &str) -> Result<&'static Hop, Box<dyn Error>> {
    let known = || ALL.iter().map(|hop| hop.name).collect::<Vec<_>>().join(", ");
    Ok(find(name).ok_or_else(|| format!("there is no hop {name:?}, only {}", known()))?)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let options = Options::parse();
    if let Some(name) = &options.hop {
        (named(name)?.make)()(options.records);
        return Ok(ExitCode::SUCCESS);
    }
    let program = std::env::current_exe()?;
    let hops = match &options.only {
        Some(name) => std::slice::from_ref(named(name)?),
        None => ALL,
    };
    if options.update {
        let counts = guard::count_all(&program)?;
        std::fs::write(baseline(), counts.text())?;
        println!("{}{} is what this machine counts now", counts.text(), baseline().display());
        return Ok(ExitCode::SUCCESS);
    }
    compare(&program, hops)
}

fn compare(program: &Path, hops: &[Hop]) -> Result<ExitCode, Box<dyn Error>> {
    let (was, machine) = (Counts::read(&baseline())?, guard::machine()?);
    let mut worse = Vec::new();
    for hop in hops {
        let now = guard::count(program, hop)?;
        let verdict = was.verdict(hop.name, now);
        println!("{}", line(hop, was.hundredths.get(hop.name).copied(), now, verdict));
        worse.extend((verdict == Verdict::Worse).then_some(hop.name));
    }
    if was.machine != machine {
        println!("nothing is compared: the baseline is of {:?}, this is {machine:?}", was.machine);
        return Ok(ExitCode::SUCCESS);
    }
    if worse.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "more than {TOLERANCE} % more instructions a record than in the baseline: {}\n\
         if that is what it is worth: cargo run --release -p thalweg-bench --bin guard -- --update, and say in the commit why",
        worse.join(", ")
    );
    Ok(ExitCode::FAILURE)
}

fn line(hop: &Hop, was: Option<u64>, now: u64, verdict: Verdict) -> String {
    let number = |hundredths: u64| format!("{}.{:02}", hundredths / 100, hundredths % 100);
    let was = was.map_or_else(|| "none".to_owned(), number);
    let word = match verdict {
        Verdict::Same => "",
        Verdict::Worse => "  WORSE",
        Verdict::Better => "  better: update the baseline, or it is not guarded",
        Verdict::New => "  new",
    };
    format!("{:<13} {:>9}, was {was:>9}{word}  ({})", hop.name, number(now), hop.title)
}
